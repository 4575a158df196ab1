/* The fast kernels for baseline. */
#define BF_KERNELS_FUNCTION bf_kernels_baseline_table
#define BF_KERNELS_NAME "baseline"
#include "tensor/kernels_body.h"
