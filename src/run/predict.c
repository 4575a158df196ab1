/* Forward, decode, and the way back to original pixels. */
#include "run/predict.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image/fuse.h"

static int to_original(bf_found_box *out, const bf_prediction *p, bf_affine to_network, int32_t columns, int32_t rows) {
  bf_affine back;
  int count = 0;
  if (!bf_affine_invert(&back, to_network)) return 0;
  for (int i = 0; i < p->box_count; i++) {
    const bf_box *b = &p->boxes[i];
    bf_rect r = bf_affine_rect(back, (bf_rect){b->xmin, b->ymin, b->xmax, b->ymax});
    r = bf_rect_clip(r, columns, rows);
    if (bf_rect_area(r) <= 0) continue;
    out[count++] = (bf_found_box){(float)r.xmin, (float)r.ymin, (float)r.xmax, (float)r.ymax, b->score};
  }
  return count;
}

bf_status bf_predict_batch(bf_answer *out, bf_model *model, bf_exec *exec, const bf_affine *to_network,
                           const int32_t *columns, const int32_t *rows, int n, bf_error *err) {
  bf_prediction *predictions = bf_alloc((size_t)n, sizeof *predictions);
  if (predictions == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the answers of %d images", n);
  bf_exec_forward(exec, n, 0);
  bf_network_decode(model->network, exec, n, predictions);
  for (int i = 0; i < n; i++) {
    out[i].logit = predictions[i].malignant_logit;
    out[i].has_boxes = predictions[i].has_boxes;
    out[i].box_count = to_original(out[i].boxes, &predictions[i], to_network[i], columns[i], rows[i]);
  }
  bf_free(predictions);
  return BF_OK;
}

void bf_predict_join(bf_answer *answers, int views) {
  bf_scored_rect all[4 * BF_MAX_BOXES];
  int count = 0;
  double logit = 0;
  for (int v = 0; v < views && v < 4; v++) {
    logit += answers[v].logit;
    for (int i = 0; i < answers[v].box_count; i++) {
      const bf_found_box *b = &answers[v].boxes[i];
      all[count++] = (bf_scored_rect){{b->xmin, b->ymin, b->xmax, b->ymax}, b->score};
    }
  }
  count = bf_fuse_rects(all, count, views, 0.55);
  if (count > BF_MAX_BOXES) count = BF_MAX_BOXES;
  answers[0].logit = (float)(logit / views);
  answers[0].box_count = count;
  for (int i = 0; i < count; i++)
    answers[0].boxes[i] = (bf_found_box){(float)all[i].rect.xmin, (float)all[i].rect.ymin, (float)all[i].rect.xmax,
                                         (float)all[i].rect.ymax, (float)all[i].score};
}

void bf_predict_truths(bf_truth *truths, bf_box *boxes, const bf_sample *samples, int n) {
  for (int i = 0; i < n; i++) {
    bf_box *mine = boxes + (size_t)i * BF_LOADER_MAX_BOXES;
    for (int k = 0; k < samples[i].box_count; k++) {
      const bf_rect *r = &samples[i].boxes[k];
      mine[k] = (bf_box){(float)r->xmin, (float)r->ymin, (float)r->xmax, (float)r->ymax, 0};
    }
    truths[i] = (bf_truth){samples[i].malignant, samples[i].lesions_known, samples[i].box_count, mine};
  }
}

/* Memory of one pass over rows. */
typedef struct pass {
  bf_sample *samples;
  bf_truth *truths;
  bf_box *boxes;
  bf_affine *to_network;
  int32_t *columns, *rows;
} pass;

static void pass_clear(pass *p) {
  bf_free(p->samples);
  bf_free(p->truths);
  bf_free(p->boxes);
  bf_free(p->to_network);
  bf_free(p->columns);
  bf_free(p->rows);
}

static bf_status pass_create(pass *p, int batch, bf_error *err) {
  size_t n = (size_t)batch;
  p->samples = bf_alloc(n, sizeof *p->samples);
  p->truths = bf_alloc(n, sizeof *p->truths);
  p->boxes = bf_alloc(n * BF_LOADER_MAX_BOXES, sizeof *p->boxes);
  p->to_network = bf_alloc(n, sizeof *p->to_network);
  p->columns = bf_alloc(n, sizeof *p->columns);
  p->rows = bf_alloc(n, sizeof *p->rows);
  if (p->samples && p->truths && p->boxes && p->to_network && p->columns && p->rows) return BF_OK;
  pass_clear(p);
  return bf_fail(err, BF_E_MEMORY, "no memory for a batch of %d images", batch);
}

static bf_status look(bf_answer *out, pass *p, bf_model *model, bf_exec *exec, const bf_source *source,
                      const bf_dataset *data, const int64_t *rows, int n, bf_error *err) {
  bf_status status = bf_source_fill(source, exec, p->samples, rows, NULL, n, -1, err);
  if (status != BF_OK) return status;
  for (int i = 0; i < n; i++) {
    const bf_record *record = bf_dataset_record(data, rows[i]);
    p->to_network[i] = p->samples[i].to_network;
    p->columns[i] = record->columns;
    p->rows[i] = record->rows;
  }
  return bf_predict_batch(out, model, exec, p->to_network, p->columns, p->rows, n, err);
}

static void add_losses(bf_losses *sum, pass *p, bf_model *model, bf_exec *exec, int n) {
  bf_losses now;
  bf_predict_truths(p->truths, p->boxes, p->samples, n);
  bf_network_loss(model->network, exec, p->truths, n, NULL, &now);
  bf_network_add_losses(model->network, sum, &now);
}

bf_status bf_predict_rows(bf_answer *answers, bf_losses *losses, bf_model *model, bf_exec *exec, int batch,
                          const bf_source *source, const bf_dataset *data, const int64_t *rows, int64_t count,
                          bf_error *err) {
  pass p = {0};
  bf_status status = pass_create(&p, batch, err);
  if (status != BF_OK) return status;
  if (losses != NULL) *losses = (bf_losses){0};
  for (int64_t first = 0; first < count && status == BF_OK; first += batch) {
    int n = (int)(count - first < batch ? count - first : batch);
    status = look(answers + first, &p, model, exec, source, data, rows + first, n, err);
    if (status == BF_OK && losses != NULL) add_losses(losses, &p, model, exec, n);
  }
  if (losses != NULL) bf_network_mean_losses(model->network, losses);
  pass_clear(&p);
  return status;
}
