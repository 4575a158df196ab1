/* Which epoch's weights are kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "run/trainer.h"

static bf_trainer trainer;
static const bf_figures unknown = {NAN, NAN, NAN, NAN};

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  bf_config *config;
  bf_model *model;
  int count = bf_run_sections(sections);
  if (bf_model_config(&config, sections, count, &err) != BF_OK || bf_model_create(&model, config, &err) != BF_OK)
    return 1;
  trainer = (bf_trainer){.model = model, .best_metric = -INFINITY};
  trainer.best = bf_alloc((size_t)bf_graph_block_size(bf_network_graph(model->network)), sizeof(float));
  return trainer.best == NULL;
}

static int tear_down(void **state) {
  (void)state;
  bf_model_destroy(trainer.model);
  bf_free(trainer.best);
  return 0;
}

/* Offers an epoch whose weights all are its number. */
static bool offer(int epoch, bf_figures figures) {
  bf_graph *graph = bf_network_graph(trainer.model->network);
  trainer.epoch = epoch;
  bf_graph_data_block(graph)[0] = (float)epoch;
  return bf_trainer_keep_best(&trainer, &figures);
}

static void the_best_is_kept(void **state) {
  (void)state;
  trainer.main.metric = BF_METRIC_AUC;
  assert_true(offer(1, unknown)); /* nothing better is known */
  assert_true(offer(2, unknown));
  assert_true(offer(3, (bf_figures){.auc = 0.5}));
  assert_false(offer(4, (bf_figures){.auc = 0.5}));
  assert_true(offer(5, (bf_figures){.auc = 0.6}));
  assert_false(offer(6, unknown)); /* answers that are no numbers any more are no better */
  assert_int_equal(trainer.best_epoch, 5);
  assert_true(trainer.best[0] == 5);
}

static void small_losses_are_better(void **state) {
  (void)state;
  trainer.main.metric = BF_METRIC_LOSS;
  assert_true(offer(1, (bf_figures){.loss = 2}));
  assert_true(offer(2, (bf_figures){.loss = 1}));
  assert_false(offer(3, (bf_figures){.loss = 1.5}));
  assert_false(offer(4, unknown));
  assert_int_equal(trainer.best_epoch, 2);
}

static void last_is_last(void **state) {
  (void)state;
  trainer.main.metric = BF_METRIC_LAST;
  for (int epoch = 1; epoch < 4; epoch++) assert_true(offer(epoch, (bf_figures){.auc = 1.0 / epoch}));
  assert_int_equal(trainer.best_epoch, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_best_is_kept, set_up, tear_down),
      cmocka_unit_test_setup_teardown(small_losses_are_better, set_up, tear_down),
      cmocka_unit_test_setup_teardown(last_is_last, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
