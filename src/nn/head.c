/* The table of heads. */
#include "nn/head.h"

#include <string.h>

#define BF_HEAD(file, name) extern const bf_head_type bf_head_##name;
#include "nn/heads.def"
#undef BF_HEAD

static const bf_head_type *const table[] = {
#define BF_HEAD(file, name) &bf_head_##name,
#include "nn/heads.def"
#undef BF_HEAD
};
enum { count = sizeof table / sizeof table[0] };

int bf_head_type_count(void) { return count; }

const bf_head_type *bf_head_type_at(int index) { return index >= 0 && index < count ? table[index] : NULL; }

const bf_head_type *bf_head_type_find(const char *name, bf_error *err) {
  const char *names[count];
  for (int i = 0; i < count; i++) {
    if (strcmp(table[i]->name, name) == 0) return table[i];
    names[i] = table[i]->name;
  }
  const char *near = bf_nearest(name, names, count);
  bf_fail(err, BF_E_ARGUMENT, "head '%s': no such head%s%s%s", name, near ? "; did you mean " : "", near ? near : "",
          near ? "?" : "");
  return NULL;
}

static bool has(const bf_truth *truth, unsigned reads) {
  return ((reads & BF_READS_CLASS) && truth->malignant >= 0) || ((reads & BF_READS_LESIONS) && truth->lesions_known) ||
         ((reads & BF_READS_MASK) && truth->mask != NULL);
}

double bf_truths_labelled(const bf_truth *truth, int n, unsigned reads) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += has(&truth[i], reads) ? truth[i].weight : 0;
  return sum;
}
