/* Looks of several kinds joined: heat maps of mirrored looks lie where those of plain ones do, also where a network's
 * cells do not reach the picture's right edge. */
#include "net_support.h"
#include "run/predictor.h"
#include "run/sections.h"

enum { side = 64 };

typedef struct rig {
  bf_model *model;
  bf_predictor predictor;
} rig;

static bf_model *make_model(const char *backbone, uint64_t key) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  bf_error err = {0};
  bf_config *config;
  bf_model *model = NULL;
  if (bf_model_config(&config, sections, count, &err) != BF_OK ||
      bf_config_set(config, "backbone", backbone, &err) != BF_OK ||
      bf_config_set(config, "weights", "none", &err) != BF_OK || bf_config_set(config, "size", "64", &err) != BF_OK ||
      bf_model_create(&model, config, &err) != BF_OK)
    fail_msg("%s", err.message);
  net_fill_params(bf_network_graph(model->network), key);
  return model;
}

/* Takes the model over. */
static rig make_of(bf_model *model, bool flips) {
  bf_error err = {0};
  rig r = {.model = model};
  if (bf_predictor_create(&r.predictor, model, 1, flips, true, NULL, &err) != BF_OK) fail_msg("%s", err.message);
  return r;
}

static rig make(const char *backbone, bool flips) { return make_of(make_model(backbone, 3), flips); }

static void clear(rig *r) {
  bf_predictor_clear(&r->predictor);
  bf_model_destroy(r->model);
}

/* Of a picture from a hash, or of its mirror image. */
static bf_answer look(rig *r, bool mirrored) {
  float *x = bf_exec_value(r->predictor.execs[0], bf_network_input(r->model->network));
  const int32_t wide = side;
  bf_affine same = bf_affine_identity();
  bf_answer answer;
  bf_error err = {0};
  for (int y = 0; y < side; y++)
    for (int at = 0; at < side; at++)
      for (int c = 0; c < 3; c++)
        x[(y * side + (mirrored ? side - 1 - at : at)) * 3 + c] =
            net_noise(9, (uint64_t)(y * side + at) * 3 + (uint64_t)c);
  assert_int_equal(bf_predictor_run(&answer, &r->predictor, &same, &wide, &wide, 1, &err), BF_OK);
  return answer;
}

/* What is said of a picture's mirror image is the mirror image of what is said of it. */
static void mirrored_looks_lie_together(void **state) {
  (void)state;
  static const char *const backbones[] = {"squeezenet1_1", "mobilenet_v2"};
  for (int b = 0; b < 2; b++) {
    rig r = make(backbones[b], true);
    bf_answer plain = look(&r, false), turned = look(&r, true);
    assert_true(fabs((double)plain.logit - (double)turned.logit) < 1e-5);
    for (int kind = 0; kind < BF_HEATS; kind++) {
      const bf_heat_grid *grid = &r.predictor.grids[kind];
      int wide = (int)lrint(side / grid->cell), checked = 0;
      for (int y = 0; y < grid->rows; y++)
        for (int x = 0; x < grid->columns; x++) {
          int there = wide - 1 - x;
          if (there >= grid->columns) continue;
          double p = (double)plain.heat[kind][y * grid->columns + x],
                 q = (double)turned.heat[kind][y * grid->columns + there];
          assert_true(fabs(p - q) <= 1e-5 * (1 + fabs(p)));
          checked++;
        }
      assert_true(checked > 3);
      assert_true(b == 1 || kind == BF_HEAT_MALIGNANCY || grid->columns < wide);
    }
    bf_answer_clear(&plain);
    bf_answer_clear(&turned);
    clear(&r);
  }
}

/* Of several looks the mean, which a plain and a mirrored one give by themselves, too. */
static void looks_are_averaged(void **state) {
  (void)state;
  rig one = make("mobilenet_v2", false), both = make("mobilenet_v2", true);
  bf_answer a = look(&one, false), b = look(&one, true), mean = look(&both, false);
  assert_true(fabs(((double)a.logit + (double)b.logit) / 2 - (double)mean.logit) < 1e-5);
  for (int kind = 0; kind < BF_HEATS; kind++) {
    const bf_heat_grid *grid = &one.predictor.grids[kind];
    for (int y = 0; y < grid->rows; y++)
      for (int x = 0; x < grid->columns; x++) {
        int at = y * grid->columns + x, there = y * grid->columns + grid->columns - 1 - x;
        double wanted = ((double)a.heat[kind][at] + (double)b.heat[kind][there]) / 2;
        assert_true(fabs(wanted - (double)mean.heat[kind][at]) <= 1e-5 * (1 + fabs(wanted)));
      }
  }
  bf_answer_clear(&a), bf_answer_clear(&b), bf_answer_clear(&mean);
  clear(&one), clear(&both);
}

/* Of an ensemble each network's logit, and what its cells add to it, count by the slope of its calibration, so that the
 * joint probability is that of the mean of the calibrated logits. */
static void networks_count_by_their_slopes(void **state) {
  (void)state;
  const bf_calibration own[] = {{.method = BF_CALIBRATION_PLATT, .slope = 0.5, .intercept = 0.25},
                                {.method = BF_CALIBRATION_TEMPERATURE, .slope = 2}};
  bf_error err = {0};
  bf_model *models[4];
  for (int k = 0; k < 4; k++) {
    models[k] = make_model("squeezenet1_1", 3 + (uint64_t)k % 2);
    models[k]->calibration[0] = own[k % 2];
  }
  assert_int_equal(bf_model_join(models[2], models[3], &err), BF_OK);
  bf_model_destroy(models[3]);
  rig r[] = {make_of(models[0], true), make_of(models[1], true)}, both = make_of(models[2], true);
  bf_answer a = look(&r[0], false), b = look(&r[1], false), joint = look(&both, false);
  double x = (double)a.logit, y = (double)b.logit, mean = (0.5 * x + 0.25 + 2 * y) / 2;
  assert_true(fabs(x - y) > 1e-3);
  assert_true(fabs(a.probability - 1 / (1 + exp(-0.5 * x - 0.25))) < 1e-12);
  assert_true(fabs((0.5 * x + 2 * y) / 2.5 - (double)joint.logit) <= 1e-5 * (1 + fabs(x) + fabs(y)));
  assert_true(fabs(joint.probability - 1 / (1 + exp(-mean))) < 1e-5);
  const bf_heat_grid *grid = &both.predictor.grids[BF_HEAT_MALIGNANCY];
  for (int i = 0; i < grid->rows * grid->columns; i++) {
    double p = (double)a.heat[BF_HEAT_MALIGNANCY][i], q = (double)b.heat[BF_HEAT_MALIGNANCY][i],
           wanted = (0.5 * p + 2 * q) / 2.5;
    assert_true(fabs(wanted - (double)joint.heat[BF_HEAT_MALIGNANCY][i]) <= 1e-5 * (1 + fabs(p) + fabs(q)));
  }
  bf_answer_clear(&a), bf_answer_clear(&b), bf_answer_clear(&joint);
  clear(&r[0]), clear(&r[1]), clear(&both);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mirrored_looks_lie_together),
      cmocka_unit_test(looks_are_averaged),
      cmocka_unit_test(networks_count_by_their_slopes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
