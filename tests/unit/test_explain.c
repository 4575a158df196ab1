/* Heat maps of an answer: that cells add up to the logit, and that each says what the answer would lose with it. */
#include "net_support.h"
#include "nn/explain.h"
#include "tensor/kernels.h"

enum { side = 64, batch = 3 };

typedef struct rig {
  bf_network *net;
  bf_exec *exec;
  bf_explain *explain;
  bf_shape map;
  void *options[BF_MAX_HEADS];
} rig;

/* The malignancy head with these options ("key value key value"), and the lesion head. */
static rig make(const char *const *options, int count, bf_pool *pool) {
  bf_error err = {0};
  rig r = {0};
  bf_network_spec spec = {
      .backbone = bf_backbone_find("mobilenet_v2", &err), .height = side, .width = side, .channels = 3, .seed = 3};
  assert_non_null(spec.backbone);
  for (int i = 0; i < bf_head_type_count(); i++) {
    const bf_head_type *type = bf_head_type_at(i);
    bool malignancy = strcmp(type->name, "malignancy") == 0;
    r.options[i] = bf_alloc(1, type->options_size);
    assert_int_equal(bf_options_defaults(type->options, r.options[i], &err), BF_OK);
    for (int k = 0; k + 1 < count && malignancy; k += 2)
      if (bf_options_set(type->options, r.options[i], "", options[k], options[k + 1], &err) != BF_OK)
        fail_msg("%s", err.message);
    if (!malignancy && strcmp(type->name, "lesion") != 0)
      memset((char *)r.options[i] + type->weight_offset, 0, sizeof(double));
    spec.head_types[i] = type;
    spec.head_options[i] = r.options[i];
    spec.head_count++;
  }
  if (bf_network_create(&r.net, &spec, &err) != BF_OK) fail_msg("%s", err.message);
  net_fill_params(bf_network_graph(r.net), 5);
  if (bf_explain_create(&r.explain, r.net, batch, pool, &err) != BF_OK) fail_msg("%s", err.message);
  r.exec = net_exec(bf_network_graph(r.net), batch, false, pool);
  assert_int_equal(bf_exec_hold_weights(r.exec, &err), BF_OK);
  bf_exec_own_weights(r.exec);
  if (r.explain != NULL) r.map = bf_explain_shape(r.explain);
  return r;
}

static void clear(rig *r) {
  bf_explain_destroy(r->explain);
  bf_exec_destroy(r->exec);
  bf_network_destroy(r->net);
  for (int i = 0; i < BF_MAX_HEADS; i++) bf_free(r->options[i]);
}

/* Owned by the caller. */
static float *explained(rig *r, float *logits) {
  float *maps = net_floats(batch * net_size(r->map));
  bf_prediction said[batch];
  net_fill(bf_exec_value(r->exec, bf_network_input(r->net)), batch * side * side * 3, 7, 1);
  bf_exec_forward(r->exec, batch, 0);
  bf_network_decode(r->net, r->exec, batch, said);
  for (int i = 0; i < batch; i++) logits[i] = said[i].malignant_logit;
  bf_explain_run(maps, r->explain, r->exec, batch);
  return maps;
}

static void cells_add_up(void **state) {
  (void)state;
  for (int threads = 1; threads <= 2; threads++) {
    bf_pool *pool = net_pool(threads);
    rig r = make(NULL, 0, pool);
    float logits[batch], *maps = explained(&r, logits);
    double bias = bf_graph_find_param(bf_network_graph(r.net), "heads.malignancy.logit.bias")->data[0];
    assert_true(bf_explain_cell(r.explain) * r.map.h == side);
    for (int i = 0; i < batch; i++) {
      double sum = bias, size = fabs(bias);
      for (int k = 0; k < r.map.h * r.map.w; k++) {
        double cell = maps[i * r.map.h * r.map.w + k];
        sum += cell, size += fabs(cell);
      }
      assert_true(size > 0.01);
      assert_true(fabs(sum - logits[i]) < 1e-5 * size);
    }
    bf_free(maps);
    clear(&r);
    bf_pool_destroy(pool);
  }
}

/* The head alone on features that the caller gives. */
static double logit_of(rig *r, bf_exec *head, const float *features, const float *where, int image, int cell,
                       double factor) {
  const bf_features *f = bf_network_features(r->net);
  bf_value deepest = f->value[f->count - 1];
  bf_shape w = bf_graph_shape(bf_network_graph(r->net), f->where);
  float *x = bf_exec_value(head, deepest);
  bf_prediction said;
  memcpy(x, features + image * r->map.h * r->map.w * bf_graph_shape(bf_network_graph(r->net), deepest).c,
         (size_t)net_size(bf_graph_shape(bf_network_graph(r->net), deepest)) * sizeof *x);
  memcpy(bf_exec_value(head, f->where), where + image * net_size(w), (size_t)net_size(w) * sizeof *x);
  int channels = bf_graph_shape(bf_network_graph(r->net), deepest).c;
  for (int c = 0; c < channels; c++) x[cell * channels + c] *= (float)factor;
  bf_exec_forward(head, 1, 0);
  bf_head *malignancy = bf_network_head(r->net, 0);
  malignancy->type->decode(malignancy, head, 1, &said);
  return said.malignant_logit;
}

/* The slope of the logit as a cell of the features grows: for a head that looks where a lesion is, with hidden layers.
 */
static void each_cell_is_a_slope(void **state) {
  (void)state;
  static const char *const options[] = {"pool", "lesion", "hidden", "16", "dropout", "0.5"};
  bf_error err = {0};
  rig r = make(options, 6, NULL);
  const bf_features *f = bf_network_features(r.net);
  bf_value given[BF_MAX_STAGES + 1]; /* all, so that nothing of the backbone is run */
  memcpy(given, f->value, sizeof f->value);
  given[f->count] = f->where;
  float logits[batch], *maps = explained(&r, logits);
  const float *features = bf_exec_value(r.exec, f->value[f->count - 1]), *where = bf_exec_value(r.exec, f->where);
  bf_exec *head;
  if (bf_exec_create_from(&head, bf_network_graph(r.net), given, f->count + 1, 1, false, NULL, &err) != BF_OK)
    fail_msg("%s", err.message);
  const double step = 1.0 / 64;
  double size = 0, worst = 0;
  for (int i = 0; i < batch; i++)
    for (int k = 0; k < r.map.h * r.map.w; k++) {
      double slope =
          (logit_of(&r, head, features, where, i, k, 1 + step) - logit_of(&r, head, features, where, i, k, 1 - step)) /
          (2 * step);
      size += fabs(slope);
      worst = fmax(worst, fabs(slope - maps[i * r.map.h * r.map.w + k]));
    }
  assert_true(size > 0.1);
  assert_true(worst < 1e-3 * size);
  assert_null(bf_graph_gradient_block(bf_network_graph(r.net)));
  bf_exec_destroy(head);
  bf_free(maps);
  clear(&r);
}

static void no_answer_no_map(void **state) {
  (void)state;
  static const char *const options[] = {"weight", "0"};
  rig r = make(options, 2, NULL);
  assert_null(r.explain);
  clear(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_add_up),
      cmocka_unit_test(each_cell_is_a_slope),
      cmocka_unit_test(no_answer_no_map),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
