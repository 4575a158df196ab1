/* Zooming about the centre of the frame, the same in both directions: the shape of a lesion is evidence. */
#include "image/augment_rows.h"

typedef struct options {
  double range;
} options;

static const bf_option table[] = {{"range", BF_OPTION_REAL, offsetof(options, range), "0.1", 0, 2, NULL,
                                   "largest zoom, as a share: 0.1 is from 1/1.1 to 1.1"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_draw_factor(rng, mine->range);
}

static bf_affine affine(const void *o, const bf_augment_draw *d, int width, int height) {
  (void)o;
  return bf_about_centre(bf_affine_scale(d->value[0], d->value[0]), width, height);
}

const bf_augment_type bf_augment_type_scale = {
    "scale", "zooming about the centre", table, sizeof(options), draw, .affine = affine};
