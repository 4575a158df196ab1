/* The table of outputs, and what every output shares: folder, order, checksums. */
#include "output/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"
#include "output/text_file.h"

#define BF_OUTPUT(name) extern const bf_output_type bf_output_##name;
#include "output/outputs.def"
#undef BF_OUTPUT

static const bf_output_type *const table[] = {
#define BF_OUTPUT(name) &bf_output_##name,
#include "output/outputs.def"
#undef BF_OUTPUT
};
enum { table_count = sizeof table / sizeof table[0] };

struct bf_output {
  const bf_output_type *type;
  void *state;
  bf_output_place place;
  bf_text_file sums;
  int64_t next; /* the least number that may come */
};

int bf_output_count(void) { return table_count; }

const bf_output_type *bf_output_at(int index) { return index >= 0 && index < table_count ? table[index] : NULL; }

static const bf_output_type *find(const char *name, bf_error *err) {
  const char *names[table_count];
  char all[256] = "";
  for (int i = 0; i < table_count; i++) {
    if (strcmp(table[i]->name, name) == 0) return table[i];
    names[i] = table[i]->name;
    size_t used = strlen(all);
    snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", table[i]->name);
  }
  const char *near = bf_nearest(name, names, table_count);
  if (near != NULL)
    bf_fail(err, BF_E_ARGUMENT, "--format %s: no such output; did you mean %s?", name, near);
  else
    bf_fail(err, BF_E_ARGUMENT, "--format %s: no such output; there are %s", name, all);
  return NULL;
}

unsigned bf_output_wants(const char *name) {
  for (int i = 0; i < table_count; i++)
    if (strcmp(table[i]->name, name) == 0) return table[i]->wants;
  return 0;
}

static bf_status open_both(bf_output *o, bf_error *err) {
  char name[64];
  snprintf(name, sizeof name, "%s.sha256", o->type->name);
  bf_status status = bf_text_file_open(&o->sums, o->place.folder, name, err);
  return status == BF_OK ? o->type->open(o->state, &o->place, err) : status;
}

bf_status bf_output_open(bf_output **out, const char *name, const char *folder, const bf_output_job *job,
                         bf_error *err) {
  *out = NULL;
  const bf_output_type *type = find(name, err);
  if (type == NULL) return BF_E_ARGUMENT;
  bf_status status = bf_make_folders(folder, err);
  if (status != BF_OK) return status;
  bf_output *o = bf_alloc(1, sizeof *o);
  void *state = bf_alloc(1, type->state_size);
  if (o == NULL || state == NULL) {
    bf_free(o);
    bf_free(state);
    return bf_fail(err, BF_E_MEMORY, "no memory for the output");
  }
  *o = (bf_output){.type = type, .state = state, .place = {.job = *job}};
  o->place.sums = &o->sums;
  snprintf(o->place.folder, sizeof o->place.folder, "%s", folder);
  status = open_both(o, err);
  if (status != BF_OK)
    bf_output_abandon(o);
  else
    *out = o;
  return status;
}

bf_status bf_output_append(bf_output *o, const bf_output_row *row, bf_error *err) {
  if (row->number < o->next)
    return bf_fail(err, BF_E_INTERNAL, "row %lld was appended where row %lld or a later one is due",
                   (long long)row->number, (long long)o->next);
  o->next = row->number + 1;
  return o->type->append(o->state, row, err);
}

int64_t bf_output_failed(const bf_output *o) { return o->place.failed; }

bf_status bf_output_sum(bf_output_place *place, const char *folder, const char *name, bf_error *err) {
  char path[BF_PATH_MAX], hash[65];
  bf_status status = bf_path_join(path, sizeof path, folder, name, err);
  if (status == BF_OK) status = bf_sha256_file(hash, path, err);
  if (status != BF_OK) return status;
  fprintf(place->sums->f, "%s  %s\n", hash, name);
  return bf_text_file_check(place->sums, err);
}

static void destroy(bf_output *o) {
  bf_free(o->state);
  bf_free(o);
}

bf_status bf_output_finish(bf_output *o, bf_error *err) {
  bf_status status = o->type->close(o->state, true, err);
  bf_status written = bf_text_file_close(&o->sums, status == BF_OK, status == BF_OK ? err : NULL);
  destroy(o);
  return status == BF_OK ? written : status;
}

void bf_output_abandon(bf_output *o) {
  if (o == NULL) return;
  o->type->close(o->state, false, NULL);
  bf_text_file_close(&o->sums, false, NULL);
  destroy(o);
}
