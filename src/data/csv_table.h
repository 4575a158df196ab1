/* CSV files with a header line (RFC 4180, UTF-8), row by row: cells are found by the name of their column. A fault
 * names file, line and column. One thread a file. */
#ifndef BF_DATA_CSV_TABLE_H
#define BF_DATA_CSV_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_csv bf_csv;

/* Reads the file, up to 1 GiB, and its header. names[count]: the columns that are asked for, found whatever their case
 * and order; others are passed over. One that stands there twice: BF_E_FORMAT. path and names are borrowed until close.
 */
bf_status bf_csv_open(bf_csv **out, const char *path, const char *const *names, int count, bf_error *err);
void bf_csv_close(bf_csv *csv);

/* Whether the header has the column, by its place in names. */
bool bf_csv_has(const bf_csv *csv, int column);
/* Cells of the header, and one of them, good until the first row is read. */
int bf_csv_header_count(const bf_csv *csv);
const char *bf_csv_header_cell(const bf_csv *csv, int index);
/* The next row that is not blank; *there is false behind the last. A row of another number of cells than the header:
 * BF_E_FORMAT. */
bf_status bf_csv_next(bool *there, bf_csv *csv, bf_error *err);
/* Calls take(context, err) for each row in turn, until one fails. */
bf_status bf_csv_each(bf_csv *csv, bf_status (*take)(void *context, bf_error *err), void *context, bf_error *err);
long bf_csv_line(const bf_csv *csv); /* where the row begins, from 1 */
/* Of the row at hand, without blanks and line breaks around it; "" where there is no such column. Good until the next
 * row. */
const char *bf_csv_cell(const bf_csv *csv, int column);

/* "FILE: line N, column NAME: 'VALUE' is not WANTED". */
bf_status bf_csv_bad(const bf_csv *csv, int column, const char *wanted, bf_error *err);
/* A plain decimal number from -1e6 to 1e6. */
bf_status bf_csv_number(double *out, const bf_csv *csv, int column, const char *wanted, bf_error *err);
/* A whole number from 0 to 9999999; fallback for an empty cell. */
bf_status bf_csv_whole(int32_t *out, const bf_csv *csv, int column, int32_t fallback, const char *wanted,
                       bf_error *err);

/* How many of the names stand in the first line of a file's beginning. */
int bf_csv_count_names(const char *head, size_t size, const char *const *names, int count);

#endif
