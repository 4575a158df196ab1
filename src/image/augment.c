/* The table of augmentations, and running all of its rows. What a row does stands in augment_<name>.c. */
#include "image/augment.h"

#include <math.h>
#include <string.h>

#include "image/sample.h"

#define BF_AUGMENT(name) extern const bf_augment_type bf_augment_type_##name;
#include "image/augments.def"
#undef BF_AUGMENT

static const bf_augment_type *const types[] = {
#define BF_AUGMENT(name) &bf_augment_type_##name,
#include "image/augments.def"
#undef BF_AUGMENT
};
enum { type_count = sizeof types / sizeof types[0] };
_Static_assert(type_count <= 32, "bf_augmenter has room for 32 rows");

int bf_augment_count(void) { return type_count; }

const bf_augment_type *bf_augment_at(int index) { return types[index]; }

/* FNV-1a: a row's stream hangs on its name, so that a new row changes no other row's draws. */
static uint64_t name_key(const char *name) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
  return hash;
}

void bf_augment_draw_all(bf_augment_view *view, bf_augment_draw *draws, const bf_augmenter *augmenter, bf_rng *rng,
                         int width, int height, bf_affine frame_affine) {
  uint64_t key = bf_rng_next(rng);
  bf_warp *warp = &view->warp;
  bf_warp_plain(warp, frame_affine);
  view->share = 0;
  for (int i = 0; i < type_count; i++) {
    const void *options = augmenter->options[i];
    bf_rng own = bf_rng_make(key, name_key(types[i]->name), 0);
    draws[i] = (bf_augment_draw){.noise = bf_rng_next(&own)};
    types[i]->draw(options, &own, &draws[i]);
    if (types[i]->affine != NULL)
      warp->affine = bf_affine_compose(types[i]->affine(options, &draws[i], width, height), warp->affine);
    if (types[i]->displace != NULL) types[i]->displace(options, &draws[i], width, height, warp);
    if (types[i]->share != NULL) view->share = fmax(view->share, types[i]->share(options, &draws[i]));
  }
}

void bf_augment_apply_all(bf_augment_view *view, const bf_augment_draw *draws, const bf_augmenter *augmenter,
                          float *grey, int width, int height, int columns, int rows) {
  view->implanted = false;
  for (int i = 0; i < type_count; i++) {
    const void *options = augmenter->options[i];
    if (types[i]->apply != NULL) types[i]->apply(options, &draws[i], grey, width, height);
    if (types[i]->implant != NULL && view->may_implant && !view->implanted)
      view->implanted =
          types[i]->implant(options, &draws[i], &view->warp, columns, rows, grey, width, height, &view->implant);
  }
}

void bf_augment_picture(float *grey, bf_augment_view *view, const bf_augmenter *augmenter, bf_rng *rng, int width,
                        int height, const uint16_t *pixels, int columns, int rows) {
  bf_augment_draw draws[type_count];
  bf_affine fit = bf_affine_fit(columns, rows, width, height);
  if (augmenter != NULL) {
    bf_augment_draw_all(view, draws, augmenter, rng, width, height, fit);
  } else {
    bf_warp_plain(&view->warp, fit);
    view->implanted = false;
    view->share = 0;
  }
  if (pixels != NULL)
    bf_sample_warped(grey, width, height, pixels, columns, rows, &view->warp);
  else
    memset(grey, 0, (size_t)width * (size_t)height * sizeof *grey);
  if (augmenter != NULL) bf_augment_apply_all(view, draws, augmenter, grey, width, height, columns, rows);
}

bool bf_augment_mixes(const bf_augmenter *augmenter) {
  for (int i = 0; i < type_count && augmenter != NULL; i++) {
    const bf_option *first = &types[i]->options[0];
    double strength;
    memcpy(&strength, (const char *)augmenter->options[i] + first->offset, sizeof strength);
    if (types[i]->share != NULL && strength > first->low) return true;
  }
  return false;
}

void bf_augment_mix(float *grey, const float *other, double share, size_t n) {
  float mine = (float)(1 - share), theirs = (float)share;
  for (size_t i = 0; i < n; i++) grey[i] = mine * grey[i] + theirs * other[i];
}
