/* Why files were left out, counted by reason. */
#ifndef BF_RUN_REASONS_H
#define BF_RUN_REASONS_H

#include <stdint.h>

enum { BF_REASONS_MAX = 32 };

typedef struct bf_reason {
  const char *name; /* borrowed */
  int64_t count;
} bf_reason;

/* In the order of their first coming; those behind the last that has room are not counted. */
typedef struct bf_reasons {
  bf_reason items[BF_REASONS_MAX];
  int count;
} bf_reasons;

void bf_reasons_add(bf_reasons *reasons, const char *name);

#endif
