/* The table of weight formats, and opening a file by its content. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

bf_status bf_weights_open(bf_safetensors *out, const bf_weights_format **format, const char *path, bf_error *err) {
  char head[512];
  *out = (bf_safetensors){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot open the weights: %s", path,
                   strerror(errno));
  ssize_t size = read(fd, head, sizeof head);
  int why = errno;
  close(fd);
  if (size < 0) return bf_fail(err, BF_E_IO, "%s: cannot read the weights: %s", path, strerror(why));
  const bf_weights_format *best = NULL;
  int sure = 0;
  for (int i = 0; i < table_count; i++) {
    int now = table[i]->detect(path, head, (size_t)size);
    if (now > sure) sure = now, best = table[i];
  }
  if (best == NULL) {
    char names[256] = "";
    for (int i = 0; i < table_count; i++) {
      size_t used = strlen(names);
      snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", table[i]->name);
    }
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: not a weight file that is known here (%s)", path, names);
  }
  if (format != NULL) *format = best;
  return best->read(out, path, err);
}
