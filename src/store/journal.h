/* The journal's rows for publishing. Private to the room; the rest stands in scores.h. */
#ifndef BF_STORE_JOURNAL_H
#define BF_STORE_JOURNAL_H

#include "store/scores_columns.h"

/* Commits, then reads every row in key order, but for the masks; freed with bf_journal_free_rows. */
bf_status bf_journal_rows(bf_stored_row **rows, int64_t *count, bf_journal *j, bf_error *err);
void bf_journal_free_rows(bf_stored_row *rows, int64_t count);
/* The mask of a row that has one, of so many bytes, into dst. */
bf_status bf_journal_mask(uint8_t *dst, bf_journal *j, int64_t key, int64_t bytes, bf_error *err);

#endif
