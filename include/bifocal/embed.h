/* Embedding: the backbone's representation of each image, for other programs to work with. */
#ifndef BIFOCAL_EMBED_H
#define BIFOCAL_EMBED_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_embed_options {
  const char *model; /* MODEL.safetensors */
  const char *const *paths;
  int path_count;
  const char *output; /* EMBED.h5 */
  const char *stage;  /* name of a feature map as `weights run` calls it; NULL: the deepest */
  int grid;           /* 0 or 1: each channel's mean over the map; N: means over N x N places, all after one another */
  int batch;          /* 0: 8 */
  int threads;
} bf_embed_options;

typedef struct bf_embed_report {
  int64_t files, rows, failed;
  int64_t width; /* numbers of a vector */
  double seconds;
} bf_embed_report;

/* One vector an image, in the order of the manifest; a failed file is a row with a status and a message, and NaN. */
bf_status bf_embed(bf_embed_report *report, const bf_embed_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
