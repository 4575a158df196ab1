/* Gaussian blur in place: rows, then strips of columns. What is overwritten and still needed is kept aside. */
#include "image/augment_rows.h"

#include <string.h>

typedef struct options {
  double sigma;
} options;

static const bf_option table[] = {{"sigma", BF_OPTION_REAL, offsetof(options, sigma), "0.5", 0, 4, NULL,
                                   "largest standard deviation, pixels of the network's input"},
                                  BF_NO_OPTION};

enum { most_radius = 12, strip = 64 };
static const double least_sigma = 0.15; /* below it the neighbours' weight is nothing */

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, 0, mine->sigma);
}

/* dst[i] = the weighted sum of source[i + k * step], k from -radius to radius, in that order. */
static void add_up(float *dst, const float *source, ptrdiff_t step, int n, const float *weight, int radius) {
  float sum[strip] = {0};
  for (int k = -radius; k <= radius; k++) {
    const float *from = source + k * step, w = weight[k < 0 ? -k : k];
    for (int i = 0; i < n; i++) sum[i] += w * from[i];
  }
  memcpy(dst, sum, (size_t)n * sizeof *dst);
}

/* Beyond the ends the last value goes on. */
static void blur_row(float *row, int n, const float *weight, int radius) {
  float kept[strip + 2 * most_radius]; /* the values of a strip as they were, with their neighbours */
  for (int i = 0; i < radius; i++) kept[i] = row[0];
  for (int x = 0; x < n; x += strip) {
    int count = n - x < strip ? n - x : strip;
    for (int i = 0; i < count + radius; i++) kept[radius + i] = row[x + i < n ? x + i : n - 1];
    add_up(row + x, kept + radius, 1, count, weight, radius);
    memmove(kept, kept + count, (size_t)radius * sizeof *kept);
  }
}

/* A strip of columns. Rows are kept as they were, before they are overwritten, in a window that is moved back when it
 * is full. */
static void blur_columns(float *grey, int lanes, int width, int height, const float *weight, int radius) {
  enum { most_rows = 64 };
  float kept[most_rows][strip];
  int first = -radius, rows = 0; /* the row that kept begins with; how many it holds */
  for (int y = 0; y < height; y++) {
    if (y + radius >= first + most_rows) {
      rows = 2 * radius;
      memmove(kept[0], kept[y - radius - first], (size_t)rows * sizeof kept[0]);
      first = y - radius;
    }
    for (; first + rows <= y + radius; rows++) {
      int from = first + rows < 0 ? 0 : first + rows < height ? first + rows : height - 1;
      memcpy(kept[rows], grey + (ptrdiff_t)from * width, (size_t)lanes * sizeof(float));
    }
    add_up(grey + (ptrdiff_t)y * width, kept[y - first], strip, lanes, weight, radius);
  }
}

static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  double sigma = d->value[0], sum = 1;
  float weight[most_radius + 1] = {1};
  if (sigma < least_sigma) return;
  int radius = (int)ceil(3 * sigma);
  if (radius > most_radius) radius = most_radius;
  for (int k = 1; k <= radius; k++) {
    weight[k] = (float)exp(-0.5 * k * k / (sigma * sigma));
    sum += 2 * weight[k];
  }
  for (int k = 0; k <= radius; k++) weight[k] = (float)(weight[k] / sum);
  for (int y = 0; y < height; y++) blur_row(grey + (ptrdiff_t)y * width, width, weight, radius);
  for (int x = 0; x < width; x += strip)
    blur_columns(grey + x, width - x < strip ? width - x : strip, width, height, weight, radius);
}

const bf_augment_type bf_augment_type_blur = {"blur", "Gaussian blur", table, sizeof(options), draw, .apply = apply};
