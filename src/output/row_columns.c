/* The table of further columns, and a row's values in them. */
#include "output/row_columns.h"

#include <math.h>
#include <string.h>

#define ROW(field) offsetof(bf_score_row, field)
const bf_row_column bf_row_columns_more[BF_ROW_COLUMNS_MORE] = {
    {"patient", false, ROW(patient)},
    {"laterality", false, ROW(laterality)},
    {"view", false, ROW(view)},
    {"manufacturer", false, ROW(manufacturer)},
    {"age_group", false, ROW(age_group)},
    {"spacing_row", true, ROW(spacing_row)},
    {"spacing_column", true, ROW(spacing_column)},
};
#undef ROW

const char *bf_row_text(const bf_output_row *row, const bf_row_column *column) {
  return (const char *)row->scored + column->offset;
}

double bf_row_number(const bf_output_row *row, const bf_row_column *column) {
  double value;
  memcpy(&value, (const char *)row->scored + column->offset, sizeof value);
  return value > 0 ? value : NAN; /* a spacing of 0 is none */
}
