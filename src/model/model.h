/* A model: everything that scoring needs in one file, so that it cannot drift from training. MODEL.safetensors holds
 * tensors under the original names, heads under "heads.<name>.", and in __metadata__: format "bifocal-model-1",
 * backbone, heads, config (YAML, resolved), preparation, normalisation, class names, operating points, calibration,
 * the images that it was trained on (domain.h) and the training record. An ensemble holds several networks of one
 * configuration, whose answers are joined: "members" says how many, and tensors stand under "members.<k>.<name>". */
#ifndef BF_MODEL_MODEL_H
#define BF_MODEL_MODEL_H

#include "image/sample.h"
#include "model/calibration.h"
#include "model/config.h"
#include "model/domain.h"
#include "model/operating_points.h"
#include "model/seen.h"
#include "nn/network.h"
#include "nn/schedule.h"

typedef enum bf_norm { BF_NORM_AUTO, BF_NORM_FROZEN, BF_NORM_BATCH } bf_norm;
typedef enum bf_metric { BF_METRIC_COMBINED, BF_METRIC_AUC, BF_METRIC_FROC1, BF_METRIC_LOSS, BF_METRIC_LAST } bf_metric;

typedef enum bf_slices { BF_SLICES_ONE, BF_SLICES_THREE } bf_slices;

/* Top-level keys. */
typedef struct bf_main_options {
  int seed;
  char backbone[BF_OPTION_TEXT_MAX];
  char weights[BF_OPTION_TEXT_MAX]; /* file of pretrained weights, relative to the config file; "none": random start */
  int size;                         /* network input, pixels a side (square), multiple of 32 */
  int slices; /* bf_slices; THREE: of a volume, the slices before and behind stand in the first and the last channel */
  int norm;   /* bf_norm: auto | frozen | batch; auto is frozen with pretrained weights, batch without */
  char freeze[BF_OPTION_TEXT_MAX], unfreeze[BF_OPTION_TEXT_MAX]; /* as bf_thaw_parse reads them */
  int views, views_memory; /* augmented pictures whose frozen features are kept; MiB that they may take */
  int epochs, batch;
  int patience;          /* epochs without a better one after which training ends; 0: never */
  double validation;     /* fraction of the patients kept for choosing the best epoch */
  double train_fraction; /* of the training patients that are used, for learning curves */
  int metric;            /* bf_metric: what chooses the best epoch */
  bool balanced;         /* class-balanced sampling */
  double rare;           /* least share of the places that go to images with each task's labels */
  int calibration;       /* bf_calibration_method */
  double sensitivity;    /* the stored threshold aims at this sensitivity on the validation part; 0: Youden */
  double specificity;    /* in its place: at this specificity; 0: not */
  int evaluate_every;    /* epochs */
} bf_main_options;
extern const bf_option bf_main_table[];

/* Section "optimiser". */
typedef struct bf_rate_options {
  int name;                             /* adamw | sgd */
  double learning_rate;                 /* of the heads */
  double backbone_rate;                 /* factor of learning_rate for the backbone's last stage */
  double stage_decay;                   /* further factor from a stage to the one before it */
  char stage_rates[BF_OPTION_TEXT_MAX]; /* one a stage, in place of the two before; "none" */
  int schedule;                         /* bf_schedule_kind */
  double rise;                          /* of one_cycle */
  double warmup_epochs, floor_factor;
  double weight_decay, momentum, beta1, beta2, epsilon, gradient_clip;
  double average; /* decay of the exponential moving average of the weights that is kept for scoring; 0: none */
} bf_rate_options;
extern const bf_option bf_rate_table[];

/* Section "balance"; the options of each method are in "balance.<method>". */
typedef struct bf_balance_options {
  char method[BF_OPTION_TEXT_MAX];
} bf_balance_options;
extern const bf_option bf_balance_table[];

/* Section "card": what whoever trains a model says of it. */
typedef struct bf_card_options {
  char purpose[BF_OPTION_TEXT_MAX], limits[BF_OPTION_TEXT_MAX], data[BF_OPTION_TEXT_MAX], contact[BF_OPTION_TEXT_MAX],
      licence[BF_OPTION_TEXT_MAX];
} bf_card_options;
extern const bf_option bf_card_table[];

#define BF_MODEL_FORMAT "bifocal-model-1"

/* All sections: "" main, "optimiser", "card", "prepare" (given by the caller, because its table is data's),
 * "heads.<name>" from the heads table, "augment.<name>" given by the caller. extra: further sections, borrowed. */
bf_status bf_model_config(bf_config **out, const bf_config_section *extra, int extra_count, bf_error *err);

enum { BF_MODEL_MEMBERS = 64 };

typedef struct bf_model {
  bf_config *config; /* owned */
  bf_main_options options;
  bf_network *network;                      /* owned; of an ensemble the first */
  bf_network *others[BF_MODEL_MEMBERS - 1]; /* of an ensemble; owned */
  int other_count;
  bf_normalisation normalisation;
  bf_calibration calibration[BF_MODEL_MEMBERS]; /* of each network */
  double threshold;           /* malignant probability at or above it is called malignant; NaN: none */
  char threshold_rule[128];   /* how it was chosen */
  bf_operating_points points; /* beside it; the chosen one has this threshold */
  bool norms_frozen;
  bf_seen seen;            /* images that it was trained or validated on; count 0: unknown */
  bf_domain domain;        /* images that it was trained on; zeroed: unknown */
  char *training_json;     /* record: data hash, splits, figures, weights' origin; owned; may be NULL */
  char sha256[65];         /* of the file it was read from; "" when new */
  char weights_sha256[65]; /* of the pretrained file that bf_model_load_weights took; "" without one */
} bf_model;

/* A new model from a config (taken over): network with fresh parameters. */
bf_status bf_model_create(bf_model **out, bf_config *config, bf_error *err);
/* The same, but every parameter is 0: for numbers that are all read from a file. */
bf_status bf_model_create_unset(bf_model **out, bf_config *config, bf_error *err);
void bf_model_destroy(bf_model *model);
/* The networks of it, from 0: one, or as many as an ensemble has. */
static inline int bf_model_members(const bf_model *m) { return 1 + m->other_count; }
static inline bf_network *bf_model_member(const bf_model *m, int k) { return k == 0 ? m->network : m->others[k - 1]; }
/* The one way from the model's malignant logit to its malignant probability; NaN stays NaN. Of an ensemble the logit is
 * the members' mean weighted by the slopes of their calibrations (bf_calibration_join). */
double bf_model_probability(const bf_model *m, double logit);
bf_calibration bf_model_calibration(const bf_model *m);
/* Makes other's networks members of m. Another configuration or normalisation: BF_E_ARGUMENT, more than
 * BF_MODEL_MEMBERS: BF_E_LIMIT, and nothing has changed. other is left to be destroyed. */
bf_status bf_model_join(bf_model *m, bf_model *other, bf_error *err);
/* For what makes no sense for an ensemble: BF_E_UNSUPPORTED, naming the path. */
bf_status bf_model_want_one(const bf_model *m, const char *path, bf_error *err);
/* Loads the pretrained backbone named in the config (relative to base_folder); prints what is new; sets normalisation.
 */
bf_status bf_model_load_weights(bf_model *model, const char *base_folder, bf_error *err);
/* The balance that the configuration names, at its beginning; options owned: bf_free. */
bf_status bf_model_balance(bf_balance *out, const bf_config *config, bf_error *err);
bf_status bf_model_write(const bf_model *model, const char *path, bf_error *err);
/* extra sections as in bf_model_config. A file cut short, of another format version or with wrong shapes is refused. */
bf_status bf_model_read(bf_model **out, const char *path, const bf_config_section *extra, int extra_count,
                        bf_error *err);

#endif
