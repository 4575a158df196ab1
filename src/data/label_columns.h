/* Further columns of label files that somebody asked for: which, whether a file had them, and what else there is.
 * Private to the label readers. */
#ifndef BF_DATA_LABEL_COLUMNS_H
#define BF_DATA_LABEL_COLUMNS_H

#include "data/labels.h"
#include "data/string_map.h"

enum { BF_LABEL_OTHERS_MAX = 1024 }; /* as many as a table may have */

typedef struct bf_label_columns {
  char *names[BF_LABEL_COLUMNS_MAX]; /* that are kept */
  bool found[BF_LABEL_COLUMNS_MAX];
  int count;
  char *others[BF_LABEL_OTHERS_MAX]; /* that files have beside them */
  int other_count;
  bf_string_map texts; /* of all images */
} bf_label_columns;

void bf_label_columns_clear(bf_label_columns *columns);

/* Of these labels; for readers of tables. */
bf_label_columns *bf_labels_columns(bf_labels *labels);
/* A file of images has this further column. */
bf_status bf_label_columns_see(bf_label_columns *columns, const char *name, bf_error *err);
/* Whether the plain CSV reader gives the column a meaning of its own. */
bool bf_labels_csv_means(const char *name);

/* What a row says of the image in a kept column: "" nothing. Another text than an earlier row's makes it unknown; one
 * that is too long is cut (bf_label_text). Both are complained of, the latter once a text. path, line: of the row; line
 * 0: none. */
bf_status bf_labels_set_text(bf_labels *labels, bf_label *label, int column, const char *text, const char *path,
                             long line, bf_error *err);
/* All that another label says of the same image. where: the image, for complaints. */
bf_status bf_labels_join_texts(bf_labels *labels, bf_label *label, const bf_label *other, const char *where,
                               bf_error *err);

#endif
