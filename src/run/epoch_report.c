/* Lines of epochs. */
#include "run/epoch_report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

/* A task that makes up more than this of all gradients for two epochs has taken over. */
static const double too_much = 0.9;
enum { line_max = 4096 };

typedef struct text {
  char bytes[line_max];
  size_t used;
} text;

static void put(text *t, const char *format, ...) BF_PRINTF(2, 3);
static void put(text *t, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int wanted = vsnprintf(t->bytes + t->used, sizeof t->bytes - t->used, format, arguments);
  va_end(arguments);
  size_t room = sizeof t->bytes - 1 - t->used;
  t->used += wanted < 0 ? 0 : (size_t)wanted < room ? (size_t)wanted : room;
}

/* What is not known is an empty field. */
static void put_number(text *t, double value) {
  if (isnan(value))
    put(t, ",");
  else
    put(t, ",%.6g", value);
}

static bf_status append(bf_epoch_report *r, const text *line, bf_error *err) {
  size_t old = r->csv != NULL ? strlen(r->csv) : 0;
  char *grown = bf_grow(r->csv, r->csv != NULL ? old + 1 : 0, old + line->used + 1, 1);
  if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for metrics.csv");
  memcpy(grown + old, line->bytes, line->used + 1);
  r->csv = grown;
  return BF_OK;
}

static const char *task_name(const bf_trainer *t, int head) {
  return bf_network_head(t->model->network, head)->type->name;
}

bf_status bf_epoch_report_begin(bf_epoch_report *r, const bf_trainer *t, bf_error *err) {
  text line = {.used = 0};
  int tasks = bf_network_head_count(t->model->network);
  put(&line, "epoch,seconds,train_loss,gradient_norm");
  for (int h = 0; h < tasks; h++) put(&line, ",train_%s,validation_%s", task_name(t, h), task_name(t, h));
  put(&line, ",validation_loss,validation_auc,validation_froc1,best");
  for (int h = 0; h < tasks; h++)
    put(&line, ",weight_%s,gradient_%s,share_%s", task_name(t, h), task_name(t, h), task_name(t, h));
  for (int a = 0; a < tasks; a++)
    for (int b = a + 1; b < tasks; b++)
      put(&line, ",cosine_%s_%s,conflicts_%s_%s", task_name(t, a), task_name(t, b), task_name(t, a), task_name(t, b));
  put(&line, "\n");
  return append(r, &line, err);
}

void bf_epoch_report_clear(bf_epoch_report *r) {
  bf_free(r->csv);
  *r = (bf_epoch_report){0};
}

static void put_tasks(text *line, const bf_watch *watch, int tasks) {
  for (int h = 0; h < tasks; h++) {
    bf_task_figures f = bf_watch_task(watch, tasks, h);
    put_number(line, f.weight);
    put_number(line, f.norm);
    put_number(line, f.share);
  }
  for (int a = 0; a < tasks; a++)
    for (int b = a + 1; b < tasks; b++) {
      put_number(line, bf_watch_cosine(watch, a, b));
      put_number(line, bf_watch_conflicts(watch, a, b));
    }
}

static bf_status add_line(bf_epoch_report *r, const bf_trainer *t, const bf_epoch_line *l, bf_error *err) {
  text line = {.used = 0};
  int tasks = bf_network_head_count(t->model->network);
  const bf_losses *train = &l->epoch.losses, *valid = &l->validation;
  put(&line, "%d,%.1f,%.6g,%.6g", t->epoch, l->seconds, train->total, l->epoch.norm);
  for (int h = 0; h < tasks; h++) {
    put_number(&line, train->labelled[h] > 0 ? train->task[h] : NAN);
    put_number(&line, valid->labelled[h] > 0 ? valid->task[h] : NAN);
  }
  put_number(&line, l->figures.loss);
  put_number(&line, l->figures.auc);
  put_number(&line, l->figures.froc1);
  put(&line, ",%d", l->best);
  put_tasks(&line, &l->epoch.watch, tasks);
  put(&line, "\n");
  return append(r, &line, err);
}

/* Each task's share of the gradients and how far two tasks agree, where more than one is trained. */
static void say_tasks(text *line, const bf_trainer *t, const bf_watch *watch) {
  int tasks = bf_network_head_count(t->model->network);
  for (int h = 0; h < tasks && tasks > 1; h++) {
    bf_task_figures f = bf_watch_task(watch, tasks, h);
    if (isnan(f.share)) return;
    put(line, "%s %.0f %% %s", h == 0 ? "; gradients:" : ",", 100 * f.share, task_name(t, h));
  }
  if (tasks == 2 && !isnan(bf_watch_cosine(watch, 0, 1))) put(line, ", cosine %.2f", bf_watch_cosine(watch, 0, 1));
}

static void say_epoch(const bf_trainer *t, const bf_epoch_line *l) {
  text line = {.used = 0};
  put(&line, "epoch %d of %d: loss %.3f", t->epoch, t->main.epochs, l->epoch.losses.total);
  say_tasks(&line, t, &l->epoch.watch);
  if (t->valid_count > 0 && !isnan(l->figures.loss))
    put(&line, "; validation loss %.3f, AUC %.3f, lesion sensitivity at 1 FP %.3f", l->figures.loss, l->figures.auc,
        l->figures.froc1);
  if (l->best && t->valid_count > 0) put(&line, " (best)");
  bf_log(BF_LOG_INFO, "%s", line.bytes);
}

/* One task's gradient swamps the others': said once, with a weight that would even them out. */
static void watch_over(bf_epoch_report *r, const bf_trainer *t, const bf_watch *watch) {
  double remedy = NAN;
  int tasks = bf_network_head_count(t->model->network), task = bf_watch_dominant(watch, tasks, too_much, &remedy);
  r->epochs = task < 0 ? 0 : task == r->dominant ? r->epochs + 1 : 1;
  r->dominant = task;
  if (r->epochs != 2) return;
  double base = bf_network_weight(t->model->network, task);
  bf_task_figures f = bf_watch_task(watch, tasks, task);
  bf_log(
      BF_LOG_WARN,
      "the task %s takes over: %.0f %% of all gradients at the shared features are its own, for two epochs; the other "
      "task%s may learn little. Try heads.%s.weight: %.2g (now %g), or balance.method: gradnorm (now %s)",
      task_name(t, task), 100 * f.share, tasks > 2 ? "s" : "", task_name(t, task), base * remedy / f.weight, base,
      t->balance.type->name);
}

bf_status bf_epoch_report_add(bf_epoch_report *r, const bf_trainer *t, const bf_epoch_line *line, bf_error *err) {
  say_epoch(t, line);
  watch_over(r, t, &line->epoch.watch);
  return add_line(r, t, line, err);
}
