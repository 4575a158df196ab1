/* Scores for tests of figures: twenty images whose figures other programs told, and random ones. Header-only. */
#ifndef BF_TESTS_METRICS_SUPPORT_H
#define BF_TESTS_METRICS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "metrics/bootstrap.h"
#include "metrics/metrics.h"

/* In Python: p = np.array(sixteenths)/16. */
enum { twenty = 20 };
static const int sixteenths[twenty] = {1, 3, 3, 5, 5, 5, 7, 8, 9, 9, 11, 12, 13, 13, 14, 15, 2, 6, 10, 4};
static const uint8_t twenty_labels[twenty] = {0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 0};

static inline const double *twenty_scores(void) {
  static double score[twenty];
  for (int i = 0; i < twenty; i++) score[i] = sixteenths[i] / 16.0;
  return score;
}

static inline bool near(double a, double b) { return fabs(a - b) < 1e-12 + 1e-9 * fabs(b); }

#define assert_near(found, expected)                                                                   \
  do {                                                                                                 \
    double found_ = (found), expected_ = (expected);                                                   \
    if (!near(found_, expected_)) fail_msg("%s is %.17g instead of %.17g", #found, found_, expected_); \
  } while (0)
#define assert_nan(found)                                                            \
  do {                                                                               \
    double found_ = (found);                                                         \
    if (!isnan(found_)) fail_msg("%s is %.17g and ought to be NaN", #found, found_); \
  } while (0)

/* Figures that must come, whatever they are. */
#define FIGURE(name, figure)                                                                      \
  static inline double name(const double *score, const uint8_t *label, int64_t n) {               \
    double value;                                                                                 \
    bf_error err = {0};                                                                           \
    if (figure(&value, score, label, n, &err) != BF_OK) fail_msg("%s: %s", #figure, err.message); \
    return value;                                                                                 \
  }
#define FIGURE_AT(name, figure)                                                                       \
  static inline double name(const double *score, const uint8_t *label, int64_t n, double at) {        \
    double value;                                                                                     \
    bf_error err = {0};                                                                               \
    if (figure(&value, score, label, n, at, &err) != BF_OK) fail_msg("%s: %s", #figure, err.message); \
    return value;                                                                                     \
  }
FIGURE(average_precision_of, bf_metrics_average_precision)
FIGURE(youden_of, bf_metrics_youden)
FIGURE_AT(partial_auc_of, bf_metrics_partial_auc)
FIGURE_AT(threshold_at_sensitivity, bf_metrics_threshold_at_sensitivity)
FIGURE_AT(threshold_at_specificity, bf_metrics_threshold_at_specificity)

static inline bf_recalibration recalibration_of(const double *probability, const uint8_t *label, int64_t n) {
  bf_recalibration r;
  bf_error err = {0};
  if (bf_metrics_recalibration(&r, probability, label, n, &err) != BF_OK) fail_msg("%s", err.message);
  return r;
}

/* The `count` figures of one draw: it is looked at beside others, each the same moved on by a cluster, which must not
 * change what it gives. */
static inline void drawn(double *out, bf_drawn_figures figures, const void *data, int count, const uint32_t *times,
                         int64_t clusters) {
  double *all = (double *)bf_alloc((size_t)count * BF_DRAWS, sizeof *all);
  uint16_t *several = (uint16_t *)bf_alloc((size_t)clusters * BF_DRAWS, sizeof *several);
  assert_true(all != NULL && several != NULL);
  for (int place = 0; place < BF_DRAWS; place += BF_DRAWS - 1) {
    for (int64_t c = 0; c < clusters; c++)
      for (int d = 0; d < BF_DRAWS; d++)
        several[c * BF_DRAWS + d] = (uint16_t)times[(c + (d + BF_DRAWS - place) % BF_DRAWS) % clusters];
    figures(all, data, several);
    for (int k = 0; k < count; k++) {
      double one = all[k * BF_DRAWS + place];
      if (place == 0) out[k] = one;
      assert_true(out[k] == one || (isnan(out[k]) && isnan(one)));
    }
  }
  bf_free(all);
  bf_free(several);
}

/* Between 2 and `room` - 1 images with few distinct scores, so that ties are common. Now and then one class alone. */
static inline int draw_scores(double *score, uint8_t *label, int room, bf_rng *rng) {
  int n = 2 + (int)bf_rng_below(rng, (uint64_t)room - 2);
  for (int i = 0; i < n; i++) {
    label[i] = bf_rng_uniform(rng) < 0.4;
    score[i] = (double)bf_rng_below(rng, 12) / 12 + 0.2 * label[i];
  }
  return n;
}

#endif
