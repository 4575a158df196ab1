#include "run/job_notes.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "bifocal/kernels.h"
#include "bifocal/version.h"
#include "dicom/dicom.h"
#include "itk/itk.h"
#include "store/library.h"

static bool read_number(int *out, const char **text) {
  char *end;
  errno = 0;
  long value = strtol(*text, &end, 10);
  bool good = **text >= '0' && **text <= '9' && errno == 0 && value >= 1 && value <= BF_SHARDS_MAX;
  *text = end;
  *out = good ? (int)value : 0;
  return good;
}

bf_status bf_job_part_of(bf_job_part *part, const char *shard, bf_error *err) {
  const char *rest = shard;
  part->first = 0;
  part->count = part->files;
  part->shard = part->shards = 0;
  if (shard == NULL) return BF_OK;
  bool good = read_number(&part->shard, &rest) && *rest++ == '/' && read_number(&part->shards, &rest) &&
              *rest == '\0' && part->shard <= part->shards;
  if (!good)
    return bf_fail(err, BF_E_ARGUMENT, "--shard %.64s: is no part of a whole; from 1/N to N/N, N at most %d", shard,
                   BF_SHARDS_MAX);
  part->first = part->files * (part->shard - 1) / part->shards;
  part->count = part->files * part->shard / part->shards - part->first;
  return BF_OK;
}

/* ---- writing ---- */

static json_t *software(void) {
  return json_pack("{s:s,s:s,s:s,s:s,s:s}", "bifocal", BIFOCAL_VERSION, "dcmtk", bf_dicom_library_version(), "itk",
                   bf_itk_library_version(), "hdf5", bf_store_hdf5_version(), "kernels", bf_kernels_describe());
}

static void put_part(json_t *root, const bf_job_part *p) {
  json_object_set_new(root, "manifest", json_pack("{s:I,s:s}", "files", (json_int_t)p->files, "sha256", p->sha256));
  if (p->shards > 0)
    json_object_set_new(root, "shard",
                        json_pack("{s:i,s:i,s:I,s:I}", "index", p->shard, "of", p->shards, "first",
                                  (json_int_t)p->first, "files", (json_int_t)p->count));
  if (p->done < p->count) json_object_set_new(root, "files_done", json_integer(p->done));
}

static char *text_of(json_t *root) {
  char *text = json_dumps(root, JSON_REAL_PRECISION(17) | JSON_PRESERVE_ORDER), *copy = bf_strdup(text);
  free(text);
  json_decref(root);
  return copy;
}

/* What probabilities are made of, and the thresholds on them. */
static void put_probabilities(json_t *root, const bf_job_notes *notes) {
  json_t *calibration = notes->calibration != NULL ? json_loads(notes->calibration, 0, NULL) : NULL;
  char *points = notes->points != NULL ? bf_operating_points_write(notes->points) : NULL;
  json_t *list = points != NULL ? json_loads(points, 0, NULL) : NULL;
  if (notes->calibration != NULL && calibration == NULL) calibration = json_pack("{s:s}", "method", "none");
  if (notes->folds > 0) /* Each row has its own fold's, which stand in the list. */
    json_object_del(calibration, "slope"), json_object_del(calibration, "intercept");
  if (calibration != NULL) json_object_set_new(root, "calibration", calibration);
  if (json_array_size(list) > 0) json_object_set(root, "operating_points", list);
  json_decref(list);
  bf_free(points);
}

char *bf_job_notes_write(const bf_job_notes *notes) {
  json_t *root = json_object();
  if (notes->folds > 0) json_object_set_new(root, "folds", json_integer(notes->folds));
  if (notes->flips) json_object_set_new(root, "flips", json_true());
  if (notes->heat) json_object_set_new(root, "heat", json_true());
  if (notes->unlike != NULL) json_object_set_new(root, "unlike", json_string(notes->unlike));
  if (notes->patient_key != NULL) json_object_set_new(root, "patient_key", json_string(notes->patient_key));
  if (!isnan(notes->threshold)) {
    json_object_set_new(root, "threshold", json_real(notes->threshold));
    json_object_set_new(root, "threshold_rule", json_string(notes->rule));
  }
  put_probabilities(root, notes);
  if (notes->part != NULL) put_part(root, notes->part);
  json_object_set_new(root, "software", software());
  return text_of(root);
}

/* ---- reading ---- */

static bool count_at(int64_t *out, const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  *out = json_integer_value(value);
  return json_is_integer(value) && *out >= 0;
}

static bool read_part(bf_job_part *p, const json_t *root) {
  const json_t *manifest = json_object_get(root, "manifest"), *shard = json_object_get(root, "shard");
  const char *sha256 = json_string_value(json_object_get(manifest, "sha256"));
  int64_t index, of;
  if (!count_at(&p->files, manifest, "files") || sha256 == NULL || strlen(sha256) != 64) return false;
  snprintf(p->sha256, sizeof p->sha256, "%s", sha256);
  p->count = p->files;
  if (shard != NULL) {
    if (!count_at(&index, shard, "index") || !count_at(&of, shard, "of") || !count_at(&p->first, shard, "first") ||
        !count_at(&p->count, shard, "files") || index < 1 || index > of || of > BF_SHARDS_MAX || p->first > p->files ||
        p->count > p->files - p->first)
      return false;
    p->shard = (int)index;
    p->shards = (int)of;
  }
  p->done = p->count;
  return json_object_get(root, "files_done") == NULL || count_at(&p->done, root, "files_done");
}

bool bf_job_part_read(bf_job_part *part, const char *text) {
  json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
  *part = (bf_job_part){0};
  bool good = root != NULL && read_part(part, root);
  if (!good) *part = (bf_job_part){0};
  json_decref(root);
  return good;
}

/* ---- joining ---- */

/* Takes out what may differ from shard to shard; the kernels that it was made with, owned by the caller. */
static json_t *strip(json_t *root) {
  json_t *of = json_object_get(root, "software"), *kernels = json_incref(json_object_get(of, "kernels"));
  json_object_del(root, "shard");
  json_object_del(of, "kernels");
  return kernels;
}

/* Machines of one job may have other processors: "avx2, avx512". */
static json_t *join_kernels(const json_t *a, const json_t *b) {
  char text[256];
  const char *one = json_string_value(a), *other = json_string_value(b);
  if (one == NULL) return json_incref((json_t *)b);
  if (other == NULL || strstr(one, other) != NULL) return json_incref((json_t *)a);
  snprintf(text, sizeof text, "%.120s, %.120s", one, other);
  return json_string(text);
}

bool bf_job_notes_join(char **both, const char *whole, const char *shard) {
  json_t *a = json_loads(whole != NULL ? whole : "", 0, NULL), *b = json_loads(shard != NULL ? shard : "", 0, NULL);
  json_t *of_a = strip(a), *of_b = strip(b);
  bool same = json_is_object(a) && json_equal(a, b);
  *both = NULL;
  if (same && json_object_get(a, "software") != NULL)
    json_object_set_new(json_object_get(a, "software"), "kernels", join_kernels(of_a, of_b));
  if (same) *both = text_of(json_incref(a));
  json_decref(of_a);
  json_decref(of_b);
  json_decref(a);
  json_decref(b);
  return same;
}

/* ---- choosing ---- */

static void put_words(json_t *object, const char *key, const char *value) {
  char *clean = value != NULL ? bf_utf8_copy(value) : NULL;
  if (clean != NULL) json_object_set_new(object, key, json_string(clean));
  bf_free(clean);
}

char *bf_job_notes_choose(const char *text, const bf_job_subset *s) {
  json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
  if (!json_is_object(root)) {
    json_decref(root);
    root = json_object();
  }
  json_t *subset = json_pack("{s:I,s:I,s:{}}", "rows", (json_int_t)s->rows, "of", (json_int_t)s->of, "asked");
  json_t *asked = json_object_get(subset, "asked"), *before = json_object_get(root, "subset");
  put_words(asked, "status", s->status);
  if (s->min_probability != NULL) json_object_set_new(asked, "min_probability", json_real(*s->min_probability));
  put_words(asked, "study", s->study);
  put_words(asked, "rows", s->range);
  if (before != NULL) json_object_set(subset, "before", before);
  json_object_set_new(root, "subset", subset);
  return text_of(root);
}

bool bf_job_subset_read(bf_job_subset *s, const char *text) {
  json_t *root = text != NULL ? json_loads(text, 0, NULL) : NULL;
  const json_t *subset = json_object_get(root, "subset");
  *s = (bf_job_subset){0};
  bool good = count_at(&s->rows, subset, "rows") && count_at(&s->of, subset, "of");
  json_decref(root);
  return good;
}
