/* Columns that csv and json list behind those of a bf_output_row, as SCORES.h5 names them. Private to the room. */
#ifndef BF_OUTPUT_ROW_COLUMNS_H
#define BF_OUTPUT_ROW_COLUMNS_H

#include "output/output.h"

typedef struct bf_row_column {
  const char *name;
  bool number;   /* a double; else a text in the struct itself */
  size_t offset; /* in bf_score_row */
} bf_row_column;

enum { BF_ROW_COLUMNS_MORE = 7 };
extern const bf_row_column bf_row_columns_more[BF_ROW_COLUMNS_MORE];

/* Of a text column; "" unknown. */
const char *bf_row_text(const bf_output_row *row, const bf_row_column *column);
/* Of a number column; NaN unknown. */
double bf_row_number(const bf_output_row *row, const bf_row_column *column);

#endif
