/* Benign or malignant: the deepest features as means of the whole map, or unrolled from a grid as VGG's own classifier
 * has them (Simonyan, Zisserman 2015); hidden linear layers where asked for; dropout, one logit, binary cross-entropy.
 */
#include <string.h>

#include "nn/head.h"
#include "nn/loss.h"

typedef enum balance { BALANCE_NONE, BALANCE_WEIGHT } balance;

typedef enum pool { POOL_AVERAGE, POOL_FLATTEN } pool;

typedef struct options {
  double weight, dropout, smoothing;
  int class_balance;
  int pool, grid, hidden, layers;
} options;

static const bf_option table[] = {
    {"weight", BF_OPTION_REAL, offsetof(options, weight), "1", 0, 1000, NULL,
     "weight of this task's loss; 0 leaves the head out"},
    {"dropout", BF_OPTION_REAL, offsetof(options, dropout), "0.2", 0, 0.95, NULL,
     "share of its inputs that each linear layer but the first loses in training; without hidden ones, the only "
     "layer's"},
    {"smoothing", BF_OPTION_REAL, offsetof(options, smoothing), "0", 0, 0.4, NULL,
     "labels become smoothing and 1 - smoothing"},
    {"class_balance", BF_OPTION_CHOICE, offsetof(options, class_balance), "none", 0, 0, "none|weight",
     "weight: malignant images count (benign / malignant) times, which shifts probabilities; balanced sampling is the "
     "other way"},
    {"pool", BF_OPTION_CHOICE, offsetof(options, pool), "average", 0, 0, "average|flatten",
     "what the head reads: each channel's mean, or all places of a grid one after the other"},
    {"grid", BF_OPTION_INT, offsetof(options, grid), "7", 1, 32, NULL, "of flatten: places a side"},
    {"hidden", BF_OPTION_INT, offsetof(options, hidden), "0", 0, 8192, NULL,
     "units of each hidden linear layer (VGG's own: 4096); 0: the logit follows at once"},
    {"layers", BF_OPTION_INT, offsetof(options, layers), "2", 1, 4, NULL,
     "hidden linear layers, where hidden is not 0"},
    {NULL}};

typedef struct state {
  bf_value logit;
  double positive_weight;
} state;

static void build(bf_head *head, bf_graph *g, const bf_features *f) {
  const options *o = head->options;
  state *s = head->state;
  bf_value x = f->value[f->count - 1];
  x = o->pool == POOL_FLATTEN ? bf_flatten(g, bf_adaptive_average_pool(g, x, o->grid, o->grid))
                              : bf_global_average_pool(g, x);
  for (int i = 0; i < o->layers && o->hidden > 0; i++) {
    if (i > 0) x = bf_dropout(g, x, o->dropout);
    x = bf_relu(g, bf_linear(g, x, o->hidden, "heads.malignancy.hidden%d", i));
  }
  x = bf_dropout(g, x, o->dropout);
  s->logit = bf_linear(g, x, 1, "heads.malignancy.logit");
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
                 int *labelled) {
  const options *o = head->options;
  const state *s = head->state;
  const float *z = bf_exec_value(exec, s->logit);
  float *gradient = bf_exec_gradient(exec, s->logit);
  *total = 0;
  *labelled = 0;
  for (int i = 0; i < n; i++) *labelled += truth[i].malignant >= 0;
  for (int i = 0; i < n; i++) {
    if (truth[i].malignant < 0) continue;
    bool positive = truth[i].malignant > 0;
    double y = positive ? 1 - o->smoothing : o->smoothing, w = (positive ? s->positive_weight : 1) / *labelled;
    double slope;
    *total += w * bf_loss_bce(&slope, z[i], y);
    if (gradient != NULL && scale != 0) gradient[i] += (float)(scale * w * slope);
  }
}

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
                                         .build = build,
                                         .loss = loss,
                                         .decode = decode,
                                         .prepare = prepare};
