/* Benign or malignant: pooled features, one logit, binary cross-entropy. */
#include <string.h>

#include "nn/loss.h"
#include "nn/pooled.h"

typedef enum balance { BALANCE_NONE, BALANCE_WEIGHT } balance;

typedef struct options {
  double weight, smoothing;
  int class_balance;
  bf_pooled pooled;
} options;

static const bf_option table[] = {
    {"weight", BF_OPTION_REAL, offsetof(options, weight), "1", 0, 1000, NULL,
     "weight of this task's loss; 0 leaves the head out"},
    {"smoothing", BF_OPTION_REAL, offsetof(options, smoothing), "0", 0, 0.4, NULL,
     "labels become smoothing and 1 - smoothing"},
    {"class_balance", BF_OPTION_CHOICE, offsetof(options, class_balance), "none", 0, 0, "none|weight",
     "weight: malignant images count (benign / malignant) times, which shifts probabilities; balanced sampling is the "
     "other way"},
    BF_POOLED_OPTIONS(options, pooled, "average", "7", "0.2"),
    {NULL}};

typedef struct state {
  bf_value logit;
  double positive_weight;
} state;

static bool reads_where(const void *o) { return ((const options *)o)->pooled.pool == BF_POOL_LESION; }

static void build(bf_head *head, bf_graph *g, bf_features *f) {
  const options *o = head->options;
  state *s = head->state;
  s->logit = bf_linear(g, bf_pooled_build(g, f, &o->pooled, "malignancy"), 1, "heads.malignancy.logit");
  s->positive_weight = 1;
  bf_graph_output(g, s->logit);
}

static void prepare(bf_head *head, const bf_truth *truth, int64_t n) {
  const options *o = head->options;
  state *s = head->state;
  int64_t count[2] = {0, 0};
  for (int64_t i = 0; i < n; i++)
    if (truth[i].malignant >= 0) count[truth[i].malignant > 0]++;
  s->positive_weight =
      o->class_balance == BALANCE_WEIGHT && count[0] > 0 && count[1] > 0 ? (double)count[0] / (double)count[1] : 1;
}

static void loss(bf_head *head, bf_exec *exec, const bf_truth *truth, int n, float scale, double *total,
                 double *labelled) {
  const options *o = head->options;
  const state *s = head->state;
  const float *z = bf_exec_value(exec, s->logit);
  float *gradient = bf_exec_gradient(exec, s->logit);
  *total = 0;
  *labelled = bf_truths_labelled(truth, n, BF_READS_CLASS);
  for (int i = 0; i < n; i++) {
    const bf_truth *t = &truth[i];
    if (t->malignant < 0) continue;
    bool positive = t->malignant > 0;
    double y = positive ? 1 - o->smoothing : o->smoothing,
           w = t->weight * (positive ? s->positive_weight : 1) / *labelled, slope;
    *total += w * bf_loss_bce(&slope, z[t->image], y);
    if (gradient != NULL && scale != 0) gradient[t->image] += (float)(scale * w * slope);
  }
}

static bf_value answer(const bf_head *head) { return ((const state *)head->state)->logit; }

static void decode(bf_head *head, bf_exec *exec, int n, bf_prediction *out) {
  const state *s = head->state;
  const float *z = bf_exec_value(exec, s->logit);
  for (int i = 0; i < n; i++) out[i].malignant_logit = z[i];
}

const bf_head_type bf_head_malignancy = {.name = "malignancy",
                                         .help = "probability that the image shows a malignant lesion",
                                         .options = table,
                                         .options_size = sizeof(options),
                                         .weight_offset = offsetof(options, weight),
                                         .state_size = sizeof(state),
                                         .reads = BF_READS_CLASS,
                                         .build = build,
                                         .reads_where = reads_where,
                                         .loss = loss,
                                         .decode = decode,
                                         .answer = answer,
                                         .prepare = prepare};
