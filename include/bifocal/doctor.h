/* Start-up of the library, and the check of the machine and of the libraries that bifocal stands on. */
#ifndef BIFOCAL_DOCTOR_H
#define BIFOCAL_DOCTOR_H

#include <stdbool.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Readies the libraries: OpenBLAS to one thread and of the right build, DICOM decoders and dictionary, ITK. Once,
 * before any thread is made and before every other call. Fails where results could be wrong. */
bf_status bf_start(bf_error *err);

/* Prints what this machine and these libraries are on stdout, as text or JSON; *healthy tells whether every check
 * passed. */
bf_status bf_doctor(bool *healthy, bool json, int threads, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
