/* A random part of the frame, enlarged to the whole of it: random resized cropping (Szegedy and others 2015, section
 * 6), with an optional change of shape. */
#include "image/augment_rows.h"

typedef struct options {
  double area, aspect;
} options;

static const bf_option table[] = {{"area", BF_OPTION_REAL, offsetof(options, area), "0.1", 0, 0.9, NULL,
                                   "largest share of the area that is cut away"},
                                  {"aspect", BF_OPTION_REAL, offsetof(options, aspect), "0", 0, 1, NULL,
                                   "largest change of width against height: 0.1 is from 1/1.1 to 1.1"},
                                  BF_NO_OPTION};

/* value: width and height of the part as shares of the frame, then where in the room that is left it stands. */
static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  double kept = 1 - bf_rng_uniform(rng) * mine->area;
  double ratio = sqrt(bf_draw_factor(rng, mine->aspect)), side = sqrt(kept);
  out->value[0] = fmin(1, side * ratio);
  out->value[1] = fmin(1, side / ratio);
  out->value[2] = bf_rng_uniform(rng);
  out->value[3] = bf_rng_uniform(rng);
}

static bf_affine affine(const void *o, const bf_augment_draw *d, int width, int height) {
  (void)o;
  double sx = 1 / d->value[0], sy = 1 / d->value[1];
  double left = (1 - d->value[0]) * width * d->value[2], top = (1 - d->value[1]) * height * d->value[3];
  return (bf_affine){{sx, 0, -left * sx, 0, sy, -top * sy}};
}

const bf_augment_type bf_augment_type_crop = {
    "crop", "a random part of the frame, enlarged", table, sizeof(options), draw, .affine = affine};
