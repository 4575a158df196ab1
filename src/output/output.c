/* The table of outputs, and what every output shares: folder, order, checksums. */
#include "output/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"

#define BF_OUTPUT(name) extern const bf_output_type bf_output_##name;
#include "output/outputs.def"
#undef BF_OUTPUT

static const bf_output_type *const table[] = {
#define BF_OUTPUT(name) &bf_output_##name,
#include "output/outputs.def"
#undef BF_OUTPUT
};
enum { table_count = sizeof table / sizeof table[0], most_files = 8 };

struct bf_output {
  const bf_output_type *type;
  void *state;
  char folder[BF_PATH_MAX];
  int64_t next;
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

bf_status bf_output_open(bf_output **out, const char *name, const char *folder, bf_error *err) {
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
  *o = (bf_output){.type = type, .state = state};
  snprintf(o->folder, sizeof o->folder, "%s", folder);
  status = type->open(state, folder, err);
  if (status != BF_OK)
    bf_output_abandon(o);
  else
    *out = o;
  return status;
}

bf_status bf_output_append(bf_output *o, const bf_output_row *row, bf_error *err) {
  if (row->number != o->next)
    return bf_fail(err, BF_E_INTERNAL, "row %lld was appended where row %lld is due", (long long)row->number,
                   (long long)o->next);
  o->next++;
  return o->type->append(o->state, row, err);
}

static bf_status write_sums(const bf_output *o, const char *const *names, int count, bf_error *err) {
  char text[most_files * 400] = "", path[BF_PATH_MAX], name[64], hash[65];
  for (int i = 0; i < count; i++) {
    bf_status status = bf_path_join(path, sizeof path, o->folder, names[i], err);
    if (status == BF_OK) status = bf_sha256_file(hash, path, err);
    if (status != BF_OK) return status;
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s  %s\n", hash, names[i]);
  }
  snprintf(name, sizeof name, "%s.sha256", o->type->name);
  bf_status status = bf_path_join(path, sizeof path, o->folder, name, err);
  return status == BF_OK ? bf_file_write(path, text, strlen(text), err) : status;
}

bf_status bf_output_finish(bf_output *o, bf_error *err) {
  const char *names[most_files];
  int count = 0;
  bf_status status = o->type->close(o->state, true, names, &count, err);
  if (status == BF_OK) status = write_sums(o, names, count, err);
  bf_free(o->state);
  bf_free(o);
  return status;
}

void bf_output_abandon(bf_output *o) {
  const char *names[most_files];
  int count = 0;
  if (o == NULL) return;
  o->type->close(o->state, false, names, &count, NULL);
  bf_free(o->state);
  bf_free(o);
}
