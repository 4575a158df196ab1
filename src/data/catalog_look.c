/* What rules and order ask of the headers, and how a rule leaves a file out. */
#include "data/catalog_look.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

bool bf_looks_takes(const bf_looks *all, int64_t file) { return bf_catalog_file_takes(&all->files[file]); }

bool bf_looks_is_volumetric(const bf_look *look) {
  return strcmp(look->modality, "CT") == 0 || strcmp(look->modality, "MR") == 0 || strcmp(look->modality, "PT") == 0;
}

double bf_looks_product(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static char *say(const char *format, const char *a, const char *b, const char *c) {
  int size = snprintf(NULL, 0, format, a, b, c) + 1;
  char *text = bf_alloc((size_t)size, 1);
  if (text != NULL) snprintf(text, (size_t)size, format, a, b, c);
  return text;
}

bf_status bf_looks_leave(bf_looks *all, int64_t file, int64_t other, const char *why, bf_error *err) {
  bf_catalog_file *f = &all->files[file];
  if (all->looks[file].named) return BF_OK;
  f->rule = all->rule;
  f->message = other < 0 ? say("%s: %s%s", all->paths[file], why, "")
                         : say("%s: %s: %s", all->paths[file], why, all->paths[other]);
  return f->message != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the reason of a file");
}
