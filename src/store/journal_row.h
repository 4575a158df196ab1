/* A row of scores as a row of the journal's table: its columns are those of SCORES.h5 that stand in a bf_score_row, by
 * their own table, and behind them three blobs. Private to the room. */
#ifndef BF_STORE_JOURNAL_ROW_H
#define BF_STORE_JOURNAL_ROW_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/scores.h"

/* The blobs, which the journal fills itself, by their place behind the columns. */
enum { BF_JOURNAL_BOXES, BF_JOURNAL_MASK, BF_JOURNAL_HEAT, BF_JOURNAL_BLOBS };

enum { BF_JOURNAL_SQL = 4096 };

/* What makes the table, "rows", with its integer key before all columns; another version's table has another text. */
void bf_journal_row_table(char sql[BF_JOURNAL_SQL]);
/* The statement that puts a row, a parameter for key, columns and blobs each. */
void bf_journal_row_insert(char sql[BF_JOURNAL_SQL]);

/* Binds the columns from parameter *next on, which is moved behind them. Texts and bytes are borrowed until the
 * statement is reset. Not SQLITE_OK: one could not be bound. */
int bf_journal_row_bind(int *next, sqlite3_stmt *s, const bf_score_row *row);
/* Fills the columns from column *next on, likewise; other fields become 0. Long texts are borrowed until the next step.
 * false: the journal holds what no row can, or memory is short. */
bool bf_journal_row_take(bf_score_row *row, int *next, sqlite3_stmt *s);

#endif
