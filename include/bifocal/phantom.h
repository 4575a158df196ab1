/* Synthetic DICOM studies with labels, for demonstrations and tests: no patient stands behind them. */
#ifndef BIFOCAL_PHANTOM_H
#define BIFOCAL_PHANTOM_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bf_phantom_modality { BF_PHANTOM_US, BF_PHANTOM_MG, BF_PHANTOM_CT } bf_phantom_modality;

typedef struct bf_phantom_options {
  const char *output; /* folder: studies/PATIENT/NAME.dcm, labels.csv, boxes.csv; with masks: masks/<UID>.png */
  int studies;        /* 0: 40 */
  uint64_t seed;      /* the same seed gives the same files, byte for byte in their pixels and labels */
  bf_phantom_modality modality;
  bool masks;
  const char *encoding; /* of all pictures, a name as 'phantom --help' lists them; NULL: drawn for each */
  int bits;             /* of all pictures, 8 to 16; 0: drawn for each, 12 for mg and ct */
  int side;             /* of all pictures, squares of that many pixels, 64 to 4096; 0: drawn for each */
  int threads;
} bf_phantom_options;

typedef struct bf_phantom_report {
  int64_t studies, images, malignant, lesions;
} bf_phantom_report;

bf_status bf_phantom(bf_phantom_report *report, const bf_phantom_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
