/* The fast kernels for avx512. */
#define BF_KERNELS_FUNCTION bf_kernels_avx512_table
#define BF_KERNELS_NAME "avx512"
#include "tensor/kernels_body.h"
