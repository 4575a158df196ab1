/* Counting. */
#include "run/reasons.h"

#include <string.h>

void bf_reasons_add(bf_reasons *reasons, const char *name) {
  int k = 0;
  while (k < reasons->count && strcmp(reasons->items[k].name, name) != 0) k++;
  if (k == BF_REASONS_MAX) return;
  if (k == reasons->count) reasons->items[reasons->count++] = (bf_reason){name, 0};
  reasons->items[k].count++;
}
