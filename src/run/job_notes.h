/* What a result says of the job that made it: the attribute extra_json of SCORES.h5. */
#ifndef BF_RUN_JOB_NOTES_H
#define BF_RUN_JOB_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"
#include "model/operating_points.h"

enum { BF_SHARDS_MAX = 100000 };

/* Which of a list of files. Shards are ranges of the list, so that rows of shard after shard are those of the whole. */
typedef struct bf_job_part {
  int64_t files;              /* in the whole list; 0: the scores are of no list of files */
  char sha256[65];            /* of the list: the paths in their order, each with a NUL behind it */
  int shard, shards;          /* 1 to shards; shards 0: the whole list */
  int64_t first, count, done; /* of the files that are this part: the first, how many, and of how many rows stand */
} bf_job_part;

/* "i/n", i from 1 to n, n at most BF_SHARDS_MAX; BF_E_ARGUMENT names the option. NULL: the whole list. Needs files. */
bf_status bf_job_part_of(bf_job_part *part, const char *shard, bf_error *err);

typedef struct bf_job_notes {
  double threshold;                  /* NaN: none */
  const char *rule;                  /* how it was chosen */
  const char *calibration;           /* as bf_calibration_write has it, with folds of all of them; NULL: not known */
  const bf_operating_points *points; /* NULL: none */
  int folds;                         /* 0: none */
  bool flips, heat;                  /* of score */
  const char *unlike;                /* what was done with images unlike the model's; NULL: nobody looked */
  const char *patient_key;           /* bf_patient_key.check of the key that patients were hashed with; NULL: none */
  const bf_job_part *part;           /* NULL: none */
} bf_job_notes;

/* JSON; freed with bf_free, NULL when memory is short. Versions of the libraries and the kernels in use are added. */
char *bf_job_notes_write(const bf_job_notes *notes);
/* The part that a text of bf_job_notes_write holds; false where it holds none. text may be NULL. */
bool bf_job_part_read(bf_job_part *part, const char *text);
/* The notes of shards joined: false where they are not of one job. both: freed with bf_free; NULL when memory is short.
 */
bool bf_job_notes_join(char **both, const char *whole, const char *shard);

/* Rows that were chosen out of other scores. */
typedef struct bf_job_subset {
  int64_t rows, of;
  /* What was asked, for writing; NULL: was not. */
  const char *status, *study, *range;
  const double *min_probability;
} bf_job_subset;

/* The notes of the scores that rows were chosen of (may be NULL, or no JSON), with the choice. Freed with bf_free; NULL
 * when memory is short. */
char *bf_job_notes_choose(const char *text, const bf_job_subset *subset);
/* Fills rows and of alone; false where the notes tell of no choice. text may be NULL. */
bool bf_job_subset_read(bf_job_subset *subset, const char *text);

#endif
