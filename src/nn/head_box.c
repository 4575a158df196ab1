/* One box an image: whether there is a lesion at all, and the middle, width and height of the largest, as shares of the
 * picture, regressed from pooled features. The plain way to localise one object (Sermanet et al. 2014); the lesion head
 * is the way for any number. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "nn/loss.h"
#include "nn/pooled.h"

typedef struct options {
  double weight, box_weight, distance_weight, least;
  bf_pooled pooled;
} options;

static const bf_option table[] = {{"weight", BF_OPTION_REAL, offsetof(options, weight), "0", 0, 1000, NULL,
                                   "weight of this task's loss; 0 leaves the head out"},
                                  {"box_weight", BF_OPTION_REAL, offsetof(options, box_weight), "2", 0, 100, NULL,
                                   "weight of the box's GIoU loss within the task"},
                                  {"distance_weight", BF_OPTION_REAL, offsetof(options, distance_weight), "5", 0, 100,
                                   NULL, "weight of the distance between the boxes' numbers within the task"},
                                  {"least", BF_OPTION_REAL, offsetof(options, least), "0.01", 0, 1, NULL,
                                   "a found box with a lower score is not reported"},
                                  BF_POOLED_OPTIONS(options, pooled, "flatten", "4", "0.2"),
                                  {NULL}};

enum { PRESENT, MIDDLE_X, MIDDLE_Y, WIDTH, HEIGHT, numbers };

typedef struct state {
  bf_value out;
  double w, h; /* of the picture, pixels */
} state;

static bool reads_where(const void *o) { return ((const options *)o)->pooled.pool == BF_POOL_LESION; }

static void build(bf_head *head, bf_graph *g, bf_features *f) {
  const options *o = head->options;
  state *s = head->state;
  bf_value map = f->value[f->count - 1];
  s->w = (double)bf_graph_shape(g, map).w * f->stride[f->count - 1];
  s->h = (double)bf_graph_shape(g, map).h * f->stride[f->count - 1];
  s->out = bf_linear(g, bf_pooled_build(g, f, &o->pooled, "box"), numbers, "heads.box.numbers");
  bf_graph_output(g, s->out);
}

/* Begins with a box in the middle, of two fifths of the sides. */
static void initialise(bf_head *head, bf_graph *g) {
  (void)head;
  bf_param *bias = bf_graph_find_param(g, "heads.box.numbers.bias");
  if (bias == NULL) return;
  bias->data[WIDTH] = bias->data[HEIGHT] = -0.4f;
}

static const bf_box *largest(const bf_truth *t) {
  const bf_box *best = NULL;
  double most = 0;
  for (int i = 0; i < t->box_count; i++) {
    const bf_box *b = &t->boxes[i];
    double area = ((double)b->xmax - b->xmin) * ((double)b->ymax - b->ymin);
    if (best == NULL || area > most) best = b, most = area;
  }
  return best;
}

/* Smooth near 0 (Girshick 2015, smooth L1 with a bend at 1/20 of the picture). */
static double distance(double *slope, double difference) {
  const double bend = 0.05;
  double size = fabs(difference);
  *slope = size < bend ? difference / bend : difference > 0 ? 1 : -1;
  return size < bend ? 0.5 * size * size / bend : size - 0.5 * bend;
}

/* Of one image's box; slope is with respect to the logits of the four numbers. */
static double box_loss(double slope[numbers], const state *s, const options *o, const float *z, const bf_box *b) {
  double found[numbers], truth[numbers], edge[4], giou[4], iou, sum = 0;
  truth[MIDDLE_X] = ((double)b->xmin + b->xmax) / 2 / s->w, truth[MIDDLE_Y] = ((double)b->ymin + b->ymax) / 2 / s->h;
  truth[WIDTH] = ((double)b->xmax - b->xmin) / s->w, truth[HEIGHT] = ((double)b->ymax - b->ymin) / s->h;
  for (int k = MIDDLE_X; k < numbers; k++) {
    found[k] = bf_sigmoid(z[k]);
    sum += o->distance_weight * distance(&slope[k], found[k] - truth[k]);
    slope[k] *= o->distance_weight;
  }
  /* Distances to the sides from the true middle. */
  double right = found[MIDDLE_X] - truth[MIDDLE_X], down = found[MIDDLE_Y] - truth[MIDDLE_Y];
  double sides[4] = {found[WIDTH] / 2 - right, found[HEIGHT] / 2 - down, found[WIDTH] / 2 + right,
                     found[HEIGHT] / 2 + down};
  for (int k = 0; k < 4; k++) edge[k] = truth[k % 2 ? HEIGHT : WIDTH] / 2;
  sum += o->box_weight * bf_loss_giou(giou, &iou, sides, edge);
  slope[MIDDLE_X] += o->box_weight * (giou[2] - giou[0]);
  slope[MIDDLE_Y] += o->box_weight * (giou[3] - giou[1]);
  slope[WIDTH] += o->box_weight * (giou[2] + giou[0]) / 2;
  slope[HEIGHT] += o->box_weight * (giou[3] + giou[1]) / 2;
  for (int k = MIDDLE_X; k < numbers; k++) slope[k] *= found[k] * (1 - found[k]);
  return sum;
}

static void loss(bf_head *head, bf_exec *exec, const bf_truth *truth, int n, float scale, double *total,
                 double *labelled) {
  const options *o = head->options;
  const state *s = head->state;
  float *gradient = scale != 0 ? bf_exec_gradient(exec, s->out) : NULL;
  *total = 0;
  *labelled = bf_truths_labelled(truth, n, BF_READS_LESIONS);
  for (int i = 0; i < n; i++) {
    if (!truth[i].lesions_known) continue;
    int64_t at = (int64_t)truth[i].image * numbers;
    const float *z = bf_exec_value(exec, s->out) + at;
    const bf_box *b = largest(&truth[i]);
    double slope[numbers] = {0}, share = truth[i].weight / *labelled;
    *total += share * bf_loss_bce(&slope[PRESENT], z[PRESENT], b != NULL);
    if (b != NULL) *total += share * box_loss(slope, s, o, z, b);
    for (int k = 0; k < numbers && gradient != NULL; k++) gradient[at + k] += (float)(scale * share * slope[k]);
  }
}

static void decode_image(const state *s, const options *o, const float *z, bf_prediction *out) {
  double x = bf_sigmoid(z[MIDDLE_X]) * s->w, y = bf_sigmoid(z[MIDDLE_Y]) * s->h,
         half_w = bf_sigmoid(z[WIDTH]) * s->w / 2, half_h = bf_sigmoid(z[HEIGHT]) * s->h / 2;
  bf_box box = {(float)fmax(x - half_w, 0), (float)fmax(y - half_h, 0), (float)fmin(x + half_w, s->w),
                (float)fmin(y + half_h, s->h), (float)bf_sigmoid(z[PRESENT])};
  out->has_boxes = true;
  out->box_count = box.score >= o->least && box.xmax > box.xmin && box.ymax > box.ymin;
  if (out->box_count > 0) out->boxes[0] = box;
}

static void decode(bf_head *head, bf_exec *exec, int n, bf_prediction *out) {
  const state *s = head->state;
  for (int i = 0; i < n; i++)
    if (!out[i].has_boxes) decode_image(s, head->options, bf_exec_value(exec, s->out) + (int64_t)i * numbers, &out[i]);
}

const bf_head_type bf_head_box = {.name = "box",
                                  .help = "one box an image, from pooled features",
                                  .options = table,
                                  .options_size = sizeof(options),
                                  .weight_offset = offsetof(options, weight),
                                  .state_size = sizeof(state),
                                  .most_boxes = 1,
                                  .reads = BF_READS_LESIONS,
                                  .build = build,
                                  .reads_where = reads_where,
                                  .loss = loss,
                                  .decode = decode,
                                  .initialise = initialise};
