/* A rectangle filled with the mean grey value (Zhong and others 2020). Off unless asked for: a small lesion can
 * vanish under it. */
#include "image/augment_rows.h"

typedef struct options {
  double probability, area;
} options;

static const bf_option table[] = {
    {"probability", BF_OPTION_REAL, offsetof(options, probability), "0", 0, 1, NULL,
     "probability of erasing a rectangle"},
    {"area", BF_OPTION_REAL, offsetof(options, area), "0.1", 0, 0.5, NULL, "largest share of the frame's area"},
    BF_NO_OPTION};

/* value: acts or not; width and height as shares of the frame; where in the room that is left. */
static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_uniform(rng) < mine->probability;
  double share = bf_rng_uniform(rng) * mine->area, ratio = sqrt(bf_draw_factor(rng, 1));
  out->value[1] = fmin(1, sqrt(share) * ratio);
  out->value[2] = fmin(1, sqrt(share) / ratio);
  out->value[3] = bf_rng_uniform(rng);
  out->value[4] = bf_rng_uniform(rng);
}

static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  if (d->value[0] == 0) return;
  int w = (int)(d->value[1] * width), h = (int)(d->value[2] * height);
  int left = (int)((width - w) * d->value[3]), top = (int)((height - h) * d->value[4]);
  double sum = 0;
  for (int i = 0; i < width * height; i++) sum += grey[i];
  float mean = (float)(sum / ((double)width * height));
  for (int y = top; y < top + h; y++)
    for (int x = left; x < left + w; x++) grey[(ptrdiff_t)y * width + x] = mean;
}

const bf_augment_type bf_augment_type_erase = {
    "erase", "a rectangle filled with the mean grey value", table, sizeof(options), draw, .apply = apply};
