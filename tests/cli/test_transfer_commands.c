/* The commands of transfer learning: train --find-lr, a frozen cross-validation with its plan, embed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "program.h"
#include "store/arrays.h"

static const char *const config =
    "backbone: resnet18\nsize: 64\nepochs: 2\nbatch: 8\nvalidation: 0.2\noptimiser:\n  learning_rate: 0.001\n"
    "  backbone_rate: 1\nheads:\n  lesion:\n    channels: 16\n";

static int set_up(void **state) {
  (void)state;
  scratch_make();
  write_text(in_scratch("c.yaml"), config);
  outcome o = RUN("phantom", "-o", in_scratch("p"), "--studies", "12", "--seed", "3");
  int code = o.code;
  outcome_free(&o);
  o = RUN("ingest", in_scratch("p/studies"), "--labels", in_scratch("p/labels.csv"), "--labels",
          in_scratch("p/boxes.csv"), "-o", in_scratch("d.h5"));
  code |= o.code;
  outcome_free(&o);
  return code;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

static void find_lr(void **state) {
  (void)state;
  json_t *root = json_of(
      RUN("train", in_scratch("c.yaml"), "--data", in_scratch("d.h5"), "-o", in_scratch("lr"), "--find-lr", "--json"));
  double suggestion = json_number_value(json_object_get(root, "suggestion"));
  assert_true(suggestion >= 1e-6 && suggestion <= 1);
  json_int_t steps = json_integer_value(json_object_get(root, "steps"));
  assert_in_range(steps, 10, 120);
  json_decref(root);
  char *text = read_text(in_scratch("lr/find-lr.csv"));
  assert_true(strncmp(text, "learning_rate,loss,smoothed\n1e-06,", 34) == 0);
  int lines = 0;
  for (const char *c = text; *c; c++) lines += *c == '\n';
  assert_int_equal(lines, steps + 1);
  free(text);
  text = read_text(in_scratch("lr/find-lr.svg"));
  assert_non_null(strstr(text, "Learning-rate range test"));
  free(text);
  assert_int_not_equal(access(in_scratch("lr/model.safetensors"), F_OK), 0);
  EXPECT(RUN("train", in_scratch("c.yaml"), "--data", in_scratch("d.h5"), "-o", in_scratch("lr"), "--find-lr", "--set",
             "freeze=9"),
         2, "freeze: 9, but the last stage is 4");
}

/* The plan says what freezes and thaws; features are shared by the folds. */
static void frozen_folds(void **state) {
  (void)state;
  outcome o =
      RUN("train", in_scratch("c.yaml"), "--data", in_scratch("d.h5"), "-o", in_scratch("cv"), "--folds", "3", "--set",
          "freeze=all", "--set", "unfreeze=3 at 2", "--set", "optimiser.stage_decay=0.1", "--set", "validation=0");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.err, "plan: resnet18, 2 epochs of"));
  assert_non_null(strstr(o.err, "trained in"));
  assert_non_null(strstr(o.err, "never"));
  assert_non_null(strstr(o.err, "2 to 2"));
  assert_non_null(strstr(o.err, "epoch 2: stages 0 to 2 of the backbone are frozen"));
  assert_non_null(strstr(o.err, "features of frozen stages are computed once and kept"));
  outcome_free(&o);
  assert_int_equal(access(in_scratch("cv/scores.h5"), F_OK), 0);
}

static void embed(void **state) {
  (void)state;
  bf_array all, one, grid;
  good(RUN("train", in_scratch("c.yaml"), "--data", in_scratch("d.h5"), "-o", in_scratch("m"), "--set", "epochs=1"));
  write_text(in_scratch("p/studies/broken.dcm"), "not a picture");
  outcome o =
      RUN("embed", in_scratch("m/model.safetensors"), in_scratch("p/studies"), "-o", in_scratch("e.h5"), "--json");
  assert_int_equal(o.code, 3);
  json_t *root = json_loads(o.out, 0, NULL);
  json_int_t rows = json_integer_value(json_object_get(root, "rows"));
  assert_int_equal(json_integer_value(json_object_get(root, "failed")), 1);
  assert_int_equal(json_integer_value(json_object_get(root, "width")), 512);
  json_decref(root);
  outcome_free(&o);
  bf_error err = {0};
  assert_int_equal(bf_array_read(&all, in_scratch("e.h5"), "features", 1 << 24, &err), BF_OK);
  assert_true(all.rank == 2 && all.shape[0] == rows && all.shape[1] == 512);
  int missing = 0;
  for (int64_t i = 0; i < rows; i++) {
    int nan = 0;
    for (int k = 0; k < 512; k++) nan += isnan(all.data[i * 512 + k]) != 0;
    assert_true(nan == 0 || nan == 512);
    missing += nan > 0;
  }
  assert_int_equal(missing, 1);
  o = RUN("embed", in_scratch("m/model.safetensors"), in_scratch("p/studies"), "-o", in_scratch("g.h5"), "--grid", "2",
          "--stage", "layer4", "--batch", "1", "--threads", "1");
  assert_int_equal(o.code, 3);
  outcome_free(&o);
  assert_int_equal(bf_array_read(&grid, in_scratch("g.h5"), "features", 1 << 24, &err), BF_OK);
  assert_int_equal(grid.shape[1], 2048);
  for (int64_t i = 0; i < rows; i++) /* the map is 2 x 2: its places' means are the mean */
    for (int k = 0; k < 512; k++) {
      const float *four = grid.data + i * 2048 + 4 * k;
      float mean = (four[0] + four[1] + four[2] + four[3]) / 4, whole = all.data[i * 512 + k];
      assert_true(isnan(whole) ? isnan(mean) : fabsf(mean - whole) <= 1e-6f * (1 + fabsf(whole)));
    }
  o = RUN("embed", in_scratch("m/model.safetensors"), in_scratch("p/studies"), "-o", in_scratch("l.h5"), "--stage",
          "layer2");
  outcome_free(&o);
  assert_int_equal(bf_array_read(&one, in_scratch("l.h5"), "features", 1 << 24, &err), BF_OK);
  assert_int_equal(one.shape[1], 128);
  EXPECT(RUN("embed", in_scratch("m/model.safetensors"), in_scratch("p/studies"), "-o", in_scratch("x.h5"), "--stage",
             "layer9"),
         2, "resnet18 has the stages relu,layer1,layer2,layer3,layer4");
  bf_free(all.data), bf_free(one.data), bf_free(grid.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(find_lr), cmocka_unit_test(frozen_folds),
                                     cmocka_unit_test(embed)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
