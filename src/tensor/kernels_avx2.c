/* The fast kernels for avx2. */
#define BF_KERNELS_FUNCTION bf_kernels_avx2_table
#define BF_KERNELS_NAME "avx2"
#include "tensor/kernels_body.h"
