/* The columns of a row to SQLite and back, by the table of SCORES.h5. */
#include "store/journal_row.h"

#include <stdio.h>
#include <string.h>

#include "store/scores_columns.h"

static const char *const blob_names[BF_JOURNAL_BLOBS] = {"boxes", "mask", "heat"};

static bool is_kept(const bf_column *column) { return column->offset < sizeof(bf_score_row); }

/* Numbers that may be NaN stand there as their bytes: SQLite turns NaN into NULL. */
static const char *sql_type(const bf_column *column) {
  switch (column->kind) {
    case BF_COLUMN_INT8:
    case BF_COLUMN_ENUM:
    case BF_COLUMN_INT32:
    case BF_COLUMN_INT64: return "INTEGER";
    case BF_COLUMN_FLOAT:
    case BF_COLUMN_DOUBLE:
    case BF_COLUMN_DOUBLE6: return "BLOB";
    default: return "TEXT";
  }
}

void bf_journal_row_table(char sql[BF_JOURNAL_SQL]) {
  int used = snprintf(sql, BF_JOURNAL_SQL, "CREATE TABLE rows(key INTEGER PRIMARY KEY");
  for (const bf_column *c = bf_row_columns; c < bf_row_columns + BF_ROW_COLUMNS; c++)
    if (is_kept(c))
      used += snprintf(sql + used, BF_JOURNAL_SQL - (size_t)used, ", \"%s\" %s NOT NULL", c->name, sql_type(c));
  for (int i = 0; i < BF_JOURNAL_BLOBS; i++)
    used += snprintf(sql + used, BF_JOURNAL_SQL - (size_t)used, ", \"%s\" BLOB NOT NULL", blob_names[i]);
  snprintf(sql + used, BF_JOURNAL_SQL - (size_t)used, ")");
}

void bf_journal_row_insert(char sql[BF_JOURNAL_SQL]) {
  int used = snprintf(sql, BF_JOURNAL_SQL, "INSERT OR REPLACE INTO rows VALUES(?"), count = BF_JOURNAL_BLOBS;
  for (int c = 0; c < BF_ROW_COLUMNS; c++) count += is_kept(&bf_row_columns[c]);
  for (int i = 0; i < count; i++) used += snprintf(sql + used, BF_JOURNAL_SQL - (size_t)used, ",?");
  snprintf(sql + used, BF_JOURNAL_SQL - (size_t)used, ")");
}

/* Not SQLITE_OK: it could not be bound. Texts and bytes are borrowed until the statement is reset. */
static int bind_field(sqlite3_stmt *s, int place, const bf_column *column, const void *field) {
  const char *text = field;
  switch (column->kind) {
    case BF_COLUMN_INT8: return sqlite3_bind_int(s, place, *(const int8_t *)field);
    case BF_COLUMN_ENUM: return sqlite3_bind_int(s, place, *(const uint8_t *)field);
    case BF_COLUMN_INT32: return sqlite3_bind_int(s, place, *(const int32_t *)field);
    case BF_COLUMN_INT64: return sqlite3_bind_int64(s, place, *(const int64_t *)field);
    case BF_COLUMN_FLOAT: return sqlite3_bind_blob(s, place, field, sizeof(float), SQLITE_STATIC);
    case BF_COLUMN_DOUBLE: return sqlite3_bind_blob(s, place, field, sizeof(double), SQLITE_STATIC);
    case BF_COLUMN_DOUBLE6: return sqlite3_bind_blob(s, place, field, 6 * sizeof(double), SQLITE_STATIC);
    case BF_COLUMN_TEXT: memcpy(&text, field, sizeof text); break;
    default: break;
  }
  return sqlite3_bind_text(s, place, text != NULL ? text : "", -1, SQLITE_STATIC);
}

/* The bytes of a blob, which may lie at any address. */
static bool copy_bytes(void *field, size_t size, sqlite3_stmt *s, int place) {
  if (sqlite3_column_bytes(s, place) != (int)size) return false;
  memcpy(field, sqlite3_column_blob(s, place), size);
  return true;
}

static bool copy_text(char *field, const bf_column *column, const char *text) {
  size_t length = strlen(text);
  if (length >= bf_column_room(column)) return false;
  memcpy(field, text, length + 1);
  return true;
}

/* false: the journal cannot hold that. */
static bool take_field(void *field, const bf_column *column, sqlite3_stmt *s, int place) {
  const char *text;
  switch (column->kind) {
    case BF_COLUMN_INT8: *(int8_t *)field = (int8_t)sqlite3_column_int(s, place); return true;
    case BF_COLUMN_ENUM: *(uint8_t *)field = (uint8_t)sqlite3_column_int(s, place); return true;
    case BF_COLUMN_INT32: *(int32_t *)field = sqlite3_column_int(s, place); return true;
    case BF_COLUMN_INT64: *(int64_t *)field = sqlite3_column_int64(s, place); return true;
    case BF_COLUMN_FLOAT: return copy_bytes(field, sizeof(float), s, place);
    case BF_COLUMN_DOUBLE: return copy_bytes(field, sizeof(double), s, place);
    case BF_COLUMN_DOUBLE6: return copy_bytes(field, 6 * sizeof(double), s, place);
    default: break;
  }
  text = (const char *)sqlite3_column_text(s, place);
  if (text == NULL) return false;
  if (column->kind != BF_COLUMN_TEXT) return copy_text(field, column, text);
  memcpy(field, &text, sizeof text);
  return true;
}

int bf_journal_row_bind(int *next, sqlite3_stmt *s, const bf_score_row *row) {
  int bad = SQLITE_OK;
  for (const bf_column *c = bf_row_columns; c < bf_row_columns + BF_ROW_COLUMNS; c++)
    if (is_kept(c)) bad |= bind_field(s, (*next)++, c, (const char *)row + c->offset);
  return bad;
}

bool bf_journal_row_take(bf_score_row *row, int *next, sqlite3_stmt *s) {
  bool good = true;
  *row = (bf_score_row){0};
  for (const bf_column *c = bf_row_columns; c < bf_row_columns + BF_ROW_COLUMNS && good; c++)
    if (is_kept(c)) good = take_field((char *)row + c->offset, c, s, (*next)++);
  return good;
}
