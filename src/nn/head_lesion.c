/* Finds lesions: a dense, anchor-free detector on a map of stride 8 (or 4) that joins several stages of the backbone
 * from coarse to fine (Lin et al. 2017, feature pyramids). Each cell gives a centre heat (Law, Deng 2018; Zhou, Wang,
 * Krähenbühl 2019), the distances to the four sides (Tian et al. 2019) and the overlap it expects of its box. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "nn/head.h"
#include "nn/loss.h"

typedef struct options {
  double weight, box_weight, quality_weight, spread, overlap, least;
  int channels, stride; /* stride: index into strides */
} options;

static const int strides[] = {4, 8};

static const bf_option table[] = {
    {"weight", BF_OPTION_REAL, offsetof(options, weight), "1", 0, 1000, NULL,
     "weight of this task's loss; 0 leaves the head out"},
    {"box_weight", BF_OPTION_REAL, offsetof(options, box_weight), "2", 0, 100, NULL,
     "weight of the boxes' GIoU loss within the task"},
    {"quality_weight", BF_OPTION_REAL, offsetof(options, quality_weight), "0.5", 0, 100, NULL,
     "weight of the expected overlap's loss within the task"},
    {"channels", BF_OPTION_INT, offsetof(options, channels), "96", 8, 512, NULL, "channels of the joined map"},
    {"stride", BF_OPTION_CHOICE, offsetof(options, stride), "8", 0, 0, "4|8", "pixels a cell of the map"},
    {"spread", BF_OPTION_REAL, offsetof(options, spread), "0.54", 0.1, 1, NULL,
     "size of the centre region as a share of the box (Liu et al. 2020)"},
    {"overlap", BF_OPTION_REAL, offsetof(options, overlap), "0.4", 0, 1, NULL,
     "found boxes with a higher IoU than this are one lesion"},
    {"least", BF_OPTION_REAL, offsetof(options, least), "0.01", 0, 1, NULL,
     "found boxes with a lower score are not reported"},
    {NULL}};

typedef struct state {
  bf_value heat, sides, quality;
  int h, w, stride;
} state;

static const double largest_exponent = 6;

static bf_value tower(bf_graph *g, bf_value x, int channels, const char *name) {
  x = bf_conv2d(g, x, (bf_conv){.out = channels, .kernel = 3, .padding = 1}, "heads.lesion.%s.conv", name);
  return bf_relu(g, bf_batch_norm(g, x, "heads.lesion.%s.norm", name));
}

static void build(bf_head *head, bf_graph *g, bf_features *f) {
  const options *o = head->options;
  state *s = head->state;
  bf_value x = -1;
  for (int i = f->count - 1; i >= 0 && f->stride[i] >= strides[o->stride]; i--) {
    bf_value lateral = bf_conv2d(g, f->value[i], (bf_conv){.out = o->channels, .kernel = 1, .bias = true},
                                 "heads.lesion.lateral%d", f->stride[i]);
    bf_shape shape = bf_graph_shape(g, lateral);
    x = x < 0 ? lateral : bf_add(g, lateral, bf_upsample2_to(g, x, shape.h, shape.w));
    s->stride = f->stride[i];
  }
  x = tower(g, x, o->channels, "join");
  bf_value where = tower(g, x, o->channels, "where"), size = tower(g, x, o->channels, "size");
  s->heat = bf_conv2d(g, where, (bf_conv){.out = 1, .kernel = 1, .bias = true}, "heads.lesion.heat");
  s->sides = bf_conv2d(g, size, (bf_conv){.out = 4, .kernel = 1, .bias = true}, "heads.lesion.sides");
  s->quality = bf_conv2d(g, size, (bf_conv){.out = 1, .kernel = 1, .bias = true}, "heads.lesion.quality");
  s->h = bf_graph_shape(g, s->heat).h;
  s->w = bf_graph_shape(g, s->heat).w;
  if (f->where_stride == 0) f->where = s->heat, f->where_stride = s->stride;
  bf_graph_output(g, s->heat);
  bf_graph_output(g, s->sides);
  bf_graph_output(g, s->quality);
}

/* Small weights; heat starts near 0.05, so that the many empty cells do not drown the first steps (Lin et al. 2017,
 * focal loss); boxes start some six cells to each side. */
static void initialise(bf_head *head, bf_graph *g) {
  (void)head;
  static const struct first {
    const char *name;
    double bias;
  } firsts[] = {{"heads.lesion.heat", -2.94}, {"heads.lesion.sides", 1.6}, {"heads.lesion.quality", 0}};
  for (int k = 0; k < 3; k++) {
    char name[64];
    snprintf(name, sizeof name, "%s.weight", firsts[k].name);
    bf_param *weight = bf_graph_find_param(g, name);
    snprintf(name, sizeof name, "%s.bias", firsts[k].name);
    bf_param *bias = bf_graph_find_param(g, name);
    if (weight == NULL || bias == NULL) continue;
    bf_rng rng = bf_rng_make(17, (uint64_t)k, 0);
    for (int64_t i = 0; i < weight->count; i++) weight->data[i] = (float)(0.01 * bf_rng_normal(&rng));
    for (int64_t i = 0; i < bias->count; i++) bias->data[i] = (float)firsts[k].bias;
  }
}

/* ---- loss ---- */

/* A box in cells, with its Gaussian centre region. */
typedef struct region {
  double x0, y0, x1, y1, cx, cy, sx, sy;
  int peak_x, peak_y;
} region;

static region region_of(const state *s, const options *o, const bf_box *b) {
  double k = 1.0 / s->stride;
  region r = {b->xmin * k, b->ymin * k, b->xmax * k, b->ymax * k, 0, 0, 0, 0, 0, 0};
  r.cx = (r.x0 + r.x1) / 2, r.cy = (r.y0 + r.y1) / 2;
  r.sx = fmax((r.x1 - r.x0) * o->spread / 6, 0.35);
  r.sy = fmax((r.y1 - r.y0) * o->spread / 6, 0.35);
  r.peak_x = (int)fmin(fmax(floor(r.cx), 0), s->w - 1);
  r.peak_y = (int)fmin(fmax(floor(r.cy), 0), s->h - 1);
  return r;
}

/* 1 at the cell that holds the centre. So far away that 1 less it is 1, it is 0. */
static double gaussian(const region *r, int x, int y) {
  double dx = (x - r->peak_x) / r->sx, dy = (y - r->peak_y) / r->sy, far = 0.5 * (dx * dx + dy * dy);
  return far < 40 ? exp(-far) : 0;
}

static double heat_loss(const state *s, const options *o, const bf_truth *t, const float *z, float *gradient,
                        double scale) {
  enum { at_once = 16 };
  region regions[at_once];
  double sum = 0;
  for (int b = 0; b < t->box_count && b < at_once; b++) regions[b] = region_of(s, o, &t->boxes[b]);
  for (int y = 0; y < s->h; y++)
    for (int x = 0; x < s->w; x++) {
      double target = 0;
      for (int b = 0; b < t->box_count; b++) {
        region more, *r = b < at_once ? &regions[b] : &more;
        if (b >= at_once) more = region_of(s, o, &t->boxes[b]);
        target = fmax(target, gaussian(r, x, y));
      }
      double slope;
      sum += bf_loss_centre(&slope, z[y * s->w + x], target);
      if (gradient != NULL) gradient[y * s->w + x] += (float)(scale * slope);
    }
  return sum;
}

static double side(float z) { return exp(fmin(fmax((double)z, -largest_exponent), largest_exponent)); }

typedef struct maps {
  const float *sides, *quality;
  float *sides_gradient, *quality_gradient;
} maps;

static double cell_loss(const options *o, const region *r, const maps *m, int64_t at, double x, double y, double weight,
                        double scale) {
  double predicted[4], target[4] = {x - r->x0, y - r->y0, r->x1 - x, r->y1 - y}, slope[4], iou, quality_slope;
  for (int k = 0; k < 4; k++) predicted[k] = side(m->sides[4 * at + k]);
  double box = bf_loss_giou(slope, &iou, predicted, target);
  double quality = bf_loss_bce(&quality_slope, m->quality[at], iou);
  if (m->sides_gradient != NULL)
    for (int k = 0; k < 4; k++) {
      if (fabsf(m->sides[4 * at + k]) > largest_exponent) continue;
      m->sides_gradient[4 * at + k] += (float)(scale * weight * o->box_weight * slope[k] * predicted[k]);
    }
  if (m->quality_gradient != NULL)
    m->quality_gradient[at] += (float)(scale * weight * o->quality_weight * quality_slope);
  return weight * (o->box_weight * box + o->quality_weight * quality);
}

/* Cells near the centre, weighted by the Gaussian; each lesion counts the same, whatever its size. */
static double lesion_loss(const state *s, const options *o, const bf_box *b, const maps *m, double scale) {
  region r = region_of(s, o, b);
  int reach_x = (int)ceil(2 * r.sx), reach_y = (int)ceil(2 * r.sy);
  double total = 0, sum = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int y = r.peak_y - reach_y; y <= r.peak_y + reach_y; y++)
      for (int x = r.peak_x - reach_x; x <= r.peak_x + reach_x; x++) {
        double w = gaussian(&r, x, y), px = x + 0.5, py = y + 0.5;
        bool peak = x == r.peak_x && y == r.peak_y;
        bool inside = px > r.x0 && px < r.x1 && py > r.y0 && py < r.y1;
        if (x < 0 || y < 0 || x >= s->w || y >= s->h || w < 0.1 || !(inside || peak)) continue;
        if (pass == 0)
          total += w;
        else
          sum += cell_loss(o, &r, m, (int64_t)y * s->w + x, px, py, w / total, scale);
      }
  return sum;
}

static void loss(bf_head *head, bf_exec *exec, const bf_truth *truth, int n, float scale, double *total,
                 double *labelled) {
  const options *o = head->options;
  const state *s = head->state;
  int64_t cells = (int64_t)s->h * s->w;
  double lesions = 0;
  *total = 0;
  *labelled = bf_truths_labelled(truth, n, BF_READS_LESIONS);
  for (int i = 0; i < n; i++) lesions += truth[i].lesions_known ? truth[i].weight * truth[i].box_count : 0;
  /* The mean over lesions, or over the images that somebody looked at where these are more: many images without a
   * lesion push false heat down, and do not grow the loss by their number. */
  double most = fmax(lesions, *labelled);
  float *heat_gradient = scale != 0 ? bf_exec_gradient(exec, s->heat) : NULL;
  float *sides_gradient = scale != 0 ? bf_exec_gradient(exec, s->sides) : NULL;
  float *quality_gradient = scale != 0 ? bf_exec_gradient(exec, s->quality) : NULL;
  for (int i = 0; i < n; i++) {
    if (!truth[i].lesions_known) continue;
    int64_t at = truth[i].image * cells;
    double share = truth[i].weight / most;
    const float *heat = bf_exec_value(exec, s->heat) + at;
    maps m = {bf_exec_value(exec, s->sides) + 4 * at, bf_exec_value(exec, s->quality) + at,
              sides_gradient ? sides_gradient + 4 * at : NULL, quality_gradient ? quality_gradient + at : NULL};
    *total += share * heat_loss(s, o, &truth[i], heat, heat_gradient ? heat_gradient + at : NULL, scale * share);
    for (int b = 0; b < truth[i].box_count; b++)
      *total += share * lesion_loss(s, o, &truth[i].boxes[b], &m, scale * share);
  }
}

/* ---- decoding ---- */

static bool is_peak(const state *s, const float *heat, int x, int y) {
  float here = heat[y * s->w + x];
  for (int v = y - 1; v <= y + 1; v++)
    for (int u = x - 1; u <= x + 1; u++) {
      if (u < 0 || v < 0 || u >= s->w || v >= s->h || (u == x && v == y)) continue;
      float other = heat[v * s->w + u];
      /* Of equal neighbours the first one counts. */
      if (other > here || (other == here && (v < y || (v == y && u < x)))) return false;
    }
  return true;
}

/* The peak and its neighbours vote for the box, each by its heat and the overlap it expects. */
static bf_box vote(const state *s, const float *heat, const float *sides, const float *quality, int x, int y) {
  double sum[4] = {0}, total = 0;
  for (int v = y - 1; v <= y + 1; v++)
    for (int u = x - 1; u <= x + 1; u++) {
      if (u < 0 || v < 0 || u >= s->w || v >= s->h) continue;
      int64_t at = (int64_t)v * s->w + u;
      double w = bf_sigmoid(heat[at]) * bf_sigmoid(quality[at]);
      double edges[4] = {u + 0.5 - side(sides[4 * at]), v + 0.5 - side(sides[4 * at + 1]),
                         u + 0.5 + side(sides[4 * at + 2]), v + 0.5 + side(sides[4 * at + 3])};
      for (int k = 0; k < 4; k++) sum[k] += w * edges[k];
      total += w;
    }
  double width = (double)s->w * s->stride, height = (double)s->h * s->stride, scale = total > 0 ? s->stride / total : 0;
  int64_t at = (int64_t)y * s->w + x;
  return (bf_box){(float)fmax(sum[0] * scale, 0), (float)fmax(sum[1] * scale, 0), (float)fmin(sum[2] * scale, width),
                  (float)fmin(sum[3] * scale, height), (float)sqrt(bf_sigmoid(heat[at]) * bf_sigmoid(quality[at]))};
}

static double iou(const bf_box *a, const bf_box *b) {
  double w = fmin(a->xmax, b->xmax) - fmax(a->xmin, b->xmin), h = fmin(a->ymax, b->ymax) - fmax(a->ymin, b->ymin);
  if (w <= 0 || h <= 0) return 0;
  double u = ((double)a->xmax - a->xmin) * ((double)a->ymax - a->ymin) +
             ((double)b->xmax - b->xmin) * ((double)b->ymax - b->ymin) - w * h;
  return w * h / u;
}

enum { most_candidates = 128 };

static int insert(bf_box *list, int count, bf_box box) {
  if (count == most_candidates && box.score <= list[count - 1].score) return count;
  int i = count < most_candidates ? count : count - 1;
  for (; i > 0 && list[i - 1].score < box.score; i--) list[i] = list[i - 1];
  list[i] = box;
  return count < most_candidates ? count + 1 : count;
}

static void decode_image(const state *s, const options *o, const float *heat, const float *sides, const float *quality,
                         bf_prediction *out) {
  bf_box candidates[most_candidates];
  int count = 0;
  for (int y = 0; y < s->h; y++)
    for (int x = 0; x < s->w; x++) {
      if (!is_peak(s, heat, x, y)) continue;
      bf_box box = vote(s, heat, sides, quality, x, y);
      if (box.score >= o->least && box.xmax > box.xmin && box.ymax > box.ymin) count = insert(candidates, count, box);
    }
  out->has_boxes = true;
  out->box_count = 0;
  for (int i = 0; i < count && out->box_count < BF_MAX_BOXES; i++) {
    bool fresh = true;
    for (int k = 0; k < out->box_count && fresh; k++) fresh = iou(&candidates[i], &out->boxes[k]) <= o->overlap;
    if (fresh) out->boxes[out->box_count++] = candidates[i];
  }
}

static void decode(bf_head *head, bf_exec *exec, int n, bf_prediction *out) {
  const options *o = head->options;
  const state *s = head->state;
  int64_t cells = (int64_t)s->h * s->w;
  for (int i = 0; i < n; i++)
    decode_image(s, o, bf_exec_value(exec, s->heat) + i * cells, bf_exec_value(exec, s->sides) + 4 * i * cells,
                 bf_exec_value(exec, s->quality) + i * cells, &out[i]);
}

const bf_head_type bf_head_lesion = {.name = "lesion",
                                     .help = "boxes of the lesions, any number an image",
                                     .options = table,
                                     .options_size = sizeof(options),
                                     .weight_offset = offsetof(options, weight),
                                     .state_size = sizeof(state),
                                     .most_boxes = BF_MAX_BOXES,
                                     .reads = BF_READS_LESIONS,
                                     .build = build,
                                     .loss = loss,
                                     .decode = decode,
                                     .initialise = initialise};
