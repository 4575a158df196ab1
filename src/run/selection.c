/* The options of a selection, checked and asked of a row. */
#include "run/selection.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_status(const char *name) {
  if (strcmp(name, "failed") == 0) return true;
  for (int i = 0; i <= UINT8_MAX; i++)
    if (strcmp(name, "unknown") != 0 && strcmp(name, bf_row_status_name((bf_row_status)i)) == 0) return true;
  return false;
}

static bool read_row(int64_t *out, const char **text) {
  char *end;
  errno = 0;
  long long value = **text >= '0' && **text <= '9' ? strtoll(*text, &end, 10) : -1;
  if (value < 0 || errno != 0) return false;
  *out = value;
  *text = end;
  return true;
}

static bool read_range(bf_selection *s, const char *text) {
  if (!read_row(&s->first, &text)) return false;
  s->last = s->first;
  if (*text == '\0') return true;
  if (*text++ != '-') return false;
  s->last = INT64_MAX;
  return *text == '\0' || (read_row(&s->last, &text) && *text == '\0' && s->last >= s->first);
}

bf_status bf_selection_read(bf_selection *out, const bf_export_options *o, bf_error *err) {
  *out = (bf_selection){.asked = o, .last = INT64_MAX};
  out->any = o->status != NULL || o->min_probability != NULL || o->study != NULL || o->rows != NULL;
  if (o->status != NULL && !is_status(o->status))
    return bf_fail(err, BF_E_ARGUMENT,
                   "--status %.64s: no row has such a status; ok, failed, or one of docs/formats.md such as damaged",
                   o->status);
  if (o->min_probability != NULL && !(*o->min_probability >= 0 && *o->min_probability <= 1))
    return bf_fail(err, BF_E_ARGUMENT, "--min-probability %g: is no probability from 0 to 1", *o->min_probability);
  if (o->rows != NULL && !read_range(out, o->rows))
    return bf_fail(err, BF_E_ARGUMENT, "--rows %.64s: is no range of rows; 3-9, 3- or 3, rows count from 0", o->rows);
  return BF_OK;
}

static bool has_status(const bf_score_row *row, const char *name) {
  if (strcmp(name, "failed") == 0) return row->status != BF_ROW_OK && row->status != BF_ROW_LEFT_OUT;
  return strcmp(name, bf_row_status_name((bf_row_status)row->status)) == 0;
}

bool bf_selection_takes(const bf_selection *s, const bf_score_row *row, int64_t number) {
  const bf_export_options *o = s->asked;
  if (number < s->first || number > s->last) return false;
  if (o->status != NULL && !has_status(row, o->status)) return false;
  if (o->study != NULL && strcmp(o->study, row->study_instance_uid) != 0) return false;
  /* The column is float32: 0.7 as it is typed must take a row of 0.7. */
  return o->min_probability == NULL || row->malignant_probability >= (float)*o->min_probability;
}

void bf_selection_words(char *text, size_t size, const bf_selection *s) {
  const bf_export_options *o = s->asked;
  char least[32] = "";
  if (o->min_probability != NULL) snprintf(least, sizeof least, "%g", *o->min_probability);
  const char *const words[][2] = {{"--status", o->status},
                                  {"--min-probability", least[0] ? least : NULL},
                                  {"--study", o->study},
                                  {"--rows", o->rows}};
  size_t used = 0;
  if (size > 0) text[0] = '\0';
  for (int i = 0; i < 4; i++)
    if (words[i][1] != NULL && used < size)
      used += (size_t)snprintf(text + used, size - used, "%s%s %.80s", used > 0 ? " " : "", words[i][0], words[i][1]);
}
