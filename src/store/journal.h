/* The journal's rows for publishing. Private to the room; the rest stands in scores.h. */
#ifndef BF_STORE_JOURNAL_H
#define BF_STORE_JOURNAL_H

#include "store/scores.h"

/* Commits, then reads every row in key order; freed with bf_journal_free_rows. */
bf_status bf_journal_rows(bf_score_row **rows, int64_t *count, bf_journal *j, bf_error *err);
void bf_journal_free_rows(bf_score_row *rows, int64_t count);

#endif
