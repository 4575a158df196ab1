/* Pretrained weights: what a file holds, copying it into bifocal's own format, and running it for comparison with other
 * implementations. */
#ifndef BIFOCAL_WEIGHTS_H
#define BIFOCAL_WEIGHTS_H

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Weight files that can be fetched by name: backbone, size, licence, what is published of their SHA-256, address. text:
 * a table for people, or a JSON list of objects; freed with bf_text_free. */
bf_status bf_weights_list(char **text, int json, bf_error *err);

typedef struct bf_weights_fetch_options {
  const char *name;   /* of the list */
  const char *output; /* file, or a folder that is there; NULL: the publisher's file name, in the folder one is in */
  const char *url;    /* a mirror to fetch from; NULL: the publisher's address. The hash is checked all the same. */
  int json;
} bf_weights_fetch_options;

/* Downloads a file of the list and checks its SHA-256, resuming what an earlier call left beside it (FILE.part); a file
 * that is there and right is left as it is. text: what was fetched, its terms, and what to write into a configuration;
 * freed with bf_text_free. */
bf_status bf_weights_fetch(char **text, const bf_weights_fetch_options *options, bf_error *err);

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
