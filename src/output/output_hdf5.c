/* Output "hdf5": scores.h5, the rows as a file of scores of their own, with their masks; series and studies are pooled
 * anew. The format is the store's. */
#include <sys/stat.h>

#include "output/output.h"
#include "store/scores.h"

typedef struct state {
  bf_output_place *place;
  bf_scores_writer *writer;
} state;

static bool same_file(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bf_status open_file(void *memory, bf_output_place *place, bf_error *err) {
  state *s = memory;
  char path[BF_PATH_MAX];
  const bf_output_job *job = &place->job;
  const bf_scores_notes notes = {job->model_sha256, job->config_yaml, "maximum", job->notes, job->grids};
  s->place = place;
  bf_status status = bf_path_join(path, sizeof path, place->folder, "scores.h5", err);
  if (status == BF_OK && same_file(path, job->scores))
    status = bf_fail(err, BF_E_ARGUMENT, "%s: a part of it would take its own place; name another folder with -o",
                     job->scores);
  return status == BF_OK ? bf_scores_writer_open(&s->writer, path, &notes, err) : status;
}

static bf_status append(void *memory, const bf_output_row *row, bf_error *err) {
  bf_score_row scored = *row->scored;
  scored.mask = row->mask;
  for (int k = 0; k < BF_HEATS; k++) scored.heat[k] = row->heat != NULL ? row->heat->maps[k] : NULL;
  return bf_scores_writer_put(((state *)memory)->writer, &scored, err);
}

static bf_status close_file(void *memory, bool commit, bf_error *err) {
  state *s = memory;
  if (!commit) {
    bf_scores_writer_abandon(s->writer);
    return BF_OK;
  }
  bf_status status = bf_scores_writer_finish(s->writer, err);
  return status == BF_OK ? bf_output_sum(s->place, s->place->folder, "scores.h5", err) : status;
}

const bf_output_type bf_output_hdf5 = {.name = "hdf5",
                                       .help = "scores.h5, a file of scores of these rows alone",
                                       .extension = "h5",
                                       .wants = BF_OUTPUT_WANTS_MASK | BF_OUTPUT_WANTS_HEAT,
                                       .state_size = sizeof(state),
                                       .open = open_file,
                                       .append = append,
                                       .close = close_file};
