/* AdamW and SGD against the published updates, written out here a second time in double precision; what an update
 * leaves alone; the same bits for any number of threads and after a restart; the learning rate's schedule. */
#include "net_support.h"
#include "nn/optimiser.h"

#include <float.h>

/* ---- a graph to train; its gradients are given, it never runs ---- */

typedef struct trained {
  bf_graph *graph;
  bf_optimiser *optimiser;
  bf_pool *pool;
} trained;

/* Parameters of every kind: weights of several slices of the optimiser's, biases, norms; of early stages, of one
 * behind the last rate, and of heads. */
static bf_graph *make_graph(void) {
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 6, 6, 40);
  x = bf_batch_norm(g, bf_conv2d(g, x, (bf_conv){.out = 200, .kernel = 3, .bias = true}, "a"), "a_norm");
  bf_graph_set_stage(g, 1);
  x = bf_conv2d(g, x, (bf_conv){.out = 200, .kernel = 3, .padding = 1, .groups = 200}, "b");
  bf_graph_set_stage(g, BF_MAX_STAGES + 1);
  x = bf_batch_norm(g, bf_conv2d(g, x, (bf_conv){.out = 7, .kernel = 1, .bias = true}, "c"), "c_norm");
  bf_graph_set_stage(g, BF_STAGE_HEAD);
  bf_graph_output(g, bf_linear(g, bf_global_average_pool(g, x), 3, "heads.d"));
  net_finish(g, 1);
  net_fill_params(g, 2);
  return g;
}

static trained make(const bf_optimiser_spec *spec, int threads) {
  bf_error err = {0};
  trained t = {.graph = make_graph(), .pool = threads > 0 ? net_pool(threads) : NULL};
  if (bf_optimiser_create(&t.optimiser, t.graph, spec, &err) != BF_OK) fail_msg("%s", err.message);
  return t;
}

static void unmake(trained *t) {
  bf_optimiser_destroy(t->optimiser);
  bf_graph_destroy(t->graph);
  bf_pool_destroy(t->pool);
}

static size_t block_bytes(const trained *t) { return (size_t)bf_graph_block_size(t->graph) * sizeof(float); }

static void give_gradients(trained *t, int step, float scale) {
  net_fill(bf_graph_gradient_block(t->graph), bf_graph_block_size(t->graph), 100 + (uint64_t)step, scale);
}

static const double stage_rates[BF_MAX_STAGES] = {0.01, 0.04, 7, 7, 7, 7, 7, 0.02}; /* no parameter has the 7s */
static const double head_rate = 0.05;

static double step(trained *t, int number) {
  give_gradients(t, number, 1);
  return bf_optimiser_step(t->optimiser, t->pool, stage_rates, head_rate, NAN);
}

static const bf_optimiser_spec adamw = {
    .kind = BF_ADAMW, .weight_decay = 0.3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
static const bf_optimiser_spec sgd = {.kind = BF_SGD, .weight_decay = 0.3, .momentum = 0.9};

/* A copy of floats, freed by the caller. */
static float *copy_of(const float *x, size_t bytes) {
  float *copy = bf_alloc(bytes, 1);
  assert_non_null(copy);
  memcpy(copy, x, bytes);
  return copy;
}

static float *data_of(const trained *t) { return copy_of(bf_graph_data_block(t->graph), block_bytes(t)); }

/* ---- the published updates ---- */

typedef struct reference {
  bf_graph *graph;
  const bf_optimiser_spec *spec;
  double *w, *m, *v;
  int steps;
  double reach; /* the largest change of one number in one step so far */
} reference;

static double *doubles(int64_t count) {
  double *x = bf_alloc((size_t)count, sizeof *x);
  assert_non_null(x);
  return x;
}

static reference reference_make(const trained *t, const bf_optimiser_spec *spec) {
  int64_t size = bf_graph_block_size(t->graph);
  reference r = {.graph = t->graph, .spec = spec, .w = doubles(size), .m = doubles(size), .v = doubles(size)};
  for (int64_t i = 0; i < size; i++) r.w[i] = bf_graph_data_block(t->graph)[i];
  return r;
}

static void reference_free(reference *r) {
  bf_free(r->w);
  bf_free(r->m);
  bf_free(r->v);
}

static double reference_norm(const reference *r) {
  double squares = 0;
  for (int i = 0; i < bf_graph_param_count(r->graph); i++) {
    const bf_param *p = bf_graph_param(r->graph, i);
    for (int64_t k = 0; p->trainable && k < p->count; k++) squares += (double)p->gradient[k] * p->gradient[k];
  }
  return sqrt(squares);
}

static double reference_rate(const bf_param *p) {
  if (p->stage == BF_STAGE_HEAD) return head_rate;
  return stage_rates[p->stage < BF_MAX_STAGES ? p->stage : BF_MAX_STAGES - 1];
}

/* Loshchilov, Hutter 2019, algorithm 2, with the decay times the learning rate as in PyTorch. */
static double adamw_change(reference *r, int64_t at, double g, double decay) {
  const bf_optimiser_spec *s = r->spec;
  r->m[at] = s->beta1 * r->m[at] + (1 - s->beta1) * g;
  r->v[at] = s->beta2 * r->v[at] + (1 - s->beta2) * g * g;
  double mean = r->m[at] / (1 - pow(s->beta1, r->steps)), square = r->v[at] / (1 - pow(s->beta2, r->steps));
  return mean / (sqrt(square) + s->epsilon) + decay * r->w[at];
}

/* PyTorch's SGD: the decay joins the gradient before the momentum. */
static double sgd_change(reference *r, int64_t at, double g, double decay) {
  return r->m[at] = r->spec->momentum * r->m[at] + g + decay * r->w[at];
}

static double reference_step(reference *r) {
  double norm = reference_norm(r), limit = r->spec->gradient_clip, clip = limit > 0 && norm > limit ? limit / norm : 1;
  r->steps++;
  for (int i = 0; i < bf_graph_param_count(r->graph); i++) {
    const bf_param *p = bf_graph_param(r->graph, i);
    for (int64_t k = 0; p->trainable && k < p->count; k++) {
      double decay = p->decay ? r->spec->weight_decay : 0, g = clip * p->gradient[k];
      int64_t at = p->offset + k;
      double change = reference_rate(p) * (r->spec->kind == BF_ADAMW ? adamw_change : sgd_change)(r, at, g, decay);
      r->w[at] -= change;
      r->reach = fmax(r->reach, fabs(change));
    }
  }
  return norm;
}

/* Each step may round the number, its moments and its change a few times; all is of the order of |w| + reach. */
static void check_params(const reference *r) {
  for (int i = 0; i < bf_graph_param_count(r->graph); i++) {
    const bf_param *p = bf_graph_param(r->graph, i);
    for (int64_t k = 0; k < p->count; k++) {
      double expected = r->w[p->offset + k], slack = 2 * FLT_EPSILON * r->steps * (fabs(expected) + r->reach);
      if (!(fabs(p->data[k] - expected) <= slack))
        fail_msg("step %d, %s[%d]: %.9g instead of %.9g", r->steps, p->name, (int)k, p->data[k], expected);
    }
  }
}

static void check_update(const bf_optimiser_spec *spec) {
  trained t = make(spec, 0);
  reference r = reference_make(&t, spec);
  for (int s = 0; s < 8; s++) {
    give_gradients(&t, s, s % 3 == 2 ? 0.01f : 1);
    double norm = bf_optimiser_step(t.optimiser, t.pool, stage_rates, head_rate, NAN);
    assert_true(fabs(norm - reference_step(&r)) <= 1e-12 * norm);
    check_params(&r);
  }
  reference_free(&r);
  unmake(&t);
}

static void test_adamw(void **unused) {
  (void)unused;
  static const struct {
    double beta1, beta2, epsilon;
  } settings[] = {{0.9, 0.999, 1e-8}, {0.875, 0.99609375, 1e-3}, {0, 0.5, 1e-4}, {0.9999, 0.999999, 1e-8}, {0, 0, 1}};
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
    for (int decay = 0; decay < 2; decay++) {
      bf_optimiser_spec spec = {.kind = BF_ADAMW,
                                .weight_decay = 0.3 * decay,
                                .beta1 = settings[i].beta1,
                                .beta2 = settings[i].beta2,
                                .epsilon = settings[i].epsilon};
      check_update(&spec);
    }
}

static void test_sgd(void **unused) {
  (void)unused;
  static const double momenta[] = {0, 0.5, 0.9};
  for (int i = 0; i < 6; i++) {
    bf_optimiser_spec spec = {.kind = BF_SGD, .weight_decay = i % 2 * 0.3, .momentum = momenta[i / 2]};
    check_update(&spec);
  }
}

static void test_clipped(void **unused) {
  (void)unused;
  for (int i = 0; i < 2; i++) {
    bf_optimiser_spec spec = i ? sgd : adamw;
    spec.gradient_clip = 20; /* the small gradients of check_update are below it, the large ones above */
    check_update(&spec);
  }
}

/* ---- one number at a time ---- */

static bf_param *first_param(trained *t) { return bf_graph_find_param(t->graph, "heads.d.weight"); }

/* The first step of Adam goes by the rate, whatever the gradient's size; the decay comes on top. */
static void test_adamw_by_hand(void **unused) {
  (void)unused;
  trained t = make(&adamw, 0);
  memset(bf_graph_gradient_block(t.graph), 0, block_bytes(&t));
  bf_param *p = first_param(&t);
  p->data[0] = 0.5f, p->data[1] = -2, p->data[2] = 1;
  p->gradient[0] = 40, p->gradient[1] = -0.001f;
  bf_optimiser_step(t.optimiser, NULL, stage_rates, head_rate, NAN);
  assert_true(fabs(p->data[0] - (0.5 * (1 - 0.05 * 0.3) - 0.05)) < 2e-7);
  assert_true(fabs(p->data[1] - (-2 * (1 - 0.05 * 0.3) + 0.05 / (1 + 1e-5))) < 5e-7);
  assert_true(fabs(p->data[2] - (1 - 0.05 * 0.3)) < 2e-7);
  unmake(&t);
}

static void test_sgd_by_hand(void **unused) {
  (void)unused;
  trained t = make(&sgd, 0);
  memset(bf_graph_gradient_block(t.graph), 0, block_bytes(&t));
  bf_param *p = first_param(&t);
  p->data[0] = 0.5f;
  p->gradient[0] = 2;
  bf_optimiser_step(t.optimiser, NULL, stage_rates, head_rate, NAN);
  assert_true(fabs(p->data[0] - (0.5 - 0.05 * 2.15)) < 2e-7); /* 2 + 0.3 * 0.5 */
  p->gradient[0] = 0;
  bf_optimiser_step(t.optimiser, NULL, stage_rates, head_rate, NAN);
  assert_true(fabs(p->data[0] - (0.3925 - 0.05 * (0.9 * 2.15 + 0.3 * 0.3925))) < 2e-7);
  unmake(&t);
}

/* ---- what is left alone ---- */

/* Without gradients only decay moves anything: weights, not biases or norms. */
static void check_decay(const bf_optimiser_spec *spec) {
  trained t = make(spec, 0);
  float *before = data_of(&t);
  memset(bf_graph_gradient_block(t.graph), 0, block_bytes(&t));
  assert_true(bf_optimiser_step(t.optimiser, NULL, stage_rates, head_rate, NAN) == 0);
  int decayed = 0, kept = 0;
  for (int i = 0; i < bf_graph_param_count(t.graph); i++) {
    const bf_param *p = bf_graph_param(t.graph, i);
    bool weight = p->kind == BF_PARAM_CONV || p->kind == BF_PARAM_DEPTHWISE || p->kind == BF_PARAM_LINEAR;
    double keep = weight ? 1 - reference_rate(p) * spec->weight_decay : 1;
    for (int64_t k = 0; k < p->count; k++)
      assert_true(fabs(p->data[k] - keep * before[p->offset + k]) <= (weight ? FLT_EPSILON * fabs(p->data[k]) : 0));
    decayed += weight;
    kept += !weight;
  }
  assert_true(decayed == 4 && kept >= 7);
  bf_free(before);
  unmake(&t);
}

static void test_decay_of_weights_only(void **unused) {
  (void)unused;
  check_decay(&adamw);
  check_decay(&sgd);
}

/* Their gradients are not computed, so they may hold anything. */
static void spoil_untrained(trained *t) {
  for (int i = 0; i < bf_graph_param_count(t->graph); i++) {
    const bf_param *p = bf_graph_param(t->graph, i);
    for (int64_t k = 0; !p->trainable && k < p->count; k++) p->gradient[k] = k % 2 ? NAN : 1e30f;
  }
}

static void check_untrained(const bf_optimiser_spec *spec) {
  trained t = make(spec, 2);
  float *before = data_of(&t);
  bf_graph_freeze_stages(t.graph, 0);
  bf_graph_freeze_norms(t.graph, true);
  for (int s = 0; s < 3; s++) {
    give_gradients(&t, s, 1);
    spoil_untrained(&t);
    assert_true(isfinite(bf_optimiser_step(t.optimiser, t.pool, stage_rates, head_rate, NAN)));
  }
  int untrained = 0;
  for (int i = 0; i < bf_graph_param_count(t.graph); i++) {
    const bf_param *p = bf_graph_param(t.graph, i);
    untrained += !p->trainable;
    for (int64_t k = 0; k < p->count; k++)
      if ((p->data[k] == before[p->offset + k]) == p->trainable) fail_msg("%s[%d]", p->name, (int)k);
    for (int b = 0; b < bf_optimiser_blocks(t.optimiser); b++)
      for (int64_t k = 0; !p->trainable && k < p->count; k++)
        assert_true(bf_optimiser_block(t.optimiser, b)[p->offset + k] == 0);
  }
  assert_int_equal(untrained, 10); /* a and its bias, two norms of four */
  bf_free(before);
  unmake(&t);
}

static void test_untrained_stay(void **unused) {
  (void)unused;
  check_untrained(&adamw);
  check_untrained(&sgd);
}

/* ---- rates ---- */

/* A rate of 0 holds one stage and no other, decay included. */
static void check_rate_0(const bf_optimiser_spec *spec, int held) {
  trained t = make(spec, 0);
  float *before = data_of(&t);
  double rates[BF_MAX_STAGES];
  memcpy(rates, stage_rates, sizeof rates);
  if (held < BF_STAGE_HEAD) rates[held < BF_MAX_STAGES ? held : BF_MAX_STAGES - 1] = 0;
  give_gradients(&t, 0, 1);
  bf_optimiser_step(t.optimiser, NULL, rates, held == BF_STAGE_HEAD ? 0 : head_rate, NAN);
  int found = 0;
  for (int i = 0; i < bf_graph_param_count(t.graph); i++) {
    const bf_param *p = bf_graph_param(t.graph, i);
    found += p->stage == held;
    for (int64_t k = 0; p->trainable && k < p->count; k++)
      assert_true((p->data[k] == before[p->offset + k]) == (p->stage == held));
  }
  assert_true(found > 0);
  bf_free(before);
  unmake(&t);
}

static void test_rates_of_stages(void **unused) {
  (void)unused;
  static const int stages[] = {0, 1, BF_MAX_STAGES + 1, BF_STAGE_HEAD};
  for (int i = 0; i < 8; i++) check_rate_0(i % 2 ? &sgd : &adamw, stages[i / 2]);
}

/* ---- the gradient's norm ---- */

/* A clip that is never reached is none. */
static void check_wide_clip(bf_optimiser_spec spec) {
  trained free_one = make(&spec, 0);
  spec.gradient_clip = 1e6;
  trained wide = make(&spec, 0);
  for (int s = 0; s < 3; s++) assert_true(step(&free_one, s) == step(&wide, s));
  assert_memory_equal(bf_graph_data_block(free_one.graph), bf_graph_data_block(wide.graph), block_bytes(&wide));
  unmake(&free_one);
  unmake(&wide);
}

/* Behind a clip only the gradient's direction counts. */
static void check_tight_clip(bf_optimiser_spec spec) {
  spec.gradient_clip = 0.25;
  trained one = make(&spec, 0), eight = make(&spec, 0);
  for (int s = 0; s < 3; s++) {
    double norm = step(&one, s);
    assert_true(norm > 1);
    give_gradients(&eight, s, 8);
    assert_true(bf_optimiser_step(eight.optimiser, NULL, stage_rates, head_rate, NAN) == 8 * norm);
  }
  assert_memory_equal(bf_graph_data_block(one.graph), bf_graph_data_block(eight.graph), block_bytes(&one));
  unmake(&one);
  unmake(&eight);
}

static void test_clip(void **unused) {
  (void)unused;
  check_wide_clip(adamw);
  check_wide_clip(sgd);
  check_tight_clip(adamw);
  check_tight_clip(sgd);
}

/* ---- bits ---- */

static void check_same(const trained *a, const trained *b) {
  assert_memory_equal(bf_graph_data_block(a->graph), bf_graph_data_block(b->graph), block_bytes(a));
  for (int k = 0; k < bf_optimiser_blocks(a->optimiser); k++)
    assert_memory_equal(bf_optimiser_block(a->optimiser, k), bf_optimiser_block(b->optimiser, k), block_bytes(a));
  assert_memory_equal(bf_optimiser_steps(a->optimiser), bf_optimiser_steps(b->optimiser),
                      BF_OPTIMISER_STAGES * sizeof(int64_t));
}

static void test_same_bits_for_any_threads(void **unused) {
  (void)unused;
  for (int i = 0; i < 6; i++) {
    bf_optimiser_spec spec = i % 2 ? sgd : adamw;
    spec.gradient_clip = 20;
    trained one = make(&spec, 0), many = make(&spec, 1 + i / 2);
    for (int s = 0; s < 12; s++) {
      assert_true(step(&one, s) == step(&many, s));
      check_same(&one, &many);
    }
    unmake(&one);
    unmake(&many);
  }
}

/* In the first slice, in the last one, or in both with signs that might cancel. The next step is as if nothing had
 * been. */
static void check_not_finite(const bf_optimiser_spec *spec, float first, float last) {
  trained hit = make(spec, 2), spared = make(spec, 2);
  step(&hit, 0);
  step(&spared, 0);
  give_gradients(&hit, 1, 1);
  bf_graph_find_param(hit.graph, "a.weight")->gradient[3] = first;
  bf_graph_find_param(hit.graph, "heads.d.bias")->gradient[2] = last;
  assert_false(isfinite(bf_optimiser_step(hit.optimiser, hit.pool, stage_rates, head_rate, NAN)));
  check_same(&hit, &spared);
  assert_true(step(&hit, 2) == step(&spared, 2));
  check_same(&hit, &spared);
  unmake(&hit);
  unmake(&spared);
}

static void test_not_finite_changes_nothing(void **unused) {
  (void)unused;
  for (int i = 0; i < 4; i++) {
    bf_optimiser_spec spec = i % 2 ? sgd : adamw;
    spec.gradient_clip = i / 2 * 10;
    check_not_finite(&spec, NAN, 1);
    check_not_finite(&spec, 1, NAN);
    check_not_finite(&spec, INFINITY, 1);
    check_not_finite(&spec, INFINITY, -INFINITY);
  }
}

/* ---- checkpoints ---- */

static void restore(trained *to, const trained *from) {
  memcpy(bf_graph_data_block(to->graph), bf_graph_data_block(from->graph), block_bytes(to));
  for (int k = 0; k < bf_optimiser_blocks(to->optimiser); k++)
    memcpy(bf_optimiser_block(to->optimiser, k), bf_optimiser_block(from->optimiser, k), block_bytes(to));
  memcpy(bf_optimiser_steps(to->optimiser), bf_optimiser_steps(from->optimiser), BF_OPTIMISER_STAGES * sizeof(int64_t));
}

static void check_restart(const bf_optimiser_spec *spec) {
  trained whole = make(spec, 0), again = make(spec, 0);
  for (int s = 0; s < 3; s++) step(&whole, s);
  restore(&again, &whole);
  for (int s = 3; s < 6; s++) assert_true(step(&whole, s) == step(&again, s));
  check_same(&whole, &again);
  assert_int_equal(bf_optimiser_steps(again.optimiser)[BF_MAX_STAGES], 6);
  unmake(&whole);
  unmake(&again);
}

static void test_restart(void **unused) {
  (void)unused;
  check_restart(&adamw);
  check_restart(&sgd);
}

/* Each block, and for Adam the count of steps, is needed: without it the run goes elsewhere. */
static void check_lost(const bf_optimiser_spec *spec, int lost) {
  trained whole = make(spec, 0), again = make(spec, 0);
  for (int s = 0; s < 3; s++) step(&whole, s);
  restore(&again, &whole);
  if (lost < bf_optimiser_blocks(again.optimiser))
    memset(bf_optimiser_block(again.optimiser, lost), 0, block_bytes(&again));
  else
    memset(bf_optimiser_steps(again.optimiser), 0, BF_OPTIMISER_STAGES * sizeof(int64_t));
  step(&whole, 3);
  step(&again, 3);
  assert_memory_not_equal(bf_graph_data_block(whole.graph), bf_graph_data_block(again.graph), block_bytes(&whole));
  unmake(&whole);
  unmake(&again);
}

static void test_all_of_a_checkpoint_matters(void **unused) {
  (void)unused;
  for (int lost = 0; lost < 3; lost++) check_lost(&adamw, lost);
  check_lost(&sgd, 0);
}

static void test_blocks(void **unused) {
  (void)unused;
  trained a = make(&adamw, 0), s = make(&sgd, 0);
  assert_int_equal(bf_optimiser_blocks(a.optimiser), 2);
  assert_int_equal(bf_optimiser_blocks(s.optimiser), 1);
  for (int k = 0; k < BF_OPTIMISER_STAGES; k++) assert_int_equal(bf_optimiser_steps(a.optimiser)[k], 0);
  for (int64_t i = 0; i < bf_graph_block_size(a.graph); i++) {
    for (int k = 0; k < 2; k++) assert_true(bf_optimiser_block(a.optimiser, k)[i] == 0);
    assert_true(bf_optimiser_block(s.optimiser, 0)[i] == 0);
  }
  unmake(&a);
  unmake(&s);
  bf_optimiser_destroy(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_adamw),
      cmocka_unit_test(test_sgd),
      cmocka_unit_test(test_clipped),
      cmocka_unit_test(test_adamw_by_hand),
      cmocka_unit_test(test_sgd_by_hand),
      cmocka_unit_test(test_decay_of_weights_only),
      cmocka_unit_test(test_untrained_stay),
      cmocka_unit_test(test_rates_of_stages),
      cmocka_unit_test(test_clip),
      cmocka_unit_test(test_same_bits_for_any_threads),
      cmocka_unit_test(test_not_finite_changes_nothing),
      cmocka_unit_test(test_restart),
      cmocka_unit_test(test_all_of_a_checkpoint_matters),
      cmocka_unit_test(test_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
