/* The plan of a training as a table in the log. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/trainer.h"

/* Parameters of one stage: from which to which, and how many numbers. */
typedef struct part {
  char first[BF_PARAM_NAME_MAX], last[BF_PARAM_NAME_MAX];
  int64_t numbers;
  bool norms;
} part;

/* "features.0.0.weight" -> "features.0": where in the network, not which tensor. */
static void place_in_network(char *out, const char *name) {
  snprintf(out, BF_PARAM_NAME_MAX, "%s", name);
  char *first = strchr(out, '.'), *second = first != NULL ? strchr(first + 1, '.') : NULL;
  char *end = second != NULL ? second : first;
  if (end != NULL) *end = '\0';
}

static part part_of(bf_graph *graph, int stage) {
  part p = {.numbers = 0};
  for (int i = 0; i < bf_graph_param_count(graph); i++) {
    const bf_param *param = bf_graph_param(graph, i);
    if (param->stage != stage) continue;
    if (p.first[0] == '\0') place_in_network(p.first, param->name);
    place_in_network(p.last, param->name);
    bool statistic = param->kind == BF_PARAM_NORM_MEAN || param->kind == BF_PARAM_NORM_VAR;
    p.norms = p.norms || statistic;
    if (!statistic) p.numbers += param->count;
  }
  return p;
}

/* "1,234,567" */
static void with_commas(char *out, size_t capacity, int64_t number) {
  char digits[32];
  int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
  size_t used = 0;
  for (int i = 0; i < length && used + 2 < capacity; i++) {
    if (i > 0 && (length - i) % 3 == 0) out[used++] = ',';
    out[used++] = digits[i];
  }
  out[used] = '\0';
}

static void say_row(const bf_trainer *t, int stage, const part *p) {
  char name[16], where[2 * BF_PARAM_NAME_MAX + 8], numbers[48], epochs[48], rate[24];
  bool is_head = stage == BF_STAGE_HEAD;
  int first = is_head ? 0 : bf_thaw_epoch(&t->thaw, stage);
  bool never = first < 0 || first >= t->main.epochs;
  snprintf(name, sizeof name, is_head ? "heads" : "%d", stage);
  snprintf(where, sizeof where, strcmp(p->first, p->last) == 0 ? "%s" : "%s to %s", p->first, p->last);
  with_commas(numbers, sizeof numbers, p->numbers);
  if (never)
    snprintf(epochs, sizeof epochs, "never");
  else
    snprintf(epochs, sizeof epochs, "%d to %d", first + 1, t->main.epochs);
  snprintf(rate, sizeof rate, never ? "-" : "%.3g", is_head ? t->rate.learning_rate : t->stage_rates[stage]);
  const char *norms = !p->norms                         ? "none"
                      : is_head                         ? "batch"
                      : t->model->norms_frozen || never ? "frozen"
                      : first > 0                       ? "frozen, then batch"
                                                        : "batch";
  bf_log(BF_LOG_INFO, "  %-5s  %-40s  %12s  %-18s  %-12s  %s", name, where, numbers, norms, epochs, rate);
}

void bf_trainer_say_plan(const bf_trainer *t) {
  static const char *const schedules[] = {"cosine", "one cycle", "constant"};
  bf_graph *graph = bf_network_graph(t->model->network);
  bf_log(BF_LOG_INFO, "plan: %s, %d epochs of %lld steps of %d images, %s, %s", t->main.backbone, t->main.epochs,
         (long long)t->steps_per_epoch, t->main.batch, t->rate.name == 0 ? "AdamW" : "SGD",
         schedules[t->rate.schedule]);
  bf_log(BF_LOG_INFO, "  %-5s  %-40s  %12s  %-18s  %-12s  %s", "stage", "layers", "parameters", "batch norms",
         "trained in", "peak rate");
  for (int stage = 0; stage <= BF_MAX_STAGES; stage++) {
    int which = stage < BF_MAX_STAGES ? stage : BF_STAGE_HEAD;
    part p = part_of(graph, which);
    if (p.first[0] != '\0') say_row(t, which, &p);
  }
}
