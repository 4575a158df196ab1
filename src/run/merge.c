/* Shards of one job to one result. Nothing that a shard says of itself is believed: its place, its number of files and
 * the rows that stand in it must agree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bifocal/export.h"
#include "run/job_notes.h"
#include "store/scores.h"

typedef struct shard {
  const char *path;
  bf_scores scores;
  bf_job_part part;
} shard;

static bf_status read_shard(shard *s, const char *path, bf_error *err) {
  bf_job_subset subset;
  s->path = path;
  bf_status status = bf_scores_read(&s->scores, path, err);
  if (status != BF_OK) return status;
  if (bf_job_subset_read(&subset, s->scores.extra_json))
    return bf_fail(err, BF_E_ARGUMENT,
                   "%s: holds %lld rows chosen out of %lld; name the shard that they were chosen of", path,
                   (long long)subset.rows, (long long)subset.of);
  if (!bf_job_part_read(&s->part, s->scores.extra_json) || s->part.shards == 0)
    return bf_fail(err, BF_E_ARGUMENT, "%s: is no shard; shards are made by 'bifocal score --shard I/N'", path);
  if (s->part.done < s->part.count)
    return bf_fail(err, BF_E_ARGUMENT, "%s: its job was not finished: %lld of its %lld files are scored; run it again",
                   path, (long long)s->part.done, (long long)s->part.count);
  bf_job_part expected = s->part;
  char text[32];
  snprintf(text, sizeof text, "%d/%d", s->part.shard, s->part.shards);
  int64_t files = 0;
  /* Each file has rows from its first frame on. */
  for (int64_t i = 0; i < s->scores.count; i++) files += s->scores.rows[i].frame == 0;
  status = bf_job_part_of(&expected, text, err);
  if (status == BF_OK && (expected.first != s->part.first || expected.count != s->part.count || files != s->part.count))
    status = bf_fail(err, BF_E_FORMAT,
                     "%s: holds rows of %lld files, and shard %s of %lld files has %lld; the file is damaged", path,
                     (long long)files, text, (long long)s->part.files, (long long)expected.count);
  return status;
}

static int by_place(const void *a, const void *b) {
  const shard *x = a, *y = b;
  return (x->part.shard > y->part.shard) - (x->part.shard < y->part.shard);
}

/* "3, 7 and 12 more" */
static void name_missing(char *text, size_t size, const shard *shards, int count) {
  int missing = 0, next = 0, of = shards[0].part.shards;
  size_t used = 0;
  for (int k = 1; k <= of; k++) {
    if (next < count && shards[next].part.shard == k) {
      next++;
    } else if (++missing <= 8) {
      used += (size_t)snprintf(text + used, size - used, "%s%d", missing > 1 ? ", " : "", k);
    }
  }
  if (missing > 8) snprintf(text + used, size - used, " and %d more", missing - 8);
}

static bf_status check_together(const shard *shards, int count, bf_error *err) {
  const shard *first = &shards[0];
  char missing[160];
  for (int i = 1; i < count; i++) {
    const shard *s = &shards[i];
    if (s->part.shards != first->part.shards || s->part.files != first->part.files ||
        strcmp(s->part.sha256, first->part.sha256) != 0)
      return bf_fail(err, BF_E_ARGUMENT,
                     "%s and %s: are no shards of one job: they were made of other files, or of another number of "
                     "shards; the same command, with the same paths, makes all of them",
                     first->path, s->path);
    if (s->part.shard == shards[i - 1].part.shard)
      return bf_fail(err, BF_E_ARGUMENT, "%s and %s: are both shard %d of %d", shards[i - 1].path, s->path,
                     s->part.shard, s->part.shards);
  }
  if (count == first->part.shards) return BF_OK;
  name_missing(missing, sizeof missing, shards, count);
  return bf_fail(err, BF_E_ARGUMENT, "%d shards of %d are there; missing: %s", count, first->part.shards, missing);
}

static bool same_text(const char *a, const char *b) { return a != NULL && b != NULL && strcmp(a, b) == 0; }

static bf_status join_notes(char **notes, const shard *shards, int count, bf_error *err) {
  *notes = NULL;
  for (int i = 0; i < count; i++) {
    const bf_scores *one = &shards[i].scores, *first = &shards[0].scores;
    char *both = NULL;
    bool same = same_text(one->model_sha256, first->model_sha256) && same_text(one->config_yaml, first->config_yaml) &&
                bf_job_notes_join(&both, *notes != NULL ? *notes : first->extra_json, one->extra_json);
    bf_free(*notes);
    *notes = both;
    if (!same)
      return bf_fail(err, BF_E_ARGUMENT,
                     "%s and %s: were scored by other models, with other options, or by other versions", shards[0].path,
                     shards[i].path);
    if (both == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the notes of the result");
  }
  return BF_OK;
}

static bf_status publish(int64_t *rows, const shard *shards, int count, const char *output, const char *extra,
                         bf_error *err) {
  bf_scores *parts = bf_alloc((size_t)count, sizeof *parts);
  if (parts == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %d shards", count);
  *rows = 0;
  for (int i = 0; i < count; i++) {
    parts[i] = shards[i].scores;
    *rows += parts[i].count;
  }
  const bf_scores_notes notes = {parts[0].model_sha256, parts[0].config_yaml, "maximum", extra, NULL};
  bf_status status = bf_scores_publish_joined(output, parts, count, &notes, err);
  bf_free(parts);
  return status;
}

bf_status bf_export_merge(char **summary, const char *const *paths, int count, const char *output, bf_error *err) {
  char text[4400], *notes = NULL;
  int64_t rows = 0;
  *summary = NULL;
  if (output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o is missing; name the file for all shards together");
  if (count < 1) return bf_fail(err, BF_E_ARGUMENT, "--merge: name the results of all shards");
  shard *shards = bf_alloc((size_t)count, sizeof *shards);
  if (shards == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %d shards", count);
  bf_status status = BF_OK;
  for (int i = 0; i < count && status == BF_OK; i++) status = read_shard(&shards[i], paths[i], err);
  if (status == BF_OK) qsort(shards, (size_t)count, sizeof *shards, by_place);
  if (status == BF_OK) status = check_together(shards, count, err);
  if (status == BF_OK) status = join_notes(&notes, shards, count, err);
  if (status == BF_OK) status = publish(&rows, shards, count, output, notes, err);
  if (status == BF_OK) {
    snprintf(text, sizeof text, "%s: %lld rows of %d shards", output, (long long)rows, count);
    *summary = bf_strdup(text);
    if (*summary == NULL) status = bf_fail(err, BF_E_MEMORY, "no memory for the summary");
  }
  for (int i = 0; i < count; i++) bf_scores_clear(&shards[i].scores);
  bf_free(shards);
  bf_free(notes);
  return status;
}
