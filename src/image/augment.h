/* Augmentations: the table (augments.def) and the row. Drawing is apart from applying: draws are keyed by (seed,
 * epoch, row) and come first, so the same key gives the same picture whatever the thread. Geometric rows change the
 * warp, through which pixels, boxes and masks all go (so that they follow by construction); others change grey values;
 * one may put a synthetic lesion into a picture that has none, one may mix in another picture. */
#ifndef BF_IMAGE_AUGMENT_H
#define BF_IMAGE_AUGMENT_H

#include "base/options.h"
#include "base/rng.h"
#include "image/blob.h"
#include "image/warp.h"

#define BF_AUGMENT_DRAWS 8

typedef struct bf_augment_draw {
  double value[BF_AUGMENT_DRAWS];
  uint64_t noise; /* key of per-pixel draws */
} bf_augment_draw;

typedef struct bf_augment_type {
  const char *name; /* config key: augment.<name>.<option> */
  const char *help;
  const bf_option *options; /* the first says how strong it is, or how often */
  size_t options_size;
  /* All random decisions, including whether to act. */
  void (*draw)(const void *options, bf_rng *rng, bf_augment_draw *out);
  /* Exactly one of the following; the others are NULL.
   * The map to compose behind the frame's affine, in frame pixels. */
  bf_affine (*affine)(const void *options, const bf_augment_draw *draw, int width, int height);
  /* Displaces the frame behind all affine maps: lays the warp's grid (bf_warp_lay_grid) and moves its control points by
   * at most BF_WARP_STRONGEST cells; leaves the warp alone where it does not act. One row of this kind: a second would
   * take the place of the first. */
  void (*displace)(const void *options, const bf_augment_draw *draw, int width, int height, bf_warp *warp);
  /* Changes grey[height*width] (0..1) in place. */
  void (*apply)(const void *options, const bf_augment_draw *draw, float *grey, int width, int height);
  /* Paints a lesion into a picture of columns x rows that the warp placed in the frame, and says where; false: does not
   * act. Asked only for pictures that are known to have none. */
  bool (*implant)(const void *options, const bf_augment_draw *draw, const bf_warp *warp, int columns, int rows,
                  float *grey, int width, int height, bf_blob *out);
  /* Share of the grey values that another picture has, 0 to 0.5; whoever holds the pictures mixes them
   * (bf_augment_mix). */
  double (*share)(const void *options, const bf_augment_draw *draw);
} bf_augment_type;

int bf_augment_count(void);
const bf_augment_type *bf_augment_at(int index);

/* All rows with their options, ready for use. */
typedef struct bf_augmenter {
  void *options[32]; /* one filled struct a row, in table order; owned by the caller */
} bf_augmenter;

/* One picture's way into the frame. */
typedef struct bf_augment_view {
  bf_warp warp;     /* prepared -> frame */
  bool may_implant; /* set before: it is known to have no lesion */
  bool implanted;   /* a synthetic lesion was put in: implant, in frame pixels */
  bf_blob implant;
  double share; /* that another picture is to have */
} bf_augment_view;

/* Draws every row and composes geometry into view->warp. frame_affine: letterbox or the like, prepared -> frame. draws
 * has bf_augment_count() places. */
void bf_augment_draw_all(bf_augment_view *view, bf_augment_draw *draws, const bf_augmenter *augmenter, bf_rng *rng,
                         int width, int height, bf_affine frame_affine);
/* Grey values of a sampled picture of columns x rows prepared pixels. */
void bf_augment_apply_all(bf_augment_view *view, const bf_augment_draw *draws, const bf_augmenter *augmenter,
                          float *grey, int width, int height, int columns, int rows);

/* One picture all the way: prepared pixels[rows*columns] (NULL: black) placed in the frame (bf_affine_fit), drawn,
 * sampled once into grey[height*width], grey values changed. augmenter NULL: as it is, and rng is not looked at. */
void bf_augment_picture(float *grey, bf_augment_view *view, const bf_augmenter *augmenter, bf_rng *rng, int width,
                        int height, const uint16_t *pixels, int columns, int rows);

/* Whether pictures may be mixed. NULL: no. */
bool bf_augment_mixes(const bf_augmenter *augmenter);
/* grey = (1 - share) grey + share other, n values. */
void bf_augment_mix(float *grey, const float *other, double share, size_t n);

#endif
