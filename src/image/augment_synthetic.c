/* A synthetic lesion put into a picture that is known to have none: where lesions are few, a picture without one is a
 * place to show one. Its outline is as drawn as those of synthetic studies, its grain is the picture's own, since grey
 * values are scaled rather than replaced. It teaches where, never what: whoever trains must not give it a class. Off
 * unless asked for. */
#include "image/augment_rows.h"

typedef struct options {
  double probability, size, contrast, bright;
} options;

static const bf_option table[] = {
    {"probability", BF_OPTION_REAL, offsetof(options, probability), "0", 0, 1, NULL,
     "probability of putting a drawn lesion into a picture that is known to have none"},
    {"size", BF_OPTION_REAL, offsetof(options, size), "0.18", 0, 0.4, NULL,
     "largest half axis, share of the picture's shorter side"},
    {"contrast", BF_OPTION_REAL, offsetof(options, contrast), "0.7", 0, 1, NULL,
     "largest change of grey values inside, as a share of what it can be"},
    {"bright", BF_OPTION_REAL, offsetof(options, bright), "0", 0, 1, NULL,
     "probability of being brighter than what is around it (mammography, CT) instead of darker (ultrasound)"},
    BF_NO_OPTION};

enum { ACTS, ACROSS, DOWN, SIZE, RAGGED, BRIGHT, CONTRAST };

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[ACTS] = bf_rng_uniform(rng) < mine->probability && mine->size > 0 && mine->contrast > 0;
  out->value[ACROSS] = bf_rng_range(rng, 0.15, 0.85);
  out->value[DOWN] = bf_rng_range(rng, 0.2, 0.75);
  out->value[SIZE] = bf_rng_range(rng, 0.3, 1) * mine->size;
  out->value[RAGGED] = bf_rng_uniform(rng) < 0.5;
  out->value[BRIGHT] = bf_rng_uniform(rng) < mine->bright;
  out->value[CONTRAST] = bf_rng_range(rng, 0.5, 1) * mine->contrast;
}

/* Beyond so many outlines neither border nor capsule is to be seen. */
static const double last_outline = 1.25;

/* Darker inside, and what lies behind it in shadow or brightened, as sound leaves it. */
static float echo(const bf_blob *l, float grey, int x, int y, double contrast, double reach) {
  double behind = bf_blob_behind(l, x, y), v = (double)grey;
  v *= l->ragged ? 1 - 0.5 * contrast * behind : 1 + 0.35 * contrast * behind;
  if (hypot(x + 0.5 - l->x, y + 0.5 - l->y) > reach) return bf_clip_grey((float)v);
  double distance = bf_blob_distance(l, x + 0.5, y + 0.5);
  v *= 1 - contrast * bf_blob_inside(distance, l->ragged ? 0.16 : 0.06);
  if (!l->ragged) v *= 1 + 0.3 * contrast * bf_blob_capsule(distance);
  return bf_clip_grey((float)v);
}

static float dense(const bf_blob *l, float grey, int x, int y, double contrast, double reach) {
  if (hypot(x + 0.5 - l->x, y + 0.5 - l->y) > reach) return grey;
  double inside = bf_blob_inside(bf_blob_distance(l, x + 0.5, y + 0.5), l->ragged ? 0.2 : 0.06);
  return bf_clip_grey((float)((double)grey + contrast * inside * (1 - (double)grey)));
}

static bool implant(const void *o, const bf_augment_draw *d, const bf_warp *warp, int columns, int rows, float *grey,
                    int width, int height, bf_blob *out) {
  (void)o;
  if (d->value[ACTS] == 0) return false;
  double x, y, scale = sqrt(fabs(warp->affine.m[0] * warp->affine.m[4] - warp->affine.m[1] * warp->affine.m[3]));
  bf_warp_forward(warp, d->value[ACROSS] * columns, d->value[DOWN] * rows, &x, &y);
  bf_rng rng = bf_rng_make(d->noise, 0, 0);
  bf_blob_draw(out, d->value[RAGGED] != 0, x, y, d->value[SIZE] * scale * (columns < rows ? columns : rows), &rng);
  bf_rect seen = bf_blob_bounds(out, width, height);
  /* Whole, and large enough to be seen: else it would have a box that nobody could give. */
  if (seen.xmin <= 0 || seen.ymin <= 0 || seen.xmax >= width || seen.ymax >= height || seen.xmax - seen.xmin < 4 ||
      seen.ymax - seen.ymin < 4)
    return false;
  double reach = bf_blob_reach(out, last_outline);
  for (int v = 0; v < height; v++)
    for (int u = 0; u < width; u++) {
      float *p = &grey[(ptrdiff_t)v * width + u];
      *p = (d->value[BRIGHT] != 0 ? dense : echo)(out, *p, u, v, d->value[CONTRAST], reach);
    }
  return true;
}

const bf_augment_type bf_augment_type_synthetic = {
    "synthetic", "a drawn lesion in a picture without one", table, sizeof(options), draw, .implant = implant};
