/* Results for other programs: the table (outputs.def) and the row. An output is opened in a folder, gets every row in
 * order, and publishes its files when it is closed: they appear whole or not at all. */
#ifndef BF_OUTPUT_OUTPUT_H
#define BF_OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_output_box {
  float xmin, ymin, xmax, ymax, score; /* pixels of the original image, max exclusive; score 0 to 1 */
} bf_output_box;

/* All texts are borrowed, never NULL. */
typedef struct bf_output_row {
  int64_t number; /* from 0, as in the scores */
  const char *file, *sop_instance_uid, *series_instance_uid, *study_instance_uid, *modality;
  const char *status, *message; /* "ok" and "" for a good row */
  int32_t frame, rows, columns;
  float malignant_probability, malignant_logit; /* NaN: unknown */
  int32_t box_count;
  const bf_output_box *boxes;
  const char *unlike; /* how the image differs from those that the model was trained on; "" when it does not */
} bf_output_row;

typedef struct bf_output_type {
  const char *name, *help;
  const char *extension; /* of its files, without the dot */
  size_t state_size;     /* of the memory that open, append and close share; zeroed before open */
  bf_status (*open)(void *state, const char *folder, bf_error *err);
  bf_status (*append)(void *state, const bf_output_row *row, bf_error *err);
  /* Publishes with commit, else leaves nothing behind. Called once after every open, also a failed one. names: gets the
   * files that were published, for their checksums; room for 8. */
  bf_status (*close)(void *state, bool commit, const char **names, int *count, bf_error *err);
} bf_output_type;

int bf_output_count(void);
const bf_output_type *bf_output_at(int index);

typedef struct bf_output bf_output;

/* Makes the folder. Unknown name: BF_E_ARGUMENT with the known ones. */
bf_status bf_output_open(bf_output **out, const char *name, const char *folder, bf_error *err);
bf_status bf_output_append(bf_output *output, const bf_output_row *row, bf_error *err);
/* Publishes the files, and <name>.sha256 beside them (for sha256sum -c), by which a cut or changed file is noticed. The
 * output is destroyed in any case. */
bf_status bf_output_finish(bf_output *output, bf_error *err);
/* Without finish: leaves nothing behind. Accepts NULL. */
void bf_output_abandon(bf_output *output);

#endif
