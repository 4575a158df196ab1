/* Mirroring left-right or top-bottom. */
#include "image/augment_rows.h"

typedef struct options {
  double horizontal, vertical;
} options;

static const bf_option table[] = {{"horizontal", BF_OPTION_REAL, offsetof(options, horizontal), "0.5", 0, 1, NULL,
                                   "probability of mirroring left and right"},
                                  {"vertical", BF_OPTION_REAL, offsetof(options, vertical), "0", 0, 1, NULL,
                                   "probability of mirroring top and bottom"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_uniform(rng) < mine->horizontal;
  out->value[1] = bf_rng_uniform(rng) < mine->vertical;
}

static bf_affine affine(const void *o, const bf_augment_draw *d, int width, int height) {
  (void)o;
  double x = d->value[0] != 0 ? -1 : 1, y = d->value[1] != 0 ? -1 : 1;
  return (bf_affine){{x, 0, x < 0 ? width : 0, 0, y, y < 0 ? height : 0}};
}

const bf_augment_type bf_augment_type_flip = {"flip", "mirroring", table, sizeof(options), draw, .affine = affine};
