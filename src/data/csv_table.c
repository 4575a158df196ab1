/* The text is changed in place: cells are unquoted where they stand. */
#include "data/csv_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { most_columns = 1024, most_names = 32 };
static const size_t most_bytes = (size_t)1 << 30;

struct bf_csv {
  const char *path;
  char *text, *next, *end;
  long line, row_line; /* current, and where the row began */
  char *cells[most_columns];
  int cell_count, header_count;
  const char *const *names;
  int name_count, column[most_names]; /* place of each name, -1 absent */
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }
static bool is_space(char c) { return is_blank(c) || c == '\n' || c == '\r'; }
static bool is_end(char c) { return c == ',' || c == '\n' || c == '\r'; }

static bf_status quoted_cell(bf_csv *r, char **cell, bf_error *err) {
  char *from = r->next + 1, *to = from;
  *cell = from;
  for (;;) {
    if (from >= r->end)
      return bf_fail(err, BF_E_FORMAT, "%s: line %ld: a quoted cell does not end", r->path, r->row_line);
    if (*from == '\n') r->line++;
    if (*from == '"') {
      if (from[1] != '"') break;
      from++;
    }
    *to++ = *from++;
  }
  r->next = from + 1;
  while (r->next < r->end && is_blank(*r->next)) r->next++;
  if (r->next < r->end && !is_end(*r->next))
    return bf_fail(err, BF_E_FORMAT, "%s: line %ld: text behind a closing quote", r->path, r->line);
  /* Tables that were made by programs carry line breaks into their paths. */
  while (is_space(**cell) && *cell < to) (*cell)++;
  while (to > *cell && is_space(to[-1])) to--;
  *to = '\0';
  return BF_OK;
}

/* Blanks around a plain cell are no part of it. The cell is ended by the caller, who reads the separator first. */
static void plain_cell(bf_csv *r, char **cell, char **cell_end) {
  while (is_blank(*r->next)) r->next++;
  *cell = r->next;
  while (r->next < r->end && !is_end(*r->next)) r->next++;
  *cell_end = r->next;
  while (*cell_end > *cell && is_blank((*cell_end)[-1])) (*cell_end)--;
}

/* false at the end of the file. */
static bf_status read_row(bool *there, bf_csv *r, bf_error *err) {
  r->cell_count = 0;
  *there = r->next < r->end;
  r->row_line = r->line;
  while (*there) {
    if (r->cell_count == most_columns)
      return bf_fail(err, BF_E_LIMIT, "%s: line %ld: more than %d columns", r->path, r->row_line, most_columns);
    char **cell = &r->cells[r->cell_count++], *cell_end = NULL;
    char *start = r->next;
    while (start < r->end && is_blank(*start)) start++;
    if (start < r->end && *start == '"') {
      r->next = start;
      bf_status status = quoted_cell(r, cell, err);
      if (status != BF_OK) return status;
    } else {
      plain_cell(r, cell, &cell_end);
    }
    char separator = r->next < r->end ? *r->next : '\n';
    if (r->next < r->end) r->next++;
    if (cell_end != NULL) *cell_end = '\0';
    if (separator == ',') continue;
    if (separator == '\r' && r->next < r->end && *r->next == '\n') r->next++;
    r->line++;
    return BF_OK;
  }
  return BF_OK;
}

static bf_status read_header(bf_csv *r, bf_error *err) {
  bool there;
  bf_status status = read_row(&there, r, err);
  if (status != BF_OK) return status;
  r->header_count = r->cell_count;
  for (int k = 0; k < r->name_count; k++) {
    r->column[k] = -1;
    for (int c = 0; c < r->cell_count; c++) {
      if (strcasecmp(r->cells[c], r->names[k]) != 0) continue;
      if (r->column[k] >= 0)
        return bf_fail(err, BF_E_FORMAT, "%s: line 1: the column %s stands there twice", r->path, r->names[k]);
      r->column[k] = c;
    }
  }
  return BF_OK;
}

bf_status bf_csv_open(bf_csv **out, const char *path, const char *const *names, int count, bf_error *err) {
  char *text = NULL;
  size_t size = 0;
  *out = NULL;
  if (count > most_names) return bf_fail(err, BF_E_INTERNAL, "%s: %d columns are asked for", path, count);
  bf_status status = bf_file_read(&text, &size, path, most_bytes, err);
  if (status != BF_OK) return status;
  bf_csv *r = bf_alloc(1, sizeof *r);
  if (r == NULL) {
    bf_free(text);
    return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  }
  *r = (bf_csv){.path = path, .text = text, .line = 1, .names = names, .name_count = count};
  r->next = text + bf_utf8_mark(text, size);
  r->end = text + size;
  if (memchr(text, '\0', size) != NULL)
    status = bf_fail(err, BF_E_FORMAT, "%s: holds NUL bytes; save it as UTF-8 text", path);
  else
    status = read_header(r, err);
  if (status == BF_OK)
    *out = r;
  else
    bf_csv_close(r);
  return status;
}

void bf_csv_close(bf_csv *csv) {
  if (csv == NULL) return;
  bf_free(csv->text);
  bf_free(csv);
}

int bf_csv_header_count(const bf_csv *csv) { return csv->header_count; }

const char *bf_csv_header_cell(const bf_csv *csv, int index) { return csv->cells[index]; }

bool bf_csv_has(const bf_csv *csv, int column) { return csv->column[column] >= 0; }

bf_status bf_csv_next(bool *there, bf_csv *csv, bf_error *err) {
  bf_status status;
  do status = read_row(there, csv, err);
  while (status == BF_OK && *there && csv->cell_count == 1 && csv->cells[0][0] == '\0');
  if (status == BF_OK && *there && csv->cell_count != csv->header_count)
    return bf_fail(err, BF_E_FORMAT,
                   "%s: line %ld: %d cells, and the header has %d; a cell with a comma must stand in quotes", csv->path,
                   csv->row_line, csv->cell_count, csv->header_count);
  return status;
}

bf_status bf_csv_each(bf_csv *csv, bf_status (*take)(void *context, bf_error *err), void *context, bf_error *err) {
  bool there = true;
  bf_status status = BF_OK;
  while (status == BF_OK) {
    status = bf_csv_next(&there, csv, err);
    if (status != BF_OK || !there) break;
    status = take(context, err);
  }
  return status;
}

long bf_csv_line(const bf_csv *csv) { return csv->row_line; }

const char *bf_csv_cell(const bf_csv *csv, int column) {
  int at = csv->column[column];
  return at >= 0 && at < csv->cell_count ? csv->cells[at] : "";
}

bf_status bf_csv_bad(const bf_csv *csv, int column, const char *wanted, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: line %ld, column %s: '%.60s' is not %s", csv->path, csv->row_line,
                 csv->names[column], bf_csv_cell(csv, column), wanted);
}

bf_status bf_csv_number(double *out, const bf_csv *csv, int column, const char *wanted, bf_error *err) {
  const char *text = bf_csv_cell(csv, column);
  char *end;
  *out = strtod(text, &end);
  /* strtod also takes hexadecimal, inf and nan, which no table of boxes means. */
  bool plain = text[0] != '\0' && strspn(text, "+-0123456789.eE") == strlen(text) && *end == '\0';
  return plain && fabs(*out) <= 1e6 ? BF_OK : bf_csv_bad(csv, column, wanted, err);
}

bf_status bf_csv_whole(int32_t *out, const bf_csv *csv, int column, int32_t fallback, const char *wanted,
                       bf_error *err) {
  const char *text = bf_csv_cell(csv, column);
  *out = fallback;
  if (text[0] == '\0') return BF_OK;
  if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 7) return bf_csv_bad(csv, column, wanted, err);
  *out = (int32_t)atol(text);
  return BF_OK;
}

int bf_csv_count_names(const char *head, size_t size, const char *const *names, int count) {
  size_t line = 0;
  int found = 0;
  while (line < size && head[line] != '\n' && head[line] != '\r') line++;
  for (size_t i = bf_utf8_mark(head, size); i < line;) {
    size_t end = i;
    while (end < line && head[end] != ',') end++;
    size_t a = i, b = end;
    while (a < b && (is_blank(head[a]) || head[a] == '"')) a++;
    while (b > a && (is_blank(head[b - 1]) || head[b - 1] == '"')) b--;
    for (int k = 0; k < count; k++) found += b - a == strlen(names[k]) && strncasecmp(head + a, names[k], b - a) == 0;
    i = end + 1;
  }
  return found;
}
