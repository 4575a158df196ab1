/* What the files of this room share of HDF5: creating and publishing, opening with suspicion, and tables: groups of
 * equally long columns, each a dataset, filled from and into arrays of structs by one description. Private to the room.
 */
#ifndef BF_STORE_H5_H
#define BF_STORE_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

/* A table read from a file may not be longer: protects memory from a hostile header. */
#define BF_H5_MAX_ROWS INT64_C(100000000)

/* ---- a file on its way out ---- */
typedef struct bf_h5_out {
  hid_t file; /* < 0 when closed */
  bf_publish publish;
  int failed; /* errno of the first write that the system refused, else 0 (see h5_driver.c) */
  bool begun;
} bf_h5_out;

bf_status bf_h5_create(bf_h5_out *out, const char *path, bf_error *err);
/* Closes, syncs and renames; on failure nothing is left behind. */
bf_status bf_h5_publish(bf_h5_out *out, bf_error *err);
/* Closes and removes what was written. Safe on a zeroed struct and after publishing. */
void bf_h5_discard(bf_h5_out *out);
/* The error of a failed call: the system's reason where there is one, else HDF5's own words. */
bf_status bf_h5_fail_out(const bf_h5_out *out, const char *what, bf_error *err);

/* File access properties whose driver keeps the first errno in *failed and then lets HDF5 believe that all is well. */
hid_t bf_h5_driver_properties(int *failed);

/* ---- a file that is read ---- */
/* convention: the root's Conventions must be this word. */
bf_status bf_h5_open(hid_t *out, const char *path, const char *convention, bf_error *err);
/* HDF5's own words about the last failure, to be asked before any other call of HDF5; "no reason given" where there are
 * none. Static memory. */
const char *bf_h5_reason(void);
bf_status bf_h5_fail_in(const char *path, const char *what, bf_error *err);

/* Opens a dataset by a path of plain (hard) links, stored in this very file and not through plug-in filters. */
bf_status bf_h5_open_dataset(hid_t *out, hid_t file, const char *path, const char *name, bf_error *err);
/* Whether the file is large enough to hold what the dataset promises. HDF5 reads data that was never written as fill
 * values, so a small file can claim any length; to be asked before memory is asked for. */
bool bf_h5_believable(hid_t dataset, int64_t values, size_t value_size);
bool bf_h5_has(hid_t file, const char *name);

/* ---- text attributes (variable-length UTF-8 scalars) ---- */
bool bf_h5_put_text(hid_t object, const char *name, const char *text);
/* NULL when absent or not a text; freed with bf_free. */
char *bf_h5_get_text(hid_t object, const char *name);

/* ---- tables ---- */
typedef enum bf_column_kind {
  BF_COLUMN_TEXT, /* char *: variable-length UTF-8 */
  BF_COLUMN_UID,  /* char[65]: 64-byte ASCII, NUL-padded */
  BF_COLUMN_NAME, /* char[33]: 32-byte ASCII, NUL-padded */
  BF_COLUMN_WORD, /* char[17]: 16-byte ASCII, NUL-padded */
  BF_COLUMN_INT8,
  BF_COLUMN_ENUM, /* uint8_t with names */
  BF_COLUMN_INT32,
  BF_COLUMN_INT64,
  BF_COLUMN_FLOAT,
  BF_COLUMN_DOUBLE,
  BF_COLUMN_DOUBLE6 /* double[6]: a 2-D dataset [rows, 6] */
} bf_column_kind;

typedef struct bf_column {
  const char *name;
  bf_column_kind kind;
  size_t offset; /* of the field in the struct */
  const char *units;
  const char *long_name;
  const char *const *names; /* ENUM: NULL-terminated, value i is names[i] */
} bf_column;

/* The group may be there, with other columns of as many rows. */
bf_status bf_h5_write_table(bf_h5_out *out, const char *group, const bf_column *columns, int column_count,
                            const void *rows, size_t stride, int64_t count, bf_error *err);

/* The same for a table whose rows come one after another: only the last few are held in memory. Zeroed: closed. */
typedef struct bf_h5_growing {
  const bf_column *columns;
  int column_count;
  hid_t *datasets;
  size_t stride;
  char *rows; /* that wait, with texts of their own */
  int64_t waiting, count;
} bf_h5_growing;

bf_status bf_h5_growing_begin(bf_h5_growing *t, bf_h5_out *out, const char *group, const bf_column *columns,
                              int column_count, size_t stride, bf_error *err);
/* The row is copied, with its texts. */
bf_status bf_h5_growing_append(bf_h5_growing *t, bf_h5_out *out, const void *row, bf_error *err);
/* Before the file is published, and before close. */
bf_status bf_h5_growing_flush(bf_h5_growing *t, bf_h5_out *out, bf_error *err);
void bf_h5_growing_close(bf_h5_growing *t);

/* Whether the kind is a text in the struct itself, with a NUL behind it. */
static inline bool bf_column_is_short_text(const bf_column *column) {
  return column->kind == BF_COLUMN_UID || column->kind == BF_COLUMN_NAME || column->kind == BF_COLUMN_WORD;
}
/* Bytes of the field in the struct. */
size_t bf_column_room(const bf_column *column);
/* The first column whose text in this row is not printable ASCII; NULL: there is none. */
const char *bf_h5_unclean(const void *row, const bf_column *columns, int column_count);
/* Fills the fields of a row whose columns are also `from_columns`, of the same kind, from a row of those. Texts are
 * borrowed. */
void bf_h5_copy_columns(void *row, const bf_column *columns, int column_count, const void *from,
                        const bf_column *from_columns, int from_count);

/* Length of the table by its first column. */
bf_status bf_h5_table_count(int64_t *count, hid_t file, const char *path, const char *group, const bf_column *columns,
                            bf_error *err);
/* Every column must have `count` rows. Texts are new memory (bf_free each); rows must be zeroed before. */
bf_status bf_h5_read_table(void *rows, size_t stride, int64_t count, hid_t file, const char *path, const char *group,
                           const bf_column *columns, int column_count, bf_error *err);
/* The same for columns that files of earlier versions lack, none of them a text: where one is not there, its fields
 * keep what the rows hold. */
bf_status bf_h5_read_later_columns(void *rows, size_t stride, int64_t count, hid_t file, const char *path,
                                   const char *group, const bf_column *columns, int column_count, bf_error *err);
/* Frees the texts of rows. */
void bf_h5_free_texts(void *rows, size_t stride, int64_t count, const bf_column *columns, int column_count);

#endif
