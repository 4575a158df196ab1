/* Every figure of a set of cases: arrays are made of them and given to the metrics room. */
#ifndef BF_EVALUATION_ASSESS_H
#define BF_EVALUATION_ASSESS_H

#include "base/pool.h"
#include "evaluation/cases.h"
#include "evaluation/figure.h"
#include "metrics/drawn.h"
#include "metrics/metrics.h"

#define BF_PARTIAL_AUC 0.1 /* false positive rate up to which the partial AUC goes */
enum {
  BF_FROC_RATES = 5,
  BF_POINTS_MAX = 8,
  BF_AP_THRESHOLDS = 14, /* IoU 0.10, 0.15, ..., 0.75 */
  BF_SIZE_GROUPS = 3,
  BF_FEW = 10 /* what is fewer, but not none, says little */
};
extern const double bf_froc_rates[BF_FROC_RATES]; /* false positives an image: 0.25 to 4 */
/* IoU of figure BF_FIGURE_AP_10 + k. */
static inline double bf_ap_threshold(int k) { return (10 + 5 * k) / 100.0; }

/* A threshold on the probability with a name: malignant at and above it. */
typedef struct bf_decision_point {
  char name[32];
  double threshold;
} bf_decision_point;

typedef struct bf_assess_options {
  double threshold; /* NaN: none */
  bf_decision_point points[BF_POINTS_MAX];
  int point_count;
  bf_hit_rule rule;
  int rounds; /* of resampled patients; 0: no such intervals */
  uint64_t seed;
  bf_pool *pool; /* may be NULL */
} bf_assess_options;

/* Of cases with a probability and a class: counts, and figures with intervals of formulas, which take cases for
 * independent; 95 %. */
typedef struct bf_class_figures {
  int64_t n, positives, unknown, without_probability; /* unknown: of unknown class */
  int32_t patients;
  bf_share prevalence;
  bf_auc auc; /* DeLong */
  bf_recalibration recalibration;
  bf_confusion confusion; /* at the threshold; Wilson */
  bf_confusion at_points[BF_POINTS_MAX];
} bf_class_figures;

/* Of cases whose lesions are known. */
typedef struct bf_lesion_figures {
  int64_t images, lesions, found, without_lesions, unknown;
  int64_t hits; /* found boxes that hit a lesion by the rule, at any score */
  int32_t patients;
  struct {
    char name[48];
    int64_t lesions;
  } sizes[BF_SIZE_GROUPS]; /* of the whole alone */
  bool sizes_in_mm;        /* else in hundredths of the image's longer side, because some image's spacing is unknown */
} bf_lesion_figures;

/* Of cases with a found and a drawn mask. */
typedef struct bf_mask_figures {
  int64_t images, drawn, found_where_none; /* drawn: with a lesion; found_where_none: of the others */
} bf_mask_figures;

/* Places of the figures of an assessment: behind those of figure.def, of each range of sizes the sensitivity at one
 * false positive an image (false positives are those of all images) and the mean best IoU; of each point the shares
 * BF_AT_.... */
enum {
  BF_SIZE_FROC_1,
  BF_SIZE_BEST_IOU,
  BF_SIZE_FIGURES,
  BF_PLACE_SIZES = BF_FIGURES,
  BF_PLACE_POINTS = BF_PLACE_SIZES + BF_SIZE_GROUPS * BF_SIZE_FIGURES,
  BF_PLACES = BF_PLACE_POINTS + BF_POINTS_MAX * BF_AT_FIGURES
};
static inline int bf_place_of_size(int group, int figure) { return BF_PLACE_SIZES + group * BF_SIZE_FIGURES + figure; }
static inline int bf_place_of_point(int point, int at) { return BF_PLACE_POINTS + point * BF_AT_FIGURES + at; }

typedef struct bf_assessment {
  int64_t cases;
  bf_resampled figures[BF_PLACES]; /* by place; intervals: 95 %, of resampled patients. NaN: not defined, not made */
  bf_class_figures classes;
  bf_lesion_figures lesions;
  bf_mask_figures masks;
} bf_assessment;

/* Whether patients have several cases: then intervals of formulas are too narrow. */
static inline bool bf_cases_alike(const bf_class_figures *f) { return f->patients < f->n; }

/* A figure as it is to be shown: with its interval of resampled patients where patients have several cases, even if it
 * has none, because DeLong's and Wilson's take cases for independent; with these else. */
typedef struct bf_shown {
  double value;
  bf_interval interval;
  int64_t n; /* as the table says; of a share at a threshold those that it is a share of */
} bf_shown;
bf_shown bf_assessment_shown(const bf_assessment *assessment, int place);
/* The share of a confusion, with Wilson's interval. at: BF_AT_SENSITIVITY, ... */
bf_share bf_confusion_share(const bf_confusion *confusion, int at);

/* Case i of a list: items[members[i]], or items[i] where members is NULL. */
static inline const bf_case *bf_case_at(const bf_case *items, const int64_t *members, int64_t i) {
  return &items[members != NULL ? members[i] : i];
}

/* members: which of the items, NULL: the first `count`. */
bf_status bf_assess(bf_assessment *out, const bf_cases *cases, const bf_case *items, const int64_t *members,
                    int64_t count, bf_assess_depth depth, const bf_assess_options *options, bf_error *err);

/* Whether n are there, and too few to say much. What is not there at all makes figures undefined, not unsure. */
static inline bool bf_few(int64_t n) { return n > 0 && n < BF_FEW; }
typedef struct bf_few_of {
  const char *name; /* static: "malignant images" */
  int64_t n;
} bf_few_of;
enum { BF_FEW_COUNTS = 6 };
/* Of which there are few: of cases, those of a class, lesions and the patients of either. Of so few patients, drawn
 * anew, intervals say little. Returns how many. */
int bf_assessment_few(bf_few_of few[BF_FEW_COUNTS], const bf_assessment *assessment);
bool bf_assessment_small(const bf_assessment *assessment); /* whether there is any */

/* ---- arrays ---- */

/* Cases with a probability and a class. */
typedef struct bf_class_arrays {
  double *probability, *rank; /* owned */
  uint8_t *label;
  int32_t *patient; /* closed up: 0 .. patients-1 */
  int64_t *at;      /* places in the list */
  int64_t n, positives;
  int32_t patients;
} bf_class_arrays;
bf_status bf_class_arrays_make(bf_class_arrays *out, const bf_case *items, const int64_t *members, int64_t count,
                               bf_error *err);
void bf_class_arrays_clear(bf_class_arrays *arrays);

/* Cases whose lesions are known. */
typedef struct bf_lesion_arrays {
  bf_hit_image *images; /* owned; boxes borrowed */
  int32_t *patient;
  int64_t *at;
  int64_t n;
  int32_t patients;
} bf_lesion_arrays;
bf_status bf_lesion_arrays_make(bf_lesion_arrays *out, const bf_case *items, const int64_t *members, int64_t count,
                                bf_error *err);
void bf_lesion_arrays_clear(bf_lesion_arrays *arrays);

/* Cases with a found and a drawn mask in which a lesion is drawn. */
typedef struct bf_mask_arrays {
  double *dice, *iou; /* owned */
  int32_t *patient;
  int64_t n;
  int32_t patients;
} bf_mask_arrays;
bf_status bf_mask_arrays_make(bf_mask_arrays *out, const bf_case *items, const int64_t *members, int64_t count,
                              bf_error *err);
void bf_mask_arrays_clear(bf_mask_arrays *arrays);

#endif
