/* Pretrained weights: what a file holds, copying it into bifocal's own format, and running it for comparison with other
 * implementations. */
#ifndef BIFOCAL_WEIGHTS_H
#define BIFOCAL_WEIGHTS_H

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tensors, shapes, the backbone that fits best, what that one would miss, normalisation. text: for people, or JSON;
 * freed with bf_text_free. */
bf_status bf_weights_show(char **text, const char *path, int json, bf_error *err);

/* Checks the file against the backbone and writes it as safetensors, with the hash and name of the original. backbone
 * NULL: the one that fits best. summary: one line, freed with bf_text_free. */
bf_status bf_weights_import(char **summary, const char *path, const char *backbone, const char *output, bf_error *err);

/* Runs /input [N, C, H, W] of `input` through the backbone and writes /features/<stage> [N, c, h, w] and, where the
 * file has the original classifier, /logits [N, classes]. */
bf_status bf_weights_run(const char *path, const char *backbone, const char *input, const char *output, int threads,
                         bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
