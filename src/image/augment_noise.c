/* Additive noise, as of a receiver. */
#include "image/augment_rows.h"

typedef struct options {
  double sigma;
} options;

static const bf_option table[] = {{"sigma", BF_OPTION_REAL, offsetof(options, sigma), "0.02", 0, 0.5, NULL,
                                   "largest standard deviation; grey values go from 0 to 1"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, 0, mine->sigma);
}

/* Pixels at 0 (the frame around the picture) stay as they are. Each pixel takes its draw, whatever its value. */
static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  float sigma = (float)d->value[0];
  if (sigma == 0) return;
  bf_rng rng = bf_rng_make(d->noise, 0, 0);
  float bells[BF_BELLS];
  for (int i = 0, all = width * height; i < all; i += BF_BELLS) {
    float *line = grey + i;
    int count = all - i < BF_BELLS ? all - i : BF_BELLS;
    bf_draw_bells(bells, &rng, count);
    for (int k = 0; k < count; k++) line[k] = line[k] > 0 ? bf_clip_grey(line[k] + sigma * bells[k]) : line[k];
  }
}

const bf_augment_type bf_augment_type_noise = {"noise", "additive noise", table, sizeof(options), draw, .apply = apply};
