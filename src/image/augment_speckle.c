/* Multiplicative noise, as of coherent waves: its size grows with the grey value. */
#include "image/augment_rows.h"

typedef struct options {
  double sigma;
} options;

static const bf_option table[] = {{"sigma", BF_OPTION_REAL, offsetof(options, sigma), "0.05", 0, 1, NULL,
                                   "largest standard deviation, as a share of the grey value"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, 0, mine->sigma);
}

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
    for (int k = 0; k < count; k++) line[k] = bf_clip_grey(line[k] * (1 + sigma * bells[k]));
  }
}

const bf_augment_type bf_augment_type_speckle = {"speckle", "multiplicative noise", table, sizeof(options),
                                                 draw,      .apply = apply};
