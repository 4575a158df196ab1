/* Rows of a dataset to the domain of the model that learns from them. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "run/train_job.h"

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* How many different texts there are; empty ones are none. */
static int64_t count_different(const char **texts, int64_t count) {
  int64_t n = 0;
  qsort(texts, (size_t)count, sizeof *texts, by_text);
  for (int64_t i = 0; i < count; i++) n += texts[i][0] != '\0' && (i == 0 || strcmp(texts[i], texts[i - 1]) != 0);
  return n;
}

bf_status bf_train_domain(bf_domain *out, const bf_dataset *data, const uint8_t *part, bf_error *err) {
  int64_t rows = bf_dataset_count(data), n = 0;
  const char **studies = bf_alloc((size_t)rows, sizeof *studies), **patients = bf_alloc((size_t)rows, sizeof *patients);
  bf_status status =
      studies && patients ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the list of %lld images", (long long)rows);
  *out = (bf_domain){0};
  for (int64_t i = 0; i < rows && status == BF_OK; i++) {
    const bf_record *r = bf_dataset_record(data, i);
    if (part[i] != BF_SPLIT_TRAIN) continue;
    bf_domain_add(out, &(bf_domain_image){r->modality, r->photometric, r->rows, r->columns, r->spacing_row,
                                          r->spacing_column, r->manufacturer});
    studies[n] = r->study_instance_uid;
    patients[n++] = r->patient;
  }
  if (status == BF_OK) {
    out->studies = count_different(studies, n);
    out->patients = count_different(patients, n);
  }
  bf_free(studies);
  bf_free(patients);
  return status;
}
