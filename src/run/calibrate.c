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

static bf_status measure_ece(double *ece, const known *logits, const bf_calibration *c, bf_error *err) {
  double *p = bf_alloc((size_t)logits->n, sizeof *p);
  if (p == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to calibrate");
  for (int64_t i = 0; i < logits->n; i++) p[i] = bf_calibration_probability(c, logits->score[i]);
  *ece = bf_metrics_ece(p, logits->label, logits->n, BF_ECE_BINS);
  bf_free(p);
  return BF_OK;
}

static bf_status fit(bf_calibration *c, const known *logits, bf_calibration_method method, const char *on,
                     bf_error *err) {
  const bf_calibration none = {0};
  *c = none;
  if (method == BF_CALIBRATION_NONE) {
    snprintf(c->reason, sizeof c->reason, "the configuration asks for none");
    return BF_OK;
  }
  bf_calibration_fit f = method == BF_CALIBRATION_PLATT
                             ? bf_metrics_fit_platt(logits->score, logits->label, logits->n)
                             : bf_metrics_fit_temperature(logits->score, logits->label, logits->n);
  if (!f.fitted) {
    snprintf(c->reason, sizeof c->reason, "%s (%lld benign, %lld malignant)", f.reason, (long long)(f.n - f.positives),
             (long long)f.positives);
    return BF_OK;
  }
  *c = (bf_calibration){.method = method,
                        .slope = f.slope,
                        .intercept = f.intercept,
                        .n = f.n,
                        .positives = f.positives,
                        .log_loss_before = f.log_loss_before,
                        .log_loss_after = f.log_loss_after};
  snprintf(c->on, sizeof c->on, "%s", on);
  bf_status status = measure_ece(&c->ece_before, logits, &none, err);
  return status == BF_OK ? measure_ece(&c->ece_after, logits, c, err) : status;
}

/* ---- operating points ---- */

/* The one that the configuration asks for; its threshold is not chosen yet. */
static bf_operating_point wanted_point(const bf_main_options *o) {
  if (o->sensitivity > 0) return (bf_operating_point){.kind = BF_POINT_SENSITIVITY, .target = o->sensitivity};
  if (o->specificity > 0) return (bf_operating_point){.kind = BF_POINT_SPECIFICITY, .target = o->specificity};
  return (bf_operating_point){.kind = BF_POINT_YOUDEN};
}

/* Puts the point behind the others where these images have a threshold for it. */
static bf_status add_point(bf_operating_points *points, const known *k, bf_operating_point p, bf_error *err) {
  bf_status status = BF_OK;
  switch (p.kind) {
    case BF_POINT_YOUDEN: status = bf_metrics_youden(&p.threshold, k->score, k->label, k->n, err); break;
    case BF_POINT_SENSITIVITY:
      status = bf_metrics_threshold_at_sensitivity(&p.threshold, k->score, k->label, k->n, p.target, err);
      break;
    case BF_POINT_SPECIFICITY:
      status = bf_metrics_threshold_at_specificity(&p.threshold, k->score, k->label, k->n, p.target, err);
      break;
  }
  /* Half-way to nothing: where the lowest probability is 0, the threshold that calls all is 0 itself. */
  if (p.threshold < 0) p.threshold = 0;
  bf_operating_points_add(points, p);
  return status;
}

static void measure(bf_operating_points *points, const known *k) {
  for (int i = 0; i < points->count; i++) {
    bf_confusion c = bf_metrics_confusion(k->score, k->label, k->n, points->at[i].threshold);
    points->at[i].sensitivity = c.sensitivity.value;
    points->at[i].specificity = c.specificity.value;
  }
}

static void tell_rule(char *rule, size_t size, const bf_operating_point *own, double threshold, const char *on) {
  if (isnan(threshold))
    snprintf(rule, size, "none: the %s lacks a class, or leaves no room for a threshold", on);
  else if (own->kind == BF_POINT_YOUDEN)
    snprintf(rule, size, "largest sensitivity + specificity on the %s (Youden)", on);
  else
    snprintf(rule, size, "%s of at least %g on the %s",
             own->kind == BF_POINT_SENSITIVITY ? "sensitivity" : "specificity", own->target, on);
}

static bf_status choose_points(bf_model *m, const known *probabilities, const char *on, bf_error *err) {
  const bf_operating_point own = wanted_point(&m->options), all[] = {{.kind = BF_POINT_YOUDEN},
                                                                     {.kind = BF_POINT_SENSITIVITY, .target = 0.90},
                                                                     {.kind = BF_POINT_SENSITIVITY, .target = 0.95},
                                                                     {.kind = BF_POINT_SPECIFICITY, .target = 0.90},
                                                                     {.kind = BF_POINT_SPECIFICITY, .target = 0.95},
                                                                     own};
  bf_status status = BF_OK;
  m->points = (bf_operating_points){0};
  for (size_t i = 0; i < sizeof all / sizeof all[0] && status == BF_OK; i++)
    status = add_point(&m->points, probabilities, all[i], err);
  int chosen = bf_operating_points_find(&m->points, own.kind, own.target);
  m->points.chosen = chosen >= 0 ? chosen : m->points.count;
  m->threshold = bf_operating_points_threshold(&m->points);
  measure(&m->points, probabilities);
  tell_rule(m->threshold_rule, sizeof m->threshold_rule, &own, m->threshold, on);
  return status;
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
    status = fit(&m->calibration[0], &k, (bf_calibration_method)m->options.calibration, on, err);
  }
  if (status == BF_OK) {
    bf_predict_probabilities(answers, count, m);
    k.n = bf_figures_classes(k.score, k.label, false, data, rows, answers, count);
    status = choose_points(m, &k, on, err);
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
