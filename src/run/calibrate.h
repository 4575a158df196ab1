/* What is chosen on images that the network was not trained on: the model's calibration and its operating points. The
 * mathematics is metrics'. */
#ifndef BF_RUN_CALIBRATE_H
#define BF_RUN_CALIBRATE_H

#include "run/predict.h"
#include "store/dataset.h"

/* A calibration for the model (of one network) by the method of its configuration, from the logits of the answers to
 * these rows; the answers' probabilities anew; and with them the operating points: Youden's, sensitivity and
 * specificity of 0.90 and 0.95, and the one that the configuration asks for, whose threshold is the model's. Without
 * images nothing of it is there, and the model says why. on: which images these are, in words. */
bf_status bf_calibrate(bf_model *model, bf_answer *answers, const bf_dataset *data, const int64_t *rows, int64_t count,
                       const char *on, bf_error *err);

/* Sensitivity and specificity of each point on these answers. */
bf_status bf_calibrate_measure(bf_operating_points *points, const bf_answer *answers, const bf_dataset *data,
                               const int64_t *rows, int64_t count, bf_error *err);

#endif
