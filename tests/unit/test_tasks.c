/* Gradients of tasks apart: what each gives alone, their products, what a balance makes of them, and the watch. */
#include "net_support.h"
#include "nn/tasks.h"
#include "tensor/gemm.h"

enum { side = 64, batch = 2 };

typedef struct rig {
  bf_network *net;
  bf_exec *exec;
  bf_tasks *tasks;
  void *options[BF_MAX_HEADS];
} rig;

/* Of the first `heads` rows of the table. */
static rig make_some(int heads, const char *backbone, int frozen_stage, bool frozen_norms, bf_pool *pool) {
  bf_error err = {0};
  rig r = {0};
  bf_network_spec spec = {
      .backbone = bf_backbone_find(backbone, &err), .height = side, .width = side, .channels = 3, .seed = 3};
  assert_non_null(spec.backbone);
  for (int i = 0; i < bf_head_type_count(); i++) {
    const bf_head_type *type = bf_head_type_at(i);
    r.options[i] = bf_alloc(1, type->options_size);
    assert_int_equal(bf_options_defaults(type->options, r.options[i], &err), BF_OK);
    double weight = i < heads ? 0.5 + 0.25 * i : 0;
    memcpy((char *)r.options[i] + type->weight_offset, &weight, sizeof weight);
    spec.head_types[i] = type;
    spec.head_options[i] = r.options[i];
    spec.head_count++;
  }
  if (bf_network_create(&r.net, &spec, &err) != BF_OK) fail_msg("%s", err.message);
  net_fill_params(bf_network_graph(r.net), 5);
  bf_graph_freeze_norms(bf_network_graph(r.net), frozen_norms);
  bf_graph_freeze_stages(bf_network_graph(r.net), frozen_stage);
  r.exec = net_exec(bf_network_graph(r.net), batch, true, pool);
  if (bf_tasks_create(&r.tasks, r.net, r.exec, batch, pool, &err) != BF_OK) fail_msg("%s", err.message);
  return r;
}

static rig make(const char *backbone, int frozen_stage, bool frozen_norms, bf_pool *pool) {
  return make_some(BF_MAX_HEADS, backbone, frozen_stage, frozen_norms, pool);
}

static void clear(rig *r) {
  bf_tasks_destroy(r->tasks);
  bf_exec_destroy(r->exec);
  bf_network_destroy(r->net);
  for (int i = 0; i < BF_MAX_HEADS; i++) bf_free(r->options[i]);
}

static bf_graph *graph_of(const rig *r) { return bf_network_graph(r->net); }

static const bf_box boxes[batch] = {{8, 10, 40, 36, 0}, {20, 4, 60, 50, 0}};
static uint8_t masks[batch][side * side];
static const bf_truth both[batch] = {{0, 1, 1, true, 1, &boxes[0], masks[0], side, side},
                                     {1, 1, 0, true, 1, &boxes[1], masks[1], side, side}};
static const bf_truth classes[batch] = {{.weight = 1, .malignant = 1}, {.image = 1, .weight = 1}};

static void fill_masks(void) {
  for (int i = 0; i < batch * side * side; i++) {
    const bf_box *b = &boxes[i / (side * side)];
    int x = i % side, y = i / side % side;
    masks[i / (side * side)][i % (side * side)] = x >= b->xmin && x < b->xmax && y >= b->ymin && y < b->ymax ? 255 : 0;
  }
}

static void forward(rig *r) {
  net_fill(bf_exec_value(r->exec, bf_network_input(r->net)), batch * side * side * 3, 7, 1);
  bf_exec_forward(r->exec, batch, 99);
}

static float *copy_gradients(const rig *r) {
  int64_t size = bf_graph_block_size(graph_of(r));
  float *copy = net_floats(size);
  memcpy(copy, bf_graph_gradient_block(graph_of(r)), (size_t)size * sizeof(float));
  return copy;
}

/* A plain backward pass of the losses with these weights. */
static float *plain(rig *r, const double *weights) {
  bf_losses losses;
  forward(r);
  bf_network_loss(r->net, r->exec, both, batch, weights, &losses);
  bf_exec_backward(r->exec, batch);
  return copy_gradients(r);
}

/* A balance of the test's own: fixed weights, and these factors where the tasks meet. */
static double wanted[BF_MAX_HEADS];

static void own_weigh(double *weight, const void *options, const double *state, int tasks, const double *base) {
  (void)options, (void)state;
  for (int t = 0; t < tasks; t++) weight[t] = base[t];
}

static void own_mix(double *factor, const void *options, double *state, const bf_balance_step *step) {
  (void)options, (void)state;
  for (int t = 0; t < step->tasks; t++) factor[t] = wanted[t];
}

static const bf_balance_type own = {.name = "own", .help = "", .weigh = own_weigh, .mix = own_mix};

static float *mixed(rig *r, const double *factors, const bf_truth *truth, bf_balance_step *step) {
  bf_balance balance = {.type = &own};
  bf_losses losses;
  memcpy(wanted, factors, sizeof wanted);
  forward(r);
  bf_tasks_backward(r->tasks, &balance, truth, batch, batch, 1, &losses, step);
  return copy_gradients(r);
}

static void base_weights(const rig *r, double *weights, int only) {
  for (int i = 0; i < bf_network_head_count(r->net); i++)
    weights[i] = only < 0 || only == i ? bf_network_weight(r->net, i) : 0;
}

static const struct setting {
  const char *backbone;
  int frozen_stage;
  bool frozen_norms;
} settings[] = {{"mobilenet_v2", -1, false}, {"mobilenet_v2", -1, true}, {"mobilenet_v2", 2, true},
                {"resnet18", -1, false},     {"densenet121", -1, false}, {"squeezenet1_1", 1, false},
                {"convnext_tiny", -1, false}};
enum { setting_count = sizeof settings / sizeof settings[0] };

static double size_of(const float *x, int64_t count) {
  double squares = 0;
  for (int64_t i = 0; i < count; i++) squares += (double)x[i] * x[i];
  return sqrt(squares / (double)count);
}

/* Gradients a and b agree where `heads` says so of the parameters: of the backbone (false) or everywhere (true). What a
 * following norm takes away again has no gradient but rounding: it is measured by all the others. */
static void expect_same(const rig *r, const float *a, const float *b, bool heads, double tolerance, const char *what) {
  double all = size_of(b, bf_graph_block_size(graph_of(r)));
  for (int i = 0; i < bf_graph_param_count(graph_of(r)); i++) {
    const bf_param *p = bf_graph_param(graph_of(r), i);
    double most = 0;
    if (!p->trainable || (p->stage == BF_STAGE_HEAD && !heads)) continue;
    for (int64_t k = p->offset; k < p->offset + p->count; k++) most = fmax(most, fabs((double)a[k] - b[k]));
    if (most > tolerance * (size_of(b + p->offset, p->count) + all))
      fail_msg("%s: %s is off by %g", what, p->name, most);
  }
}

/* In parts and left as they are, tasks give what they give together: of two tasks to the bit, for their sum is one
 * addition; of more in another order of additions. */
static void parts_make_the_whole(void **unused) {
  (void)unused;
  for (int k = 0; k < 2 * setting_count; k++) {
    const struct setting *at = &settings[k / 2];
    bool two = k % 2;
    rig r = make_some(two ? 2 : BF_MAX_HEADS, at->backbone, at->frozen_stage, at->frozen_norms, NULL);
    double weights[BF_MAX_HEADS], ones[BF_MAX_HEADS] = {1, 1, 1, 1, 1, 1, 1, 1};
    bf_balance_step step;
    base_weights(&r, weights, -1);
    float *whole = plain(&r, weights), *parts = mixed(&r, ones, both, &step);
    expect_same(&r, parts, whole, true, two ? 0 : 1e-4, at->backbone);
    bf_free(whole);
    bf_free(parts);
    clear(&r);
  }
}

/* With the other factors at 0, the backbone learns what one task alone teaches it; the heads learn as ever. */
static void one_task_alone(void **unused) {
  (void)unused;
  for (int k = 0; k < setting_count; k++) {
    rig r = make(settings[k].backbone, settings[k].frozen_stage, settings[k].frozen_norms, NULL);
    for (int task = 0; task < bf_network_head_count(r.net); task++) {
      double weights[BF_MAX_HEADS], factors[BF_MAX_HEADS] = {0};
      bf_balance_step step;
      factors[task] = 1;
      base_weights(&r, weights, task);
      float *alone = plain(&r, weights), *parts = mixed(&r, factors, both, &step);
      expect_same(&r, parts, alone, false, 1e-5, settings[k].backbone);
      bf_free(alone);
      base_weights(&r, weights, -1);
      float *whole = plain(&r, weights);
      for (int i = 0; i < bf_graph_param_count(graph_of(&r)); i++) {
        const bf_param *p = bf_graph_param(graph_of(&r), i);
        if (p->stage == BF_STAGE_HEAD && p->trainable)
          assert_memory_equal(parts + p->offset, whole + p->offset, (size_t)p->count * sizeof(float));
      }
      bf_free(whole);
      bf_free(parts);
    }
    clear(&r);
  }
}

/* Inner products against those of the joints' own gradients, taken one task at a time. */
static void products(void **unused) {
  (void)unused;
  rig r = make("mobilenet_v2", -1, false, NULL);
  bf_graph *g = graph_of(&r);
  double ones[BF_MAX_HEADS] = {1, 1, 1, 1, 1, 1, 1, 1}, weights[BF_MAX_HEADS];
  bf_value joints[BF_MAX_STAGES];
  bf_balance_step step;
  bf_losses losses;
  float *each[BF_MAX_HEADS];
  int count = bf_exec_joints(r.exec, joints, BF_MAX_STAGES), tasks = bf_network_head_count(r.net);
  int64_t all = 0;
  assert_in_range(count, 2, BF_MAX_STAGES);
  bf_free(mixed(&r, ones, both, &step));
  for (int k = 0; k < count; k++) all += batch * net_size(bf_graph_shape(g, joints[k]));
  base_weights(&r, weights, -1);
  forward(&r);
  bf_network_loss(r.net, r.exec, both, batch, weights, &losses);
  for (int number = tasks - 1; number >= 0; number--) {
    int task = 0;
    while (bf_network_task(r.net, task) != number) task++;
    bf_exec_backward_task(r.exec, batch, number);
    float *to = each[task] = net_floats(all);
    for (int k = 0; k < count; k++) {
      int64_t size = batch * net_size(bf_graph_shape(g, joints[k]));
      memcpy(to, bf_exec_gradient(r.exec, joints[k]), (size_t)size * sizeof(float));
      to += size;
    }
  }
  for (int a = 0; a < tasks; a++)
    for (int b = 0; b < tasks; b++) {
      double sum = 0;
      for (int64_t i = 0; i < all; i++) sum += (double)each[a][i] * each[b][i];
      double scale = sqrt(step.product[a][a] * step.product[b][b]);
      assert_true(scale > 0);
      assert_float_equal(step.product[a][b] / scale, sum / scale, 1e-9);
    }
  for (int t = 0; t < tasks; t++) bf_free(each[t]);
  clear(&r);
}

static void a_task_without_labels(void **unused) {
  (void)unused;
  rig r = make("mobilenet_v2", -1, false, NULL);
  double ones[BF_MAX_HEADS] = {1, 1, 1, 1, 1, 1, 1, 1};
  bf_balance_step step;
  bf_free(mixed(&r, ones, classes, &step));
  for (int t = 0; t < step.tasks; t++) {
    bool has = strcmp(bf_network_head(r.net, t)->type->name, "malignancy") == 0;
    assert_int_equal(step.present[t], has);
    assert_true(has ? step.product[t][t] > 0 : step.product[t][t] == 0 && step.loss[t] == 0);
  }
  clear(&r);
}

/* Where nothing shared is trained there is nothing to compare. */
static void frozen_backbones_have_no_joints(void **unused) {
  (void)unused;
  rig r = make("mobilenet_v2", BF_MAX_STAGES, true, NULL);
  double ones[BF_MAX_HEADS] = {1, 1, 1, 1, 1, 1, 1, 1}, weights[BF_MAX_HEADS];
  bf_balance_step step;
  bf_watch watch = {0};
  bf_value joints[BF_MAX_STAGES];
  assert_int_equal(bf_exec_joints(r.exec, joints, BF_MAX_STAGES), 0);
  float *parts = mixed(&r, ones, both, &step);
  base_weights(&r, weights, -1);
  float *whole = plain(&r, weights);
  expect_same(&r, parts, whole, true, 0, "heads alone");
  bf_watch_add(&watch, &step);
  for (int t = 0; t < step.tasks; t++) {
    bf_task_figures f = bf_watch_task(&watch, step.tasks, t);
    assert_true(isnan(f.norm) && isnan(f.share) && f.present == 1);
  }
  double remedy;
  assert_int_equal(bf_watch_dominant(&watch, step.tasks, 0.9, &remedy), -1);
  bf_free(parts);
  bf_free(whole);
  clear(&r);
}

static void threads_do_not_matter(void **unused) {
  (void)unused;
  bf_pool *pool = net_pool(3);
  rig one = make("mobilenet_v2", -1, false, NULL), many = make("mobilenet_v2", -1, false, pool);
  double factors[BF_MAX_HEADS] = {0.7, 1.3, 0.9, 1.1};
  bf_balance_step a, b;
  float *x = mixed(&one, factors, both, &a), *y = mixed(&many, factors, both, &b);
  expect_same(&one, x, y, true, 0, "three threads");
  assert_memory_equal(a.product, b.product, sizeof a.product);
  bf_free(x);
  bf_free(y);
  clear(&one);
  clear(&many);
  bf_pool_destroy(pool);
}

/* ---- the graph's part ---- */

/* Gradients of two convolutions on a shared one; with a reader, task 1 reads what lies between them. */
static bf_graph *middle_read(bool reader) {
  bf_graph *g = net_graph();
  bf_value b = -1, x = bf_graph_input(g, 5, 4, 3);
  bf_value shared = bf_conv2d(g, x, (bf_conv){.out = 3, .kernel = 1}, "shared");
  bf_graph_set_stage(g, BF_STAGE_HEAD);
  bf_graph_set_task(g, 0);
  bf_value middle = bf_conv2d(g, shared, (bf_conv){.out = 2, .kernel = 1}, "middle");
  bf_value a = bf_conv2d(g, middle, (bf_conv){.out = 2, .kernel = 1}, "a");
  bf_graph_output(g, a);
  bf_graph_set_task(g, 1);
  if (reader) {
    b = bf_conv2d(g, bf_detach(g, middle), (bf_conv){.out = 1, .kernel = 1}, "b");
    bf_graph_output(g, b);
  }
  net_finish(g, 1);
  bf_exec *e = net_exec(g, 1, true, NULL);
  net_fill(bf_exec_value(e, x), 60, 3, 1);
  bf_exec_forward(e, 1, 9);
  net_fill(bf_exec_gradient(e, a), 40, 4, 1);
  if (reader) net_fill(bf_exec_gradient(e, b), 20, 5, 1);
  bf_exec_backward(e, 1);
  bf_exec_destroy(e);
  return g;
}

static void detach_stops_gradients(void **unused) {
  (void)unused;
  bf_graph *alone = middle_read(false), *read = middle_read(true);
  for (int i = 0; i < bf_graph_param_count(read); i++) {
    const bf_param *p = bf_graph_param(read, i), *q = bf_graph_find_param(alone, p->name);
    for (int64_t k = 0; k < p->count; k++) assert_true(p->gradient[k] != 0);
    assert_int_equal(q == NULL, p->name[0] == 'b');
    if (q != NULL) assert_memory_equal(p->gradient, q->gradient, (size_t)p->count * sizeof(float));
  }
  bf_graph_destroy(alone);
  bf_graph_destroy(read);
}

/* A task that begins where nothing but it reads: with a clamp that would join the norm before it, or with an operation
 * that would work in the memory of what it reads. The joint stays a joint, and the parts make the whole. */
static void tasks_begin_at_joints(void **unused) {
  (void)unused;
  for (int kind = 0; kind < 2; kind++) {
    bf_graph *g = net_graph();
    bf_value x = bf_graph_input(g, 6, 6, 3);
    bf_graph_set_stage(g, 0);
    bf_value shared = bf_batch_norm(g, bf_conv2d(g, x, (bf_conv){.out = 4, .kernel = 3}, "shared"), "norm");
    bf_graph_set_stage(g, BF_STAGE_HEAD);
    bf_graph_set_task(g, 0);
    bf_value a =
        kind == 0 ? bf_conv2d(g, bf_relu(g, shared), (bf_conv){.out = 2, .kernel = 1}, "a") : bf_flatten(g, shared);
    bf_graph_output(g, a);
    net_finish(g, 1);
    bf_exec *e = net_exec(g, 2, true, NULL);
    bf_value joint = -1;
    assert_int_equal(bf_exec_joints(e, &joint, 1), 1);
    assert_int_equal(joint, shared);
    float *whole = NULL;
    for (int parts = 0; parts < 2; parts++) {
      net_fill(bf_exec_value(e, x), 216, 3, 1);
      bf_exec_forward(e, 2, 9);
      net_fill(bf_exec_gradient(e, a), 2 * net_size(bf_graph_shape(g, a)), 4, 1);
      if (parts)
        bf_exec_backward_task(e, 2, 0), bf_exec_backward_shared(e, 2);
      else
        bf_exec_backward(e, 2);
      size_t bytes = (size_t)bf_graph_block_size(g) * sizeof(float);
      if (whole == NULL) whole = memcpy(net_floats(bf_graph_block_size(g)), bf_graph_gradient_block(g), bytes);
      assert_memory_equal(whole, bf_graph_gradient_block(g), bytes);
    }
    bf_free(whole);
    bf_exec_destroy(e);
    bf_graph_destroy(g);
  }
}

static void expect_refused(bf_graph *g, const char *says) {
  bf_error err = {0};
  assert_int_equal(bf_graph_finish(g, 1, &err), BF_E_INTERNAL);
  if (strstr(err.message, says) == NULL) fail_msg("%s", err.message);
  bf_graph_destroy(g);
}

static void tasks_are_kept_apart(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 5, 4, 3);
  bf_graph_set_task(g, 0);
  bf_value a = bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 1}, "a");
  bf_graph_set_task(g, 1);
  bf_graph_output(g, bf_conv2d(g, a, (bf_conv){.out = 2, .kernel = 1}, "b"));
  expect_refused(g, "task 1 reads a value of task 0");
  g = net_graph();
  x = bf_graph_input(g, 5, 4, 3);
  bf_graph_set_task(g, 1);
  bf_graph_output(g, bf_conv2d(g, x, (bf_conv){.out = 2, .kernel = 1}, "b"));
  bf_graph_set_task(g, 0);
  expect_refused(g, "task 0 is built after task 1");
}

/* ---- the watch ---- */

static bf_balance_step seen(double a, double b, double cosine) {
  return (bf_balance_step){.tasks = 2,
                           .present = {a > 0, b > 0},
                           .weight = {2, 0.5},
                           .product = {{a * a, a * b * cosine}, {a * b * cosine, b * b}}};
}

static void the_watch_means(void **unused) {
  (void)unused;
  bf_watch w = {0};
  bf_balance_step steps[] = {seen(3, 1, 0.5), seen(1, 1, -0.1), seen(4, 0, 0)};
  for (int i = 0; i < 3; i++) bf_watch_add(&w, &steps[i]);
  bf_task_figures a = bf_watch_task(&w, 2, 0), b = bf_watch_task(&w, 2, 1);
  assert_float_equal(a.norm, (3 + 1 + 4) / 3.0 / 2, 1e-12); /* before the weight of 2 */
  assert_float_equal(b.norm, 2, 1e-12);
  assert_float_equal(a.share, (0.75 + 0.5 + 1) / 3, 1e-12);
  assert_float_equal(a.share + b.share, 1, 1e-12);
  assert_float_equal(a.present, 1, 1e-12);
  assert_float_equal(b.present, 2.0 / 3, 1e-12);
  assert_float_equal(a.weight, 2, 1e-12);
  assert_float_equal(bf_watch_cosine(&w, 0, 1), 0.2, 1e-12);
  assert_float_equal(bf_watch_cosine(&w, 1, 0), 0.2, 1e-12);
  assert_float_equal(bf_watch_conflicts(&w, 0, 1), 0.5, 1e-12);
}

static void the_watch_names_who_takes_over(void **unused) {
  (void)unused;
  bf_watch w = {0};
  double remedy = 0;
  bf_balance_step even = seen(1, 1, 0), heavy = seen(19, 1, 0);
  bf_watch_add(&w, &even);
  assert_int_equal(bf_watch_dominant(&w, 2, 0.9, &remedy), -1);
  w = (bf_watch){0};
  bf_watch_add(&w, &heavy);
  assert_int_equal(bf_watch_dominant(&w, 2, 0.9, &remedy), 0);
  assert_float_equal(remedy, 2.0 / 19, 1e-9); /* then both pull with 1 */
  bf_watch nothing = {0};
  assert_int_equal(bf_watch_dominant(&nothing, 2, 0.9, &remedy), -1);
  assert_true(isnan(bf_watch_cosine(&nothing, 0, 1)) && isnan(bf_watch_conflicts(&nothing, 0, 1)));
  bf_watch_add(&nothing, &heavy);
  assert_int_equal(bf_watch_dominant(&nothing, 1, 0.5, &remedy), -1); /* alone, nobody takes over */
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) return 1;
  fill_masks();
  const struct CMUnitTest tests[] = {cmocka_unit_test(parts_make_the_whole),
                                     cmocka_unit_test(one_task_alone),
                                     cmocka_unit_test(products),
                                     cmocka_unit_test(a_task_without_labels),
                                     cmocka_unit_test(frozen_backbones_have_no_joints),
                                     cmocka_unit_test(threads_do_not_matter),
                                     cmocka_unit_test(detach_stops_gradients),
                                     cmocka_unit_test(tasks_begin_at_joints),
                                     cmocka_unit_test(tasks_are_kept_apart),
                                     cmocka_unit_test(the_watch_means),
                                     cmocka_unit_test(the_watch_names_who_takes_over)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
