/* An image that was made from another which is there, too (PS3.3 C.7.6.1.1.2): the same thing twice. One that was made
 * from something else, such as a picture from a volume, shows what its source does not. */
#include <string.h>

#include "data/catalog_look.h"

static bool is_again(const bf_look *look, const bf_look *source) {
  if (look->kind == BF_LOOK_FOR_PRESENTATION && source->kind == BF_LOOK_FOR_PROCESSING) return false;
  if (bf_looks_is_volumetric(look)) return false; /* another plane, a difference, a map: not the same slice */
  return look->rows == source->rows && look->columns == source->columns && look->frames == source->frames &&
         look->study == source->study && strcmp(look->modality, source->modality) == 0;
}

bf_status bf_rule_derived(bf_looks *all, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < all->count && status == BF_OK; i++) {
    const bf_look *look = &all->looks[i];
    if (!bf_looks_takes(all, i) || !look->derived || look->source == NULL) continue;
    int64_t source = bf_string_map_get(&all->sops, look->source);
    if (source < 0 || source == i || !bf_looks_takes(all, source) || !is_again(look, &all->looks[source])) continue;
    status = bf_looks_leave(all, i, source, "made from an image that is there", err);
  }
  return status;
}
