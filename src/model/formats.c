/* The table of weight formats, and opening a file by its content. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "model/weights_format.h"

#define BF_WEIGHTS(name) extern const bf_weights_format bf_weights_##name;
#include "model/weights.def"
#undef BF_WEIGHTS

static const bf_weights_format *const table[] = {
#define BF_WEIGHTS(name) &bf_weights_##name,
#include "model/weights.def"
#undef BF_WEIGHTS
};
enum { table_count = sizeof table / sizeof table[0] };

int bf_weights_format_count(void) { return table_count; }

const bf_weights_format *bf_weights_format_at(int index) {
  return index >= 0 && index < table_count ? table[index] : NULL;
}

bool bf_weights_is_named(const char *path, const char *ending) {
  size_t length = strlen(path), end = strlen(ending);
  return length > end && strcasecmp(path + length - end, ending) == 0;
}

static const bf_weights_format *find_format(const char *path, const bf_tensors *file) {
  const bf_weights_format *best = NULL;
  int sure = 0;
  for (int i = 0; i < table_count; i++) {
    int now = table[i]->detect(path, file->memory, file->memory_size);
    if (now > sure) sure = now, best = table[i];
  }
  return best;
}

static bf_status refuse(const char *path, bf_error *err) {
  char names[256] = "";
  for (int i = 0; i < table_count; i++) {
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", table[i]->name);
  }
  return bf_fail(err, BF_E_UNSUPPORTED, "%s: not a weight file that is known here (%s)", path, names);
}

bf_status bf_weights_open(bf_tensors *out, const bf_weights_format **format, const char *path, bf_error *err) {
  bf_status status = bf_tensors_load(out, path, err);
  if (status != BF_OK) return status;
  const bf_weights_format *found = find_format(path, out);
  if (found == NULL) {
    status = refuse(path, err);
  } else {
    status = found->parse(out, err);
    if (status != BF_OK) bf_error_prefix(err, "%s", path);
  }
  if (status != BF_OK) bf_tensors_clear(out);
  if (format != NULL) *format = found;
  return status;
}
