/* Headers in parallel, numbers for studies and series, rules, order. */
#include "data/catalog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/catalog_look.h"
#include "dicom/dicom.h"

static const bf_rule rules[] = {
#define RULE(name) {#name, bf_rule_##name},
#include "data/rules.def"
#undef RULE
};

enum { slab = 64 };

/* One file of the slab at hand. */
typedef struct seen {
  const char *path;
  bf_image image; /* without tables */
  bf_error error;
} seen;

/* ---- looking ---- */

static void see(void *argument, int task, int thread) {
  (void)thread;
  seen *s = (seen *)argument + task;
  bf_error_clear(&s->error);
  /* The hash never leaves memory: it tells patients apart, and nobody needs to guess its key. */
  static const char key[] = "catalog";
  bf_dicom_look(&s->image, s->path, key, sizeof key - 1, &s->error);
}

static bf_look_kind kind_of(const char *class) {
  static const struct {
    const char *uid;
    bf_look_kind kind;
  } kinds[] = {{"1.2.840.10008.5.1.4.1.1.1.1", BF_LOOK_FOR_PRESENTATION},
               {"1.2.840.10008.5.1.4.1.1.1.1.1", BF_LOOK_FOR_PROCESSING},
               {"1.2.840.10008.5.1.4.1.1.1.2", BF_LOOK_FOR_PRESENTATION},
               {"1.2.840.10008.5.1.4.1.1.1.2.1", BF_LOOK_FOR_PROCESSING},
               {"1.2.840.10008.5.1.4.1.1.7", BF_LOOK_SECONDARY_CAPTURE},
               {"1.2.840.10008.5.1.4.1.1.7.1", BF_LOOK_SECONDARY_CAPTURE},
               {"1.2.840.10008.5.1.4.1.1.7.2", BF_LOOK_SECONDARY_CAPTURE},
               {"1.2.840.10008.5.1.4.1.1.7.3", BF_LOOK_SECONDARY_CAPTURE},
               {"1.2.840.10008.5.1.4.1.1.7.4", BF_LOOK_SECONDARY_CAPTURE}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(class, kinds[i].uid) == 0) return kinds[i].kind;
  return BF_LOOK_OTHER;
}

static bf_status keep_source(bf_look *look, const char *uid, bf_error *err) {
  if (uid[0] == '\0') return BF_OK;
  look->source = bf_strdup(uid);
  return look->source != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the headers of the files");
}

/* What texts of headers have as numbers. */
typedef struct numbering {
  bf_string_map studies, series, patients;
} numbering;

static bf_status keep(bf_looks *all, int64_t file, const bf_image *image, numbering *numbers, bf_error *err) {
  bf_look *look = &all->looks[file];
  const double *r = image->row_direction, *c = image->column_direction;
  *look = (bf_look){.kind = kind_of(image->sop_class_uid),
                    .derived = image->derived,
                    .localizer = image->localizer,
                    .has_place = image->has_place,
                    .rows = image->rows,
                    .columns = image->columns,
                    .frames = image->frames,
                    .instance = image->instance,
                    .spacing = {image->spacing_row, image->spacing_column},
                    .normal = {r[1] * c[2] - r[2] * c[1], r[2] * c[0] - r[0] * c[2], r[0] * c[1] - r[1] * c[0]}};
  double length = sqrt(bf_looks_product(look->normal, look->normal));
  for (int k = 0; k < 3 && length > 0; k++) look->normal[k] /= length;
  memcpy(look->modality, image->modality, sizeof look->modality);
  memcpy(look->view, image->view, sizeof look->view);
  memcpy(look->laterality, image->laterality, sizeof look->laterality);
  memcpy(look->position, image->position, sizeof look->position);
  bf_status status = bf_string_map_number(&look->study, &numbers->studies, image->study_instance_uid, err);
  if (status == BF_OK) status = bf_string_map_number(&look->series, &numbers->series, image->series_instance_uid, err);
  if (status == BF_OK)
    status = bf_string_map_number(&all->files[file].patient, &numbers->patients, image->patient_key, err);
  if (status == BF_OK) status = keep_source(look, image->source_uid, err);
  const char *sop = image->sop_instance_uid;
  if (status == BF_OK && sop[0] != '\0' && bf_string_map_get(&all->sops, sop) < 0)
    status = bf_string_map_set(&all->sops, sop, file, err);
  look->sop = sop[0] != '\0' ? bf_string_map_text(&all->sops, sop) : NULL;
  return status;
}

static bf_status take(bf_looks *all, int64_t file, const seen *s, numbering *numbers, bf_catalog_named named,
                      void *argument, bf_error *err) {
  bf_catalog_file *f = &all->files[file];
  *f = (bf_catalog_file){.status = s->error.status, .volume = -1, .patient = -1};
  if (f->status == BF_OK) {
    bf_status status = keep(all, file, &s->image, numbers, err);
    f->frames = s->image.frames;
    all->looks[file].named = named != NULL && named(argument, &s->image, s->path);
    return status;
  }
  f->message = bf_strdup(s->error.message);
  return f->message != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the reason of a file");
}

static bf_status look_at_all(bf_looks *all, bf_catalog_named named, void *argument, bf_pool *pool, bf_error *err) {
  numbering numbers = {0};
  bf_progress progress;
  seen *part = bf_alloc(slab, sizeof *part);
  bf_status status = part != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to look at headers");
  bf_progress_start(&progress, "looking at headers", "files", all->count);
  for (int64_t first = 0; first < all->count && status == BF_OK; first += slab) {
    int n = (int)(all->count - first < slab ? all->count - first : slab);
    for (int i = 0; i < n; i++) part[i].path = all->paths[first + i];
    bf_pool_run(pool, see, part, n);
    for (int i = 0; i < n && status == BF_OK; i++)
      status = take(all, first + i, &part[i], &numbers, named, argument, err);
    bf_progress_update(&progress, first + n, NULL);
    if (status == BF_OK && bf_cancelled())
      status = bf_fail(err, BF_E_CANCELLED, "stopped as asked; nothing was written");
  }
  if (status == BF_OK) bf_progress_end(&progress, NULL);
  all->studies = numbers.studies.count;
  all->series = numbers.series.count;
  bf_string_map_clear(&numbers.studies);
  bf_string_map_clear(&numbers.series);
  bf_string_map_clear(&numbers.patients);
  bf_free(part);
  return status;
}

/* ---- order ---- */

static int by_place(const void *a, const void *b) {
  const bf_place *x = a, *y = b;
  if (x->anchor != y->anchor) return x->anchor < y->anchor ? -1 : 1;
  return (x->rank > y->rank) - (x->rank < y->rank);
}

static bf_status reorder(bf_catalog *out, bf_file_list *files, bf_looks *all, bf_error *err) {
  size_t n = (size_t)files->count;
  bf_place *places = bf_alloc(n, sizeof *places);
  char **paths = bf_alloc(n, sizeof *paths);
  bf_catalog_file *sorted = bf_alloc(n, sizeof *sorted);
  bf_status status = places && paths && sorted ? bf_looks_order(places, &out->volumes, all, err)
                                               : bf_fail(err, BF_E_MEMORY, "no memory to order files");
  if (status == BF_OK) {
    qsort(places, n, sizeof *places, by_place);
    for (size_t i = 0; i < n; i++) {
      paths[i] = files->paths[places[i].file];
      sorted[i] = out->files[places[i].file];
    }
    memcpy(files->paths, paths, n * sizeof *paths);
    memcpy(out->files, sorted, n * sizeof *sorted);
  }
  bf_free(places);
  bf_free(paths);
  bf_free(sorted);
  return status;
}

static void clear_looks(bf_looks *all) {
  for (int64_t i = 0; i < all->count && all->looks != NULL; i++) bf_free(all->looks[i].source);
  bf_free(all->looks);
  bf_string_map_clear(&all->sops);
}

bf_status bf_catalog_build(bf_catalog *out, bf_file_list *files, bool with_rules, bf_catalog_named named,
                           void *argument, bf_pool *pool, bf_error *err) {
  size_t n = (size_t)files->count;
  *out = (bf_catalog){.files = bf_alloc(n, sizeof *out->files), .count = files->count};
  bf_looks all = {.looks = bf_alloc(n, sizeof *all.looks),
                  .count = files->count,
                  .paths = (const char *const *)files->paths,
                  .files = out->files};
  bf_status status = out->files != NULL && all.looks != NULL
                         ? look_at_all(&all, named, argument, pool, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for the headers of %zu files", n);
  for (size_t i = 0; i < sizeof rules / sizeof rules[0] && with_rules && status == BF_OK; i++) {
    all.rule = rules[i].name;
    status = rules[i].apply(&all, err);
  }
  if (status == BF_OK) status = reorder(out, files, &all, err);
  clear_looks(&all);
  if (status != BF_OK) bf_catalog_clear(out);
  return status;
}

void bf_catalog_clear(bf_catalog *catalog) {
  for (int64_t i = 0; i < catalog->count && catalog->files != NULL; i++) bf_free(catalog->files[i].message);
  bf_free(catalog->files);
  *catalog = (bf_catalog){0};
}

bool bf_catalog_takes(const bf_catalog *catalog, int64_t file) { return bf_catalog_file_takes(&catalog->files[file]); }
