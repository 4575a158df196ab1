/* Building of graphs: nodes, shapes, parameters and their initial values. Running is exec.c's. */
#include "nn/graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "nn/op.h"

enum { most_nodes = 1024, most_params = 2048 };
static const int64_t most_elements = INT64_C(1) << 31;

struct bf_graph {
  bf_node *nodes;
  bool *output;
  int node_count;
  bf_param *params;
  int param_count;
  int64_t block_size;
  float *data, *gradient;
  int stage, task;
  bool norms_frozen;
  int frozen_stage;
  bool finished;
  bf_error error; /* the first failure */
};

bf_status bf_graph_create(bf_graph **out, bf_error *err) {
  *out = NULL;
  bf_graph *g = bf_alloc(1, sizeof *g);
  if (g != NULL) {
    g->nodes = bf_alloc(most_nodes, sizeof *g->nodes);
    g->output = bf_alloc(most_nodes, sizeof *g->output);
    g->params = bf_alloc(most_params, sizeof *g->params);
    g->frozen_stage = g->task = -1;
  }
  if (g == NULL || g->nodes == NULL || g->output == NULL || g->params == NULL) {
    bf_graph_destroy(g);
    return bf_fail(err, BF_E_MEMORY, "no memory for a network");
  }
  *out = g;
  return BF_OK;
}

void bf_graph_destroy(bf_graph *g) {
  if (g == NULL) return;
  bf_free(g->nodes);
  bf_free(g->output);
  bf_free(g->params);
  bf_free(g->data);
  bf_free(g->gradient);
  bf_free(g);
}

bf_value bf_graph_refuse(bf_graph *g, bf_status status, const char *format, ...) {
  if (g->error.status != BF_OK) return -1;
  g->error.status = status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(g->error.message, sizeof g->error.message, format, arguments);
  va_end(arguments);
  return -1;
}

bool bf_graph_failed(const bf_graph *g) { return g->error.status != BF_OK; }

void bf_graph_set_stage(bf_graph *g, int stage) { g->stage = stage; }

void bf_graph_set_task(bf_graph *g, int task) {
  if (task < g->task) bf_graph_refuse(g, BF_E_INTERNAL, "task %d is built after task %d", task, g->task);
  g->task = task;
}

bf_value bf_graph_add(bf_graph *g, bf_node node) {
  if (bf_graph_failed(g)) return -1;
  for (int i = 0; i < node.inputs; i++)
    if (node.input[i] < 0 || node.input[i] >= g->node_count)
      return bf_graph_refuse(g, BF_E_INTERNAL, "an operation without its input");
  for (int i = 0; i < node.inputs; i++) {
    int theirs = g->nodes[node.input[i]].task;
    if (theirs >= 0 && theirs != g->task && node.op != &bf_op_detach)
      return bf_graph_refuse(g, BF_E_INTERNAL, "task %d reads a value of task %d", g->task, theirs);
  }
  bf_shape s = node.shape;
  if (s.h < 1 || s.w < 1 || s.c < 1)
    return bf_graph_refuse(
        g, BF_E_ARGUMENT, "the input is too small for this network: a map of %d x %d x %d would result", s.h, s.w, s.c);
  if (bf_elements(s) > most_elements || g->node_count == most_nodes)
    return bf_graph_refuse(g, BF_E_LIMIT, "the network is too large: %d operations, a map of %d x %d x %d",
                           g->node_count, s.h, s.w, s.c);
  node.stage = g->stage;
  node.task = g->task;
  node.ordinal = (uint64_t)g->node_count;
  g->nodes[g->node_count] = node;
  return g->node_count++;
}

int bf_graph_add_param(bf_graph *g, const char *base, const char *suffix, bf_param_kind kind, int rank,
                       const int64_t shape[4], bool decay) {
  if (bf_graph_failed(g)) return -1;
  if (g->param_count == most_params) return bf_graph_refuse(g, BF_E_LIMIT, "more than %d parameters", most_params);
  bf_param *p = &g->params[g->param_count];
  int used = snprintf(p->name, sizeof p->name, "%s.%s", base, suffix);
  if (used < 0 || used >= BF_PARAM_NAME_MAX)
    return bf_graph_refuse(g, BF_E_INTERNAL, "the parameter name %s is too long", base);
  if (bf_graph_find_param(g, p->name) != NULL && bf_graph_find_param(g, p->name) != p)
    return bf_graph_refuse(g, BF_E_INTERNAL, "two parameters are called %s", p->name);
  p->kind = kind;
  p->rank = rank;
  p->count = 1;
  for (int i = 0; i < 4; i++) p->shape[i] = i < rank ? shape[i] : 1;
  for (int i = 0; i < rank; i++)
    if (__builtin_mul_overflow(p->count, shape[i], &p->count))
      return bf_graph_refuse(g, BF_E_LIMIT, "%s is too large", p->name);
  p->offset = g->block_size;
  p->stage = g->stage;
  p->decay = decay;
  p->first = 1;
  p->trainable = kind != BF_PARAM_NORM_MEAN && kind != BF_PARAM_NORM_VAR;
  g->block_size += (p->count + 15) / 16 * 16; /* views start on 64-byte lines */
  return g->param_count++;
}

/* ---- builders ---- */

static bf_node node_of(const bf_op *op, bf_value x, bf_shape shape) {
  return (bf_node){.op = op, .inputs = 1, .input = {x, -1}, .shape = shape, .param = {-1, -1, -1, -1}};
}

bf_value bf_graph_input(bf_graph *g, int h, int w, int c) {
  bf_node node = node_of(NULL, -1, (bf_shape){h, w, c});
  node.inputs = 0;
  return bf_graph_add(g, node);
}

bf_shape bf_graph_shape(const bf_graph *g, bf_value x) {
  return x >= 0 && x < g->node_count ? g->nodes[x].shape : (bf_shape){0, 0, 0};
}

#define NAME_FROM(format)                          \
  char name[BF_PARAM_NAME_MAX];                    \
  va_list arguments;                               \
  va_start(arguments, format);                     \
  vsnprintf(name, sizeof name, format, arguments); \
  va_end(arguments)

bf_value bf_conv2d(bf_graph *g, bf_value x, bf_conv conv, const char *name_format, ...) {
  NAME_FROM(name_format);
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_shape in = bf_graph_shape(g, x);
  int stride = conv.stride > 0 ? conv.stride : 1, groups = conv.groups > 0 ? conv.groups : 1;
  bool depthwise = groups > 1;
  if (depthwise && (groups != in.c || conv.out != in.c))
    return bf_graph_refuse(g, BF_E_UNSUPPORTED, "%s: %d groups of %d channels; only depthwise groups are known", name,
                           groups, in.c);
  if (conv.linear && (conv.kernel != 1 || depthwise))
    return bf_graph_refuse(g, BF_E_INTERNAL, "%s: a linear layer of each pixel has kernel 1", name);
  bf_shape out = {(in.h + 2 * conv.padding - conv.kernel) / stride + 1,
                  (in.w + 2 * conv.padding - conv.kernel) / stride + 1, conv.out};
  if (in.h + 2 * conv.padding < conv.kernel || in.w + 2 * conv.padding < conv.kernel) out.h = 0;
  bf_node node = node_of(depthwise ? &bf_op_depthwise : &bf_op_conv, x, out);
  node.kernel = conv.kernel, node.stride = stride, node.padding = conv.padding, node.depthwise = depthwise;
  int64_t shape[4] = {conv.out, in.c / groups, conv.kernel, conv.kernel}, bias[4] = {conv.out};
  bf_param_kind kind = conv.linear ? BF_PARAM_LINEAR : depthwise ? BF_PARAM_DEPTHWISE : BF_PARAM_CONV;
  node.param[0] = bf_graph_add_param(g, name, "weight", kind, conv.linear ? 2 : 4, shape, true);
  if (conv.bias) node.param[1] = bf_graph_add_param(g, name, "bias", BF_PARAM_BIAS, 1, bias, false);
  return bf_graph_add(g, node);
}

bf_value bf_batch_norm(bf_graph *g, bf_value x, const char *name_format, ...) {
  NAME_FROM(name_format);
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_node node = node_of(&bf_op_norm, x, bf_graph_shape(g, x));
  int64_t shape[4] = {node.shape.c};
  node.param[0] = bf_graph_add_param(g, name, "weight", BF_PARAM_NORM_SCALE, 1, shape, false);
  node.param[1] = bf_graph_add_param(g, name, "bias", BF_PARAM_NORM_SHIFT, 1, shape, false);
  node.param[2] = bf_graph_add_param(g, name, "running_mean", BF_PARAM_NORM_MEAN, 1, shape, false);
  node.param[3] = bf_graph_add_param(g, name, "running_var", BF_PARAM_NORM_VAR, 1, shape, false);
  return bf_graph_add(g, node);
}

bf_value bf_layer_norm(bf_graph *g, bf_value x, const char *name_format, ...) {
  NAME_FROM(name_format);
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_node node = node_of(&bf_op_layer_norm, x, bf_graph_shape(g, x));
  int64_t shape[4] = {node.shape.c};
  node.param[0] = bf_graph_add_param(g, name, "weight", BF_PARAM_SCALE, 1, shape, false);
  node.param[1] = bf_graph_add_param(g, name, "bias", BF_PARAM_BIAS, 1, shape, false);
  return bf_graph_add(g, node);
}

bf_value bf_layer_scale(bf_graph *g, bf_value x, double first, const char *name_format, ...) {
  NAME_FROM(name_format);
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_node node = node_of(&bf_op_scale, x, bf_graph_shape(g, x));
  int64_t shape[4] = {node.shape.c, 1, 1};
  node.param[0] = bf_graph_add_param(g, name, "layer_scale", BF_PARAM_SCALE, 3, shape, false);
  if (node.param[0] >= 0) g->params[node.param[0]].first = (float)first;
  return bf_graph_add(g, node);
}

bf_value bf_linear(bf_graph *g, bf_value x, int out, const char *name_format, ...) {
  NAME_FROM(name_format);
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_shape in = bf_graph_shape(g, x);
  if (in.h != 1 || in.w != 1)
    return bf_graph_refuse(g, BF_E_INTERNAL, "%s: wants 1 x 1 maps, not %d x %d", name, in.h, in.w);
  bf_node node = node_of(&bf_op_linear, x, (bf_shape){1, 1, out});
  int64_t shape[4] = {out, in.c}, bias[4] = {out};
  node.param[0] = bf_graph_add_param(g, name, "weight", BF_PARAM_LINEAR, 2, shape, true);
  if (node.param[0] >= 0 && g->nodes[x].op == &bf_op_flatten)
    g->params[node.param[0]].flattened = g->nodes[g->nodes[x].input[0]].shape;
  node.param[1] = bf_graph_add_param(g, name, "bias", BF_PARAM_BIAS, 1, bias, false);
  return bf_graph_add(g, node);
}

static bf_value clamp(bf_graph *g, bf_value x, float top) {
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_node node = node_of(&bf_op_clamp, x, bf_graph_shape(g, x));
  node.top = top;
  return bf_graph_add(g, node);
}

bf_value bf_relu(bf_graph *g, bf_value x) { return clamp(g, x, INFINITY); }

bf_value bf_relu6(bf_graph *g, bf_value x) { return clamp(g, x, 6); }

static bf_value elementwise(bf_graph *g, const bf_op *op, bf_value x) {
  return bf_graph_failed(g) || x < 0 ? -1 : bf_graph_add(g, node_of(op, x, bf_graph_shape(g, x)));
}

bf_value bf_silu(bf_graph *g, bf_value x) { return elementwise(g, &bf_op_silu, x); }

bf_value bf_gelu(bf_graph *g, bf_value x) { return elementwise(g, &bf_op_gelu, x); }

bf_value bf_sigmoid_map(bf_graph *g, bf_value x) { return elementwise(g, &bf_op_sigmoid, x); }

static bf_value join(bf_graph *g, const bf_op *op, bf_value a, bf_value b, bf_shape shape) {
  bf_node node = node_of(op, a, shape);
  node.inputs = 2;
  node.input[1] = b;
  return bf_graph_add(g, node);
}

bf_value bf_add(bf_graph *g, bf_value a, bf_value b) {
  if (bf_graph_failed(g) || a < 0 || b < 0) return -1;
  bf_shape s = bf_graph_shape(g, a), t = bf_graph_shape(g, b);
  if (s.h != t.h || s.w != t.w || s.c != t.c)
    return bf_graph_refuse(g, BF_E_INTERNAL, "sum of %d x %d x %d and %d x %d x %d", s.h, s.w, s.c, t.h, t.w, t.c);
  return join(g, &bf_op_add, a, b, s);
}

bf_value bf_gate(bf_graph *g, bf_value x, bf_value factor) {
  if (bf_graph_failed(g) || x < 0 || factor < 0) return -1;
  bf_shape s = bf_graph_shape(g, x), t = bf_graph_shape(g, factor);
  if (t.h != 1 || t.w != 1 || t.c != s.c)
    return bf_graph_refuse(g, BF_E_INTERNAL, "%d channels gated by %d x %d x %d", s.c, t.h, t.w, t.c);
  return join(g, &bf_op_gate, x, factor, s);
}

bf_value bf_concat(bf_graph *g, bf_value a, bf_value b) {
  if (bf_graph_failed(g) || a < 0 || b < 0) return -1;
  bf_shape s = bf_graph_shape(g, a), t = bf_graph_shape(g, b);
  if (s.h != t.h || s.w != t.w)
    return bf_graph_refuse(g, BF_E_INTERNAL, "joins maps of %d x %d and %d x %d", s.h, s.w, t.h, t.w);
  return join(g, &bf_op_concat, a, b, (bf_shape){s.h, s.w, s.c + t.c});
}

/* Windows along one side. up: one more that begins inside the map and ends outside, as torch's ceil_mode. */
static int windows(int size, int kernel, int stride, int padding, bool up) {
  int over = size + 2 * padding - kernel, count = over < 0 ? 0 : over / stride + 1;
  bool rest = over < 0 ? over > -stride : over % stride != 0;
  return count + (up && rest && count * stride < size + padding);
}

static bf_value pool(bf_graph *g, const bf_op *op, bf_value x, int kernel, int stride, int padding, bool up) {
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_shape in = bf_graph_shape(g, x);
  bf_shape out = {windows(in.h, kernel, stride, padding, up), windows(in.w, kernel, stride, padding, up), in.c};
  bf_node node = node_of(op, x, out);
  node.kernel = kernel, node.stride = stride, node.padding = padding;
  return bf_graph_add(g, node);
}

bf_value bf_max_pool(bf_graph *g, bf_value x, int kernel, int stride, int padding) {
  return pool(g, &bf_op_max_pool, x, kernel, stride, padding, false);
}

bf_value bf_max_pool_up(bf_graph *g, bf_value x, int kernel, int stride) {
  return pool(g, &bf_op_max_pool, x, kernel, stride, 0, true);
}

bf_value bf_average_pool(bf_graph *g, bf_value x, int kernel, int stride) {
  return pool(g, &bf_op_average_pool, x, kernel, stride, 0, false);
}

bf_value bf_adaptive_average_pool(bf_graph *g, bf_value x, int h, int w) {
  if (bf_graph_failed(g) || x < 0) return -1;
  return bf_graph_add(g, node_of(&bf_op_average_pool, x, (bf_shape){h, w, bf_graph_shape(g, x).c}));
}

bf_value bf_global_average_pool(bf_graph *g, bf_value x) { return bf_adaptive_average_pool(g, x, 1, 1); }

bf_value bf_flatten(bf_graph *g, bf_value x) {
  if (bf_graph_failed(g) || x < 0) return -1;
  int64_t all = bf_elements(bf_graph_shape(g, x));
  if (all > INT32_MAX) return bf_graph_refuse(g, BF_E_LIMIT, "a map too large to flatten");
  return bf_graph_add(g, node_of(&bf_op_flatten, x, (bf_shape){1, 1, (int)all}));
}

bf_value bf_upsample2_to(bf_graph *g, bf_value x, int h, int w) {
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_shape in = bf_graph_shape(g, x);
  if ((h / 2 != in.h && (h + 1) / 2 != in.h) || (w / 2 != in.w && (w + 1) / 2 != in.w))
    return bf_graph_refuse(g, BF_E_INTERNAL, "a map of %d x %d cannot be doubled to %d x %d", in.h, in.w, h, w);
  return bf_graph_add(g, node_of(&bf_op_upsample2, x, (bf_shape){h, w, in.c}));
}

bf_value bf_upsample2(bf_graph *g, bf_value x) {
  bf_shape in = bf_graph_shape(g, x);
  return bf_upsample2_to(g, x, 2 * in.h, 2 * in.w);
}

bf_value bf_weighted_pool(bf_graph *g, bf_value x, bf_value weights) {
  if (bf_graph_failed(g) || x < 0 || weights < 0) return -1;
  bf_shape in = bf_graph_shape(g, x), w = bf_graph_shape(g, weights);
  if (w.h != in.h || w.w != in.w || w.c != 1)
    return bf_graph_refuse(g, BF_E_INTERNAL, "a map of %d x %d x %d weighed by one of %d x %d x %d", in.h, in.w, in.c,
                           w.h, w.w, w.c);
  bf_node node = node_of(&bf_op_weighted_pool, x, (bf_shape){1, 1, in.c});
  node.inputs = 2;
  node.input[1] = weights;
  return bf_graph_add(g, node);
}

bf_value bf_detach(bf_graph *g, bf_value x) {
  if (bf_graph_failed(g) || x < 0) return -1;
  return bf_graph_add(g, node_of(&bf_op_detach, x, bf_graph_shape(g, x)));
}

static bf_value drop(bf_graph *g, bf_value x, double probability, bool whole) {
  if (bf_graph_failed(g) || x < 0) return -1;
  bf_node node = node_of(&bf_op_dropout, x, bf_graph_shape(g, x));
  node.probability = probability;
  node.whole = whole;
  return bf_graph_add(g, node);
}

bf_value bf_dropout(bf_graph *g, bf_value x, double probability) { return drop(g, x, probability, false); }

bf_value bf_drop_path(bf_graph *g, bf_value x, double probability) {
  return probability > 0 ? drop(g, x, probability, true) : x;
}

void bf_graph_output(bf_graph *g, bf_value x) {
  if (x >= 0 && x < g->node_count) g->output[x] = true;
}

/* ---- finishing ---- */

/* Box-Muller in single precision, two numbers from one draw: large layers start in a fraction of a second. */
static void fill_normal(float *x, int64_t count, float deviation, bf_rng *rng) {
  const float unit = 0x1p-24f, turn = 6.28318531f;
  for (int64_t i = 0; i < count; i += 2) {
    uint64_t draw = bf_rng_next(rng);
    float radius = deviation * sqrtf(-2 * logf((float)((draw >> 40) + 1) * unit)),
          angle = turn * unit * (float)(draw & 0xffffff);
    x[i] = radius * cosf(angle);
    if (i + 1 < count) x[i + 1] = radius * sinf(angle);
  }
}

/* As torchvision: convolutions He normal over the fan-out (He et al. 2015), norms 1 and 0, linear normal 0.01. */
static void initialise(bf_param *p, uint64_t seed) {
  char hash[65];
  bf_sha256(hash, p->name, strlen(p->name));
  uint64_t key = 0;
  for (int i = 0; i < 16; i++) key = key * 16 + (uint64_t)(hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10);
  bf_rng rng = bf_rng_make(seed, key, 0);
  double deviation = 0, constant = 0;
  switch (p->kind) {
    case BF_PARAM_CONV: deviation = sqrt(2.0 / (double)(p->shape[0] * p->shape[2] * p->shape[3])); break;
    case BF_PARAM_DEPTHWISE: deviation = sqrt(2.0 / (double)(p->shape[2] * p->shape[3])); break;
    case BF_PARAM_LINEAR: deviation = 0.01; break;
    case BF_PARAM_NORM_SCALE:
    case BF_PARAM_NORM_VAR: constant = 1; break;
    case BF_PARAM_SCALE: constant = p->first; break;
    default: break;
  }
  if (deviation > 0)
    fill_normal(p->data, p->count, (float)deviation, &rng);
  else
    for (int64_t i = 0; i < p->count; i++) p->data[i] = (float)constant;
}

bf_status bf_graph_finish_unset(bf_graph *g, bf_error *err) {
  if (bf_graph_failed(g)) {
    if (err != NULL) *err = g->error;
    return g->error.status;
  }
  if (g->finished) return bf_fail(err, BF_E_INTERNAL, "the network was finished twice");
  g->data = bf_alloc((size_t)g->block_size, sizeof(float));
  if (g->data == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld parameters", (long long)g->block_size);
  for (int i = 0; i < g->param_count; i++) g->params[i].data = g->data + g->params[i].offset;
  g->finished = true;
  return BF_OK;
}

bf_status bf_graph_finish(bf_graph *g, uint64_t seed, bf_error *err) {
  bf_status status = bf_graph_finish_unset(g, err);
  for (int i = 0; i < g->param_count && status == BF_OK; i++) initialise(&g->params[i], seed);
  return status;
}

bf_status bf_graph_need_gradients(bf_graph *g, bf_error *err) {
  if (g->gradient != NULL) return BF_OK;
  g->gradient = bf_alloc((size_t)g->block_size, sizeof(float));
  if (g->gradient == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld gradients", (long long)g->block_size);
  for (int i = 0; i < g->param_count; i++) g->params[i].gradient = g->gradient + g->params[i].offset;
  return BF_OK;
}

/* ---- looking ---- */

int bf_graph_param_count(const bf_graph *g) { return g->param_count; }
bf_param *bf_graph_param(bf_graph *g, int index) { return &g->params[index]; }
int64_t bf_graph_block_size(const bf_graph *g) { return g->block_size; }
float *bf_graph_data_block(bf_graph *g) { return g->data; }
float *bf_graph_gradient_block(bf_graph *g) { return g->gradient; }
const bf_node *bf_graph_node(const bf_graph *g, bf_value value) { return &g->nodes[value]; }
int bf_graph_node_count(const bf_graph *g) { return g->node_count; }
bool bf_graph_is_output(const bf_graph *g, bf_value value) { return g->output[value]; }
bool bf_graph_norms_frozen(const bf_graph *g) { return g->norms_frozen; }

bf_param *bf_graph_find_param(bf_graph *g, const char *name) {
  for (int i = 0; i < g->param_count; i++)
    if (strcmp(g->params[i].name, name) == 0) return &g->params[i];
  return NULL;
}

static bf_run shapes_of(const bf_graph *g, const bf_node *node) {
  bf_run r = {.node = node, .n = 1, .out = node->shape};
  for (int i = 0; i < node->inputs; i++) r.in[i] = g->nodes[node->input[i]].shape;
  return r;
}

double bf_graph_flop(const bf_graph *g) {
  double sum = 0;
  for (int i = 0; i < g->node_count; i++) {
    bf_run r = shapes_of(g, &g->nodes[i]);
    if (g->nodes[i].op != NULL && g->nodes[i].op->flop != NULL) sum += g->nodes[i].op->flop(&r);
  }
  return sum;
}

void bf_graph_log(const bf_graph *g) {
  for (int i = 0; i < g->node_count; i++) {
    const bf_node *n = &g->nodes[i];
    int64_t numbers = 0;
    for (int k = 0; k < BF_OP_MAX_PARAMS; k++) numbers += n->param[k] >= 0 ? g->params[n->param[k]].count : 0;
    bf_log(BF_LOG_DEBUG, "%4d %-12s %4d x %4d x %5d %10lld  %s", i, n->op ? n->op->name : "input", n->shape.h,
           n->shape.w, n->shape.c, (long long)numbers, n->param[0] >= 0 ? g->params[n->param[0]].name : "");
  }
}

/* ---- what is trained ---- */

bool bf_node_trains(const bf_graph *g, const bf_node *node) {
  for (int k = 0; k < BF_OP_MAX_PARAMS; k++)
    if (node->param[k] >= 0 && g->params[node->param[k]].trainable) return true;
  return false;
}

static void update_trainable(bf_graph *g) {
  for (int i = 0; i < g->param_count; i++) {
    bf_param *p = &g->params[i];
    bool statistic = p->kind == BF_PARAM_NORM_MEAN || p->kind == BF_PARAM_NORM_VAR;
    bool norm = p->kind == BF_PARAM_NORM_SCALE || p->kind == BF_PARAM_NORM_SHIFT;
    bool backbone = p->stage < BF_STAGE_HEAD;
    p->trainable = !statistic && !(backbone && p->stage <= g->frozen_stage) && !(backbone && norm && g->norms_frozen);
  }
}

void bf_graph_freeze_norms(bf_graph *g, bool frozen) {
  g->norms_frozen = frozen;
  update_trainable(g);
}

void bf_graph_freeze_stages(bf_graph *g, int stage) {
  g->frozen_stage = stage;
  update_trainable(g);
}

int bf_graph_frozen_stage(const bf_graph *g) { return g->frozen_stage; }

bool bf_graph_norms_are_folded(const bf_graph *g) {
  int norms = 0;
  for (int i = 0; i < g->param_count; i++) {
    const bf_param *p = &g->params[i];
    if (p->stage >= BF_STAGE_HEAD || (p->kind != BF_PARAM_NORM_MEAN && p->kind != BF_PARAM_NORM_VAR)) continue;
    norms++;
    for (int64_t k = 0; k < p->count; k++) {
      if (p->kind == BF_PARAM_NORM_MEAN && p->data[k] != 0) return false;
      if (p->kind == BF_PARAM_NORM_VAR && fabsf(p->data[k] - p->data[0]) > 1e-6f) return false;
    }
  }
  return norms > 0;
}
