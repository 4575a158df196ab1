/* Slanting about the centre of the frame, as tissue does under a probe or a paddle. Off unless asked for: the shape of
 * a lesion is evidence. */
#include "image/augment_rows.h"

typedef struct options {
  double degrees;
} options;

static const bf_option table[] = {{"degrees", BF_OPTION_REAL, offsetof(options, degrees), "0", 0, 30, NULL,
                                   "largest slant of columns and of rows to either side, degrees"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  for (int i = 0; i < 2; i++)
    out->value[i] = tan(bf_rng_range(rng, -mine->degrees, mine->degrees) * (3.14159265358979323846 / 180));
}

/* Both slants at once; the determinant stays at 2/3 or more. */
static bf_affine affine(const void *o, const bf_augment_draw *d, int width, int height) {
  (void)o;
  return bf_about_centre((bf_affine){{1, d->value[0], 0, d->value[1], 1, 0}}, width, height);
}

const bf_augment_type bf_augment_type_shear = {
    "shear", "slanting about the centre", table, sizeof(options), draw, .affine = affine};
