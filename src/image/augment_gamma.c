/* Grey values to a power: another display curve. */
#include "image/augment_rows.h"

typedef struct options {
  double range;
} options;

static const bf_option table[] = {{"range", BF_OPTION_REAL, offsetof(options, range), "0.2", 0, 3, NULL,
                                   "largest exponent: 0.2 is from 1/1.2 to 1.2"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_draw_factor(rng, mine->range);
}

enum { steps = 512 };

/* The curve from a table with straight lines between its points: within 0.002 of powf for the exponents allowed, apart
 * from the very darkest values, and many times faster. */
static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  float curve[steps + 2];
  if (d->value[0] == 1) return;
  for (int i = 0; i <= steps + 1; i++) curve[i] = (float)pow((double)i / steps, d->value[0]);
  for (int i = 0; i < width * height; i++) {
    float at = bf_clip_grey(grey[i]) * steps;
    int below = (int)at;
    grey[i] = bf_clip_grey(curve[below] + (at - (float)below) * (curve[below + 1] - curve[below]));
  }
}

const bf_augment_type bf_augment_type_gamma = {"gamma",       "grey values to a power", table, sizeof(options), draw,
                                               .apply = apply};
