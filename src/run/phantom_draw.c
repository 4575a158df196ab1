/* Painting of scenes: smooth tissue from value noise, lesions by their outlines, then what the modality does to it. */
#include "run/phantom_draw.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static double clamp01(double v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

static double smoothstep(double low, double high, double v) {
  double t = clamp01((v - low) / (high - low));
  return t * t * (3 - 2 * t);
}

/* ---- scenes ---- */

static bool too_near(const bf_phantom_scene *s, double x, double y, double size) {
  for (int i = 0; i < s->lesion_count; i++) {
    const bf_blob *l = &s->lesions[i].shape;
    double dx = l->x - x, dy = l->y - y, reach = 1.5 * (size + fmax(l->a, l->b));
    if (dx * dx + dy * dy < reach * reach) return true;
  }
  return false;
}

static void place_lesion(bf_phantom_scene *s, bool malignant, bf_rng *rng) {
  double side = fmin(s->columns, s->rows);
  for (int attempt = 0; attempt < 60; attempt++) {
    double size =
        side * (s->modality == BF_PHANTOM_US ? bf_rng_range(rng, 0.07, 0.19) : bf_rng_range(rng, 0.035, 0.10));
    double u = bf_rng_range(rng, 0.22, 0.78), v = bf_rng_range(rng, 0.28, 0.68);
    if (s->modality == BF_PHANTOM_MG) {
      u = bf_rng_range(rng, 0.12, 0.42);
      if (!s->left) u = 1 - u;
    }
    if (too_near(s, u * s->columns, v * s->rows, size)) continue;
    bf_phantom_lesion *l = &s->lesions[s->lesion_count++];
    *l = (bf_phantom_lesion){.malignant = malignant};
    bf_blob_draw(&l->shape, malignant, u * s->columns, v * s->rows, size, rng);
    return;
  }
}

void bf_phantom_scene_draw(bf_phantom_scene *s, bf_phantom_modality modality, bool malignant, int lesions, bool left,
                           int side, bf_rng *rng) {
  *s = (bf_phantom_scene){.modality = modality, .left = left};
  int base = modality == BF_PHANTOM_CT ? 512 : 400 + (int)bf_rng_below(rng, 201);
  s->columns = base;
  s->rows = modality == BF_PHANTOM_US   ? (int)(base * bf_rng_range(rng, 0.72, 0.95))
            : modality == BF_PHANTOM_MG ? (int)(base * 1.25)
                                        : base;
  if (side > 0) s->columns = s->rows = side;
  for (int i = 0; i < lesions && i < BF_PHANTOM_MOST_LESIONS; i++) place_lesion(s, malignant && i == 0, rng);
  s->texture = bf_rng_next(rng);
}

bool bf_phantom_is_lesion(const bf_phantom_scene *s, int x, int y) {
  for (int i = 0; i < s->lesion_count; i++) {
    const bf_phantom_lesion *l = &s->lesions[i];
    bool near = x >= l->xmin && x < l->xmax && y >= l->ymin && y < l->ymax;
    if (near && bf_blob_distance(&l->shape, x + 0.5, y + 0.5) < 1) return true;
  }
  return false;
}

/* ---- texture ---- */

static double lattice(uint64_t key, int x, int y) {
  bf_rng rng = bf_rng_make(key, (uint64_t)(x + 65536), (uint64_t)(y + 65536));
  return bf_rng_uniform(&rng);
}

/* Value noise on a grid of `cell` pixels, added with `strength` around zero. */
static void add_noise(float *dst, int columns, int rows, uint64_t key, double cell_x, double cell_y, double strength) {
  int wide = (int)(columns / cell_x) + 2;
  double above[1024], below[1024];
  int at = -1;
  if (wide > 1024) return;
  for (int y = 0; y < rows; y++) {
    int gy = (int)(y / cell_y);
    if (gy != at) {
      for (int i = 0; i < wide; i++) above[i] = lattice(key, i, gy), below[i] = lattice(key, i, gy + 1);
      at = gy;
    }
    double ty = smoothstep(0, 1, y / cell_y - gy);
    for (int x = 0; x < columns; x++) {
      int gx = (int)(x / cell_x);
      double tx = smoothstep(0, 1, x / cell_x - gx);
      double a = above[gx] + tx * (above[gx + 1] - above[gx]), b = below[gx] + tx * (below[gx + 1] - below[gx]);
      dst[(long)y * columns + x] += (float)(strength * (a + ty * (b - a) - 0.5));
    }
  }
}

static void blur_rows(float *dst, const float *src, int columns, int rows, int radius) {
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++) {
      float sum = 0;
      int n = 0;
      for (int k = -radius; k <= radius; k++)
        if (x + k >= 0 && x + k < columns) sum += src[(long)y * columns + x + k], n++;
      dst[(long)y * columns + x] = sum / (float)n;
    }
}

/* ---- modalities ---- */

static void layers(float *dst, const bf_phantom_scene *s) {
  for (int y = 0; y < s->rows; y++)
    for (int x = 0; x < s->columns; x++) {
      double bend = 0.03 * sin(x * 2 * pi / s->columns * 1.3 + (double)(s->texture % 7)),
             t = (double)y / s->rows + bend;
      double v = t < 0.06   ? 0.75
                 : t < 0.24 ? 0.36
                 : t < 0.72 ? 0.55
                 : t < 0.80 ? 0.70
                            : 0.40; /* skin, fat, gland, muscle */
      dst[(long)y * s->columns + x] = (float)v;
    }
}

/* Echo-poor inside; benign lesions brighten what lies behind them, malignant ones shade it. */
static void us_lesion(float *dst, const bf_phantom_scene *s, const bf_phantom_lesion *l) {
  const bf_blob *shape = &l->shape;
  double soft = l->malignant ? 0.16 : 0.06, reach = fmax(shape->a, shape->b);
  for (int y = 0; y < s->rows; y++)
    for (int x = 0; x < s->columns; x++) {
      float *p = &dst[(long)y * s->columns + x];
      double fade = bf_blob_behind(shape, x, y);
      *p *= (float)(l->malignant ? 1 - 0.6 * fade : 1 + 0.5 * fade);
      if (fabs(x - shape->x) > 2 * reach || fabs(y - shape->y) > 2 * reach) continue;
      double d = bf_blob_distance(shape, x + 0.5, y + 0.5), inside = bf_blob_inside(d, soft);
      *p = (float)(*p * (1 - inside) + (l->malignant ? 0.16 : 0.10) * inside);
      if (!l->malignant) *p += (float)(0.18 * bf_blob_capsule(d));
    }
}

/* Speckle: the amplitude of many echoes is Rayleigh distributed; displays compress it. */
static void speckle(float *dst, float *scratch, const bf_phantom_scene *s) {
  long n = (long)s->rows * s->columns;
  bf_rng rng = bf_rng_make(s->texture, 11, 0);
  for (long i = 0; i < n; i++)
    scratch[i] = (float)(dst[i] * sqrt(-2 * log(1 - bf_rng_uniform(&rng) * 0.999999)) / 1.2533);
  blur_rows(dst, scratch, s->columns, s->rows, 1);
  for (int y = 0; y < s->rows; y++) {
    double depth = exp(-0.5 * y / s->rows);
    for (int x = 0; x < s->columns; x++) {
      float *p = &dst[(long)y * s->columns + x];
      *p = (float)clamp01(log1p(6 * *p * depth) / log1p(9.0));
    }
  }
}

static void paint_us(float *dst, float *scratch, bf_phantom_scene *s) {
  layers(dst, s);
  add_noise(dst, s->columns, s->rows, s->texture + 1, 70, 26, 0.34);
  add_noise(dst, s->columns, s->rows, s->texture + 2, 22, 9, 0.22);
  for (long i = 0; i < (long)s->rows * s->columns; i++) dst[i] = dst[i] < 0.05f ? 0.05f : dst[i];
  for (int i = 0; i < s->lesion_count; i++) us_lesion(dst, s, &s->lesions[i]);
  speckle(dst, scratch, s);
}

static void dense_lesion(float *dst, const bf_phantom_scene *s, const bf_phantom_lesion *l, double strength) {
  const bf_blob *shape = &l->shape;
  double reach = 2.4 * fmax(shape->a, shape->b);
  for (int y = 0; y < s->rows; y++)
    for (int x = 0; x < s->columns; x++) {
      double dx = x + 0.5 - shape->x, dy = y + 0.5 - shape->y, r = sqrt(dx * dx + dy * dy);
      if (r > reach) continue;
      double d = bf_blob_distance(shape, x + 0.5, y + 0.5),
             v = 1 - smoothstep(l->malignant ? 0.7 : 0.88, l->malignant ? 1.1 : 1.02, d);
      if (l->malignant) { /* spicules */
        double angle = atan2(dy, dx),
               ray = pow(fabs(cos(6 * angle + shape->phase[0])), 40) * exp(-pow((d - 1) / 0.7, 2)) * (d > 0.8);
        v = fmax(v, 0.8 * ray);
      }
      dst[(long)y * s->columns + x] += (float)(strength * v);
    }
}

static void paint_mg(float *dst, bf_phantom_scene *s) {
  add_noise(dst, s->columns, s->rows, s->texture + 1, 60, 60, 0.30);
  add_noise(dst, s->columns, s->rows, s->texture + 2, 20, 20, 0.16);
  add_noise(dst, s->columns, s->rows, s->texture + 3, 6, 6, 0.06);
  for (int i = 0; i < s->lesion_count; i++) dense_lesion(dst, s, &s->lesions[i], s->lesions[i].malignant ? 0.34 : 0.27);
  bf_rng rng = bf_rng_make(s->texture, 12, 0);
  for (int y = 0; y < s->rows; y++)
    for (int x = 0; x < s->columns; x++) {
      double u = (s->left ? x : s->columns - 1 - x) / (0.62 * s->columns), v = (y - 0.5 * s->rows) / (0.46 * s->rows);
      double edge = 1 - smoothstep(0.94, 1.0, sqrt(u * u + v * v));
      float *p = &dst[(long)y * s->columns + x];
      *p = (float)clamp01(edge * (0.36 + *p) + 0.012 * bf_rng_normal(&rng) * edge);
    }
}

static void paint_ct(float *dst, bf_phantom_scene *s) {
  add_noise(dst, s->columns, s->rows, s->texture + 1, 40, 40, 0.05);
  for (int i = 0; i < s->lesion_count; i++) dense_lesion(dst, s, &s->lesions[i], s->lesions[i].malignant ? 0.16 : 0.12);
  bf_rng rng = bf_rng_make(s->texture, 13, 0);
  for (int y = 0; y < s->rows; y++)
    for (int x = 0; x < s->columns; x++) {
      double u = (x - 0.5 * s->columns) / (0.46 * s->columns), v = (y - 0.5 * s->rows) / (0.38 * s->rows),
             r = sqrt(u * u + v * v);
      double body = 1 - smoothstep(0.98, 1.0, r), rim = exp(-pow((r - 0.93) / 0.03, 2));
      float *p = &dst[(long)y * s->columns + x];
      *p = (float)clamp01(body * (0.42 + *p + 0.35 * rim) + 0.02 * bf_rng_normal(&rng));
    }
}

static void find_bounds(bf_phantom_lesion *l, int columns, int rows) {
  bf_rect r = bf_blob_bounds(&l->shape, columns, rows);
  l->xmin = r.xmin, l->ymin = r.ymin, l->xmax = r.xmax, l->ymax = r.ymax;
}

void bf_phantom_paint(float *dst, float *scratch, bf_phantom_scene *s) {
  memset(dst, 0, (size_t)s->rows * (size_t)s->columns * sizeof *dst);
  for (int i = 0; i < s->lesion_count; i++) find_bounds(&s->lesions[i], s->columns, s->rows);
  switch (s->modality) {
    case BF_PHANTOM_US: paint_us(dst, scratch, s); break;
    case BF_PHANTOM_MG: paint_mg(dst, s); break;
    case BF_PHANTOM_CT: paint_ct(dst, s); break;
  }
}
