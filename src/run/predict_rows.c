/* Rows of a dataset through a model, batch by batch. */
#include "run/predict_rows.h"

#include "base/memory.h"
#include "run/predictor.h"

/* Memory of one pass over rows. */
typedef struct pass {
  bf_truths truths;
  bf_affine *to_network;
  int32_t *columns, *rows;
} pass;

static void pass_clear(pass *p) {
  bf_truths_clear(&p->truths);
  bf_free(p->to_network);
  bf_free(p->columns);
  bf_free(p->rows);
}

static bf_status pass_create(pass *p, const bf_model *model, int batch, bf_error *err) {
  size_t n = (size_t)batch;
  p->to_network = bf_alloc(n, sizeof *p->to_network);
  p->columns = bf_alloc(n, sizeof *p->columns);
  p->rows = bf_alloc(n, sizeof *p->rows);
  bf_status status = p->to_network && p->columns && p->rows
                         ? bf_truths_create(&p->truths, model->network, batch, model->options.size, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for a batch of %d images", batch);
  if (status != BF_OK) pass_clear(p);
  return status;
}

static bf_status look(bf_answer *out, pass *p, bf_model *model, bf_exec *exec, const bf_source *source,
                      const bf_dataset *data, const int64_t *rows, int n, bool flips, bf_error *err) {
  int samples;
  bf_status status = bf_source_fill(source, exec, p->truths.samples, &samples, rows, NULL, n, -1, err);
  if (status != BF_OK) return status;
  for (int i = 0; i < n; i++) {
    const bf_record *record = bf_dataset_record(data, rows[i]);
    p->to_network[i] = p->truths.samples[i].to_network;
    p->columns[i] = record->columns;
    p->rows[i] = record->rows;
  }
  const bf_predictor predictor = {.model = model, .pool = source->pool, .flips = flips, .execs = &exec};
  return bf_predictor_run(out, &predictor, p->to_network, p->columns, p->rows, n, err);
}

static void add_losses(bf_losses *sum, pass *p, bf_model *model, bf_exec *exec, const bf_source *source, int n) {
  bf_losses now;
  bf_truths_fill(&p->truths, source, n);
  bf_network_loss(model->network, exec, p->truths.at, n, NULL, &now);
  bf_network_add_losses(model->network, sum, &now);
}

bf_status bf_predict_rows(bf_answer *answers, bf_losses *losses, bf_model *model, bf_exec *exec, int batch,
                          const bf_source *source, const bf_dataset *data, const int64_t *rows, int64_t count,
                          bool flips, bf_error *err) {
  pass p = {0};
  bf_status status = pass_create(&p, model, batch, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < count; i++) bf_answer_clear(&answers[i]);
  if (losses != NULL) *losses = (bf_losses){0};
  for (int64_t first = 0; first < count && status == BF_OK; first += batch) {
    int n = (int)(count - first < batch ? count - first : batch);
    status = look(answers + first, &p, model, exec, source, data, rows + first, n, flips, err);
    if (status == BF_OK && losses != NULL) add_losses(losses, &p, model, exec, source, n);
  }
  if (losses != NULL) bf_network_mean_losses(model->network, losses);
  pass_clear(&p);
  return status;
}
