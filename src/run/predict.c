/* Forward, decode, and the way back to original pixels. */
#include "run/predict.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image/components.h"
#include "image/fuse.h"
#include "run/probability.h"

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

void bf_answer_clear(bf_answer *answer) {
  bf_free(answer->probable);
  bf_free(answer->mask);
  answer->probable = answer->mask = NULL;
  for (int k = 0; k < BF_HEATS; k++) bf_free(answer->heat[k]), answer->heat[k] = NULL;
}

typedef struct batch_job {
  bf_answer *out;
  const bf_prediction *predictions;
  const bf_affine *to_network;
  const int32_t *columns, *rows;
  bf_error *errors; /* of each image */
} batch_job;

static void answer_one(void *argument, int i, int thread) {
  (void)thread;
  const batch_job *j = argument;
  const bf_prediction *p = &j->predictions[i];
  bf_answer *out = &j->out[i];
  *out = (bf_answer){.logit = p->malignant_logit, .has_boxes = p->has_boxes, .sides = p->mask_sides};
  out->box_count = to_original(out->boxes, p, j->to_network[i], j->columns[i], j->rows[i]);
  if (p->mask != NULL)
    bf_probability_map(&out->probable, p, j->to_network[i], j->columns[i], j->rows[i], &j->errors[i]);
}

static bf_status first_error(const bf_error *errors, int n, bf_error *err) {
  for (int i = 0; i < n; i++)
    if (errors[i].status != BF_OK) {
      if (err != NULL) *err = errors[i];
      return errors[i].status;
    }
  return BF_OK;
}

bf_status bf_predict_batch(bf_answer *out, bf_network *network, bf_exec *exec, bf_pool *pool,
                           const bf_affine *to_network, const int32_t *columns, const int32_t *rows, int n,
                           bf_error *err) {
  bf_prediction *predictions = bf_alloc((size_t)n, sizeof *predictions);
  bf_error *errors = bf_alloc((size_t)n, sizeof *errors);
  bf_status status =
      predictions && errors ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the answers of %d images", n);
  if (status == BF_OK) {
    batch_job job = {out, predictions, to_network, columns, rows, errors};
    bf_exec_forward(exec, n, 0);
    bf_network_decode(network, exec, n, predictions);
    bf_pool_run(pool, answer_one, &job, n);
    status = first_error(errors, n, err);
    for (int i = 0; i < n && status != BF_OK; i++) bf_answer_clear(&out[i]);
  }
  bf_free(predictions);
  bf_free(errors);
  return status;
}

void bf_predict_probabilities(bf_answer *answers, int64_t count, const bf_model *model) {
  for (int64_t i = 0; i < count; i++) answers[i].probability = bf_model_probability(model, (double)answers[i].logit);
}

static void join_probabilities(bf_answer *answers, int views, int64_t pixels) {
  uint8_t *first = answers[0].probable;
  for (int64_t i = 0; first != NULL && i < pixels; i++) {
    int sum = 0;
    for (int v = 0; v < views; v++) sum += answers[v].probable[i];
    first[i] = (uint8_t)((sum + views / 2) / views);
  }
  for (int v = 1; v < views; v++) bf_answer_clear(&answers[v]);
}

void bf_predict_join(bf_answer *answers, const double *weights, int views, int32_t columns, int32_t rows) {
  bf_scored_rect all[BF_LOOKS_MAX * BF_MAX_BOXES];
  int count = 0;
  double logit = 0, sum = 0;
  for (int v = 0; v < views && v < BF_LOOKS_MAX; v++) {
    double weight = weights != NULL ? weights[v] : 1;
    logit += weight * (double)answers[v].logit;
    sum += weight;
    for (int i = 0; i < answers[v].box_count; i++) {
      const bf_found_box *b = &answers[v].boxes[i];
      all[count++] = (bf_scored_rect){{b->xmin, b->ymin, b->xmax, b->ymax}, b->score};
    }
  }
  count = bf_fuse_rects(all, count, views, 0.55);
  if (count > BF_MAX_BOXES) count = BF_MAX_BOXES;
  answers[0].logit = (float)(logit / sum);
  answers[0].box_count = count;
  join_probabilities(answers, views, (int64_t)columns * rows);
  for (int i = 0; i < count; i++)
    answers[0].boxes[i] = (bf_found_box){(float)all[i].rect.xmin, (float)all[i].rect.ymin, (float)all[i].rect.xmax,
                                         (float)all[i].rect.ymax, (float)all[i].score};
}

typedef struct finish_job {
  bf_answer *answers;
  const int32_t *columns, *rows;
  bf_error *errors;
} finish_job;

static void finish_one(void *argument, int i, int thread) {
  (void)thread;
  const finish_job *j = argument;
  bf_answer *a = &j->answers[i];
  if (a->probable == NULL) return;
  bf_status status = bf_probability_mask(&a->mask, a->probable, j->columns[i], j->rows[i], &j->errors[i]);
  if (status == BF_OK && a->has_boxes)
    status = bf_probability_sides(a->boxes, &a->box_count, a->mask, j->columns[i], j->rows[i], a->sides, &j->errors[i]);
  else if (status == BF_OK)
    status =
        bf_probability_boxes(a->boxes, &a->box_count, a->probable, a->mask, j->columns[i], j->rows[i], &j->errors[i]);
  a->has_boxes = true;
  bf_free(a->probable);
  a->probable = NULL;
}

bf_status bf_predict_finish(bf_answer *answers, bf_pool *pool, const int32_t *columns, const int32_t *rows, int n,
                            bf_error *err) {
  bool any = false;
  for (int i = 0; i < n; i++) any = any || answers[i].probable != NULL;
  if (!any) return BF_OK;
  bf_error *errors = bf_alloc((size_t)n, sizeof *errors);
  if (errors == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the masks of %d images", n);
  finish_job job = {answers, columns, rows, errors};
  bf_pool_run(pool, finish_one, &job, n);
  bf_status status = first_error(errors, n, err);
  bf_free(errors);
  return status;
}
