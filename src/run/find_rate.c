/* Learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks"): the rate rises by a
 * constant factor from step to step until the loss runs away; nothing of that training is kept. */
#include "run/find_rate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/log.h"
#include "output/chart.h"
#include "run/train_job.h"

enum { steps = 120 };
static const double first_rate = 1e-6, last_rate = 1, smoothing = 0.9, runaway = 4;

/* ---- the suggestion ---- */

typedef struct fall {
  int first, last;
} fall;

/* The longest row of places, in order and not necessarily neighbours, of which each loss lies below the one before; of
 * several as long the first, begun as late as it can be, so that a flat start is no part of it. */
static fall longest_fall(const double *losses, int count) {
  int length[steps], from[steps];
  fall best = {0, 0};
  int most = 0;
  for (int i = 0; i < count; i++) {
    length[i] = 1;
    from[i] = i;
    for (int k = 0; k < i; k++)
      if (losses[k] > losses[i] && length[k] + 1 >= length[i]) length[i] = length[k] + 1, from[i] = from[k];
    if (length[i] > most) most = length[i], best = (fall){from[i], i};
  }
  return best;
}

bf_rate_suggestion bf_rate_suggest(const double *rates, const double *smoothed, int count) {
  enum { reach = 4 }; /* steps to each side: a slope over one step is noise */
  bf_rate_suggestion s = {NAN, NAN, NAN};
  if (count < 3 || count > steps) return s;
  fall f = longest_fall(smoothed, count);
  if (f.last > f.first) s.valley = rates[f.first + (f.last - f.first) * 2 / 3];
  int lowest = 0;
  for (int i = 1; i < count; i++)
    if (smoothed[i] < smoothed[lowest]) lowest = i;
  if (lowest > 0) s.lowest = rates[lowest] / 10;
  double most = 0;
  for (int i = 1; i <= lowest; i++) {
    int before = i > reach ? i - reach : 0, after = i + reach < lowest ? i + reach : lowest;
    double slope = (smoothed[after] - smoothed[before]) / (after - before);
    if (slope < most) most = slope, s.steepest = rates[i];
  }
  return s;
}

/* ---- the test ---- */

typedef struct walk {
  double rates[steps], losses[steps], smoothed[steps];
  int count;
} walk;

/* Mean of the newest losses, corrected for its start at 0. */
static double smooth(const walk *w, double *mean) {
  int i = w->count;
  *mean = smoothing * *mean + (1 - smoothing) * w->losses[i];
  return *mean / (1 - pow(smoothing, i + 1));
}

static bf_status walk_up(walk *w, bf_trainer *t, bf_error *err) {
  double factor = pow(last_rate / first_rate, 1.0 / (steps - 1)), mean = 0, lowest = INFINITY;
  int64_t count = bf_trainer_order(t), at = 0;
  bf_progress progress;
  bf_progress_start(&progress, "rising learning rate", "steps", steps);
  while (w->count < steps) {
    if (bf_cancelled()) return bf_fail(err, BF_E_CANCELLED, "stopped as asked");
    if (at + t->main.batch > count) {
      t->epoch++;
      count = bf_trainer_order(t);
      at = 0;
    }
    bf_step step;
    double rate = first_rate * pow(factor, w->count);
    bf_pace pace = {rate / t->rate.learning_rate, NAN};
    bf_status status = bf_trainer_step(t, at, pace, &step, err);
    if (status != BF_OK) return status;
    if (!isfinite(step.losses.total) || !isfinite(step.norm)) break;
    w->rates[w->count] = rate;
    w->losses[w->count] = step.losses.total;
    w->smoothed[w->count] = smooth(w, &mean);
    double now = w->smoothed[w->count++];
    if (now < lowest) lowest = now;
    if (w->count > 10 && now > runaway * lowest) break;
    at += t->main.batch;
    bf_progress_update(&progress, w->count, NULL);
  }
  bf_progress_end(&progress, NULL);
  return BF_OK;
}

static bf_status write_csv(const walk *w, const char *path, bf_error *err) {
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  if (f == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %s", path);
  fprintf(f, "learning_rate,loss,smoothed\n");
  for (int i = 0; i < w->count; i++) fprintf(f, "%.6g,%.6g,%.6g\n", w->rates[i], w->losses[i], w->smoothed[i]);
  bf_status status =
      fclose(f) == 0 ? bf_file_write(path, text, size, err) : bf_fail(err, BF_E_MEMORY, "no memory for %s", path);
  free(text);
  return status;
}

static bf_status draw(const walk *w, const bf_rate_suggestion *s, const char *path, bf_error *err) {
  char name[64];
  snprintf(name, sizeof name, "suggested: %.2g", s->valley);
  const bf_curve curves[] = {{"loss of the step", w->rates, w->losses, w->count, true},
                             {"smoothed", w->rates, w->smoothed, w->count, false}};
  const bf_chart_mark marks[] = {{name, s->valley}};
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < w->count; i++) {
    low = fmin(low, fmin(w->smoothed[i], w->losses[i]));
    high = fmax(high, w->smoothed[i]);
  }
  /* The run away to the right would press the fall flat: it leaves the picture. */
  double start = w->smoothed[0];
  if (start > low) high = fmin(high, start + (start - low));
  const bf_chart chart = {.title = "Learning-rate range test",
                          .x_label = "learning rate of the heads; stages keep their shares of it",
                          .y_label = "training loss (weighted sum of tasks)",
                          .log_x = true,
                          .curves = curves,
                          .curve_count = 2,
                          .marks = marks,
                          .mark_count = isfinite(s->valley),
                          .y_low = low - 0.02 * (high - low),
                          .y_high = high + 0.05 * (high - low)};
  return bf_chart_write(path, &chart, err);
}

bf_status bf_find_rate(bf_find_rate_report *report, const bf_train_options *options, bf_error *err) {
  bf_train_job job;
  bf_trainer *t = NULL;
  walk w = {.count = 0};
  char path[BF_PATH_MAX];
  bf_status status = bf_train_job_open(&job, options, err);
  if (status != BF_OK) return status;
  status = bf_train_job_trainer(&t, &job, err);
  if (status == BF_OK) bf_trainer_say_plan(t);
  if (status == BF_OK) status = walk_up(&w, t, err);
  bf_rate_suggestion s = bf_rate_suggest(w.rates, w.smoothed, w.count);
  if (status == BF_OK && w.count < 3)
    status = bf_fail(err, BF_E_ARGUMENT, "the loss is not finite from step %d on, at a learning rate of %g",
                     w.count + 1, first_rate);
  if (status == BF_OK) status = bf_train_job_path(path, &job, "", "find-lr.csv", err);
  if (status == BF_OK) status = write_csv(&w, path, err);
  if (status == BF_OK) status = bf_train_job_path(path, &job, "", "find-lr.svg", err);
  if (status == BF_OK) status = draw(&w, &s, path, err);
  if (status == BF_OK)
    *report =
        (bf_find_rate_report){.steps = w.count, .suggestion = s.valley, .steepest = s.steepest, .lowest = s.lowest};
  bf_trainer_destroy(t);
  bf_train_job_close(&job);
  return status;
}
