/* A text file on its way: buffered, published whole. Private to the room. */
#ifndef BF_OUTPUT_TEXT_FILE_H
#define BF_OUTPUT_TEXT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/file.h"

typedef struct bf_text_file {
  FILE *f;
  bf_publish publish;
} bf_text_file;

bf_status bf_text_file_open(bf_text_file *t, const char *folder, const char *name, bf_error *err);
/* Error of an earlier write, such as a full disk. */
bf_status bf_text_file_check(const bf_text_file *t, bf_error *err);
/* A field of a CSV file: quoted, and made UTF-8. False when memory is short. */
bool bf_text_file_quoted(bf_text_file *t, const char *text);
/* Safe on a zeroed struct; without commit nothing is left behind. */
bf_status bf_text_file_close(bf_text_file *t, bool commit, bf_error *err);

#endif
