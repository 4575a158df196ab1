/* Screen shots, scanned paper and dose sheets beside the images of a study. A study that holds nothing else is one that
 * was made from pictures: they are its images. */
#include "base/memory.h"
#include "data/catalog_look.h"

bf_status bf_rule_secondary_capture(bf_looks *all, bf_error *err) {
  bool *has_images = bf_alloc((size_t)all->studies, sizeof *has_images);
  bf_status status = has_images != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare studies");
  for (int64_t i = 0; i < all->count && status == BF_OK; i++)
    if (bf_looks_takes(all, i) && all->looks[i].study >= 0 && all->looks[i].kind != BF_LOOK_SECONDARY_CAPTURE)
      has_images[all->looks[i].study] = true;
  for (int64_t i = 0; i < all->count && status == BF_OK; i++) {
    const bf_look *look = &all->looks[i];
    if (bf_looks_takes(all, i) && look->kind == BF_LOOK_SECONDARY_CAPTURE && look->study >= 0 &&
        has_images[look->study])
      status = bf_looks_leave(all, i, -1, "a secondary capture in a study that has images", err);
  }
  bf_free(has_images);
  return status;
}
