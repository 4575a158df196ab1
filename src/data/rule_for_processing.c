/* The raw image of an exposure that is also there as it is to be seen: the one that names it as its source, or else
 * one of the same breast, view and study. */
#include <stdio.h>

#include "data/catalog_look.h"

/* "" where nothing tells exposures of a study apart. */
static void exposure_of(char key[96], const bf_look *look) {
  key[0] = '\0';
  if (look->study >= 0 && look->view[0] != '\0' && look->laterality[0] != '\0')
    snprintf(key, 96, "%lld/%s/%s/%s", (long long)look->study, look->modality, look->laterality, look->view);
}

static bf_status collect(bf_string_map *sources, bf_string_map *exposures, const bf_looks *all, bf_error *err) {
  bf_status status = BF_OK;
  char key[96];
  for (int64_t i = 0; i < all->count && status == BF_OK; i++) {
    const bf_look *look = &all->looks[i];
    if (!bf_looks_takes(all, i) || look->kind != BF_LOOK_FOR_PRESENTATION) continue;
    if (look->source != NULL) status = bf_string_map_set(sources, look->source, i, err);
    /* One whose own raw image is there says nothing about other exposures of that view. */
    int64_t source = look->source != NULL ? bf_string_map_get(&all->sops, look->source) : -1;
    if (source >= 0 && all->looks[source].kind == BF_LOOK_FOR_PROCESSING) continue;
    exposure_of(key, look);
    if (status == BF_OK && key[0] != '\0') status = bf_string_map_set(exposures, key, i, err);
  }
  return status;
}

bf_status bf_rule_for_processing(bf_looks *all, bf_error *err) {
  bf_string_map sources = {0}, exposures = {0};
  char key[96];
  bf_status status = collect(&sources, &exposures, all, err);
  for (int64_t i = 0; i < all->count && status == BF_OK; i++) {
    const bf_look *look = &all->looks[i];
    if (!bf_looks_takes(all, i) || look->kind != BF_LOOK_FOR_PROCESSING) continue;
    int64_t other = look->sop != NULL ? bf_string_map_get(&sources, look->sop) : -1;
    exposure_of(key, look);
    if (other < 0 && key[0] != '\0') other = bf_string_map_get(&exposures, key);
    if (other >= 0)
      status = bf_looks_leave(all, i, other, "the raw data of an image that is there for presentation", err);
  }
  bf_string_map_clear(&sources);
  bf_string_map_clear(&exposures);
  return status;
}
