/* Another display window: its lower and upper end move independently. Pixels at 0 (black, and the frame around the
 * picture) stay as they are. Off unless asked for. */
#include "image/augment_rows.h"

typedef struct options {
  double range;
} options;

static const bf_option table[] = {{"range", BF_OPTION_REAL, offsetof(options, range), "0", 0, 0.4, NULL,
                                   "largest move of the window's lower and upper end, as a share of the grey scale"},
                                  BF_NO_OPTION};

/* value: the lower end, and the upper end less 1. */
static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_rng_range(rng, -mine->range, mine->range);
  out->value[1] = bf_rng_range(rng, -mine->range, mine->range);
}

static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  if (d->value[0] == 0 && d->value[1] == 0) return;
  float low = (float)d->value[0], scale = (float)(1 / (1 + d->value[1] - d->value[0]));
  for (int i = 0; i < width * height; i++) grey[i] = grey[i] > 0 ? bf_clip_grey((grey[i] - low) * scale) : grey[i];
}

const bf_augment_type bf_augment_type_window = {"window",      "another display window", table, sizeof(options), draw,
                                                .apply = apply};
