/* What every row of heads.def promises, asked of each row without knowing it: a whole row, a graph on any features, a
 * loss whose gradient agrees with differences, missing labels that add nothing, answers within their ranges whatever
 * the outputs say. And the weighted sum that a network makes of its heads. */
#include "net_support.h"
#include "nn/network.h"
#include "nn/op.h"
#include "tensor/gemm.h"

#include <float.h>

/* ---- a small backbone of our own ---- */

enum { coarsest = 32, most_outputs = 8, most_images = 8, most_truth_boxes = 3, most_pixels = 160 * 96, seed = 5 };

static void build_features(bf_graph *g, bf_value x, bf_features *f, int first) {
  for (int stage = 0; stage < 5; stage++) {
    bf_graph_set_stage(g, stage);
    bf_conv conv = {.out = 6 + 2 * stage, .kernel = 3, .stride = 2, .padding = 1};
    x = bf_relu(g, bf_batch_norm(g, bf_conv2d(g, x, conv, "small.%d.conv", stage), "small.%d.norm", stage));
    if (stage < first) continue;
    f->value[f->count] = x;
    f->stride[f->count++] = 2 << stage;
  }
}

static void build_from_4(bf_graph *g, bf_value x, bf_features *f) { build_features(g, x, f, 1); }

static void build_from_2(bf_graph *g, bf_value x, bf_features *f) { build_features(g, x, f, 0); }

static const bf_backbone from_4 = {.name = "from_4", .stages = 5, .build = build_from_4};
static const bf_backbone from_2 = {.name = "from_2", .stages = 5, .build = build_from_2};

/* ---- one head at work ---- */

typedef struct rig {
  const bf_head_type *type;
  bf_network *net;
  bf_head *head;
  bf_exec *exec;
  int h, w, batch;
  int outputs;
  bf_value output[most_outputs];
  int64_t size[most_outputs]; /* numbers an image */
} rig;

/* The defaults with a weight of 1, and one option set apart unless its name is NULL. */
static void *options_with(const bf_head_type *type, const char *name, const char *value) {
  bf_error err = {0};
  void *options = bf_alloc(1, type->options_size);
  assert_non_null(options);
  if (bf_options_defaults(type->options, options, &err) != BF_OK) fail_msg("%s: %s", type->name, err.message);
  const double weight = 1;
  memcpy((char *)options + type->weight_offset, &weight, sizeof weight);
  if (name != NULL && bf_options_set(type->options, options, "", name, value, &err) != BF_OK)
    fail_msg("%s: %s", type->name, err.message);
  return options;
}

static void find_outputs(rig *r) {
  bf_graph *g = bf_network_graph(r->net);
  for (int v = 0; v < bf_graph_node_count(g); v++) {
    if (!bf_graph_is_output(g, v)) continue;
    assert_true(r->outputs < most_outputs);
    r->size[r->outputs] = net_size(bf_graph_shape(g, v));
    r->output[r->outputs++] = v;
  }
}

typedef struct design {
  const bf_backbone *backbone; /* NULL: from_4 */
  int h, w, batch;
  const char *option, *value; /* NULL: defaults */
  bool scoring;
} design;

static rig rig_make(const bf_head_type *type, design d) {
  bf_error err = {0};
  rig r = {.type = type, .h = d.h, .w = d.w, .batch = d.batch};
  void *options = options_with(type, d.option, d.value);
  bf_network_spec spec = {.backbone = d.backbone ? d.backbone : &from_4,
                          .height = d.h,
                          .width = d.w,
                          .channels = 3,
                          .head_count = 1,
                          .head_types = {type},
                          .head_options = {options},
                          .seed = seed};
  if (bf_network_create(&r.net, &spec, &err) != BF_OK) fail_msg("%s at %d x %d: %s", type->name, d.w, d.h, err.message);
  bf_free(options); /* the network keeps a copy */
  r.head = bf_network_head(r.net, 0);
  find_outputs(&r);
  r.exec = net_exec(bf_network_graph(r.net), d.batch, !d.scoring, NULL);
  return r;
}

static void rig_free(rig *r) {
  bf_exec_destroy(r->exec);
  bf_network_destroy(r->net);
}

static float *value(rig *r, int output, int image) {
  return bf_exec_value(r->exec, r->output[output]) + image * r->size[output];
}

static float *gradient(rig *r, int output, int image) {
  return bf_exec_gradient(r->exec, r->output[output]) + image * r->size[output];
}

static size_t image_bytes(const rig *r, int output) { return (size_t)r->size[output] * sizeof(float); }

enum { every = -1 };

/* Noise in one output and zeros in the others, or noise in every one. */
static void fill_values(rig *r, int output, float scale) {
  for (int k = 0; k < r->outputs; k++)
    net_fill(value(r, k, 0), r->batch * r->size[k], 40 + (uint64_t)k, output == every || output == k ? scale : 0);
}

static void clear_gradients(rig *r) {
  for (int k = 0; k < r->outputs; k++) memset(gradient(r, k, 0), 0, (size_t)r->batch * image_bytes(r, k));
}

static void fill_gradients(rig *r) {
  for (int k = 0; k < r->outputs; k++) net_fill(gradient(r, k, 0), r->batch * r->size[k], 60 + (uint64_t)k, 2);
}

static void check_finite_gradients(rig *r) {
  for (int k = 0; k < r->outputs; k++)
    for (int64_t i = 0; i < r->batch * r->size[k]; i++) assert_true(isfinite(gradient(r, k, 0)[i]));
}

/* The gradients of all outputs in one piece, freed by the caller. */
static float *copy_gradients(rig *r, int64_t *count) {
  *count = 0;
  for (int k = 0; k < r->outputs; k++) *count += r->batch * r->size[k];
  float *all = net_floats(*count);
  for (int64_t k = 0, at = 0; k < r->outputs; at += r->batch * r->size[k++])
    memcpy(all + at, gradient(r, (int)k, 0), (size_t)r->batch * image_bytes(r, (int)k));
  return all;
}

/* ---- truths, a letter an image ---- */

typedef struct truths {
  int n;
  bf_truth at[most_images];
  bf_box boxes[most_images][most_truth_boxes];
  uint8_t masks[most_images][most_pixels]; /* the boxes filled */
} truths;

/* Pixels whose middle lies in a box. */
static void fill_mask(uint8_t *mask, int h, int w, const bf_box *boxes, int count) {
  assert_true(h * w <= most_pixels);
  for (int i = 0; i < h * w; i++) {
    double x = i % w + 0.5, y = i / w + 0.5;
    mask[i] = 0;
    for (int b = 0; b < count; b++)
      if (x > boxes[b].xmin && x < boxes[b].xmax && y > boxes[b].ymin && y < boxes[b].ymax) mask[i] = 255;
  }
}

/* s: several lesions, two of them overlapping and one at the border, malignant. o: one small lesion, benign. t: one
 * that is smaller than a cell of any map, benign. n: known to have no lesion, benign. u: nothing is known, though boxes
 * stand there. m: only malignancy is known. l: only lesions are known. A mask is known where lesions are. */
static bf_truth truth_of(char kind, int h, int w, bf_box *boxes, uint8_t *mask) {
  static const float part[][4] = {{0.2f, 0.15f, 0.6f, 0.7f}, {0.45f, 0.3f, 0.95f, 0.6f}, {0, 0.62f, 0.11f, 1}};
  float x = (float)w, y = (float)h;
  for (int k = 0; k < most_truth_boxes; k++)
    boxes[k] = (bf_box){part[k][0] * x, part[k][1] * y, part[k][2] * x, part[k][3] * y, 0};
  if (kind == 'o') boxes[0] = (bf_box){0.71f * x, 0.22f * y, 0.71f * x + 11, 0.22f * y + 9, 0};
  if (kind == 't') boxes[0] = (bf_box){0.71f * x, 0.22f * y, 0.71f * x + 3, 0.22f * y + 2.5f, 0};
  bf_truth t = {.malignant = kind == 's' || kind == 'm', .lesions_known = true, .boxes = boxes};
  t.box_count = kind == 'n' ? 0 : kind == 'o' || kind == 't' ? 1 : most_truth_boxes;
  if (kind == 'u' || kind == 'l') t.malignant = -1;
  if (kind == 'u' || kind == 'm') t.lesions_known = false;
  fill_mask(mask, h, w, boxes, t.box_count);
  t.mask = t.lesions_known ? mask : NULL;
  t.mask_h = h;
  t.mask_w = w;
  return t;
}

static void set_truths(truths *t, const char *kinds, int h, int w) {
  t->n = (int)strlen(kinds);
  assert_true(t->n <= most_images);
  for (int i = 0; i < t->n; i++) {
    t->at[i] = truth_of(kinds[i], h, w, t->boxes[i], t->masks[i]);
    t->at[i].image = i;
    t->at[i].weight = 1;
  }
}

typedef struct lost {
  double loss;
  double labelled;
} lost;

/* What was there before must not show. */
static lost lose(rig *r, const truths *t, float scale) {
  lost l = {-1e9, -77};
  r->type->loss(r->head, r->exec, t->at, t->n, scale, &l.loss, &l.labelled);
  return l;
}

/* ---- rows ---- */

static size_t option_bytes(const bf_option *row) {
  switch (row->type) {
    case BF_OPTION_REAL: return sizeof(double);
    case BF_OPTION_BOOL: return sizeof(bool);
    case BF_OPTION_TEXT: return BF_OPTION_TEXT_MAX;
    default: return sizeof(int);
  }
}

static void check_option(const bf_head_type *type, const bf_option *row) {
  assert_true(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(row->name));
  assert_non_null(row->help);
  assert_true(strlen(row->help) > 0 && strchr(row->help, '\n') == NULL);
  assert_non_null(row->fallback);
  assert_true(row->offset + option_bytes(row) <= type->options_size);
  if (row->type == BF_OPTION_INT || row->type == BF_OPTION_REAL) assert_true(row->low < row->high);
  if (row->type == BF_OPTION_CHOICE) assert_non_null(strchr(row->choices, '|'));
  for (const bf_option *other = type->options; other != row; other++) {
    assert_string_not_equal(row->name, other->name);
    assert_true(row->offset + option_bytes(row) <= other->offset || other->offset + option_bytes(other) <= row->offset);
  }
}

static void test_rows_are_whole(void **unused) {
  (void)unused;
  assert_true(bf_head_type_count() > 0 && bf_head_type_count() <= BF_MAX_HEADS);
  for (int i = 0; i < bf_head_type_count(); i++) {
    const bf_head_type *type = bf_head_type_at(i);
    assert_true(strlen(type->name) > 0);
    assert_true(strspn(type->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(type->name));
    assert_true(strlen(type->help) > 0 && strlen(type->help) < 100);
    assert_true(type->build != NULL && type->loss != NULL && type->decode != NULL);
    assert_true(type->state_size > 0);
    for (const bf_option *row = type->options; row->name != NULL; row++) check_option(type, row);
    const bf_option *weight = bf_options_find(type->options, "weight");
    assert_non_null(weight);
    assert_true(weight->type == BF_OPTION_REAL && weight->low == 0 && weight->offset == type->weight_offset);
    bf_free(options_with(type, NULL, NULL));
  }
}

static void test_names(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    bf_error err = {0};
    char slip[64];
    const char *name = bf_head_type_at(i)->name;
    assert_true(bf_head_type_find(name, &err) == bf_head_type_at(i));
    assert_int_equal(err.status, BF_OK);
    snprintf(slip, sizeof slip, "%sx", name);
    assert_null(bf_head_type_find(slip, &err));
    assert_int_equal(err.status, BF_E_ARGUMENT);
    assert_non_null(strstr(err.message, name));
  }
  assert_null(bf_head_type_at(-1));
  assert_null(bf_head_type_at(bf_head_type_count()));
}

/* ---- building ---- */

static void check_params(rig *r) {
  char prefix[96];
  int mine = 0;
  snprintf(prefix, sizeof prefix, "heads.%s.", r->type->name);
  for (int i = 0; i < bf_graph_param_count(bf_network_graph(r->net)); i++) {
    const bf_param *p = bf_graph_param(bf_network_graph(r->net), i);
    bool named = strncmp(p->name, prefix, strlen(prefix)) == 0;
    if (named != (p->stage == BF_STAGE_HEAD)) fail_msg("%s: %s in stage %d", r->type->name, p->name, p->stage);
    mine += named;
    for (int64_t k = 0; k < p->count; k++) assert_true(isfinite(p->data[k]));
  }
  assert_true(mine > 0);
}

static void check_outputs(rig *r) {
  const bf_features *f = bf_network_features(r->net);
  assert_true(r->outputs > 0);
  for (int k = 0; k < r->outputs; k++) {
    assert_int_equal(bf_graph_node(bf_network_graph(r->net), r->output[k])->stage, BF_STAGE_HEAD);
    assert_true(r->output[k] > f->value[f->count - 1]);
  }
}

static void test_builds_on_any_features(void **unused) {
  (void)unused;
  static const int sizes[][2] = {{32, 32}, {64, 96}, {97, 65}, {33, 127}};
  static const bf_backbone *const backbones[] = {&from_4, &from_2};
  for (int i = 0; i < 8 * bf_head_type_count(); i++) {
    design d = {.backbone = backbones[i % 2], .h = sizes[i / 2 % 4][1], .w = sizes[i / 2 % 4][0], .batch = 2};
    rig r = rig_make(bf_head_type_at(i / 8), d);
    assert_true(r.head->type == r.type);
    check_params(&r);
    check_outputs(&r);
    rig_free(&r);
  }
}

/* Every head on every backbone of the table; nothing is allocated for the parameters. */
static void test_builds_on_every_backbone(void **unused) {
  (void)unused;
  static const int sizes[][2] = {{32, 32}, {224, 160}, {1024, 2048}};
  int backbones = bf_backbone_count();
  for (int i = 0; i < 3 * backbones * bf_head_type_count(); i++) {
    const bf_head_type *type = bf_head_type_at(i / 3 / backbones);
    const bf_backbone *backbone = bf_backbone_at(i / 3 % backbones);
    bf_head head = {type, options_with(type, NULL, NULL), bf_alloc(1, type->state_size)};
    bf_features f = {0};
    bf_graph *g = net_graph();
    backbone->build(g, bf_graph_input(g, sizes[i % 3][0], sizes[i % 3][1], 3), &f);
    bf_graph_set_stage(g, BF_STAGE_HEAD);
    type->build(&head, g, &f);
    if (bf_graph_failed(g)) fail_msg("%s on %s at %d", type->name, backbone->name, sizes[i % 3][0]);
    bf_graph_destroy(g);
    bf_free(head.options);
    bf_free(head.state);
  }
}

/* A result that is not marked as an output, or not read by the loss, leaves its layers without a gradient. */
static void test_gradients_reach_every_parameter(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 96, .batch = 2});
    truths t;
    set_truths(&t, "so", r.h, r.w);
    net_fill(bf_exec_value(r.exec, bf_network_input(r.net)), 2 * 64 * 96 * 3, 8, 1);
    bf_exec_forward(r.exec, 2, 3);
    lose(&r, &t, 1);
    bf_exec_backward(r.exec, 2);
    for (int k = 0; k < bf_graph_param_count(bf_network_graph(r.net)); k++) {
      const bf_param *p = bf_graph_param(bf_network_graph(r.net), k);
      double squares = 0;
      for (int64_t j = 0; j < p->count; j++) squares += (double)p->gradient[j] * p->gradient[j];
      if (p->trainable && !(squares > 0 && isfinite(squares))) fail_msg("%s: %s stays", r.type->name, p->name);
    }
    rig_free(&r);
  }
}

/* ---- gradients against differences ---- */

/* A part of a loss may aim one output at what another says at the moment, and hold the aim still: the expected overlap
 * of a box is aimed at the overlap of the box that is predicted. Differences move the aim along. Alone, with the other
 * outputs at 0, a cross-entropy does not see its aim; together, the part is left out. */
static const struct held { const char *head, *option, *value; } helds[] = {{"lesion", "quality_weight", "0"}};

static design hold_aims(const bf_head_type *type, design d) {
  for (size_t i = 0; i < sizeof helds / sizeof helds[0]; i++)
    if (strcmp(helds[i].head, type->name) == 0) d.option = helds[i].option, d.value = helds[i].value;
  return d;
}

typedef struct tally {
  int64_t checked, skipped, moved; /* moved: places whose gradient is not 0 */
} tally;

/* Losses are sums of doubles, so a short step is exact to some 1e-9. Where a kink lies within it, the slopes to the two
 * sides disagree and the place is skipped. */
static void check_place(rig *r, const truths *t, float *at, float found, double scale, tally *y) {
  float old = *at, up = old + 0x1p-12f, down = old - 0x1p-12f;
  double middle = lose(r, t, 0).loss;
  *at = up;
  double right = (lose(r, t, 0).loss - middle) / ((double)up - old);
  *at = down;
  double left = (middle - lose(r, t, 0).loss) / ((double)old - down);
  *at = old;
  y->checked++;
  y->moved += found != 0;
  if (fabs(left - right) > 4e-3 * scale)
    y->skipped++;
  else if (!(fabs((left + right) / 2 - found) <= 1e-6 * scale))
    fail_msg("%s: gradient %.9g, difference %.9g (of scale %g)", r->type->name, found, (left + right) / 2, scale);
}

static double largest(const float *x, int64_t count) {
  double most = 0;
  for (int64_t i = 0; i < count; i++) most = fmax(most, fabs((double)x[i]));
  return most;
}

/* Some 40 of the places that move and some 10 of those that do not. */
static void check_output(rig *r, const truths *t, int output, tally *y) {
  float *z = value(r, output, 0);
  const float *g = gradient(r, output, 0);
  int64_t count = t->n * r->size[output], seen[2] = {0, 0}, all[2] = {0, 0};
  double scale = fmax(largest(g, count), 1e-3);
  for (int64_t i = 0; i < count; i++) all[g[i] != 0]++;
  for (int64_t i = 0; i < count; i++) {
    int64_t moves = g[i] != 0, stride = 1 + all[moves] / (moves ? 40 : 10);
    if (seen[moves]++ % stride == 0) check_place(r, t, &z[i], g[i], scale, y);
  }
}

/* All outputs after one another, alone or together. */
static void check_gradients(rig *r, const char *kinds, bool together, float amplitude) {
  truths t;
  set_truths(&t, kinds, r->h, r->w);
  for (int k = 0; k < r->outputs; k++) {
    tally y = {0, 0, 0};
    fill_values(r, together ? every : k, amplitude);
    clear_gradients(r);
    lose(r, &t, 1);
    check_output(r, &t, k, &y);
    if (y.skipped * 4 > y.checked)
      fail_msg("%s, output %d: %d of %d places lie at kinks", r->type->name, k, (int)y.skipped, (int)y.checked);
    if (strpbrk(kinds, "sto") != NULL && !together && y.moved == 0)
      fail_msg("%s, output %d: never moved", r->type->name, k);
  }
}

static void check_truths(rig *r, bool together) {
  static const char *const kinds[] = {"stnu", "s", "t", "on", "nn", "uu", "ml"};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    check_gradients(r, kinds[i], together, 1.5f);
    check_gradients(r, kinds[i], together, 8);
  }
}

static void test_gradients(void **unused) {
  (void)unused;
  static const int sizes[][2] = {{64, 64}, {97, 65}};
  for (int i = 0; i < 4 * bf_head_type_count(); i++) {
    const bf_head_type *type = bf_head_type_at(i / 4);
    bool together = i % 2;
    design d = {.h = sizes[i / 2 % 2][1], .w = sizes[i / 2 % 2][0], .batch = 4};
    rig r = rig_make(type, together ? hold_aims(type, d) : d);
    check_truths(&r, together);
    rig_free(&r);
  }
}

/* ---- every option at both ends ---- */

/* The values of a row that are worth a try: the ends of its range, or all choices. NULL behind the last. */
static const char *worth(const bf_option *row, int index, char text[32]) {
  if (row->type == BF_OPTION_BOOL) return index < 2 ? index ? "true" : "false" : NULL;
  if (row->type == BF_OPTION_INT || row->type == BF_OPTION_REAL) {
    snprintf(text, 32, "%.15g", index ? row->high : row->low);
    return index < 2 ? text : NULL;
  }
  const char *choice = row->type == BF_OPTION_CHOICE ? row->choices : NULL;
  for (; choice != NULL && index > 0; index--) choice = strchr(choice, '|') ? strchr(choice, '|') + 1 : NULL;
  if (choice != NULL) snprintf(text, 32, "%.*s", (int)strcspn(choice, "|"), choice);
  return choice ? text : NULL;
}

/* Looks where another head sees lesions: nothing for a head alone. */
static bool needs_another_head(const bf_option *row, const char *value) {
  return strcmp(row->name, "pool") == 0 && strcmp(value, "lesion") == 0;
}

static void with_every_option(void (*check)(rig *r)) {
  for (int i = 0; i < bf_head_type_count(); i++)
    for (const bf_option *row = bf_head_type_at(i)->options; row->name != NULL; row++) {
      char text[32];
      if (row->offset == bf_head_type_at(i)->weight_offset) continue;
      for (int k = 0; worth(row, k, text) != NULL; k++) {
        design d = {.h = 64, .w = 64, .batch = 4, .option = row->name, .value = worth(row, k, text)};
        if (needs_another_head(row, d.value)) continue;
        rig r = rig_make(bf_head_type_at(i), d);
        truths t;
        set_truths(&t, "sonu", r.h, r.w);
        bf_network_prepare(r.net, t.at, t.n);
        check(&r);
        rig_free(&r);
      }
    }
}

/* With a part's weight at 0 an output may well stay; that none stays by default is tested above. */
static void check_option_gradients(rig *r) {
  truths t;
  set_truths(&t, "sonu", r->h, r->w);
  for (int k = 0; k < r->outputs; k++) {
    tally y = {0, 0, 0};
    fill_values(r, k, 2);
    clear_gradients(r);
    lose(r, &t, 1);
    check_output(r, &t, k, &y);
    assert_true(y.skipped * 4 <= y.checked);
  }
}

static void test_gradients_with_every_option(void **unused) {
  (void)unused;
  with_every_option(check_option_gradients);
}

/* A training part without a label, or of one class only, must not turn into weights that are not numbers. */
static void check_preparations(rig *r) {
  static const char *const parts[] = {"", "u", "ss", "nn", "uosm"};
  truths t, part;
  set_truths(&t, "sonu", r->h, r->w);
  fill_values(r, every, 2);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    set_truths(&part, parts[i], r->h, r->w);
    bf_network_prepare(r->net, part.at, part.n);
    lost l = lose(r, &t, 1);
    assert_true(isfinite(l.loss) && l.loss > 0);
    check_finite_gradients(r);
  }
}

static void test_any_training_part(void **unused) {
  (void)unused;
  with_every_option(check_preparations);
}

/* ---- labels that are missing ---- */

static void check_all_zero(rig *r, int image) {
  for (int k = 0; k < r->outputs; k++)
    for (int64_t i = 0; i < r->size[k]; i++)
      if (gradient(r, k, image)[i] != 0) fail_msg("%s: image %d without a label is moved", r->type->name, image);
}

static void check_no_label(rig *r, const truths *t) {
  clear_gradients(r);
  lost l = lose(r, t, 1);
  assert_true(l.loss == 0);
  assert_int_equal(l.labelled, 0);
  for (int i = 0; i < r->batch; i++) check_all_zero(r, i);
}

static void test_no_label_no_loss(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 64, .batch = 3});
    truths t;
    for (int n = 1; n <= 3; n++)
      for (float amplitude = 1; amplitude < 2e4f; amplitude *= 100) {
        set_truths(&t, &"uuu"[3 - n], r.h, r.w);
        fill_values(&r, every, amplitude);
        check_no_label(&r, &t);
      }
    rig_free(&r);
  }
}

/* Each head's label is one of the two that a truth may have; without it, the other one changes nothing. */
static void test_labels_of_other_tasks(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 64, .batch = 2});
    double labelled = 0;
    truths t;
    fill_values(&r, every, 2);
    for (const char *kinds = "ml"; *kinds != '\0'; kinds++) {
      set_truths(&t, (const char[]){*kinds, '\0'}, r.h, r.w);
      lost l = lose(&r, &t, 0);
      assert_true(l.labelled == 0 || l.labelled == 1);
      if (l.labelled == 0)
        check_no_label(&r, &t);
      else
        assert_true(l.loss > 0);
      labelled += l.labelled;
    }
    assert_true(labelled > 0);
    set_truths(&t, "ml", r.h, r.w);
    assert_true(lose(&r, &t, 0).labelled == labelled);
    rig_free(&r);
  }
}

static void copy_image(rig *to, int place, rig *from, int image) {
  for (int k = 0; k < from->outputs; k++) memcpy(value(to, k, place), value(from, k, image), image_bytes(from, k));
}

static void check_same_gradients(rig *a, int image, rig *b, int place) {
  for (int k = 0; k < a->outputs; k++)
    assert_memory_equal(gradient(a, k, image), gradient(b, k, place), image_bytes(a, k));
}

/* The labelled images alone give the same loss and the same gradients, to the bit. */
static void check_mixture(rig *many, rig *few, const char *kinds) {
  truths all, some = {0};
  set_truths(&all, kinds, many->h, many->w);
  for (int i = 0; i < all.n; i++) {
    if (kinds[i] == 'u') continue;
    copy_image(few, some.n, many, i);
    some.at[some.n] = all.at[i];
    some.at[some.n].image = some.n;
    some.n++;
  }
  clear_gradients(many);
  clear_gradients(few);
  lost a = lose(many, &all, 1), b = lose(few, &some, 1);
  assert_true(a.loss == b.loss && isfinite(a.loss) && a.loss > 0);
  assert_true(a.labelled == some.n && b.labelled == some.n);
  for (int i = 0, place = 0; i < all.n; i++)
    if (kinds[i] == 'u')
      check_all_zero(many, i);
    else
      check_same_gradients(many, i, few, place++);
}

static void test_images_without_labels_add_nothing(void **unused) {
  (void)unused;
  static const char *const kinds[] = {"usuonu", "uuuuus", "nuuuuu", "utussu"};
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig many = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 96, .batch = 6});
    rig few = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 96, .batch = 6});
    fill_values(&many, every, 3);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) check_mixture(&many, &few, kinds[k]);
    rig_free(&many);
    rig_free(&few);
  }
}

/* ---- pictures mixed into one ---- */

/* Two truths of every image, of other kinds; the second lot has a share. */
static void set_mixture(truths *t, const char *first, const char *second, double share, const rig *r) {
  char kinds[2 * most_images + 1];
  int n = (int)strlen(first);
  snprintf(kinds, sizeof kinds, "%s%s", first, second);
  set_truths(t, kinds, r->h, r->w);
  for (int i = 0; i < t->n; i++) {
    t->at[i].image = i % n;
    t->at[i].weight = i < n ? 1 - share : share;
  }
}

/* With as many lesions in both lots the loss is the weighted mean of theirs, and so is the gradient. A lot with a share
 * of nothing changes nothing. */
static void test_mixed_pictures(void **unused) {
  (void)unused;
  static const double shares[] = {0, 0.25, 0.5};
  for (int i = 0; i < 3 * bf_head_type_count(); i++) {
    double share = shares[i % 3];
    rig r = rig_make(bf_head_type_at(i / 3), (design){.h = 96, .w = 64, .batch = 3});
    truths t;
    int64_t count;
    float *gradients[3];
    lost l[3];
    fill_values(&r, every, 3);
    for (int k = 0; k < 3; k++) {
      if (k == 2)
        set_mixture(&t, "sot", "tso", share, &r);
      else
        set_truths(&t, k == 0 ? "sot" : "tso", r.h, r.w);
      clear_gradients(&r);
      l[k] = lose(&r, &t, 1);
      gradients[k] = copy_gradients(&r, &count);
      assert_true(l[k].labelled == 3);
    }
    double mean = (1 - share) * l[0].loss + share * l[1].loss;
    assert_true(l[0].loss != l[1].loss && fabs(l[2].loss - mean) <= 1e-12 * fabs(mean));
    double slack = share == 0 ? 0 : 4 * FLT_EPSILON * largest(gradients[2], count);
    for (int64_t k = 0; k < count; k++)
      assert_true(fabs(gradients[2][k] - (1 - share) * gradients[0][k] - share * gradients[1][k]) <= slack);
    for (int k = 0; k < 3; k++) bf_free(gradients[k]);
    rig_free(&r);
  }
}

/* ---- the scale of a gradient ---- */

/* Powers of two scale floats without rounding; others round once more. */
static void test_scale(void **unused) {
  (void)unused;
  static const float scales[] = {0.25f, 4, 1024, 3, 0.7f};
  for (int i = 0; i < 5 * bf_head_type_count(); i++) {
    float scale = scales[i % 5];
    rig r = rig_make(bf_head_type_at(i / 5), (design){.h = 97, .w = 65, .batch = 4});
    int64_t count;
    truths t;
    set_truths(&t, "sonu", r.h, r.w);
    fill_values(&r, every, 3);
    clear_gradients(&r);
    double loss = lose(&r, &t, 1).loss;
    float *one = copy_gradients(&r, &count);
    clear_gradients(&r);
    assert_true(lose(&r, &t, scale).loss == loss);
    float *scaled = copy_gradients(&r, &count);
    double slack = i % 5 < 3 ? 0 : 4 * FLT_EPSILON * largest(scaled, count);
    for (int64_t k = 0; k < count; k++) assert_true(fabs((double)scaled[k] - (double)scale * one[k]) <= slack);
    assert_true(largest(one, count) > 0);
    bf_free(one);
    bf_free(scaled);
    rig_free(&r);
  }
}

static void test_scale_0_leaves_gradients(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 64, .batch = 4});
    int64_t count;
    truths t;
    set_truths(&t, "sonu", r.h, r.w);
    fill_values(&r, every, 3);
    fill_gradients(&r);
    float *before = copy_gradients(&r, &count);
    double loss = lose(&r, &t, 0).loss;
    float *after = copy_gradients(&r, &count);
    assert_memory_equal(before, after, (size_t)count * sizeof(float));
    assert_true(lose(&r, &t, 1).loss == loss);
    bf_free(before);
    bf_free(after);
    rig_free(&r);
  }
}

static void test_gradients_are_added(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 64, .batch = 4});
    int64_t count;
    truths t;
    set_truths(&t, "sonu", r.h, r.w);
    fill_values(&r, every, 3);
    clear_gradients(&r);
    lose(&r, &t, 1);
    float *alone = copy_gradients(&r, &count);
    fill_gradients(&r);
    float *before = copy_gradients(&r, &count);
    lose(&r, &t, 1);
    float *sum = copy_gradients(&r, &count);
    for (int64_t k = 0; k < count; k++)
      assert_true(fabs((double)sum[k] - ((double)before[k] + alone[k])) <= 8 * FLT_EPSILON);
    assert_memory_not_equal(before, sum, (size_t)count * sizeof(float));
    bf_free(alone);
    bf_free(before);
    bf_free(sum);
    rig_free(&r);
  }
}

/* ---- answers ---- */

enum { untouched = -7 };

static void forget(bf_prediction *p, int n) {
  for (int i = 0; i < n; i++) {
    memset(&p[i], 0, sizeof p[i]);
    p[i].malignant_logit = NAN;
    p[i].box_count = untouched;
  }
}

/* A head sees the picture as whole cells: where a side is no multiple of the coarsest stride, the last stands out. */
static float edge(int side) { return (float)((side + coarsest - 1) / coarsest * coarsest); }

static void check_prediction(const rig *r, const bf_prediction *p) {
  assert_true(isfinite(p->malignant_logit) || isnan(p->malignant_logit));
  assert_true(!isnan(p->malignant_logit) || p->box_count != untouched || p->mask != NULL);
  assert_int_equal(p->box_count != untouched, r->type->most_boxes > 0);
  if (p->mask != NULL) {
    assert_true(p->mask_h * p->mask_stride >= r->h && p->mask_w * p->mask_stride >= r->w);
    for (int64_t i = 0; i < (int64_t)p->mask_h * p->mask_w; i++) assert_true(isfinite(p->mask[i]));
  }
  if (p->box_count == untouched) return;
  assert_in_range(p->box_count, 0, r->type->most_boxes);
  for (int i = 0; i < p->box_count; i++) {
    const bf_box *b = &p->boxes[i];
    assert_true(b->xmin >= 0 && b->xmin < b->xmax && b->xmax <= edge(r->w));
    assert_true(b->ymin >= 0 && b->ymin < b->ymax && b->ymax <= edge(r->h));
    assert_true(b->score >= 0 && b->score <= 1);
    if (i > 0) assert_true(b->score <= b[-1].score);
  }
}

static void decode(rig *r, bf_prediction *p, int n) {
  forget(p, most_images);
  r->type->decode(r->head, r->exec, n, p);
  for (int i = 0; i < n; i++) check_prediction(r, &p[i]);
  for (int i = n; i < most_images; i++) assert_true(isnan(p[i].malignant_logit) && p[i].box_count == untouched);
}

static void test_answers_stay_in_range(void **unused) {
  (void)unused;
  static const int sizes[][2] = {{64, 64}, {97, 65}, {32, 160}};
  for (int i = 0; i < 6 * bf_head_type_count(); i++) {
    design d = {.h = sizes[i % 3][1], .w = sizes[i % 3][0], .batch = 4, .scoring = i / 3 % 2};
    rig r = rig_make(bf_head_type_at(i / 6), d);
    bf_prediction p[most_images];
    int boxes = 0;
    for (float amplitude = 0.5f; amplitude < 100; amplitude *= 2) {
      fill_values(&r, every, amplitude);
      for (int n = 1; n <= 4; n++) decode(&r, p, n);
      for (int k = 0; k < 4; k++) boxes += p[k].box_count;
    }
    assert_true(boxes != 0); /* boxes were found, or the head gives none at all */
    rig_free(&r);
  }
}

static void test_neighbours_do_not_matter(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig many = rig_make(bf_head_type_at(i), (design){.h = 97, .w = 65, .batch = 4});
    rig one = rig_make(bf_head_type_at(i), (design){.h = 97, .w = 65, .batch = 1});
    bf_prediction together[most_images], alone[most_images];
    fill_values(&many, every, 3);
    decode(&many, together, 4);
    for (int k = 0; k < 4; k++) {
      copy_image(&one, 0, &many, k);
      decode(&one, alone, 1);
      assert_int_equal(together[k].mask == NULL, alone->mask == NULL);
      if (alone->mask != NULL) {
        size_t cells = (size_t)alone->mask_h * (size_t)alone->mask_w;
        assert_memory_equal(together[k].mask, alone->mask, cells * sizeof(float));
        together[k].mask = alone->mask = NULL; /* each in its executor */
      }
      assert_memory_equal(&together[k], alone, sizeof alone[0]);
    }
    rig_free(&many);
    rig_free(&one);
  }
}

/* ---- extreme outputs ---- */

/* Everything high, everything low, a mixture, and each output high while the others are low or 0. */
static int patterns(const rig *r) { return 3 + 2 * r->outputs; }

static float sign_of(int pattern, int outputs, int output, int64_t i) {
  if (pattern < 2) return pattern ? -1 : 1;
  if (pattern == 2) return net_noise(70 + (uint64_t)output, (uint64_t)i) < 0 ? -1 : 1;
  pattern -= 3;
  return pattern % outputs == output ? 1 : pattern < outputs ? -1 : 0;
}

static void fill_pattern(rig *r, int pattern, float size) {
  for (int k = 0; k < r->outputs; k++)
    for (int64_t i = 0; i < r->batch * r->size[k]; i++) value(r, k, 0)[i] = size * sign_of(pattern, r->outputs, k, i);
}

static int sure_boxes(const bf_prediction *p, int n) {
  int sure = 0;
  for (int k = 0; k < n; k++)
    for (int i = 0; i < p[k].box_count; i++) sure += p[k].boxes[i].score > 0.5f;
  return sure;
}

/* Returns how many boxes are sure. */
static int check_extreme(rig *r, int pattern, float size) {
  static const char *const kinds[] = {"stnu", "nnnn", "usom"};
  bf_prediction p[most_images];
  fill_pattern(r, pattern, size);
  for (int i = 0; i < 3; i++) {
    truths t;
    set_truths(&t, kinds[i], r->h, r->w);
    clear_gradients(r);
    lost l = lose(r, &t, 1);
    assert_true(isfinite(l.loss) && l.loss >= 0);
    check_finite_gradients(r);
  }
  decode(r, p, 4);
  return sure_boxes(p, 4);
}

/* What is sure at 80 is as sure at 10000: no box is lost to a number that is none. */
static void check_extremes(rig *r) {
  for (int pattern = 0; pattern < patterns(r); pattern++)
    assert_int_equal(check_extreme(r, pattern, 80), check_extreme(r, pattern, 1e4f));
}

static void test_extremes(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 97, .w = 65, .batch = 4});
    check_extremes(&r);
    rig_free(&r);
  }
}

static void test_extremes_with_every_option(void **unused) {
  (void)unused;
  with_every_option(check_extremes);
}

/* ---- what the loss wants, the answer reads ---- */

/* Follows the gradient's signs from zeros, in steps that shrink to nothing: flat slopes get there, too. */
static void follow(rig *r, const truths *t, int steps) {
  for (int s = steps; s > 0; s--) {
    float step = 0.1f * (float)s / (float)steps;
    clear_gradients(r);
    lose(r, t, 1);
    for (int k = 0; k < r->outputs; k++) {
      const float *g = gradient(r, k, 0);
      for (int64_t i = 0; i < r->batch * r->size[k]; i++) value(r, k, 0)[i] -= step * (float)((g[i] > 0) - (g[i] < 0));
    }
  }
}

static double overlap(const bf_box *a, const bf_box *b) {
  double w = fmin(a->xmax, b->xmax) - fmax(a->xmin, b->xmin), h = fmin(a->ymax, b->ymax) - fmax(a->ymin, b->ymin);
  double both = fmax(w, 0) * fmax(h, 0), areas[2];
  const bf_box *box[2] = {a, b};
  for (int i = 0; i < 2; i++) areas[i] = (box[i]->xmax - box[i]->xmin) * (box[i]->ymax - box[i]->ymin);
  return both / (areas[0] + areas[1] - both);
}

static double area(const bf_box *b) { return ((double)b->xmax - b->xmin) * ((double)b->ymax - b->ymin); }

/* Cells that are wholly lesion are sure of it, as are those that are wholly none. */
static void check_mask(const bf_prediction *p, const bf_truth *t) {
  int s = p->mask_stride, seen[2] = {0, 0};
  for (int y = 0; y < t->mask_h / s; y++)
    for (int x = 0; x < t->mask_w / s; x++) {
      int sum = 0;
      for (int k = 0; k < s * s; k++) sum += t->mask[(y * s + k / s) * t->mask_w + x * s + k % s];
      if (sum != 0 && sum != 255 * s * s) continue;
      seen[sum != 0]++;
      assert_true(sum != 0 ? p->mask[y * p->mask_w + x] > 1 : p->mask[y * p->mask_w + x] < -1);
    }
  assert_true(seen[0] > 0 && (seen[1] > 0 || t->box_count == 0 || area(t->boxes) < 200));
}

/* Sure of the truth, and sure of nothing else. A head with room for one box finds the largest. */
static void check_answer(const rig *r, const bf_prediction *p, const bf_truth *truth) {
  bf_truth only = *truth, *t = &only;
  if (!isnan(p->malignant_logit)) assert_true(t->malignant ? p->malignant_logit > 2 : p->malignant_logit < -2);
  if (p->mask != NULL) check_mask(p, t);
  if (p->box_count == untouched) return;
  for (int k = 0; k < truth->box_count && r->type->most_boxes == 1; k++) {
    if (area(&truth->boxes[k]) > area(t->boxes)) t->boxes = &truth->boxes[k];
    t->box_count = 1;
  }
  for (int i = 0; i < p->box_count; i++)
    if ((p->boxes[i].score > 0.5f) != (i < t->box_count))
      fail_msg("%s: box %d scores %g", r->type->name, i, p->boxes[i].score);
  assert_true(p->box_count >= t->box_count);
  for (int k = 0; k < t->box_count; k++) {
    double best = 0;
    for (int i = 0; i < t->box_count; i++) best = fmax(best, overlap(&p->boxes[i], &t->boxes[k]));
    if (best < 0.95) fail_msg("%s: box %d is met by %g only", r->type->name, k, best);
  }
}

static void test_answers_are_what_the_loss_wants(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    rig r = rig_make(bf_head_type_at(i), (design){.h = 96, .w = 160, .batch = 3});
    bf_prediction p[most_images];
    truths t;
    set_truths(&t, "sno", r.h, r.w);
    fill_values(&r, every, 0);
    double first = lose(&r, &t, 0).loss;
    follow(&r, &t, 300);
    double last = lose(&r, &t, 0).loss;
    if (!(last < 0.1 * first)) fail_msg("%s: the loss went from %g to %g only", r.type->name, first, last);
    decode(&r, p, 3);
    for (int k = 0; k < 3; k++) check_answer(&r, &p[k], &t.at[k]);
    rig_free(&r);
  }
}

/* ---- networks of all heads ---- */

typedef struct all_heads {
  bf_network_spec spec;
  void *options[BF_MAX_HEADS];
} all_heads;

static void all_make(all_heads *a) {
  *a = (all_heads){.spec = {.backbone = &from_4, .height = 64, .width = 96, .channels = 3, .seed = seed}};
  for (int i = 0; i < bf_head_type_count(); i++) {
    a->options[i] = options_with(bf_head_type_at(i), NULL, NULL);
    a->spec.head_types[i] = bf_head_type_at(i);
    a->spec.head_options[i] = a->options[i];
    a->spec.head_count++;
  }
}

static void all_free(all_heads *a) {
  for (int i = 0; i < a->spec.head_count; i++) bf_free(a->options[i]);
}

static void weigh(all_heads *a, int head, double weight) {
  memcpy((char *)a->options[head] + a->spec.head_types[head]->weight_offset, &weight, sizeof weight);
}

static rig all_rig(const all_heads *a, int batch, bool scoring) {
  bf_error err = {0};
  rig r = {.h = a->spec.height, .w = a->spec.width, .batch = batch};
  if (bf_network_create(&r.net, &a->spec, &err) != BF_OK) fail_msg("%s", err.message);
  find_outputs(&r);
  r.exec = net_exec(bf_network_graph(r.net), batch, !scoring, NULL);
  return r;
}

static bool has_params_of(bf_network *net, const bf_head_type *type) {
  char prefix[96];
  snprintf(prefix, sizeof prefix, "heads.%s.", type->name);
  for (int i = 0; i < bf_graph_param_count(bf_network_graph(net)); i++)
    if (strncmp(bf_graph_param(bf_network_graph(net), i)->name, prefix, strlen(prefix)) == 0) return true;
  return false;
}

static void test_weight_0_leaves_a_head_out(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count() && bf_head_type_count() > 1; i++) {
    all_heads a;
    all_make(&a);
    weigh(&a, i, 0);
    rig r = all_rig(&a, 1, true);
    assert_int_equal(bf_network_head_count(r.net), a.spec.head_count - 1);
    for (int k = 0, at = 0; k < a.spec.head_count; k++) {
      assert_int_equal(has_params_of(r.net, a.spec.head_types[k]), k != i);
      if (k != i) assert_true(bf_network_head(r.net, at++)->type == a.spec.head_types[k]);
    }
    rig_free(&r);
    all_free(&a);
  }
}

static void test_no_head_at_all(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_network *net = (bf_network *)&err;
  all_heads a;
  all_make(&a);
  for (int i = 0; i < a.spec.head_count; i++) weigh(&a, i, 0);
  assert_int_equal(bf_network_create(&net, &a.spec, &err), BF_E_ARGUMENT);
  assert_null(net);
  assert_true(strlen(err.message) > 0);
  bf_network_spec none = a.spec;
  none.head_count = 0;
  assert_int_equal(bf_network_create(&net, &none, &err), BF_E_ARGUMENT);
  assert_null(net);
  all_free(&a);
}

/* Boxes of a head stay when a later one could give some, too. */
static void test_the_first_boxes_stay(void **unused) {
  (void)unused;
  all_heads a;
  all_make(&a);
  rig r = all_rig(&a, 2, true);
  bf_prediction together[most_images], alone[most_images];
  fill_values(&r, every, 3);
  bf_network_decode(r.net, r.exec, 2, together);
  forget(alone, most_images);
  for (int i = 0, found = 0; i < bf_network_head_count(r.net) && !found; i++) {
    bf_head *head = bf_network_head(r.net, i);
    if (head->type->most_boxes == 0) continue;
    for (int k = 0; k < 2; k++) alone[k].has_boxes = false;
    head->type->decode(head, r.exec, 2, alone);
    found = 1;
  }
  for (int k = 0; k < 2; k++) {
    assert_int_equal(together[k].box_count, alone[k].box_count);
    assert_memory_equal(together[k].boxes, alone[k].boxes, (size_t)alone[k].box_count * sizeof(bf_box));
  }
  rig_free(&r);
  all_free(&a);
}

static int index_of(const char *name) {
  for (int i = 0; i < bf_head_type_count(); i++)
    if (strcmp(bf_head_type_at(i)->name, name) == 0) return i;
  fail_msg("no head %s", name);
  return -1;
}

/* A head that looks where another sees lesions: with one that sees them it is built, and teaches it nothing. */
static void test_looking_where_lesions_are(void **unused) {
  (void)unused;
  static const char *const seers[] = {"lesion", "mask"};
  for (int s = 0; s < 2; s++) {
    bf_error err = {0};
    bf_network *net;
    const bf_head_type *looks = bf_head_type_at(index_of("malignancy")), *sees = bf_head_type_at(index_of(seers[s]));
    void *options[2] = {options_with(looks, "pool", "lesion"), options_with(sees, NULL, NULL)};
    bf_network_spec spec = {.backbone = &from_4,
                            .height = 64,
                            .width = 96,
                            .channels = 3,
                            .head_count = 2,
                            .head_types = {looks, sees},
                            .head_options = {options[0], options[1]},
                            .seed = seed};
    if (bf_network_create(&net, &spec, &err) != BF_OK) fail_msg("%s", err.message);
    assert_true(bf_network_head(net, 0)->type == looks); /* heads keep their order, tasks are in that of building */
    assert_int_equal(bf_network_task(net, 0), 1);
    assert_int_equal(bf_network_task(net, 1), 0);
    bf_exec *exec = net_exec(bf_network_graph(net), 2, true, NULL);
    bf_truth t[2] = {{.weight = 1, .malignant = 1}, {.image = 1, .weight = 1}};
    const double weights[BF_MAX_HEADS] = {1, 1};
    bf_losses l;
    net_fill(bf_exec_value(exec, bf_network_input(net)), 2 * 64 * 96 * 3, 8, 1);
    bf_exec_forward(exec, 2, 5);
    bf_network_loss(net, exec, t, 2, weights, &l);
    bf_exec_backward(exec, 2);
    for (int i = 0; i < bf_graph_param_count(bf_network_graph(net)); i++) {
      const bf_param *p = bf_graph_param(bf_network_graph(net), i);
      bool seer = strstr(p->name, seers[s]) != NULL;
      for (int64_t k = 0; k < p->count && seer; k++) assert_true(p->gradient[k] == 0);
    }
    bf_exec_destroy(exec);
    bf_network_destroy(net);
    spec.head_count = 1;
    assert_int_equal(bf_network_create(&net, &spec, &err), BF_E_ARGUMENT);
    assert_non_null(strstr(err.message, "heads.malignancy.pool: lesion"));
    bf_free(options[0]);
    bf_free(options[1]);
  }
}

/* The network's loss against the heads' own, added up here with weights that are exact in single precision. */
static void check_total(rig *r, const char *kinds, bool gradients) {
  int64_t count;
  truths t;
  bf_losses l;
  double total = 0, weights[BF_MAX_HEADS];
  for (int i = 0; i < bf_network_head_count(r->net); i++) weights[i] = bf_network_weight(r->net, i);
  set_truths(&t, kinds, r->h, r->w);
  fill_gradients(r);
  bf_network_loss(r->net, r->exec, t.at, t.n, gradients ? weights : NULL, &l);
  float *found = copy_gradients(r, &count);
  fill_gradients(r);
  for (int i = 0; i < bf_network_head_count(r->net); i++) {
    bf_head *head = bf_network_head(r->net, i);
    double weight = 0.75 + 1.5 * i, task;
    double labelled;
    head->type->loss(head, r->exec, t.at, t.n, gradients ? (float)weight : 0, &task, &labelled);
    assert_true(task == l.task[i]);
    assert_int_equal(labelled, l.labelled[i]);
    total += weight * task;
  }
  float *expected = copy_gradients(r, &count);
  assert_true(total == l.total && isfinite(total));
  assert_memory_equal(found, expected, (size_t)count * sizeof(float));
  for (int i = bf_network_head_count(r->net); i < BF_MAX_HEADS; i++) assert_true(l.task[i] == 0 && l.labelled[i] == 0);
  if (strspn(kinds, "u") == strlen(kinds)) assert_true(l.total == 0);
  bf_free(found);
  bf_free(expected);
}

static void test_total_is_the_weighted_sum(void **unused) {
  (void)unused;
  all_heads a;
  all_make(&a);
  for (int i = 0; i < a.spec.head_count; i++) weigh(&a, i, 0.75 + 1.5 * i);
  rig r = all_rig(&a, 4, false);
  static const char *const kinds[] = {"sonu", "uuu", "mmu", "ll", "ums"};
  for (int i = 0; i < 10; i++) {
    fill_values(&r, every, 3);
    check_total(&r, kinds[i / 2], i % 2);
  }
  rig_free(&r);
  all_free(&a);
}

/* Validation: no gradients exist. Heads that are left out give the answers of nobody. */
static void test_scoring_network(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_head_type_count(); i++) {
    bf_prediction p[most_images], alone[most_images];
    bf_losses l;
    truths t;
    rig r = rig_make(bf_head_type_at(i), (design){.h = 64, .w = 64, .batch = 3, .scoring = true});
    set_truths(&t, "son", r.h, r.w);
    fill_values(&r, every, 3);
    for (int k = 0; k < r.outputs; k++) assert_null(bf_exec_gradient(r.exec, r.output[k]));
    bf_network_loss(r.net, r.exec, t.at, t.n, NULL, &l);
    assert_true(l.labelled[0] == 3 && l.total > 0);
    decode(&r, alone, 3);
    memset(p, 0x55, sizeof p);
    bf_network_decode(r.net, r.exec, 3, p);
    for (int k = 0; k < 3; k++) {
      assert_true(isnan(alone[k].malignant_logit) == isnan(p[k].malignant_logit));
      assert_int_equal(p[k].box_count, alone[k].box_count == untouched ? 0 : alone[k].box_count);
    }
    rig_free(&r);
  }
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows_are_whole),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_builds_on_any_features),
      cmocka_unit_test(test_builds_on_every_backbone),
      cmocka_unit_test(test_gradients_reach_every_parameter),
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_gradients_with_every_option),
      cmocka_unit_test(test_any_training_part),
      cmocka_unit_test(test_no_label_no_loss),
      cmocka_unit_test(test_labels_of_other_tasks),
      cmocka_unit_test(test_images_without_labels_add_nothing),
      cmocka_unit_test(test_mixed_pictures),
      cmocka_unit_test(test_scale),
      cmocka_unit_test(test_scale_0_leaves_gradients),
      cmocka_unit_test(test_gradients_are_added),
      cmocka_unit_test(test_answers_stay_in_range),
      cmocka_unit_test(test_neighbours_do_not_matter),
      cmocka_unit_test(test_extremes),
      cmocka_unit_test(test_extremes_with_every_option),
      cmocka_unit_test(test_answers_are_what_the_loss_wants),
      cmocka_unit_test(test_weight_0_leaves_a_head_out),
      cmocka_unit_test(test_no_head_at_all),
      cmocka_unit_test(test_the_first_boxes_stay),
      cmocka_unit_test(test_looking_where_lesions_are),
      cmocka_unit_test(test_total_is_the_weighted_sum),
      cmocka_unit_test(test_scoring_network),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
