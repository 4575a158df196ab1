/* Scenes of phantom: pictures of tissue with lesions whose place and kind are known. Pure drawing, no files. */
#ifndef BF_RUN_PHANTOM_DRAW_H
#define BF_RUN_PHANTOM_DRAW_H

#include <stdbool.h>

#include "base/rng.h"
#include "bifocal/phantom.h"
#include "image/blob.h"

enum { BF_PHANTOM_MOST_LESIONS = 2 };

/* One lesion, pixels of the picture. */
typedef struct bf_phantom_lesion {
  bf_blob shape;
  bool malignant;
  double xmin, ymin, xmax, ymax; /* set by drawing: the outline's bounds, max exclusive, within the picture */
} bf_phantom_lesion;

typedef struct bf_phantom_scene {
  bf_phantom_modality modality;
  int columns, rows;
  bool left; /* mammograms: the chest wall is on the left */
  int lesion_count;
  bf_phantom_lesion lesions[BF_PHANTOM_MOST_LESIONS];
  uint64_t texture; /* key of speckle and noise */
} bf_phantom_scene;

/* Chooses size, lesions and texture. side > 0: a square of that size instead of a drawn one. */
void bf_phantom_scene_draw(bf_phantom_scene *scene, bf_phantom_modality modality, bool malignant, int lesions,
                           bool left, int side, bf_rng *rng);

/* Whether the pixel in column x, row y belongs to a lesion. */
bool bf_phantom_is_lesion(const bf_phantom_scene *scene, int x, int y);

/* Paints the scene, 0..1, [rows*columns]; sets the lesions' bounds. scratch: rows*columns floats. */
void bf_phantom_paint(float *dst, float *scratch, bf_phantom_scene *scene);

#endif
