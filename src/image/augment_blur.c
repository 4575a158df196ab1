/* Gaussian blur in place: rows, then strips of columns, with the original values of one window kept in a ring. */
#include "image/augment_rows.h"

#include <string.h>

typedef struct options {
  double sigma;
} options;

static const bf_option table[] = {{"sigma", BF_OPTION_REAL, offsetof(options, sigma), "0.5", 0, 4, NULL,
                                   "largest standard deviation, pixels of the network's input"},
                                  BF_NO_OPTION};

enum { most_radius = 12, strip = 16 };
static const double least_sigma = 0.15; /* below it the neighbours' weight is nothing */

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, 0, mine->sigma);
}

/* `lanes` neighbouring values at a time run along a line of n places that are `step` apart. Beyond the ends the last
 * value goes on. */
static void blur_line(float *line, int n, ptrdiff_t step, int lanes, const float *weight, int radius) {
  float ring[2 * most_radius + 1][strip], last[strip];
  int size = 2 * radius + 1;
  for (int k = -radius; k <= radius; k++) {
    int from = k < 0 ? 0 : k >= n ? n - 1 : k;
    memcpy(ring[(k + size) % size], line + from * step, (size_t)lanes * sizeof(float));
  }
  memcpy(last, line + (n - 1) * step, (size_t)lanes * sizeof(float));
  for (int i = 0; i < n; i++) {
    float sum[strip] = {0};
    for (int k = -radius; k <= radius; k++) {
      const float *value = ring[(i + k + size) % size];
      float w = weight[k < 0 ? -k : k];
      for (int l = 0; l < lanes; l++) sum[l] += w * value[l];
    }
    memcpy(line + i * step, sum, (size_t)lanes * sizeof(float));
    int next = i + 1 + radius;
    memcpy(ring[next % size], next < n ? line + next * step : last, (size_t)lanes * sizeof(float));
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
  for (int y = 0; y < height; y++) blur_line(grey + (ptrdiff_t)y * width, width, 1, 1, weight, radius);
  for (int x = 0; x < width; x += strip)
    blur_line(grey + x, height, width, width - x < strip ? width - x : strip, weight, radius);
}

const bf_augment_type bf_augment_type_blur = {"blur", "Gaussian blur", table, sizeof(options), draw, NULL, apply};
