/* Stretching grey values about their mean. Pixels at 0 (black, and the frame around the picture) stay as they are and
 * count for nothing. */
#include "image/augment_rows.h"

typedef struct options {
  double range;
} options;

static const bf_option table[] = {{"range", BF_OPTION_REAL, offsetof(options, range), "0.15", 0, 2, NULL,
                                   "largest change of contrast, as a share: 0.1 is from 1/1.1 to 1.1"},
                                  BF_NO_OPTION};

static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = bf_draw_factor(rng, mine->range);
}

static void apply(const void *o, const bf_augment_draw *d, float *grey, int width, int height) {
  (void)o;
  float factor = (float)d->value[0];
  if (factor == 1) return;
  double sum = 0;
  int n = 0;
  for (int i = 0; i < width * height; i++) sum += grey[i], n += grey[i] > 0;
  float mean = n > 0 ? (float)(sum / n) : 0;
  for (int i = 0; i < width * height; i++)
    if (grey[i] > 0) grey[i] = bf_clip_grey(mean + factor * (grey[i] - mean));
}

const bf_augment_type bf_augment_type_contrast = {
    "contrast", "stretching grey values about their mean", table, sizeof(options), draw, .apply = apply};
