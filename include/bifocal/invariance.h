/* How much answers move when the picture is changed in a way that should not matter. */
#ifndef BIFOCAL_INVARIANCE_H
#define BIFOCAL_INVARIANCE_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_invariance_options {
  const char *model; /* MODEL.safetensors */
  const char *data;  /* DATA.h5 whose images are looked at, all of them */
  /* "augment.NAME.OPTION=VALUE": strength of a change; others are the defaults of training, and where these are off a
   * quarter of the range. */
  const char *const *settings;
  int setting_count;
  int copies;  /* of each image and change; 0: 4 */
  int threads; /* 0: the processors this process may use */
} bf_invariance_options;

/* Of one augmentation alone; NaN where the model gives no such answer. */
typedef struct bf_invariance {
  char name[32];
  double probability_move; /* mean distance of the malignant probability from that of the picture as it is */
  double logit_move;       /* root mean square of the same of the logit */
  double decision_change;  /* share of copies on the other side of the model's threshold */
  double box_iou;          /* mean overlap of the copy's best box with the picture's own, taken through the same map */
  double box_kept;         /* share of copies in which that is one half or more */
} bf_invariance;

#define BF_INVARIANCE_MAX 32

typedef struct bf_invariance_report {
  int64_t images, boxes; /* boxes: images in which a lesion is found to begin with */
  int copies, count;
  double threshold; /* that decisions are taken at */
  bf_invariance of[BF_INVARIANCE_MAX];
} bf_invariance_report;

/* Draws are keyed by the model's seed: two models of one configuration see the same copies. */
bf_status bf_invariance_measure(bf_invariance_report *report, const bf_invariance_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
