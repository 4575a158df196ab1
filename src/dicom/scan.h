/* A look over a data set's structure before a parser that calls itself for each level of it is let loose. */
#ifndef BF_DICOM_SCAN_H
#define BF_DICOM_SCAN_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BF_SCAN_DEPTH = 64, BF_SCAN_ELEMENTS = 2000000 };

/* BF_E_LIMIT where sequences nest deeper, or elements and items are more, than anything honest. What else is wrong with
 * the structure is left to the parser, and a deflated data set is not looked into. The descriptor's position stays. */
bf_status bf_scan(int file, int64_t size, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
