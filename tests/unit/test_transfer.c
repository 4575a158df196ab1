/* Transfer learning by its effect: which bits of which stage may change in which epoch, how far rates move them, what
 * batch norms do, and that kept features train the head that pictures would. Nothing is read back from the
 * configuration. */
#include <math.h>

#include "base/memory.h"
#include "base/pool.h"
#include "data_support.h"
#include "run/trainer.h"
#include "tensor/gemm.h"

enum { rows = 24, side = 48 };
static bf_dataset *data;
static bf_pool *pool;

/* Noise with a bright square where there is a lesion; malignant ones are larger. */
static void make_data(void) {
  bf_dataset_writer *w = NULL;
  static uint16_t pixels[side * side];
  assert_ok(bf_dataset_writer_create(&w, in_folder("data.h5"), err));
  for (int i = 0; i < rows; i++) {
    int malignant = i % 2, size = malignant ? 22 : 12, x0 = 3 + i % 7 * 3, y0 = 2 + i % 5 * 4;
    char patient[16];
    snprintf(patient, sizeof patient, "p%d", i);
    bf_record r = plain_record("f", patient, malignant, side, side);
    r.lesions_known = 1;
    bf_lesion lesion = {.xmin = (float)x0,
                        .ymin = (float)y0,
                        .xmax = (float)(x0 + size),
                        .ymax = (float)(y0 + size),
                        .malignant = (int8_t)malignant};
    for (int k = 0; k < side * side; k++) {
      int x = k % side, y = k / side;
      bool inside = x >= x0 && x < x0 + size && y >= y0 && y < y0 + size;
      pixels[k] = (uint16_t)((inside ? 40000 : 9000) + (k * 7919 + i * 104729) % 9001);
    }
    assert_ok(bf_dataset_append(w, &r, pixels, &lesion, 1, NULL, err));
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
  assert_ok(bf_dataset_open(&data, in_folder("data.h5"), err));
}

static int set_up(void **state) {
  bf_error err = {0};
  bf_log_set_level(BF_LOG_ERROR);
  if (bf_blas_init(&err) != BF_OK || make_folder(state) != 0 || bf_pool_create(&pool, 2, &err) != BF_OK) return 1;
  make_data();
  return 0;
}

static int tear_down(void **state) {
  bf_dataset_close(data);
  bf_pool_destroy(pool);
  return remove_folder(state);
}

/* A small resnet18 with few channels in its lesion head, and further settings up to NULL. */
static bf_trainer *make(bf_embedding **kept, const char *const *settings) {
  static const char *const usual[] = {"backbone=resnet18",
                                      "size=32",
                                      "batch=8",
                                      "epochs=6",
                                      "validation=0",
                                      "views=0",
                                      "heads.lesion.channels=8",
                                      "optimiser.warmup_epochs=0",
                                      "optimiser.weight_decay=0",
                                      NULL};
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  bf_config *config;
  bf_model *model;
  bf_trainer *t;
  uint8_t part[rows];
  int count = bf_run_sections(sections);
  for (int i = 0; i < rows; i++) part[i] = i < 16 ? BF_SPLIT_TRAIN : BF_SPLIT_VALIDATION;
  assert_ok(bf_model_config(&config, sections, count, err));
  for (int i = 0; usual[i] != NULL; i++) assert_ok(bf_config_assign(config, usual[i], err));
  for (int i = 0; settings[i] != NULL; i++) assert_ok(bf_config_assign(config, settings[i], err));
  assert_ok(bf_model_create(&model, config, err));
  assert_ok(bf_trainer_create(&t, model, data, part, pool, ".", kept, err));
  return t;
}
#define MAKE(...) make(NULL, (const char *const[]){__VA_ARGS__, NULL})

static bf_graph *graph_of(const bf_trainer *t) { return bf_network_graph(t->model->network); }

static float *copy_block(const bf_trainer *t) {
  size_t bytes = (size_t)bf_graph_block_size(graph_of(t)) * sizeof(float);
  float *copy = bf_alloc_raw(bytes, 1);
  assert_non_null(copy);
  memcpy(copy, bf_graph_data_block(graph_of(t)), bytes);
  return copy;
}

static void epoch(bf_trainer *t) {
  bf_epoch brought;
  assert_ok(bf_trainer_epoch(t, &brought, NULL, err));
}

typedef enum what { TRAINED, STATISTICS } what;

/* Whether any, and whether every, tensor of the stage differs from the copy: norms' running statistics, or all others.
 */
static void changed(bool *any, bool *every, const bf_trainer *t, const float *before, int stage, what which) {
  *any = false, *every = true;
  for (int i = 0; i < bf_graph_param_count(graph_of(t)); i++) {
    const bf_param *p = bf_graph_param(graph_of(t), i);
    bool statistic = p->kind == BF_PARAM_NORM_MEAN || p->kind == BF_PARAM_NORM_VAR;
    if (p->stage != stage || statistic != (which == STATISTICS)) continue;
    bool differs = memcmp(p->data, before + p->offset, (size_t)p->count * sizeof(float)) != 0;
    *any = *any || differs;
    *every = *every && differs;
  }
}

static void expect_changed(const bf_trainer *t, const float *before, int stage, what which, bool wanted) {
  bool any, every;
  changed(&any, &every, t, before, stage, which);
  if (wanted ? !every : any)
    fail_msg("epoch %d, stage %d, %s: %s", t->epoch, stage, which == TRAINED ? "weights" : "statistics",
             wanted ? "some did not change" : "some changed");
}

/* One epoch; stages up to `frozen` must keep every bit, all others must change every tensor. */
static void epoch_and_check(bf_trainer *t, int frozen, bool norms_batch) {
  float *before = copy_block(t);
  epoch(t);
  for (int stage = 0; stage < 5; stage++) {
    expect_changed(t, before, stage, TRAINED, stage > frozen);
    expect_changed(t, before, stage, STATISTICS, norms_batch && stage > frozen);
  }
  expect_changed(t, before, BF_STAGE_HEAD, TRAINED, true);
  bf_free(before);
}

static void nothing_frozen(void **state) {
  (void)state;
  bf_trainer *t = MAKE("norm=batch");
  epoch_and_check(t, -1, true);
  epoch_and_check(t, -1, true);
  bf_trainer_destroy(t);
}

static void frozen_up_to_a_stage(void **state) {
  (void)state;
  bf_trainer *t = MAKE("freeze=2", "norm=batch");
  for (int e = 0; e < 3; e++) epoch_and_check(t, 2, true);
  bf_trainer_destroy(t);
}

static void all_frozen(void **state) {
  (void)state;
  bf_trainer *t = MAKE("freeze=all", "norm=batch", "optimiser.weight_decay=0.1", "optimiser.average=0.9");
  for (int e = 0; e < 2; e++) epoch_and_check(t, 4, true);
  bf_trainer_destroy(t);
}

static void thawed_stage_by_stage(void **state) {
  (void)state;
  static const int frozen[] = {4, 3, 3, 1, 1, -1};
  bf_trainer *t = MAKE("freeze=all", "unfreeze=4 at 2, 2 at 4, 0 at 6", "norm=batch");
  for (int e = 0; e < 6; e++) epoch_and_check(t, frozen[e], true);
  bf_trainer_destroy(t);
  t = MAKE("freeze=1", "unfreeze=every 1", "norm=batch", "optimiser.name=sgd", "optimiser.learning_rate=0.01");
  for (int e = 0; e < 3; e++) epoch_and_check(t, 1 - e, true);
  bf_trainer_destroy(t);
}

/* Frozen norms: neither their statistics nor scale and shift move, while convolutions do. */
static void norms_frozen(void **state) {
  (void)state;
  bf_trainer *t = MAKE("norm=frozen");
  float *before = copy_block(t);
  epoch(t);
  int norms = 0;
  for (int i = 0; i < bf_graph_param_count(graph_of(t)); i++) {
    const bf_param *p = bf_graph_param(graph_of(t), i);
    bool norm = p->kind >= BF_PARAM_NORM_SCALE && p->kind <= BF_PARAM_NORM_VAR;
    if (p->stage == BF_STAGE_HEAD) continue;
    bool same = memcmp(p->data, before + p->offset, (size_t)p->count * sizeof(float)) == 0;
    norms += norm;
    if (same != norm) fail_msg("%s %s", p->name, same ? "stayed" : "moved");
  }
  assert_int_equal(norms, 80);
  bf_free(before);
  bf_trainer_destroy(t);
}

/* ---- rates ---- */

/* How far a stage's weights have moved, as the largest step of a number. */
static double moved(const bf_trainer *t, const float *before, int stage) {
  double most = 0;
  for (int i = 0; i < bf_graph_param_count(graph_of(t)); i++) {
    const bf_param *p = bf_graph_param(graph_of(t), i);
    if (p->stage != stage || !p->trainable) continue;
    for (int64_t k = 0; k < p->count; k++) most = fmax(most, fabs((double)p->data[k] - before[p->offset + k]));
  }
  return most;
}

static void one_step(bf_trainer *t, double factor) {
  bf_step step;
  bf_trainer_order(t);
  assert_ok(bf_trainer_step(t, 0, (bf_pace){factor, NAN}, &step, err));
}

/* AdamW's first step moves every number by its rate (where the gradient is not tiny): rates are read off the weights.
 */
static void expect_step(const bf_trainer *t, const float *before, int stage, double rate) {
  double found = moved(t, before, stage);
  if (!(fabs(found - rate) <= 0.02 * rate)) fail_msg("stage %d moved by %g, its rate is %g", stage, found, rate);
}

static void rates_by_stage(void **state) {
  (void)state;
  bf_trainer *t = MAKE("optimiser.learning_rate=0.01", "optimiser.backbone_rate=0.5", "optimiser.stage_decay=0.5");
  float *before = copy_block(t);
  one_step(t, 1);
  for (int stage = 0; stage < 5; stage++) expect_step(t, before, stage, 0.005 * pow(0.5, 4 - stage));
  expect_step(t, before, BF_STAGE_HEAD, 0.01);
  bf_free(before);
  bf_trainer_destroy(t);
  t = MAKE("optimiser.learning_rate=0.01", "optimiser.stage_rates=0.001, 0.002, 0.0005, 0.004, 0.008");
  before = copy_block(t);
  one_step(t, 0.5);
  static const double rates[] = {0.001, 0.002, 0.0005, 0.004, 0.008};
  for (int stage = 0; stage < 5; stage++) expect_step(t, before, stage, 0.5 * rates[stage]);
  expect_step(t, before, BF_STAGE_HEAD, 0.005);
  bf_free(before);
  bf_trainer_destroy(t);
}

static void a_rate_of_nothing_moves_nothing(void **state) {
  (void)state;
  bf_trainer *t = MAKE("optimiser.stage_rates=0, 0.002, 0, 0.004, 0.008", "norm=frozen");
  float *before = copy_block(t);
  epoch(t);
  expect_changed(t, before, 0, TRAINED, false);
  expect_changed(t, before, 2, TRAINED, false);
  assert_true(moved(t, before, 1) > 0 && moved(t, before, 3) > 0);
  bf_free(before);
  bf_trainer_destroy(t);
}

/* A stage thawed late begins as gently as the others did: without a count of its own, AdamW's first step there would be
 * three times its rate. */
static void the_first_step_after_thawing(void **state) {
  (void)state;
  bf_trainer *t = MAKE("freeze=3", "unfreeze=3 at 3", "optimiser.learning_rate=0.01", "optimiser.backbone_rate=0.1",
                       "optimiser.schedule=constant");
  epoch(t), epoch(t);
  float *before = copy_block(t);
  bf_epoch brought;
  t->steps_per_epoch = 1; /* one step of the epoch that thaws */
  assert_ok(bf_trainer_epoch(t, &brought, NULL, err));
  expect_step(t, before, 3, 0.001);
  expect_changed(t, before, 2, TRAINED, false);
  bf_free(before);
  bf_trainer_destroy(t);
}

/* Decay acts on weights alone: with no gradient to speak of (a rate of the loss of nothing) biases and norms stay. */
static void decay_spares_norms_and_biases(void **state) {
  (void)state;
  bf_trainer *a = MAKE("optimiser.weight_decay=0", "optimiser.name=sgd", "optimiser.learning_rate=0.01"),
             *b = MAKE("optimiser.weight_decay=0.5", "optimiser.name=sgd", "optimiser.learning_rate=0.01");
  one_step(a, 1), one_step(b, 1);
  int spared = 0, decayed = 0;
  for (int i = 0; i < bf_graph_param_count(graph_of(a)); i++) {
    const bf_param *p = bf_graph_param(graph_of(a), i), *q = bf_graph_param(graph_of(b), i);
    bool same = memcmp(p->data, q->data, (size_t)p->count * sizeof(float)) == 0;
    bool weight = p->kind == BF_PARAM_CONV || p->kind == BF_PARAM_LINEAR;
    if (same == weight) fail_msg("%s %s", p->name, same ? "did not decay" : "decayed");
    spared += same, decayed += !same;
  }
  assert_true(spared > 40 && decayed > 20);
  bf_trainer_destroy(a), bf_trainer_destroy(b);
}

/* ---- early stopping, averages ---- */

static void patience(void **state) {
  (void)state;
  bf_trainer *t = MAKE("patience=2", "epochs=100", "metric=auc", "optimiser.learning_rate=1e-8", "norm=frozen");
  bf_figures figures;
  bf_losses losses;
  while (!bf_trainer_is_done(t)) {
    epoch(t);
    assert_ok(bf_trainer_validate(t, &figures, &losses, err));
    bf_trainer_keep_best(t, &figures);
  }
  assert_int_equal(t->epoch, t->best_epoch + 2);
  assert_true(t->epoch < 20); /* at that rate no epoch is much better than the first */
  bf_trainer_destroy(t);
}

/* Only a look can find that nothing is better. */
static void patience_between_looks(void **state) {
  (void)state;
  bf_trainer *t = MAKE("patience=1", "epochs=9", "evaluate_every=3", "metric=auc");
  static const bool done[] = {false, false, false, true, false, false, true, false, false, true};
  for (int e = 0; e < 10; e++) {
    t->epoch = e, t->best_epoch = 0;
    assert_int_equal(bf_trainer_is_done(t), done[e]);
  }
  t->epoch = 6, t->best_epoch = 6;
  assert_false(bf_trainer_is_done(t));
  bf_trainer_destroy(t);
}

static void averages_follow(void **state) {
  (void)state;
  bf_trainer *t = MAKE("freeze=1", "optimiser.average=0.5", "norm=batch");
  float *start = copy_block(t);
  epoch(t);
  for (int i = 0; i < bf_graph_param_count(graph_of(t)); i++) {
    const bf_param *p = bf_graph_param(graph_of(t), i);
    const float *average = t->average + p->offset;
    size_t bytes = (size_t)p->count * sizeof(float);
    if (p->stage <= 1)
      assert_memory_equal(average, start + p->offset, bytes);
    else
      assert_true(memcmp(average, start + p->offset, bytes) != 0 && memcmp(average, p->data, bytes) != 0);
  }
  bf_free(start);
  bf_trainer_destroy(t);
}

/* ---- kept features ---- */

#define STILL                                                                                                       \
  "augment.flip.horizontal=0", "augment.rotate.degrees=0", "augment.scale.range=0", "augment.translate.fraction=0", \
      "augment.crop.area=0", "augment.brightness.range=0", "augment.contrast.range=0", "augment.gamma.range=0",     \
      "augment.noise.sigma=0", "augment.speckle.sigma=0", "augment.blur.sigma=0"

/* Without augmentation kept features are those of the pictures: the heads come out the same, to rounding; and the
 * answers on validation with them. */
static void kept_features_train_the_same_head(void **state) {
  (void)state;
  bf_embedding *kept = NULL;
  const char *const with[] = {STILL, "freeze=all", "views=2", NULL}, *const without[] = {STILL, "freeze=all", NULL};
  bf_trainer *a = make(&kept, with), *b = make(NULL, without);
  assert_non_null(a->embedding);
  assert_null(b->embedding);
  bf_figures fa, fb;
  bf_losses la, lb;
  for (int e = 0; e < 3; e++) {
    epoch_and_check(a, 4, false);
    epoch(b);
    assert_ok(bf_trainer_validate(a, &fa, &la, err));
    assert_ok(bf_trainer_validate(b, &fb, &lb, err));
    assert_true(fabs(la.total - lb.total) <= 1e-3 * lb.total);
  }
  for (int i = 0; i < bf_graph_param_count(graph_of(a)); i++) {
    const bf_param *p = bf_graph_param(graph_of(a), i), *q = bf_graph_param(graph_of(b), i);
    if (p->kind != BF_PARAM_CONV && p->kind != BF_PARAM_LINEAR) continue;
    double worst = 0, squares = 0;
    for (int64_t k = 0; k < p->count; k++) {
      worst = fmax(worst, fabs((double)p->data[k] - q->data[k]));
      squares += (double)q->data[k] * q->data[k];
    }
    if (!(worst <= 0.02 * sqrt(squares / (double)p->count))) fail_msg("%s: off by %g", p->name, worst);
  }
  bf_trainer_destroy(a), bf_trainer_destroy(b);
  bf_embedding_destroy(kept);
}

/* Same bits for any number of threads, and when another trainer finds them there (as a fold does). */
static void kept_features_repeat(void **state) {
  (void)state;
  bf_embedding *kept = NULL;
  const char *const settings[] = {"freeze=all", "views=3", NULL};
  bf_trainer *a = make(&kept, settings);
  for (int e = 0; e < 4; e++) epoch(a);
  float *first = copy_block(a);
  size_t bytes = (size_t)bf_graph_block_size(graph_of(a)) * sizeof(float);
  bf_trainer_destroy(a);
  a = make(&kept, settings); /* features of all views are there */
  for (int e = 0; e < 4; e++) epoch(a);
  assert_memory_equal(first, bf_graph_data_block(graph_of(a)), bytes);
  bf_trainer_destroy(a);
  bf_embedding_destroy(kept);
  bf_pool *two = pool, *one;
  assert_ok(bf_pool_create(&one, 1, err));
  kept = NULL, pool = one;
  a = make(&kept, settings);
  for (int e = 0; e < 4; e++) epoch(a);
  assert_memory_equal(first, bf_graph_data_block(graph_of(a)), bytes);
  bf_trainer_destroy(a);
  bf_embedding_destroy(kept);
  bf_pool_destroy(one);
  pool = two;
  bf_free(first);
}

/* Another network's features are not taken for this one's. Augmentation's seed is the embedding's first, so only the
 * pictures as they are can be compared. */
static void kept_features_of_another_network(void **state) {
  (void)state;
  bf_embedding *kept = NULL, *own = NULL;
  const char *const one[] = {"freeze=all", "views=1", "seed=1", NULL}, *const other[] = {"freeze=all", "views=1",
                                                                                         "seed=2", NULL};
  bf_sample samples[6];
  int filled;
  const int64_t some[] = {16, 17, 18};
  bf_trainer *a = make(&kept, one);
  bf_source source = bf_trainer_source(a, false);
  assert_ok(bf_source_fill(&source, a->valid_exec, samples, &filled, some, NULL, 3, -1, err));
  bf_trainer_destroy(a);
  a = make(&kept, other);
  bf_trainer *b = make(&own, other);
  int count;
  const bf_value *values = bf_embedding_values(own, &count);
  source = bf_trainer_source(a, false);
  assert_ok(bf_source_fill(&source, a->valid_exec, samples, &filled, some, NULL, 3, -1, err));
  source = bf_trainer_source(b, false);
  assert_ok(bf_source_fill(&source, b->valid_exec, samples, &filled, some, NULL, 3, -1, err));
  for (int k = 0; k < count; k++) {
    bf_shape s = bf_graph_shape(graph_of(a), values[k]);
    assert_memory_equal(bf_exec_value(a->valid_exec, values[k]), bf_exec_value(b->valid_exec, values[k]),
                        3 * (size_t)s.h * (size_t)s.w * (size_t)s.c * sizeof(float));
  }
  bf_trainer_destroy(a), bf_trainer_destroy(b);
  bf_embedding_destroy(kept), bf_embedding_destroy(own);
}

/* Thawing ends it: from then on pictures go through the network, and the stages move. */
static void kept_features_until_the_thaw(void **state) {
  (void)state;
  bf_embedding *kept = NULL;
  const char *const settings[] = {"freeze=all", "unfreeze=3 at 3", "views=2", NULL};
  bf_trainer *t = make(&kept, settings);
  epoch_and_check(t, 4, false);
  epoch_and_check(t, 4, false);
  assert_non_null(t->embedding);
  epoch_and_check(t, 2, true);
  assert_null(t->embedding);
  bf_figures figures;
  bf_losses losses;
  assert_ok(bf_trainer_validate(t, &figures, &losses, err));
  assert_true(isfinite(losses.total));
  bf_trainer_destroy(t);
  bf_embedding_destroy(kept);
}

/* Training goes on without kept features. */
static void check_nothing_kept(const char *const *settings, int frozen) {
  bf_embedding *kept = NULL;
  bf_trainer *t = make(&kept, settings);
  assert_null(t->embedding);
  epoch_and_check(t, frozen, true);
  bf_trainer_destroy(t);
  bf_embedding_destroy(kept);
}

static void kept_features_have_a_limit(void **state) {
  (void)state;
  check_nothing_kept((const char *const[]){"freeze=0", "views=500", "views_memory=1", NULL}, 0);
}

/* Partners come from the training part, which is another one in each fold. */
static void nothing_is_kept_where_pictures_are_mixed(void **state) {
  (void)state;
  check_nothing_kept((const char *const[]){"freeze=all", "views=2", "augment.mixup.alpha=0.5", NULL}, 4);
}

/* ---- resuming across a thaw ---- */

static void resumed_is_the_same(void **state) {
  (void)state;
  const char *const settings[] = {"freeze=all", "unfreeze=every 1", "views=2", "optimiser.schedule=one_cycle", NULL};
  bf_embedding *kept = NULL;
  bf_trainer *whole = make(&kept, settings);
  char *rest;
  for (int e = 0; e < 2; e++) epoch(whole);
  assert_ok(bf_trainer_save(whole, in_folder("check.h5"), "job\nlines", err));
  for (int e = 2; e < 5; e++) epoch(whole);
  bf_embedding *other = NULL;
  bf_trainer *again = make(&other, settings);
  assert_ok(bf_trainer_load(again, in_folder("check.h5"), "job\n", &rest, err));
  assert_string_equal(rest, "lines");
  bf_free(rest);
  for (int e = 2; e < 5; e++) epoch(again);
  assert_memory_equal(bf_graph_data_block(graph_of(whole)), bf_graph_data_block(graph_of(again)),
                      (size_t)bf_graph_block_size(graph_of(whole)) * sizeof(float));
  bf_trainer_destroy(whole), bf_trainer_destroy(again);
  bf_embedding_destroy(kept), bf_embedding_destroy(other);
}

/* A run that was finished after a thaw, loaded again: it is judged with the network that it is, not with features kept
 * from before. Early stopping ends it before a last thaw: what would have thawed then stays as it was. */
static void finished_and_loaded(void **state) {
  (void)state;
  const char *const settings[] = {"freeze=all", "unfreeze=3 at 3, 1 at 5", "views=2", "epochs=4", NULL};
  bf_embedding *kept = NULL, *other = NULL;
  bf_trainer *whole = make(&kept, settings);
  char *rest;
  bf_figures figures, again_figures;
  bf_losses losses, again_losses;
  for (int e = 0; e < 4; e++) epoch(whole);
  assert_true(bf_trainer_is_done(whole));
  assert_ok(bf_trainer_save(whole, in_folder("check.h5"), "job\n", err));
  bf_trainer *again = make(&other, settings);
  assert_non_null(again->embedding);
  assert_ok(bf_trainer_load(again, in_folder("check.h5"), "job\n", &rest, err));
  bf_free(rest);
  assert_null(again->embedding);
  assert_int_equal(again->frozen, 2);
  assert_ok(bf_trainer_validate(whole, &figures, &losses, err));
  assert_ok(bf_trainer_validate(again, &again_figures, &again_losses, err));
  assert_true(losses.total == again_losses.total);
  for (int64_t i = 0; i < whole->valid_count; i++)
    assert_true(whole->valid_answers[i].logit == again->valid_answers[i].logit);
  bf_trainer_destroy(whole), bf_trainer_destroy(again);
  bf_embedding_destroy(kept), bf_embedding_destroy(other);
}

/* ---- the unrolled head ---- */

static void the_flattened_head(void **state) {
  (void)state;
  bf_trainer *t = MAKE("size=64", "heads.malignancy.pool=flatten", "heads.malignancy.grid=2",
                       "heads.malignancy.hidden=9", "heads.malignancy.layers=2", "freeze=all");
  const bf_param *first = bf_graph_find_param(graph_of(t), "heads.malignancy.hidden0.weight"),
                 *second = bf_graph_find_param(graph_of(t), "heads.malignancy.hidden1.weight"),
                 *logit = bf_graph_find_param(graph_of(t), "heads.malignancy.logit.weight");
  assert_true(first != NULL && second != NULL && logit != NULL);
  assert_int_equal(first->shape[0], 9);
  assert_int_equal(first->shape[1], 512 * 2 * 2);
  assert_int_equal(second->shape[1], 9);
  assert_int_equal(logit->shape[1], 9);
  epoch_and_check(t, 4, false);
  bf_trainer_destroy(t);
  t = MAKE("heads.malignancy.pool=flatten", "heads.malignancy.grid=1");
  assert_null(bf_graph_find_param(graph_of(t), "heads.malignancy.hidden0.weight"));
  assert_int_equal(bf_graph_find_param(graph_of(t), "heads.malignancy.logit.weight")->shape[1], 512);
  bf_trainer_destroy(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_frozen),
      cmocka_unit_test(frozen_up_to_a_stage),
      cmocka_unit_test(all_frozen),
      cmocka_unit_test(thawed_stage_by_stage),
      cmocka_unit_test(norms_frozen),
      cmocka_unit_test(rates_by_stage),
      cmocka_unit_test(a_rate_of_nothing_moves_nothing),
      cmocka_unit_test(the_first_step_after_thawing),
      cmocka_unit_test(decay_spares_norms_and_biases),
      cmocka_unit_test(patience),
      cmocka_unit_test(patience_between_looks),
      cmocka_unit_test(averages_follow),
      cmocka_unit_test(kept_features_train_the_same_head),
      cmocka_unit_test(kept_features_repeat),
      cmocka_unit_test(kept_features_of_another_network),
      cmocka_unit_test(kept_features_until_the_thaw),
      cmocka_unit_test(kept_features_have_a_limit),
      cmocka_unit_test(nothing_is_kept_where_pictures_are_mixed),
      cmocka_unit_test(resumed_is_the_same),
      cmocka_unit_test(finished_and_loaded),
      cmocka_unit_test(the_flattened_head),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
