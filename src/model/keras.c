/* Names and axes of Keras's weights. */
#include "model/keras.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

typedef enum axes {
  AXES_KEEP,
  AXES_KERNEL,   /* [...space][in][out] -> [out][in][...space]; [in][out] -> [out][in] */
  AXES_DEPTHWISE /* [...space][channels][1] -> [channels][1][...space] */
} axes;

typedef struct word {
  const char *keras, *ending; /* ending NULL: its own word */
  axes axes;
  int rank_min, rank_max; /* else the word says nothing */
} word;

/* Keras 1 wrote convolution2d_1_W and _b, batchnormalization_1_running_std (a variance all the same). */
static const word words[] = {
    {"kernel", "weight", AXES_KERNEL, 2, BF_TENSOR_RANK_MAX},
    {"W", "weight", AXES_KERNEL, 2, BF_TENSOR_RANK_MAX},
    {"depthwise_kernel", "weight", AXES_DEPTHWISE, 3, BF_TENSOR_RANK_MAX},
    {"pointwise_kernel", "pointwise.weight", AXES_KERNEL, 3, BF_TENSOR_RANK_MAX},
    {"recurrent_kernel", NULL, AXES_KEEP, 0, BF_TENSOR_RANK_MAX},
    {"embeddings", "weight", AXES_KEEP, 2, 2},
    {"alpha", "weight", AXES_KEEP, 1, BF_TENSOR_RANK_MAX},
    {"bias", "bias", AXES_KEEP, 1, 1},
    {"b", "bias", AXES_KEEP, 1, 1},
    {"gamma", "weight", AXES_KEEP, 1, 1},
    {"beta", "bias", AXES_KEEP, 1, 1},
    {"moving_mean", "running_mean", AXES_KEEP, 1, 1},
    {"running_mean", "running_mean", AXES_KEEP, 1, 1},
    {"moving_variance", "running_var", AXES_KEEP, 1, 1},
    {"running_std", "running_var", AXES_KEEP, 1, 1},
};

/* What a weight becomes. */
typedef struct part {
  const bf_keras_item *item;
  char own[256];      /* its word: the last part of its name, without ":0" */
  const char *path;   /* of item->name */
  int path_length;    /* without the last part and its slash */
  const word *known;  /* NULL: decided by rank */
  const char *ending; /* NULL: own */
  axes axes;
} part;

/* ---- what the words say ---- */

static void set_own(part *p) {
  const char *name = p->item->name, *slash = strrchr(name, '/'), *last = slash != NULL ? slash + 1 : name;
  snprintf(p->own, sizeof p->own, "%s", last);
  char *colon = strrchr(p->own, ':');
  if (colon != NULL) *colon = '\0';
  p->path = name;
  p->path_length = slash != NULL ? (int)(slash - name) : 0;
}

static bool ends_with_word(const char *text, size_t length, const char *wanted) {
  size_t n = strlen(wanted);
  return length >= n && memcmp(text + length - n, wanted, n) == 0 && (length == n || text[length - n - 1] == '_');
}

/* The longest word at the end of the name; a number behind it ("kernel_1") is passed over. */
static const word *find_word(const char *text, int rank) {
  const word *best = NULL;
  size_t length = strlen(text), bare = length;
  while (bare > 0 && isdigit((unsigned char)text[bare - 1])) bare--;
  bare = bare > 1 && bare < length && text[bare - 1] == '_' ? bare - 1 : length;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    const word *w = &words[i];
    bool fits = ends_with_word(text, length, w->keras) || ends_with_word(text, bare, w->keras);
    if (fits && (best == NULL || strlen(w->keras) > strlen(best->keras))) best = w;
  }
  return best != NULL && rank >= best->rank_min && rank <= best->rank_max ? best : NULL;
}

static bool is_ending(const char *a, const char *b) { return a != NULL && b != NULL && strcmp(a, b) == 0; }

/* A layer has one weight and one bias; with two of a kind that their words are sure of, it holds several layers. */
static bool is_nested(const part *parts, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < i; k++)
      if (parts[i].known != NULL && parts[k].known != NULL && is_ending(parts[i].known->ending, parts[k].known->ending))
        return !(parts[i].path_length == parts[k].path_length &&
                 memcmp(parts[i].path, parts[k].path, (size_t)parts[i].path_length) == 0);
  return false;
}

static bool same_owner(const part *a, const part *b, bool nested) {
  return !nested || (a->path_length == b->path_length && memcmp(a->path, b->path, (size_t)a->path_length) == 0);
}

static bool is_taken(const part *parts, int64_t count, const part *p, const char *ending, bool nested) {
  for (int64_t i = 0; i < count; i++)
    if (&parts[i] != p && is_ending(parts[i].ending, ending) && same_owner(&parts[i], p, nested)) return true;
  return false;
}

static void set_endings(part *parts, int64_t count, bool nested) {
  for (int64_t i = 0; i < count; i++) {
    part *p = &parts[i];
    if (p->known != NULL) p->ending = p->known->ending, p->axes = p->known->axes;
  }
  for (int64_t i = 0; i < count; i++) {
    part *p = &parts[i];
    int rank = p->item->rank;
    const char *ending = rank >= 2 ? "weight" : "bias";
    if (p->known != NULL) {
      /* Both halves of a separable convolution are weights of one layer. */
      if (p->axes == AXES_DEPTHWISE && is_taken(parts, count, p, "pointwise.weight", nested))
        p->ending = "depthwise.weight";
    } else if (rank > 0 && !is_taken(parts, count, p, ending, nested)) {
      p->ending = ending;
      p->axes = rank >= 2 ? AXES_KERNEL : AXES_KEEP;
    }
  }
}

static void name_layer(part *parts, int64_t count, bool *nested) {
  for (int64_t i = 0; i < count; i++) {
    set_own(&parts[i]);
    parts[i].known = find_word(parts[i].own, parts[i].item->rank);
  }
  *nested = is_nested(parts, count);
  set_endings(parts, count, *nested);
}

/* "resnet/conv1/kernel:0" in layer resnet is resnet.conv1.weight. */
static void full_name(char *text, size_t capacity, const part *p, bool nested) {
  const char *layer = p->item->layer, *path = p->path, *ending = p->ending != NULL ? p->ending : p->own;
  int length = p->path_length;
  size_t outer = strlen(layer);
  if ((size_t)length > outer && memcmp(path, layer, outer) == 0 && path[outer] == '/')
    path += outer + 1, length -= (int)outer + 1;
  if (nested && length > 0)
    snprintf(text, capacity, "%s.%.*s.%s", layer, length, path, ending);
  else
    snprintf(text, capacity, "%s.%s", layer, ending);
}

/* ---- axes ---- */

/* Moves axes through a copy: axis d of the result is axis from[d] of the source, backwards where turned[d]. */
static bf_status move_axes(const bf_keras_item *item, const int *from, const bool *turned, bf_error *err) {
  int rank = item->rank;
  int64_t step[BF_TENSOR_RANK_MAX], source_step[BF_TENSOR_RANK_MAX], at[BF_TENSOR_RANK_MAX] = {0}, place = 0, size = 1;
  for (int d = rank - 1; d >= 0; d--) source_step[d] = size, size *= item->shape[d];
  if (size == 0) return BF_OK;
  for (int d = 0; d < rank; d++) {
    int64_t length = item->shape[from[d]];
    step[d] = turned[d] ? -source_step[from[d]] : source_step[from[d]];
    if (turned[d]) place += (length - 1) * source_step[from[d]];
  }
  float *copy = bf_alloc_raw((size_t)size, sizeof *copy);
  if (copy == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld numbers", item->layer, (long long)size);
  memcpy(copy, item->data, (size_t)size * sizeof *copy);
  for (int64_t i = 0; i < size; i++) {
    item->data[i] = copy[place];
    for (int d = rank - 1; d >= 0; d--) {
      place += step[d];
      if (++at[d] < item->shape[from[d]]) break;
      place -= at[d] * step[d];
      at[d] = 0;
    }
  }
  bf_free(copy);
  return BF_OK;
}

typedef struct order {
  bool theano_axes;   /* kernels of four axes are [out][in][kh][kw] already */
  bool theano_turned; /* and those of convolutions are turned by 180 degrees */
} order;

/* Where axis d of the result comes from. */
static void choose_axes(int from[BF_TENSOR_RANK_MAX], bool turned[BF_TENSOR_RANK_MAX], const part *p, order o) {
  int rank = p->item->rank;
  bool stays = p->axes == AXES_KEEP || (p->axes == AXES_KERNEL && rank == 4 && o.theano_axes);
  for (int d = 0; d < rank; d++) {
    from[d] = stays ? d : d - 2;
    turned[d] = p->axes == AXES_KERNEL && rank >= 3 && d >= 2 && o.theano_turned;
  }
  if (stays) return;
  from[0] = p->axes == AXES_KERNEL ? rank - 1 : rank - 2;
  from[1] = p->axes == AXES_KERNEL ? rank - 2 : rank - 1;
}

static bf_status take_part(bf_tensors *out, const part *p, bool nested, order o, bf_error *err) {
  char name[2304];
  int from[BF_TENSOR_RANK_MAX];
  bool turned[BF_TENSOR_RANK_MAX];
  int64_t shape[BF_TENSOR_RANK_MAX];
  const bf_keras_item *item = p->item;
  bf_tensor *t;
  full_name(name, sizeof name, p, nested);
  if (p->axes == AXES_DEPTHWISE && item->shape[item->rank - 1] != 1)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: %lld filters a channel, and only depthwise kernels of 1 are read", name,
                   (long long)item->shape[item->rank - 1]);
  choose_axes(from, turned, p, o);
  for (int d = 0; d < item->rank; d++) shape[d] = item->shape[from[d]];
  bf_status status = bf_tensors_add(&t, out, name, "F32", item->rank, shape, err);
  if (status != BF_OK) return status;
  t->data = item->data;
  return p->axes == AXES_KEEP ? BF_OK : move_axes(item, from, turned, err);
}

/* ---- all layers ---- */

/* Windows are small and mostly square; channels are many and mostly not equal. */
static bool is_window(int64_t a, int64_t b) { return a == b && a >= 1 && a <= 15; }

/* A kernel that can only be [out][in][kh][kw], and none that can only be [kh][kw][in][out]. */
static bool has_theano_axes(const part *parts, int64_t count) {
  int64_t theirs = 0, ours = 0;
  for (int64_t i = 0; i < count; i++) {
    const int64_t *s = parts[i].item->shape;
    if (parts[i].axes != AXES_KERNEL || parts[i].item->rank != 4) continue;
    bool first = is_window(s[0], s[1]), last = is_window(s[2], s[3]);
    theirs += last && !first;
    ours += first && !last;
  }
  return theirs > 0 && ours == 0;
}

static bf_status choose_order(order *out, const part *parts, int64_t count, const char *backend, bf_error *err) {
  *out = (order){has_theano_axes(parts, count), backend != NULL && strcmp(backend, "theano") == 0};
  if (out->theano_axes && backend == NULL)
    return bf_fail(err, BF_E_UNSUPPORTED,
                   "its kernels stand in Theano's order [out, in, height, width], and no attribute 'backend' tells "
                   "whether they are turned by 180 degrees too; load it in Keras and save it under TensorFlow");
  return BF_OK;
}

/* The end of the layer that begins at i. */
static int64_t layer_end(const bf_keras_item *items, int64_t count, int64_t i) {
  int64_t end = i + 1;
  while (end < count && strcmp(items[end].layer, items[i].layer) == 0) end++;
  return end;
}

bf_status bf_keras_convert(bf_tensors *out, const bf_keras_item *items, int64_t count, const char *backend,
                           bf_error *err) {
  part *parts = bf_alloc((size_t)count, sizeof *parts);
  bool *nested = bf_alloc((size_t)count, sizeof *nested);
  bf_status status = BF_OK;
  order o;
  if (parts == NULL || nested == NULL) {
    status = bf_fail(err, BF_E_MEMORY, "no memory for the list of weights");
    goto out;
  }
  for (int64_t i = 0; i < count; i++) parts[i].item = &items[i];
  for (int64_t i = 0, end; i < count; i = end) {
    end = layer_end(items, count, i);
    name_layer(parts + i, end - i, &nested[i]);
    for (int64_t k = i + 1; k < end; k++) nested[k] = nested[i];
  }
  status = choose_order(&o, parts, count, backend, err);
  for (int64_t i = 0; i < count && status == BF_OK; i++) status = take_part(out, &parts[i], nested[i], o, err);
  if (status == BF_OK && o.theano_turned)
    status = bf_tensors_note(out, "kernels", "turned back by 180 degrees, as Theano wrote them", err);
out:
  bf_free(nested);
  bf_free(parts);
  return status;
}
