/* More or less gain. Black stays black, and so does the frame around the picture. */
#include "image/augment_rows.h"

typedef struct options {
  double range;
} options;

static const bf_option table[] = {{"range", BF_OPTION_REAL, offsetof(options, range), "0.1", 0, 2, NULL,
                                   "largest change of gain, as a share: 0.1 is from 1/1.1 to 1.1"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_draw_factor(rng, mine->range);
}

static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  float gain = (float)d->value[0];
  if (gain == 1) return;
  for (int i = 0; i < width * height; i++) grey[i] = bf_clip_grey(gain * grey[i]);
}

const bf_augment_type bf_augment_type_brightness = {"brightness", "more or less gain", table, sizeof(options),
                                                    draw,         .apply = apply};
