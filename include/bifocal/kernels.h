/* The inner loops: the same work for several instruction sets, the best for this processor unless told otherwise. */
#ifndef BIFOCAL_KERNELS_H
#define BIFOCAL_KERNELS_H

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "auto" (the best for this processor), "plain" (the reference loops) or another name of bf_kernels_list.
 * Process-wide; before work starts. BF_E_ARGUMENT, with the list, for a name that is unknown or not for this processor.
 */
bf_status bf_kernels_select(const char *name, bf_error *err);

/* Those in use; a static text: "avx512", "avx2", "baseline" or "plain". */
const char *bf_kernels_describe(void);

/* Those that this processor and build have; a static text such as "plain, baseline, avx2". */
const char *bf_kernels_list(void);

#ifdef __cplusplus
}
#endif
#endif
