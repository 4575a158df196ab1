/* Training: a configuration and a dataset file to a model, or to cross-validated scores. */
#ifndef BIFOCAL_TRAIN_H
#define BIFOCAL_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_train_options {
  const char *config;          /* CONFIG.yaml */
  const char *data;            /* DATA.h5 */
  const char *output;          /* folder: model.safetensors, last.safetensors, metrics.csv, config.yaml, ... */
  const char *const *settings; /* "key=value" */
  int setting_count;
  bool resume; /* go on from the last finished epoch; the end is the same bit for bit */
  int folds;   /* 0: one training; 2 or more: cross-validation by patient, out-of-fold scores as scores.h5 */
  int repeats; /* with folds: how often all of it is done, each time dealt anew; 0 and 1: once */
  bool flips;  /* with folds: held-out images are looked at mirrored as well, as bf_score does with flips */
  int threads; /* 0: the processors this process may use; results do not depend on it */
} bf_train_options;

typedef struct bf_train_report {
  int epochs; /* run in all; with folds: in the longest */
  int best_epoch;
  int64_t validation_images; /* 0 with folds */
  double best_metric;
  double auc, froc1; /* on the validation part at the best epoch, or pooled out of fold; NaN where not defined; means
                        over repeats */
  double auc_deviation, froc1_deviation; /* over repeats, standard deviation; NaN with fewer than two */
  double threshold;                      /* stored in the model; NaN with folds */
  double ms_per_image;                   /* median training step, milliseconds an image */
  double peak_rss_mib;
} bf_train_report;

bf_status bf_train(bf_train_report *report, const bf_train_options *options, bf_error *err);

/* What training a task together with the others is worth, against training it alone. */
typedef struct bf_twin {
  char task[32];                      /* "malignancy", "lesion", ... */
  char figure[32];                    /* "auc"; "froc1": lesion sensitivity at 1 false positive an image; "dice" */
  double together, alone, difference; /* together - alone; NaN where not defined */
  double low, high;                   /* 95 % interval of the difference, from resampled patients */
  int64_t images, patients;           /* that it was measured on */
  char verdict[16];                   /* better, same, worse; unknown where there is no interval */
} bf_twin;

#define BF_TWINS_MAX 8

typedef struct bf_twins_report {
  bf_train_report together;
  int count;
  bf_twin twins[BF_TWINS_MAX];
} bf_twins_report;

/* bf_train, then each task with a weight alone under OUTPUT/twin-<task>/, with the same budget, seed and folds;
 * compares their scores of what was held out (out of fold, or the validation part). The verdicts go to
 * OUTPUT/twins.json and into the training record of the models. BF_E_ARGUMENT where fewer than two tasks have a weight.
 */
bf_status bf_train_twins(bf_twins_report *report, const bf_train_options *options, bf_error *err);

typedef struct bf_find_rate_report {
  int steps;               /* until the loss ran away, or all */
  double suggestion;       /* for optimiser.learning_rate; NaN: the loss never fell */
  double steepest, lowest; /* where it falls fastest; a tenth of the rate at its lowest */
} bf_find_rate_report;

/* Learning-rate range test: the rate rises step by step from 1e-6 to 1, stages keeping their shares of it; the curve
 * goes to OUTPUT/find-lr.csv and find-lr.svg. Nothing is trained that lasts; options->folds and resume are not looked
 * at. */
bf_status bf_find_rate(bf_find_rate_report *report, const bf_train_options *options, bf_error *err);

typedef struct bf_augment_sheet_report {
  int images, augmentations; /* drawn; augmentations that the configuration has on */
  int width, height;         /* of the sheet, pixels */
} bf_augment_sheet_report;

/* Draws training pictures as PNG, without any name of a patient, study or file: up to four (one without a lesion if
 * there is such, then those with lesions, of different patients where there are), each as it is, with each augmentation
 * that is on alone, and as training sees it in its first four epochs. Nothing is trained; options->folds and resume are
 * not looked at. */
bf_status bf_augment_sheet(bf_augment_sheet_report *report, const bf_train_options *options, const char *path,
                           bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
