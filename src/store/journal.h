/* The journal's rows for publishing. Private to the room; the rest stands in scores.h. */
#ifndef BF_STORE_JOURNAL_H
#define BF_STORE_JOURNAL_H

#include "store/scores.h"

/* A row with all that it has, borrowed until the call returns. */
typedef bf_status (*bf_journal_take)(void *argument, const bf_score_row *row, bf_error *err);

/* Commits, then hands over every row of files that are done in key order, one at a time. */
bf_status bf_journal_each(bf_journal *j, bf_journal_take take, void *argument, bf_error *err);

#endif
