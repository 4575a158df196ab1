/* Turning about the centre of the frame. */
#include "image/augment_rows.h"

typedef struct options {
  double degrees;
} options;

static const bf_option table[] = {
    {"degrees", BF_OPTION_REAL, offsetof(options, degrees), "10", 0, 180, NULL, "largest turn to either side, degrees"},
    BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, -mine->degrees, mine->degrees) * (3.14159265358979323846 / 180);
}

static bf_affine affine(const void *o, const bf_augment_draw *d, int width, int height) {
  (void)o;
  return bf_about_centre(bf_affine_rotate(d->value[0]), width, height);
}

const bf_augment_type bf_augment_type_rotate = {
    "rotate", "turning about the centre", table, sizeof(options), draw, .affine = affine};
