/* Results for other programs: the table (outputs.def) and the row. An output is opened in a folder, gets rows in their
 * order, and publishes its files when it is closed: each appears whole or not at all. One thread. */
#ifndef BF_OUTPUT_OUTPUT_H
#define BF_OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "image/geometry.h"
#include "store/scores.h"

typedef struct bf_output_box {
  float xmin, ymin, xmax, ymax, score; /* pixels of the original image, max exclusive; score 0 to 1 */
} bf_output_box;

/* What the file that a row was scored from gives to outputs that ask for it. The file is read once a row, in the run
 * room; outputs that are to copy more of it than its picture, such as parts of its header, get that as further fields.
 */
typedef struct bf_output_original {
  const uint8_t *grey; /* [rows*columns] of the row: 0 black to 255 white; NULL: it cannot be read any more */
  const char *reason;  /* why not; else "" */
} bf_output_original;

/* Heat maps of a row, on the grids of the job. */
typedef struct bf_output_heat {
  const float *maps[BF_HEATS]; /* [rows][columns]; NULL: there is none of this kind */
  bf_affine from_original;     /* original pixels to those that the network saw */
} bf_output_heat;

/* All texts are borrowed, never NULL. */
typedef struct bf_output_row {
  int64_t number; /* from 0, as in the scores */
  const char *file, *sop_instance_uid, *series_instance_uid, *study_instance_uid, *modality;
  const char *status, *message; /* "ok" and "" for a good row */
  int32_t frame, rows, columns;
  float malignant_probability, malignant_logit; /* NaN: unknown */
  int32_t box_count;
  const bf_output_box *boxes;         /* best score first */
  const char *unlike;                 /* how the image differs from those that the model was trained on; "" if not */
  const bf_score_row *scored;         /* the same row with all its columns; never NULL */
  const uint8_t *mask;                /* bit-packed (image/mask.h); NULL: there is none, or nobody asked for it */
  const bf_output_original *original; /* NULL: the row is no good, or nobody asked for it */
  const bf_output_heat *heat;         /* likewise */
} bf_output_row;

/* What all rows have in common. Texts are borrowed until the output is finished or abandoned. */
typedef struct bf_output_job {
  const char *scores;                             /* the file that the rows are of */
  const char *model_sha256, *config_yaml, *notes; /* as in it, notes being JSON; NULL where unknown */
  int64_t count;                                  /* its rows; those that are appended may be some of them */
  double min_score;                               /* boxes below it are not drawn, 0 to 1 */
  int heat;                                       /* bf_heat_kind of the heat map that is drawn; -1: none */
  const bf_heat_grid *grids;                      /* [BF_HEATS] of the heat maps that the scores hold; NULL: none */
} bf_output_job;

/* What an output asks for beyond the columns of a row. */
enum { BF_OUTPUT_WANTS_MASK = 1, BF_OUTPUT_WANTS_ORIGINAL = 2, BF_OUTPUT_WANTS_HEAT = 4 };

/* Where an output works, from its open to its close. */
typedef struct bf_output_place {
  char folder[BF_PATH_MAX];
  bf_output_job job;
  int64_t failed; /* good rows that could not be put out; counted by the output, which says why in its files */
  struct bf_text_file *sums; /* private */
} bf_output_place;

/* Every file that an output publishes is told here once, for its checksum. folder: where it lies at this moment. */
bf_status bf_output_sum(bf_output_place *place, const char *folder, const char *name, bf_error *err);

typedef struct bf_output_type {
  const char *name, *help;
  const char *extension; /* of its files, without the dot; an index of them may be called <name>.csv */
  unsigned wants;        /* BF_OUTPUT_WANTS_... */
  size_t state_size;     /* of the memory that open, append and close share; zeroed before open */
  /* The place is the state's to keep. */
  bf_status (*open)(void *state, bf_output_place *place, bf_error *err);
  bf_status (*append)(void *state, const bf_output_row *row, bf_error *err);
  /* Publishes with commit, else leaves nothing behind. Called once after every open, also a failed one. */
  bf_status (*close)(void *state, bool commit, bf_error *err);
} bf_output_type;

int bf_output_count(void);
const bf_output_type *bf_output_at(int index);

typedef struct bf_output bf_output;

/* What the output of this name asks for; 0 where there is none. */
unsigned bf_output_wants(const char *name);

/* Makes the folder. Unknown name: BF_E_ARGUMENT with the known ones. */
bf_status bf_output_open(bf_output **out, const char *name, const char *folder, const bf_output_job *job,
                         bf_error *err);
/* Rows come with rising numbers; some may be left out. */
bf_status bf_output_append(bf_output *output, const bf_output_row *row, bf_error *err);
/* Good rows so far that could not be put out. */
int64_t bf_output_failed(const bf_output *output);
/* Publishes the files, and <name>.sha256 beside them (for sha256sum -c), by which a cut or changed file is noticed. The
 * output is destroyed in any case. */
bf_status bf_output_finish(bf_output *output, bf_error *err);
/* Without finish: leaves nothing behind. Accepts NULL. */
void bf_output_abandon(bf_output *output);

#endif
