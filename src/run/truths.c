/* Samples to truths. */
#include "run/truths.h"

#include "base/memory.h"

bf_status bf_truths_create(bf_truths *out, const bf_network *network, int batch, int size, bf_error *err) {
  size_t n = 2 * (size_t)batch;
  bool masks = bf_network_reads(network) & BF_READS_MASK;
  *out = (bf_truths){.samples = bf_alloc(n, sizeof *out->samples),
                     .at = bf_alloc(n, sizeof *out->at),
                     .boxes = bf_alloc(n * BF_LOADER_MAX_BOXES, sizeof *out->boxes)};
  if (masks) out->masks = bf_alloc(n * (size_t)size, (size_t)size);
  if (out->samples && out->at && out->boxes && (out->masks != NULL || !masks)) return BF_OK;
  bf_truths_clear(out);
  return bf_fail(err, BF_E_MEMORY, "no memory for a batch of %d images", batch);
}

void bf_truths_clear(bf_truths *t) {
  bf_free(t->samples);
  bf_free(t->at);
  bf_free(t->boxes);
  bf_free(t->masks);
  *t = (bf_truths){0};
}

void bf_truths_fill(bf_truths *t, const bf_source *source, int n) {
  int width = 0, height = 0;
  if (t->masks != NULL) bf_source_masks(source, t->masks, &width, &height, t->samples, n);
  for (int i = 0; i < n; i++) {
    const bf_sample *s = &t->samples[i];
    bf_box *mine = t->boxes + (size_t)i * BF_LOADER_MAX_BOXES;
    for (int k = 0; k < s->box_count; k++)
      mine[k] = (bf_box){(float)s->boxes[k].xmin, (float)s->boxes[k].ymin, (float)s->boxes[k].xmax,
                         (float)s->boxes[k].ymax, 0};
    bool mask = t->masks != NULL && s->mask_known;
    t->at[i] = (bf_truth){.image = s->image,
                          .weight = s->weight,
                          .malignant = s->malignant,
                          .lesions_known = s->lesions_known,
                          .box_count = s->box_count,
                          .boxes = mine,
                          .mask = mask ? t->masks + (size_t)i * (size_t)width * (size_t)height : NULL,
                          .mask_h = height,
                          .mask_w = width};
  }
}
