/* What is called malignant or benign when several images show it: a breast of a study, a study. */
#ifndef BF_EVALUATION_UNITS_H
#define BF_EVALUATION_UNITS_H

#include "evaluation/cases.h"

typedef enum bf_unit { BF_UNIT_BREAST, BF_UNIT_STUDY, BF_UNITS } bf_unit;

const char *bf_unit_name(bf_unit unit); /* "breast", "study" */

/* Cases of units, each of the images with one Study Instance UID, and for breasts one laterality: the largest
 * probability and rank of its images (as scores pool studies); malignant where one of them is, benign where all are,
 * else unknown. Lesions and masks stay the images'. */
typedef struct bf_units {
  bf_case *items; /* owned */
  int64_t count;
  int64_t images;  /* that they are of */
  int64_t without; /* cases whose study or side is not known: of no unit */
} bf_units;

bf_status bf_units_make(bf_units *out, const bf_cases *cases, bf_unit unit, bf_error *err);
void bf_units_clear(bf_units *units);

#endif
