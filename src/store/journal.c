/* The journal of a running job: SQLite in WAL mode. A row is there or not, whatever kills the program. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/h5_strip.h"
#include "store/journal.h"
#include "store/journal_row.h"

enum { rows_a_commit = 64, application = 0x62664a35 /* "bfJ5" */ };

struct bf_journal {
  sqlite3 *db;
  sqlite3_stmt *put, *done, *has;
  char path[BF_PATH_MAX];
  int64_t files;
  bf_heat_grid grids[BF_HEATS];
  bf_found_box *boxes; /* of the row that is handed over */
  float *maps;         /* likewise; and of the one that is put */
  size_t box_room;
  int pending; /* changes since BEGIN */
  bool open;   /* inside a transaction */
};

/* SQLite tells of a disk that could not be read in the same way: a good journal must not be thrown away for it. */
static bf_status damaged(const bf_journal *j, const char *why, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT,
                 "%s: the journal is damaged, or could not be read (%s); give the same command again, and where that "
                 "fails likewise, remove it to begin the job anew",
                 j->path, why);
}

static bf_status journal_fail(bf_journal *j, const char *what, bf_error *err) {
  int code = sqlite3_errcode(j->db) & 0xff;
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return damaged(j, sqlite3_errmsg(j->db), err);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    return bf_fail(err, BF_E_ARGUMENT, "%s: another program is working on this job; wait for it, or choose another -o",
                   j->path);
  if (code == SQLITE_NOMEM) return bf_fail(err, BF_E_MEMORY, "%s: no memory to %s", j->path, what);
  int system = sqlite3_system_errno(j->db);
  return bf_fail(err, BF_E_IO, "%s: cannot %s: %s%s%s%s", j->path, what, sqlite3_errmsg(j->db), system ? " (" : "",
                 system ? strerror(system) : "", system ? ")" : "");
}

static bf_status execute(bf_journal *j, const char *sql, const char *what, bf_error *err) {
  return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? BF_OK : journal_fail(j, what, err);
}

/* First column of the first row as a number; `missing` when there is no row. */
static bf_status query_number(int64_t *out, bf_journal *j, const char *sql, bf_error *err) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(j->db, sql, -1, &statement, NULL) != SQLITE_OK) return journal_fail(j, "read", err);
  int step = sqlite3_step(statement);
  if (step == SQLITE_ROW) *out = sqlite3_column_int64(statement, 0);
  bf_status status = step == SQLITE_ROW ? BF_OK : journal_fail(j, "read", err);
  sqlite3_finalize(statement);
  return status;
}

static const char job_tables[] =
    "CREATE TABLE job(text TEXT NOT NULL);"
    "CREATE TABLE done(file INTEGER PRIMARY KEY);";

static bf_status begin_job(bf_journal *j, const char *job, bf_error *err) {
  char pragma[64], rows[BF_JOURNAL_SQL];
  bf_journal_row_table(rows);
  snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d", application);
  bf_status status = execute(j, "BEGIN IMMEDIATE", "begin", err);
  if (status == BF_OK) status = execute(j, pragma, "begin", err);
  if (status == BF_OK) status = execute(j, job_tables, "begin", err);
  if (status == BF_OK) status = execute(j, rows, "begin", err);
  sqlite3_stmt *statement = NULL;
  if (status == BF_OK &&
      (sqlite3_prepare_v2(j->db, "INSERT INTO job VALUES(?1)", -1, &statement, NULL) != SQLITE_OK ||
       sqlite3_bind_text(statement, 1, job, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE))
    status = journal_fail(j, "begin", err);
  sqlite3_finalize(statement);
  return status == BF_OK ? execute(j, "COMMIT", "begin", err) : status;
}

static bf_status check_job(bf_journal *j, const char *job, bf_error *err) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(j->db, "SELECT text FROM job", -1, &statement, NULL) != SQLITE_OK)
    return journal_fail(j, "read", err);
  bf_status status;
  if (sqlite3_step(statement) != SQLITE_ROW)
    status = bf_fail(err, BF_E_FORMAT, "%s: the journal names no job; remove it to begin anew", j->path);
  else if (strcmp((const char *)sqlite3_column_text(statement, 0), job) != 0)
    status = bf_fail(err, BF_E_ARGUMENT,
                     "%s: is the journal of another job (other model, files or options); give the same ones to go on, "
                     "choose another -o, or remove the journal",
                     j->path);
  else
    status = BF_OK;
  sqlite3_finalize(statement);
  return status;
}

static bf_status other_version(const bf_journal *j, bf_error *err) {
  return bf_fail(err, BF_E_ARGUMENT,
                 "%s: is a database of another program, or the journal of another version of this one; choose another "
                 "-o, or remove it",
                 j->path);
}

/* SQLite keeps the text that made a table. */
static bf_status check_columns(bf_journal *j, bf_error *err) {
  char rows[BF_JOURNAL_SQL];
  sqlite3_stmt *statement = NULL;
  bf_journal_row_table(rows);
  if (sqlite3_prepare_v2(j->db, "SELECT 1 FROM sqlite_master WHERE sql = ?1", -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_bind_text(statement, 1, rows, -1, SQLITE_STATIC) != SQLITE_OK)
    return sqlite3_finalize(statement), journal_fail(j, "read", err);
  int step = sqlite3_step(statement);
  bf_status status = step == SQLITE_ROW    ? BF_OK
                     : step == SQLITE_DONE ? other_version(j, err)
                                           : journal_fail(j, "read", err);
  sqlite3_finalize(statement);
  return status;
}

static bf_status resume_job(bf_journal *j, const char *job, bf_error *err) {
  int64_t fault = 0;
  bf_status status =
      query_number(&fault, j, "SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check <> 'ok'", err);
  if (status == BF_OK && fault != 0) status = damaged(j, "its pages contradict each other", err);
  if (status == BF_OK) status = check_columns(j, err);
  if (status == BF_OK) status = check_job(j, job, err);
  /* A file that was not finished is looked at again from its first frame. */
  if (status == BF_OK)
    status = execute(j, "DELETE FROM rows WHERE (key >> 20) NOT IN (SELECT file FROM done)", "tidy", err);
  return status == BF_OK ? query_number(&j->files, j, "SELECT count(*) FROM done", err) : status;
}

static bf_status prepare_statements(bf_journal *j, bf_error *err) {
  char put[BF_JOURNAL_SQL];
  bf_journal_row_insert(put);
  const struct {
    sqlite3_stmt **statement;
    const char *sql;
  } all[] = {{&j->put, put},
             {&j->done, "INSERT OR IGNORE INTO done VALUES(?1)"},
             {&j->has, "SELECT 1 FROM done WHERE file = ?1"}};
  for (int i = 0; i < 3; i++)
    if (sqlite3_prepare_v3(j->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].statement, NULL) != SQLITE_OK)
      return journal_fail(j, "prepare", err);
  return BF_OK;
}

bf_status bf_journal_open(bf_journal **out, const char *path, const char *job, bf_error *err) {
  *out = NULL;
  bf_journal *j = bf_alloc(1, sizeof *j);
  if (j == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for the journal", path);
  if (snprintf(j->path, sizeof j->path, "%s", path) >= (int)sizeof j->path) {
    bf_free(j);
    return bf_fail(err, BF_E_ARGUMENT, "the path of the journal is too long");
  }
  bf_status status = BF_OK;
  int64_t id = 0, tables = 0;
  if (sqlite3_open_v2(path, &j->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
      SQLITE_OK)
    status = journal_fail(j, "open the journal", err);
  /* Exclusive: two programs on one job would undo each other, and no shared memory file is needed. */
  if (status == BF_OK)
    status = execute(
        j,
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;",
        "open the journal", err);
  if (status == BF_OK) status = query_number(&id, j, "PRAGMA application_id", err);
  if (status == BF_OK) status = query_number(&tables, j, "SELECT count(*) FROM sqlite_master", err);
  if (status == BF_OK && id == 0 && tables == 0)
    status = begin_job(j, job, err);
  else if (status == BF_OK && id != application)
    status = other_version(j, err);
  else if (status == BF_OK)
    status = resume_job(j, job, err);
  if (status == BF_OK) status = prepare_statements(j, err);
  if (status != BF_OK) {
    bf_journal_close(j);
    return status;
  }
  *out = j;
  return BF_OK;
}

static bf_status begin(bf_journal *j, bf_error *err) {
  if (j->open) return BF_OK;
  bf_status status = execute(j, "BEGIN IMMEDIATE", "write", err);
  j->open = status == BF_OK;
  return status;
}

static bf_status changed(bf_journal *j, bf_error *err) {
  return ++j->pending >= rows_a_commit ? bf_journal_commit(j, err) : BF_OK;
}

bf_status bf_journal_commit(bf_journal *j, bf_error *err) {
  if (!j->open) return BF_OK;
  bf_status status = execute(j, "COMMIT", "write", err);
  if (status == BF_OK) {
    j->open = false;
    j->pending = 0;
  }
  return status;
}

/* ---- heat maps: six numbers of the affine as bytes, then the maps of each kind ---- */

enum { affine_floats = 6 * sizeof(double) / sizeof(float) };

static int64_t cells_of(const bf_journal *j, int kind) { return (int64_t)j->grids[kind].rows * j->grids[kind].columns; }

static int64_t map_bytes(const bf_journal *j) {
  int64_t cells = 0;
  for (int k = 0; k < BF_HEATS; k++) cells += cells_of(j, k);
  return cells > 0 ? (affine_floats + cells) * (int64_t)sizeof(float) : 0;
}

void bf_journal_set_grids(bf_journal *j, const bf_heat_grid *grids) { memcpy(j->grids, grids, sizeof j->grids); }

static bool need_maps(bf_journal *j) {
  if (j->maps == NULL) j->maps = bf_alloc_raw((size_t)map_bytes(j), 1);
  return j->maps != NULL;
}

/* Bytes in j->maps; 0 of a row without maps. */
static int64_t pack_maps(bf_journal *j, const bf_score_row *row) {
  float *to = j->maps + affine_floats;
  memcpy(j->maps, row->to_original, sizeof row->to_original);
  for (int k = 0; k < BF_HEATS; to += cells_of(j, k++)) {
    if (cells_of(j, k) == 0) continue;
    if (row->heat[k] == NULL) return 0;
    memcpy(to, row->heat[k], (size_t)cells_of(j, k) * sizeof *to);
  }
  return map_bytes(j);
}

static void unpack_maps(bf_score_row *row, const bf_journal *j) {
  const float *from = j->maps + affine_floats;
  memcpy(row->to_original, j->maps, sizeof row->to_original);
  for (int k = 0; k < BF_HEATS; from += cells_of(j, k++))
    if (cells_of(j, k) > 0) row->heat[k] = from;
}

/* ---- rows ---- */

static int bind_bytes(sqlite3_stmt *s, int place, const void *bytes, int64_t size) {
  return sqlite3_bind_blob(s, place, size > 0 ? bytes : "", size > 0 ? (int)size : 0, SQLITE_STATIC);
}

static int bind_row(bf_journal *j, int64_t key, const bf_score_row *row) {
  int next = 2, bad = sqlite3_bind_int64(j->put, 1, key) | bf_journal_row_bind(&next, j->put, row);
  bad |= bind_bytes(j->put, next + BF_JOURNAL_BOXES, row->boxes, row->box_count * (int64_t)sizeof(bf_found_box));
  bad |= bind_bytes(j->put, next + BF_JOURNAL_MASK, row->mask,
                    row->mask != NULL ? bf_strip_mask_bytes(row->rows, row->columns) : 0);
  return bad | bind_bytes(j->put, next + BF_JOURNAL_HEAT, j->maps, map_bytes(j) > 0 ? pack_maps(j, row) : 0);
}

bf_status bf_journal_put(bf_journal *j, int64_t key, const bf_score_row *row, bf_error *err) {
  bf_status status = begin(j, err);
  if (status == BF_OK && map_bytes(j) > 0 && !need_maps(j))
    status = bf_fail(err, BF_E_MEMORY, "%s: no memory for a row's heat maps", j->path);
  if (status != BF_OK) return status;
  if (bind_row(j, key, row) != SQLITE_OK || sqlite3_step(j->put) != SQLITE_DONE)
    status = journal_fail(j, "write a row", err);
  sqlite3_reset(j->put);
  sqlite3_clear_bindings(j->put);
  return status == BF_OK ? changed(j, err) : status;
}

bool bf_journal_has_file(bf_journal *j, int64_t file_index) {
  sqlite3_bind_int64(j->has, 1, file_index);
  bool has = sqlite3_step(j->has) == SQLITE_ROW;
  sqlite3_reset(j->has);
  return has;
}

bf_status bf_journal_file_done(bf_journal *j, int64_t file_index, bf_error *err) {
  bf_status status = begin(j, err);
  if (status != BF_OK) return status;
  sqlite3_bind_int64(j->done, 1, file_index);
  if (sqlite3_step(j->done) != SQLITE_DONE)
    status = journal_fail(j, "write a row", err);
  else
    j->files += sqlite3_changes(j->db);
  sqlite3_reset(j->done);
  return status == BF_OK ? changed(j, err) : status;
}

int64_t bf_journal_files(const bf_journal *j) { return j->files; }

void bf_journal_close(bf_journal *j) {
  if (j == NULL) return;
  if (j->open) bf_journal_commit(j, NULL);
  sqlite3_finalize(j->put);
  sqlite3_finalize(j->done);
  sqlite3_finalize(j->has);
  sqlite3_close(j->db);
  bf_free(j->boxes);
  bf_free(j->maps);
  bf_free(j);
}

void bf_journal_remove(const char *path) {
  static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
  char name[BF_PATH_MAX];
  for (int i = 0; i < 4; i++)
    if (snprintf(name, sizeof name, "%s%s", path, endings[i]) < (int)sizeof name && unlink(name) != 0 &&
        errno != ENOENT)
      bf_log(BF_LOG_WARN, "%s: cannot remove the journal of a finished job: %s; remove it", name, strerror(errno));
}

static bf_status damaged_row(const bf_journal *j, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "%s: a row of the journal is damaged; remove it to begin the job anew", j->path);
}

static const char all_rows[] = "SELECT * FROM rows WHERE key >> 20 IN (SELECT file FROM done) ORDER BY key";

static bf_status take_boxes(bf_score_row *row, bf_journal *j, sqlite3_stmt *s, int place, bf_error *err) {
  int bytes = sqlite3_column_bytes(s, place), count = bytes / (int)sizeof(bf_found_box);
  if (bytes % (int)sizeof(bf_found_box) != 0 || count != row->box_count) return damaged_row(j, err);
  if (!bf_make_room((void **)&j->boxes, &j->box_room, (size_t)count, sizeof *j->boxes))
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for its boxes", j->path);
  if (count > 0) memcpy(j->boxes, sqlite3_column_blob(s, place), (size_t)bytes);
  row->boxes = j->boxes;
  return BF_OK;
}

static bf_status take_mask(bf_score_row *row, bf_journal *j, sqlite3_stmt *s, int place, bf_error *err) {
  int bytes = sqlite3_column_bytes(s, place);
  if (bytes > 0 && bytes != bf_strip_mask_bytes(row->rows, row->columns)) return damaged_row(j, err);
  row->mask = bytes > 0 ? sqlite3_column_blob(s, place) : NULL;
  return BF_OK;
}

static bf_status take_maps(bf_score_row *row, bf_journal *j, sqlite3_stmt *s, int place, bf_error *err) {
  int bytes = sqlite3_column_bytes(s, place);
  if (bytes == 0) return BF_OK;
  if (bytes != map_bytes(j)) return damaged_row(j, err);
  if (!need_maps(j)) return bf_fail(err, BF_E_MEMORY, "%s: no memory for its heat maps", j->path);
  memcpy(j->maps, sqlite3_column_blob(s, place), (size_t)bytes);
  unpack_maps(row, j);
  return BF_OK;
}

static bf_status take_row(bf_score_row *row, bf_journal *j, sqlite3_stmt *s, bf_error *err) {
  int next = 1;
  if (!bf_journal_row_take(row, &next, s))
    return sqlite3_errcode(j->db) == SQLITE_NOMEM ? bf_fail(err, BF_E_MEMORY, "%s: no memory for its rows", j->path)
                                                  : damaged_row(j, err);
  bf_status status = take_boxes(row, j, s, next + BF_JOURNAL_BOXES, err);
  if (status == BF_OK) status = take_mask(row, j, s, next + BF_JOURNAL_MASK, err);
  return status == BF_OK ? take_maps(row, j, s, next + BF_JOURNAL_HEAT, err) : status;
}

bf_status bf_journal_each(bf_journal *j, bf_journal_take take, void *argument, bf_error *err) {
  bf_score_row row;
  sqlite3_stmt *s = NULL;
  int step = SQLITE_ERROR;
  bf_status status = bf_journal_commit(j, err);
  if (status != BF_OK) return status;
  if (sqlite3_prepare_v2(j->db, all_rows, -1, &s, NULL) == SQLITE_OK)
    while (status == BF_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
      status = take_row(&row, j, s, err);
      if (status == BF_OK) status = take(argument, &row, err);
    }
  if (status == BF_OK && step != SQLITE_DONE) status = journal_fail(j, "read", err);
  sqlite3_finalize(s);
  return status;
}
