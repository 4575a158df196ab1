/* Which rows of scores an export takes. */
#ifndef BF_RUN_SELECTION_H
#define BF_RUN_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "bifocal/export.h"
#include "store/scores.h"

typedef struct bf_selection {
  const bf_export_options *asked; /* borrowed */
  int64_t first, last;            /* both taken */
  bool any;                       /* whether anything was asked */
} bf_selection;

/* BF_E_ARGUMENT names the option. */
bf_status bf_selection_read(bf_selection *out, const bf_export_options *options, bf_error *err);
bool bf_selection_takes(const bf_selection *selection, const bf_score_row *row, int64_t number);
/* The options as they were given, for messages. */
void bf_selection_words(char *text, size_t size, const bf_selection *selection);

#endif
