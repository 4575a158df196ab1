/* Moving the picture in its frame. */
#include "image/augment_rows.h"

typedef struct options {
  double fraction;
} options;

static const bf_option table[] = {{"fraction", BF_OPTION_REAL, offsetof(options, fraction), "0.05", 0, 0.5, NULL,
                                   "largest shift, as a share of the frame's side"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, -mine->fraction, mine->fraction);
  out->value[1] = bf_rng_range(rng, -mine->fraction, mine->fraction);
}

static bf_affine affine(const void *o, const bf_augment_draw *d, int width, int height) {
  (void)o;
  return bf_affine_translate(d->value[0] * width, d->value[1] * height);
}

const bf_augment_type bf_augment_type_translate = {
    "translate", "moving the picture in its frame", table, sizeof(options), draw, .affine = affine};
