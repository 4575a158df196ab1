/* Looking at files one by one: header, first frame, range of stored values. */
#include "bifocal/inspect.h"

#include <math.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "dicom/dicom.h"
#include "store/scores.h"

enum { slab = 64 };

typedef struct look {
  const char *path;
  bf_image image; /* without tables */
  bf_status status;
  bf_error error;
  double low, high, mean;
} look;

static void look_task(void *argument, int task, int thread) {
  (void)thread;
  look *l = (look *)argument + task;
  bf_dicom *dicom = NULL;
  void *pixels = NULL;
  l->status = bf_dicom_open_seen(&dicom, &l->image, l->path, &l->error);
  if (l->status == BF_OK && (pixels = bf_alloc_raw(bf_dicom_image(dicom)->frame_bytes, 1)) == NULL)
    l->status = bf_fail(&l->error, BF_E_MEMORY, "%s: no memory for a frame", l->path);
  if (l->status == BF_OK) l->status = bf_dicom_decode(dicom, 0, pixels, &l->error);
  if (l->status == BF_OK) bf_image_range(bf_dicom_image(dicom), pixels, &l->low, &l->high, &l->mean);
  bf_free(pixels);
  bf_dicom_close(dicom);
}

static void tell(const look *l, bf_inspect_sink sink, void *user) {
  bool ok = l->status == BF_OK;
  bf_inspection i = {l->path,
                     bf_row_status_name(bf_row_status_of(l->status)),
                     ok ? "" : l->error.message,
                     l->image.modality,
                     l->image.sop_class_uid,
                     l->image.transfer_syntax_uid,
                     l->image.photometric_name,
                     l->image.rows,
                     l->image.columns,
                     l->image.frames,
                     l->image.samples,
                     l->image.bits_stored,
                     ok ? l->low : NAN,
                     ok ? l->high : NAN,
                     ok ? l->mean : NAN};
  sink(user, &i);
}

bf_status bf_inspect(bf_inspect_report *report, const char *const *paths, int path_count, int threads,
                     bf_inspect_sink sink, void *user, bf_error *err) {
  bf_file_list files = {0};
  bf_pool *pool = NULL;
  *report = (bf_inspect_report){0};
  look *looks = bf_alloc(slab, sizeof *looks);
  bf_status status = looks == NULL ? bf_fail(err, BF_E_MEMORY, "no memory to inspect")
                                   : bf_file_list_collect(&files, paths, path_count, false, err);
  if (status == BF_OK && files.count == 0) status = bf_fail(err, BF_E_NOT_FOUND, "%s: no files under it", paths[0]);
  if (status == BF_OK) status = bf_pool_create(&pool, threads, err);
  for (int64_t first = 0; status == BF_OK && first < files.count; first += slab) {
    int n = (int)(files.count - first < slab ? files.count - first : slab);
    for (int i = 0; i < n; i++) looks[i] = (look){.path = files.paths[first + i]};
    bf_pool_run(pool, look_task, looks, n);
    for (int i = 0; i < n; i++) {
      tell(&looks[i], sink, user);
      report->files++;
      report->good += looks[i].status == BF_OK;
    }
  }
  bf_pool_destroy(pool);
  bf_file_list_clear(&files);
  bf_free(looks);
  return status;
}
