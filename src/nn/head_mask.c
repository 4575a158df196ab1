/* Outlines lesions: a decoder from the coarsest stage of the backbone to a fine one, at each step joined with the
 * backbone's own features (Ronneberger, Fischer, Brox 2015), to one logit a cell. Dice (Milletari, Navab, Ahmadi 2016)
 * with cross-entropy, which together learn both the shape and the probability (Isensee et al. 2021). Boxes of its
 * connected parts are made where the picture's own pixels are known, outside of this room. */
#include <math.h>
#include <stdio.h>

#include "nn/head.h"
#include "nn/loss.h"

typedef struct options {
  double weight, dice_weight, sides;
  int channels, stride; /* stride: index into strides */
} options;

static const int strides[] = {2, 4, 8};

static const bf_option table[] = {
    {"weight", BF_OPTION_REAL, offsetof(options, weight), "0", 0, 1000, NULL,
     "weight of this task's loss; 0 leaves the head out"},
    {"dice_weight", BF_OPTION_REAL, offsetof(options, dice_weight), "1", 0, 100, NULL,
     "weight of the Dice loss beside the cross-entropy within the task"},
    {"sides", BF_OPTION_REAL, offsetof(options, sides), "0.5", 0, 1, NULL,
     "how far another head's boxes take the sides of the outlined lesion that they lie on"},
    {"channels", BF_OPTION_INT, offsetof(options, channels), "48", 8, 512, NULL, "channels of the decoder"},
    {"stride", BF_OPTION_CHOICE, offsetof(options, stride), "4", 0, 0, "2|4|8", "pixels a cell of the finest map"},
    {NULL}};

typedef struct state {
  bf_value logit;
  int h, w, stride;
} state;

static void build(bf_head *head, bf_graph *g, bf_features *f) {
  const options *o = head->options;
  state *s = head->state;
  bf_value x = -1;
  for (int i = f->count - 1; i >= 0 && f->stride[i] >= strides[o->stride]; i--) {
    s->stride = f->stride[i];
    bf_value lateral = bf_conv2d(g, f->value[i], (bf_conv){.out = o->channels, .kernel = 1, .bias = true},
                                 "heads.mask.lateral%d", s->stride);
    bf_shape shape = bf_graph_shape(g, lateral);
    x = x < 0 ? lateral : bf_add(g, lateral, bf_upsample2_to(g, x, shape.h, shape.w));
    x = bf_conv2d(g, x, (bf_conv){.out = o->channels, .kernel = 3, .padding = 1}, "heads.mask.conv%d", s->stride);
    x = bf_relu(g, bf_batch_norm(g, x, "heads.mask.norm%d", s->stride));
  }
  s->logit = bf_conv2d(g, x, (bf_conv){.out = 1, .kernel = 1, .bias = true}, "heads.mask.logit");
  s->h = bf_graph_shape(g, s->logit).h;
  s->w = bf_graph_shape(g, s->logit).w;
  if (f->where_stride == 0) f->where = s->logit, f->where_stride = s->stride;
  bf_graph_output(g, s->logit);
}

/* Lesions fill a tenth of a picture or so: the first steps need not learn that. */
static void initialise(bf_head *head, bf_graph *g) {
  (void)head;
  bf_param *bias = bf_graph_find_param(g, "heads.mask.logit.bias");
  if (bias != NULL) bias->data[0] = -2;
}

/* How much of a cell is lesion; what lies outside the picture is none. */
static double coverage(const state *s, const bf_truth *t, int x, int y) {
  int x1 = (x + 1) * s->stride < t->mask_w ? (x + 1) * s->stride : t->mask_w,
      y1 = (y + 1) * s->stride < t->mask_h ? (y + 1) * s->stride : t->mask_h;
  int64_t sum = 0;
  for (int v = y * s->stride; v < y1; v++)
    for (int u = x * s->stride; u < x1; u++) sum += t->mask[(int64_t)v * t->mask_w + u];
  return (double)sum / (255.0 * s->stride * s->stride);
}

/* Of one image, mean over its cells: cross-entropy, and Dice with squares below the line, which is least where the
 * probability is the coverage. */
static double image_loss(const state *s, const options *o, const bf_truth *t, const float *z, float *gradient,
                         double scale) {
  int64_t cells = (int64_t)s->h * s->w;
  double both = 0, squares = 1, entropy = 0; /* 1: an empty picture without a found lesion loses nothing */
  for (int64_t i = 0; i < cells; i++) {
    double y = coverage(s, t, (int)(i % s->w), (int)(i / s->w)), slope;
    entropy += bf_loss_bce(&slope, z[i], y) / (double)cells;
    double p = slope + y;
    both += p * y;
    squares += p * p + y * y;
  }
  double dice = (2 * both + 1) / squares;
  for (int64_t i = 0; i < cells && gradient != NULL; i++) {
    double p = bf_sigmoid(z[i]), y = coverage(s, t, (int)(i % s->w), (int)(i / s->w)),
           slope = (p - y) / (double)cells - o->dice_weight * (2 * y - dice * 2 * p) / squares * p * (1 - p);
    gradient[i] += (float)(scale * slope);
  }
  return entropy + o->dice_weight * (1 - dice);
}

static void loss(bf_head *head, bf_exec *exec, const bf_truth *truth, int n, float scale, double *total,
                 double *labelled) {
  const options *o = head->options;
  const state *s = head->state;
  int64_t cells = (int64_t)s->h * s->w;
  float *gradient = scale != 0 ? bf_exec_gradient(exec, s->logit) : NULL;
  *total = 0;
  *labelled = bf_truths_labelled(truth, n, BF_READS_MASK);
  for (int i = 0; i < n; i++) {
    if (truth[i].mask == NULL) continue;
    double share = truth[i].weight / *labelled;
    int64_t at = truth[i].image * cells;
    *total += share * image_loss(s, o, &truth[i], bf_exec_value(exec, s->logit) + at,
                                 gradient != NULL ? gradient + at : NULL, scale * share);
  }
}

static void decode(bf_head *head, bf_exec *exec, int n, bf_prediction *out) {
  const options *o = head->options;
  const state *s = head->state;
  for (int i = 0; i < n; i++) {
    out[i].mask_sides = o->sides;
    out[i].mask = bf_exec_value(exec, s->logit) + (int64_t)i * s->h * s->w;
    out[i].mask_h = s->h;
    out[i].mask_w = s->w;
    out[i].mask_stride = s->stride;
  }
}

const bf_head_type bf_head_mask = {.name = "mask",
                                   .help = "outlines of the lesions",
                                   .options = table,
                                   .options_size = sizeof(options),
                                   .weight_offset = offsetof(options, weight),
                                   .state_size = sizeof(state),
                                   .reads = BF_READS_MASK,
                                   .build = build,
                                   .loss = loss,
                                   .decode = decode,
                                   .initialise = initialise};
