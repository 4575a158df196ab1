/* From answers and labels to a model's calibration and operating points. */
#include "run/calibrate.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "metrics/calibration_fit.h"
#include "metrics/metrics.h"
#include "run/figures.h"

/* Answers to images of known class. */
typedef struct known {
  double *score; /* logits, or probabilities */
  uint8_t *label;
  int64_t n;
} known;

static bf_status known_create(known *k, int64_t room, bf_error *err) {
  *k = (known){bf_alloc((size_t)room, sizeof *k->score), bf_alloc((size_t)room, 1), 0};
  return k->score != NULL && k->label != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to calibrate");
}

static void known_clear(known *k) {
  bf_free(k->score);
  bf_free(k->label);
}

/* ---- calibration ---- */

static double ece_of(const known *logits, const bf_calibration *c) {
  double *p = bf_alloc((size_t)logits->n, sizeof *p);
  if (p == NULL) return NAN;
  for (int64_t i = 0; i < logits->n; i++) p[i] = bf_calibration_probability(c, logits->score[i]);
  double ece = bf_metrics_ece(p, logits->label, logits->n, BF_ECE_BINS);
  bf_free(p);
  return ece;
}

static bf_calibration fit(const known *logits, bf_calibration_method method, const char *on) {
  bf_calibration c = {0};
  if (method == BF_CALIBRATION_NONE) {
    snprintf(c.reason, sizeof c.reason, "the configuration asks for none");
    return c;
  }
  bf_calibration_fit f = method == BF_CALIBRATION_PLATT
                             ? bf_metrics_fit_platt(logits->score, logits->label, logits->n)
                             : bf_metrics_fit_temperature(logits->score, logits->label, logits->n);
  if (!f.fitted) {
    snprintf(c.reason, sizeof c.reason, "%s (%lld benign, %lld malignant)", f.reason, (long long)(f.n - f.positives),
             (long long)f.positives);
    return c;
  }
  double before = ece_of(logits, &c);
  c = (bf_calibration){.method = method,
                       .slope = f.slope,
                       .intercept = f.intercept,
                       .n = f.n,
                       .positives = f.positives,
                       .log_loss_before = f.log_loss_before,
                       .log_loss_after = f.log_loss_after,
                       .ece_before = before};
  c.ece_after = ece_of(logits, &c);
  snprintf(c.on, sizeof c.on, "%s", on);
  return c;
}

/* ---- operating points ---- */

static void add_point(bf_operating_points *points, const known *k, bf_operating_kind kind, double target) {
  bf_operating_point p = {.kind = kind, .target = target, .sensitivity = NAN, .specificity = NAN};
  switch (kind) {
    case BF_POINT_YOUDEN: p.threshold = bf_metrics_youden(k->score, k->label, k->n); break;
    case BF_POINT_SENSITIVITY:
      p.threshold = bf_metrics_threshold_at_sensitivity(k->score, k->label, k->n, target);
      break;
    case BF_POINT_SPECIFICITY:
      p.threshold = bf_metrics_threshold_at_specificity(k->score, k->label, k->n, target);
      break;
  }
  bf_operating_points_add(points, p);
}

static void measure(bf_operating_points *points, const known *k) {
  for (int i = 0; i < points->count; i++) {
    bf_confusion c = bf_metrics_confusion(k->score, k->label, k->n, points->at[i].threshold);
    points->at[i].sensitivity = c.sensitivity.value;
    points->at[i].specificity = c.specificity.value;
  }
}

static void tell_rule(char *rule, size_t size, const bf_main_options *o, double threshold, const char *on) {
  double target = o->sensitivity > 0 ? o->sensitivity : o->specificity;
  const char *what = o->sensitivity > 0 ? "sensitivity" : "specificity";
  if (isnan(threshold))
    snprintf(rule, size, "none: the %s lacks a class, or leaves no room for a threshold", on);
  else if (target > 0)
    snprintf(rule, size, "%s of at least %g on the %s", what, target, on);
  else
    snprintf(rule, size, "largest sensitivity + specificity on the %s (Youden)", on);
}

static void choose_points(bf_model *m, const known *probabilities, const char *on) {
  static const double targets[] = {0.90, 0.95};
  const bf_main_options *o = &m->options;
  m->points = (bf_operating_points){0};
  add_point(&m->points, probabilities, BF_POINT_YOUDEN, 0);
  for (int k = 0; k < 2; k++) add_point(&m->points, probabilities, BF_POINT_SENSITIVITY, targets[k]);
  for (int k = 0; k < 2; k++) add_point(&m->points, probabilities, BF_POINT_SPECIFICITY, targets[k]);
  bf_operating_kind kind = o->sensitivity > 0   ? BF_POINT_SENSITIVITY
                           : o->specificity > 0 ? BF_POINT_SPECIFICITY
                                                : BF_POINT_YOUDEN;
  double target = o->sensitivity > 0 ? o->sensitivity : o->specificity;
  add_point(&m->points, probabilities, kind, target);
  int chosen = bf_operating_points_find(&m->points, kind, target);
  m->points.chosen = chosen >= 0 ? chosen : m->points.count;
  m->threshold = bf_operating_points_threshold(&m->points);
  measure(&m->points, probabilities);
  tell_rule(m->threshold_rule, sizeof m->threshold_rule, o, m->threshold, on);
}

bf_status bf_calibrate(bf_model *m, bf_answer *answers, const bf_dataset *data, const int64_t *rows, int64_t count,
                       const char *on, bf_error *err) {
  known k;
  m->calibration[0] = (bf_calibration){0};
  m->points = (bf_operating_points){0};
  m->threshold = NAN;
  snprintf(m->threshold_rule, sizeof m->threshold_rule, "none: no %s", on);
  snprintf(m->calibration[0].reason, sizeof m->calibration[0].reason, "no %s", on);
  if (count == 0) return BF_OK;
  bf_status status = known_create(&k, count, err);
  if (status == BF_OK) {
    k.n = bf_figures_classes(k.score, k.label, true, data, rows, answers, count);
    m->calibration[0] = fit(&k, (bf_calibration_method)m->options.calibration, on);
    bf_predict_probabilities(answers, count, m);
    k.n = bf_figures_classes(k.score, k.label, false, data, rows, answers, count);
    choose_points(m, &k, on);
  }
  known_clear(&k);
  return status;
}

bf_status bf_calibrate_measure(bf_operating_points *points, const bf_answer *answers, const bf_dataset *data,
                               const int64_t *rows, int64_t count, bf_error *err) {
  known k;
  bf_status status = known_create(&k, count, err);
  if (status == BF_OK) {
    k.n = bf_figures_classes(k.score, k.label, false, data, rows, answers, count);
    measure(points, &k);
  }
  known_clear(&k);
  return status;
}
