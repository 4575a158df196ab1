/* The training loop's parts. No mathematics of its own: networks, losses and metrics do theirs. */
#include "run/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "run/calibrate.h"
#include "run/figures.h"
#include "run/predict_rows.h"

float *bf_trainer_block(const bf_trainer *t) { return bf_graph_data_block(bf_network_graph(t->model->network)); }

int64_t bf_trainer_block_size(const bf_trainer *t) { return bf_graph_block_size(bf_network_graph(t->model->network)); }

static void swap_blocks(float *a, float *b, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

static int64_t count_part(const bf_trainer *t, uint8_t which) {
  int64_t count = 0;
  for (int64_t i = 0; i < bf_dataset_count(t->data); i++) count += t->part[i] == which;
  return count;
}

/* Truths of the training part, for heads that weigh classes; boxes are not needed for that, only their number. */
static bf_status prepare_heads(bf_trainer *t, bf_error *err) {
  bf_truth *truths = bf_alloc((size_t)t->train_count, sizeof *truths);
  if (truths == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the labels of %lld images", (long long)t->train_count);
  int64_t n = 0;
  for (int64_t i = 0; i < bf_dataset_count(t->data); i++) {
    if (t->part[i] != BF_SPLIT_TRAIN) continue;
    const bf_record *record = bf_dataset_record(t->data, i);
    truths[n++] = (bf_truth){.weight = 1,
                             .malignant = record->malignant,
                             .lesions_known = record->lesions_known != 0,
                             .box_count = record->lesions_count};
  }
  bf_network_prepare(t->model->network, truths, n);
  bf_free(truths);
  return BF_OK;
}

static bf_status create_loaders(bf_trainer *t, bf_error *err) {
  if (t->train_loader != NULL) return BF_OK;
  int64_t rows = bf_dataset_count(t->data);
  uint8_t *use = bf_alloc((size_t)rows, 1);
  if (use == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)rows);
  bf_loader_options options = {.slices = t->main.slices == BF_SLICES_THREE,
                               .width = t->main.size,
                               .height = t->main.size,
                               .normalisation = t->model->normalisation,
                               .augmenter = &t->augmenter,
                               .masks = (bf_network_reads(t->model->network) & BF_READS_MASK) != 0,
                               .seed = (uint64_t)t->main.seed};
  for (int64_t i = 0; i < rows; i++) use[i] = t->part[i] == BF_SPLIT_TRAIN;
  bf_status status = bf_loader_create(&t->train_loader, t->data, use, &options, err);
  options.augmenter = NULL;
  for (int64_t i = 0; i < rows; i++) use[i] = t->part[i] == BF_SPLIT_VALIDATION;
  if (status == BF_OK && t->valid_count > 0) status = bf_loader_create(&t->valid_loader, t->data, use, &options, err);
  bf_free(use);
  return status;
}

static bf_status allocate(bf_trainer *t, bf_error *err) {
  size_t rows = (size_t)bf_dataset_count(t->data), size = (size_t)bf_trainer_block_size(t);
  t->order = bf_alloc(rows, sizeof *t->order);
  t->repeats = bf_alloc(rows, sizeof *t->repeats);
  t->valid_rows = bf_alloc(rows, sizeof *t->valid_rows);
  t->valid_answers = bf_alloc((size_t)t->valid_count, sizeof *t->valid_answers);
  t->best = bf_alloc(size, sizeof(float));
  if (t->rate.average > 0) t->average = bf_alloc(size, sizeof(float));
  if (!t->order || !t->repeats || !t->valid_rows || !t->valid_answers || !t->best ||
      (t->rate.average > 0 && !t->average))
    return bf_fail(err, BF_E_MEMORY, "no memory for training");
  int64_t n = 0;
  for (size_t i = 0; i < rows; i++)
    if (t->part[i] == BF_SPLIT_VALIDATION) t->valid_rows[n++] = (int64_t)i;
  return bf_truths_create(&t->truths, t->model->network, t->main.batch, t->main.size, err);
}

/* Folded norms hold no statistics of their own: batch statistics would undo them, so they are measured first, with the
 * network's function kept. */
static bf_status unfold_norms(bf_trainer *t, bf_error *err) {
  bf_exec *exec = NULL;
  bf_graph *graph = bf_network_graph(t->model->network);
  bf_order *each = NULL; /* every image once */
  const bf_order_options once = {.seed = (uint64_t)t->main.seed};
  bf_status status = create_loaders(t, err);
  if (status == BF_OK) status = bf_order_create(&each, t->data, t->part, BF_SPLIT_TRAIN, &once, err);
  if (status == BF_OK) status = bf_exec_create(&exec, graph, t->main.batch, true, t->pool, err);
  if (status == BF_OK) status = bf_exec_norms_begin(exec, err);
  if (status == BF_OK) {
    int64_t count = bf_order_draw(each, t->order, NULL, 0);
    for (int64_t first = 0; first < count; first += t->main.batch) {
      int n = (int)(count - first < t->main.batch ? count - first : t->main.batch);
      bf_loader_fill(t->train_loader, t->pool, bf_exec_value(exec, bf_network_input(t->model->network)),
                     t->truths.samples, t->order + first, NULL, n, 0);
      bf_exec_norms_feed(exec, n);
    }
    bf_exec_norms_end(exec);
    bf_log(BF_LOG_INFO, "batch norms came folded: their statistics were measured anew on %lld training images",
           (long long)count);
  }
  bf_exec_destroy(exec);
  bf_order_destroy(each);
  return status;
}

static bf_status ready_norms(bf_trainer *t, bool folded, bool pretrained, bf_error *err) {
  bf_graph *graph = bf_network_graph(t->model->network);
  bool frozen = t->main.norm == BF_NORM_FROZEN || (t->main.norm == BF_NORM_AUTO && pretrained);
  t->model->norms_frozen = frozen;
  bf_graph_freeze_norms(graph, frozen);
  t->frozen = bf_thaw_frozen(&t->thaw, 0);
  bf_graph_freeze_stages(graph, t->frozen);
  if (frozen && folded)
    bf_log(BF_LOG_INFO,
           "batch norms came folded into scale and shift: they stay frozen, batch statistics would undo them");
  return !frozen && folded ? unfold_norms(t, err) : BF_OK;
}

bf_source bf_trainer_source(const bf_trainer *t, bool training) {
  return (bf_source){.loader = training ? t->train_loader : t->valid_loader,
                     .pool = t->pool,
                     .input = bf_network_input(t->model->network),
                     .embedding = t->embedding};
}

/* Whole executors, or with kept features such that begin behind what is frozen. */
static bf_status create_executors(bf_trainer *t, bf_error *err) {
  bf_graph *graph = bf_network_graph(t->model->network);
  const bf_value *values = NULL;
  int count = 0;
  bf_tasks_destroy(t->tasks);
  bf_exec_destroy(t->exec);
  bf_exec_destroy(t->valid_exec);
  t->exec = t->valid_exec = NULL;
  t->tasks = NULL;
  if (t->embedding != NULL) values = bf_embedding_values(t->embedding, &count);
  bf_status status = t->embedding == NULL ? create_loaders(t, err) : BF_OK;
  if (status == BF_OK) status = bf_exec_create_from(&t->exec, graph, values, count, t->main.batch, true, t->pool, err);
  if (status == BF_OK) status = bf_tasks_create(&t->tasks, t->model->network, t->exec, t->main.batch, t->pool, err);
  if (status == BF_OK && t->valid_count > 0)
    status = bf_exec_create_from(&t->valid_exec, graph, values, count, t->main.batch, false, t->pool, err);
  return status;
}

static bf_status keep_features(bf_trainer *t, bf_embedding **embedding, bf_error *err) {
  bool used = false;
  if (embedding == NULL || t->main.views == 0 || t->frozen < 0) return BF_OK;
  bf_status status = BF_OK;
  if (*embedding == NULL) status = bf_embedding_create(embedding, t->data, t->main.views, t->main.batch, t->pool, err);
  if (status == BF_OK) status = bf_embedding_bind(&used, *embedding, t->model, t->main.views_memory, err);
  if (!used) return status;
  t->embedding = *embedding;
  bf_log(BF_LOG_INFO, "features of frozen stages are computed once and kept, of each image and %d augmented views",
         t->main.views);
  return BF_OK;
}

static bf_status read_plan(bf_trainer *t, bf_error *err) {
  const bf_backbone *backbone = bf_backbone_find(t->main.backbone, err);
  if (backbone == NULL) return BF_E_ARGUMENT;
  bf_status status = bf_thaw_parse(&t->thaw, t->main.freeze, t->main.unfreeze, backbone->stages, err);
  if (status == BF_OK)
    status = bf_stage_rates(t->stage_rates, backbone->stages, t->rate.learning_rate * t->rate.backbone_rate,
                            t->rate.stage_decay, t->rate.stage_rates, err);
  return status;
}

_Static_assert((int)BF_KNOWS_CLASS == (int)BF_READS_CLASS && (int)BF_KNOWS_LESIONS == (int)BF_READS_LESIONS &&
                   (int)BF_KNOWS_MASK == (int)BF_READS_MASK,
               "labels are told from each other alike in data and in nn");

/* Images of which no head has a label would take places and teach nothing. */
static bf_status leave_unlabelled(bf_trainer *t, bf_error *err) {
  unsigned wanted = bf_network_reads(t->model->network);
  int64_t left = 0, kept = 0;
  for (int64_t i = 0; i < bf_dataset_count(t->data); i++)
    if (t->part[i] == BF_SPLIT_TRAIN) kept += (bf_record_knows(bf_dataset_record(t->data, i)) & wanted) != 0;
  for (int64_t i = 0; i < bf_dataset_count(t->data) && kept > 0; i++)
    if (t->part[i] == BF_SPLIT_TRAIN && !(bf_record_knows(bf_dataset_record(t->data, i)) & wanted))
      t->part[i] = BF_SPLIT_NONE, left++;
  if (left > 0)
    bf_log(BF_LOG_INFO, "%lld of %lld training images have no label that a head is trained from: they are left out",
           (long long)left, (long long)(left + kept));
  return kept > 0 || count_part(t, BF_SPLIT_TRAIN) == 0 ? BF_OK
                                                        : bf_fail(err, BF_E_ARGUMENT,
                                                                  "none of the training images has a label that a head "
                                                                  "is trained from; give label files to ingest, or a "
                                                                  "weight to a head whose labels are there");
}

static bf_status create_order(bf_trainer *t, bf_error *err) {
  bf_order_options options = {.balanced = t->main.balanced,
                              .rare = t->main.rare,
                              .wanted = bf_network_reads(t->model->network),
                              .seed = (uint64_t)t->main.seed};
  return bf_order_create(&t->draws, t->data, t->part, BF_SPLIT_TRAIN, &options, err);
}

static bf_status count_rows(bf_trainer *t, const uint8_t *part, bf_error *err) {
  size_t rows = (size_t)bf_dataset_count(t->data);
  if ((t->part = bf_alloc(rows, 1)) == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for training");
  memcpy(t->part, part, rows);
  bf_status status = leave_unlabelled(t, err);
  if (status != BF_OK) return status;
  t->train_count = count_part(t, BF_SPLIT_TRAIN);
  t->valid_count = count_part(t, BF_SPLIT_VALIDATION);
  if (t->train_count == 0)
    return bf_fail(err, BF_E_ARGUMENT, "no image is left to train on: all are in validation or test");
  if (t->valid_count == 0 && t->main.validation > 0)
    bf_log(BF_LOG_WARN, "validation: %g of so few patients is none: the last epoch is kept, and no threshold is chosen",
           t->main.validation);
  if (t->main.batch > t->train_count) t->main.batch = (int)t->train_count;
  t->steps_per_epoch = t->train_count / t->main.batch;
  t->total_steps = t->steps_per_epoch * t->main.epochs;
  t->schedule = (bf_schedule){.kind = (bf_schedule_kind)t->rate.schedule,
                              .total = t->total_steps,
                              .warmup = (int64_t)(t->rate.warmup_epochs * (double)t->steps_per_epoch + 0.5),
                              .rise = t->rate.rise,
                              .floor = t->rate.floor_factor};
  return BF_OK;
}

/* The network as training begins with it: weights, norms, what is frozen. */
static bf_status ready_network(bf_trainer *t, const char *base_folder, bf_error *err) {
  bool pretrained = strcmp(t->main.weights, "none") != 0;
  bf_status status = create_order(t, err);
  if (status == BF_OK && pretrained) status = bf_model_load_weights(t->model, base_folder, err);
  bool folded = pretrained && bf_graph_norms_are_folded(bf_network_graph(t->model->network));
  if (status == BF_OK) status = allocate(t, err);
  if (status == BF_OK) status = prepare_heads(t, err);
  return status == BF_OK ? ready_norms(t, folded, pretrained, err) : status;
}

static bf_status create_optimiser(bf_trainer *t, bf_error *err) {
  bf_optimiser_spec spec = {t->rate.name == 0 ? BF_ADAMW : BF_SGD,
                            t->rate.weight_decay,
                            t->rate.momentum,
                            t->rate.beta1,
                            t->rate.beta2,
                            t->rate.epsilon,
                            t->rate.gradient_clip};
  return bf_optimiser_create(&t->optimiser, bf_network_graph(t->model->network), &spec, err);
}

bf_status bf_trainer_create(bf_trainer **out, bf_model *model, bf_dataset *data, const uint8_t *part, bf_pool *pool,
                            const char *base_folder, bf_embedding **embedding, bf_error *err) {
  *out = NULL;
  bf_trainer *t = bf_alloc(1, sizeof *t);
  if (t == NULL) {
    bf_model_destroy(model);
    return bf_fail(err, BF_E_MEMORY, "no memory for training");
  }
  *t = (bf_trainer){.model = model, .data = data, .pool = pool, .main = model->options, .best_metric = -INFINITY};
  bf_status status = bf_config_fill(model->config, "optimiser", &t->rate, err);
  if (status == BF_OK) status = read_plan(t, err);
  if (status == BF_OK) status = bf_model_balance(&t->balance, model->config, err);
  if (status == BF_OK) status = bf_run_augmenter(&t->augmenter, model->config, err);
  if (status == BF_OK) status = count_rows(t, part, err);
  if (status == BF_OK) status = ready_network(t, base_folder, err);
  if (status == BF_OK) status = keep_features(t, embedding, err);
  if (status == BF_OK) status = create_optimiser(t, err);
  if (status == BF_OK) status = create_executors(t, err);
  if (status != BF_OK) {
    bf_trainer_destroy(t);
    return status;
  }
  if (t->average != NULL) memcpy(t->average, bf_trainer_block(t), (size_t)bf_trainer_block_size(t) * sizeof(float));
  memcpy(t->best, bf_trainer_block(t), (size_t)bf_trainer_block_size(t) * sizeof(float));
  *out = t;
  return BF_OK;
}

void bf_trainer_destroy(bf_trainer *t) {
  if (t == NULL) return;
  bf_tasks_destroy(t->tasks);
  bf_free(t->balance.options);
  bf_exec_destroy(t->exec);
  bf_exec_destroy(t->valid_exec);
  bf_optimiser_destroy(t->optimiser);
  bf_loader_destroy(t->train_loader);
  bf_loader_destroy(t->valid_loader);
  bf_run_augmenter_clear(&t->augmenter);
  bf_free(t->part);
  bf_free(t->average);
  bf_free(t->best);
  bf_order_destroy(t->draws);
  bf_free(t->order);
  bf_free(t->repeats);
  bf_free(t->valid_rows);
  for (int64_t i = 0; i < t->valid_count && t->valid_answers != NULL; i++) bf_answer_clear(&t->valid_answers[i]);
  bf_free(t->valid_answers);
  bf_truths_clear(&t->truths);
  bf_model_destroy(t->model);
  bf_free(t);
}

bf_status bf_trainer_freeze(bf_trainer *t, int64_t epoch, bf_error *err) {
  int frozen = bf_thaw_frozen(&t->thaw, epoch);
  if (frozen == t->frozen) return BF_OK;
  bf_graph_freeze_stages(bf_network_graph(t->model->network), frozen);
  /* Its features end behind stages that now change. */
  if (t->embedding != NULL) bf_embedding_release(t->embedding);
  t->embedding = NULL;
  bf_status status = create_executors(t, err);
  if (status != BF_OK) return status;
  t->frozen = frozen;
  if (frozen < 0)
    bf_log(BF_LOG_INFO, "epoch %lld: all stages of the backbone are trained", (long long)epoch + 1);
  else
    bf_log(BF_LOG_INFO, "epoch %lld: stages 0 to %d of the backbone are frozen", (long long)epoch + 1, frozen);
  return BF_OK;
}

static void update_average(bf_trainer *t) {
  if (t->average == NULL) return;
  /* Young averages forget faster, so that the first steps' weights do not linger. */
  double decay = (1.0 + (double)t->step) / (10.0 + (double)t->step);
  float keep = (float)(decay < t->rate.average ? decay : t->rate.average);
  const float *now = bf_trainer_block(t);
  /* In this form what does not move stays as it is, bit for bit. */
  for (int64_t i = 0; i < bf_trainer_block_size(t); i++) t->average[i] += (1 - keep) * (now[i] - t->average[i]);
}

bf_status bf_trainer_step(bf_trainer *t, int64_t first, bf_pace pace, bf_step *step, bf_error *err) {
  int n = t->main.batch, samples;
  double started = bf_now(), stage_rate[BF_MAX_STAGES];
  bf_source source = bf_trainer_source(t, true);
  bf_status status = bf_source_fill(&source, t->exec, t->truths.samples, &samples, t->order + first, t->repeats + first,
                                    n, t->epoch, err);
  if (status != BF_OK) return status;
  bf_truths_fill(&t->truths, &source, samples);
  bf_rng key = bf_rng_make((uint64_t)t->main.seed, 0x64726f70, (uint64_t)t->step);
  bf_exec_forward(t->exec, n, bf_rng_next(&key) | 1);
  bf_tasks_backward(t->tasks, &t->balance, t->truths.at, samples, n, bf_rng_next(&key), &step->losses, &step->balance);
  for (int s = 0; s < BF_MAX_STAGES; s++) stage_rate[s] = t->stage_rates[s] * pace.rate;
  step->norm = bf_optimiser_step(t->optimiser, t->pool, stage_rate, t->rate.learning_rate * pace.rate, pace.momentum);
  if (!isfinite(step->norm)) return BF_OK;
  t->step++;
  update_average(t);
  int places = (int)(sizeof t->step_ms / sizeof t->step_ms[0]);
  t->step_ms[t->step_ms_count++ % places] = (bf_now() - started) * 1000 / n;
  return BF_OK;
}

bool bf_trainer_is_done(const bf_trainer *t) {
  bool looked = t->epoch > 0 && t->epoch % t->main.evaluate_every == 0;
  bool tired = t->main.patience > 0 && t->valid_count > 0 && t->epoch - t->best_epoch >= t->main.patience;
  return t->epoch >= t->main.epochs || (looked && tired);
}

int64_t bf_trainer_order(bf_trainer *t) { return bf_order_draw(t->draws, t->order, t->repeats, t->epoch); }

/* The mean loss of each task of an epoch, for the balance. */
static void end_epoch(bf_trainer *t, const bf_losses *losses) {
  double mean[BF_MAX_HEADS];
  int tasks = bf_network_head_count(t->model->network);
  for (int i = 0; i < tasks; i++) mean[i] = losses->labelled[i] > 0 ? losses->task[i] : NAN;
  if (t->balance.type->epoch != NULL) t->balance.type->epoch(t->balance.options, t->balance.state, tasks, mean);
  t->epoch++;
}

bf_status bf_trainer_epoch(bf_trainer *t, bf_epoch *epoch, bf_progress *progress, bf_error *err) {
  bf_status status = bf_trainer_freeze(t, t->epoch, err);
  if (status != BF_OK) return status;
  int64_t count = bf_trainer_order(t);
  *epoch = (bf_epoch){0};
  for (int64_t s = 0; s < t->steps_per_epoch; s++) {
    if (bf_cancelled())
      return bf_fail(err, BF_E_CANCELLED, "stopped as asked; --resume goes on from the last finished epoch");
    if ((s + 1) * t->main.batch > count) break;
    bf_step step;
    status = bf_trainer_step(t, s * t->main.batch, bf_schedule_at(&t->schedule, t->step), &step, err);
    if (status != BF_OK) return status;
    if (!isfinite(step.norm) || !isfinite(step.losses.total))
      return bf_fail(
          err, BF_E_ARGUMENT,
          "the loss is no longer finite at step %lld of epoch %d; try a smaller optimiser.learning_rate (now %g)",
          (long long)s, t->epoch + 1, t->rate.learning_rate);
    epoch->norm += step.norm / (double)t->steps_per_epoch;
    bf_network_add_losses(t->model->network, &epoch->losses, &step.losses);
    bf_watch_add(&epoch->watch, &step.balance);
    if (progress != NULL) bf_progress_update(progress, t->step * t->main.batch, NULL);
  }
  bf_network_mean_losses(t->model->network, &epoch->losses);
  end_epoch(t, &epoch->losses);
  return BF_OK;
}

bf_status bf_trainer_validate(bf_trainer *t, bf_figures *figures, bf_losses *losses, bf_error *err) {
  *figures = (bf_figures){NAN, NAN, NAN, NAN};
  *losses = (bf_losses){0};
  if (t->valid_count == 0) return BF_OK;
  bf_source source = bf_trainer_source(t, false);
  if (t->average != NULL) swap_blocks(bf_trainer_block(t), t->average, bf_trainer_block_size(t));
  bf_status status = bf_predict_rows(t->valid_answers, losses, t->model, t->valid_exec, t->main.batch, &source, t->data,
                                     t->valid_rows, t->valid_count, false, err);
  if (t->average != NULL) swap_blocks(bf_trainer_block(t), t->average, bf_trainer_block_size(t));
  if (status == BF_OK) status = bf_figures_of(figures, t->data, t->valid_rows, t->valid_answers, t->valid_count, err);
  figures->loss = losses->total;
  return status;
}

bool bf_trainer_keep_best(bf_trainer *t, const bf_figures *figures) {
  double value = NAN;
  switch (t->main.metric) {
    case BF_METRIC_COMBINED: value = figures->combined; break;
    case BF_METRIC_AUC: value = figures->auc; break;
    case BF_METRIC_FROC1: value = figures->froc1; break;
    case BF_METRIC_LOSS: value = -figures->loss; break;
    default: break;
  }
  /* Without a figure (no validation part, or "last") the newest weights are the best known; once there was one, an
   * epoch without (its answers are no numbers any more) is no better. */
  bool better = isnan(value) ? t->best_metric == -INFINITY : value > t->best_metric;
  if (!better) return false;
  if (!isnan(value)) t->best_metric = value;
  t->best_epoch = t->epoch;
  memcpy(t->best, t->average != NULL ? t->average : bf_trainer_block(t),
         (size_t)bf_trainer_block_size(t) * sizeof(float));
  return true;
}

bf_status bf_trainer_finish(bf_trainer *t, bool last, bf_error *err) {
  float *from = !last ? t->best : t->average;
  if (from != NULL) memcpy(bf_trainer_block(t), from, (size_t)bf_trainer_block_size(t) * sizeof(float));
  bf_source source = bf_trainer_source(t, false);
  bf_status status = BF_OK;
  if (t->valid_count > 0)
    status = bf_predict_rows(t->valid_answers, NULL, t->model, t->valid_exec, t->main.batch, &source, t->data,
                             t->valid_rows, t->valid_count, false, err);
  if (status != BF_OK) return status;
  return bf_calibrate(t->model, t->valid_answers, t->data, t->valid_rows, t->valid_count, "validation part", err);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bf_trainer_ms_per_image(const bf_trainer *t) {
  int places = (int)(sizeof t->step_ms / sizeof t->step_ms[0]);
  int count = t->step_ms_count < places ? t->step_ms_count : places;
  if (count == 0) return NAN;
  double sorted[sizeof t->step_ms / sizeof t->step_ms[0]];
  memcpy(sorted, t->step_ms, (size_t)count * sizeof *sorted);
  qsort(sorted, (size_t)count, sizeof *sorted, by_value);
  return sorted[count / 2];
}
