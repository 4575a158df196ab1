/* The two layouts of a parameter: ours, and the original implementation's (PyTorch's axis order). */
#include <string.h>

#include "nn/graph.h"

/* Where our number i stands in the original. */
static int64_t original_index(const bf_param *p, int64_t i) {
  int64_t out = p->shape[0], in = p->shape[1], kh = p->shape[2], kw = p->shape[3];
  if (p->kind == BF_PARAM_CONV) {
    int64_t o = i % out, c = i / out % in, x = i / (out * in) % kw, y = i / (out * in * kw);
    return ((o * in + c) * kh + y) * kw + x;
  }
  if (p->kind == BF_PARAM_DEPTHWISE) {
    int64_t c = i % out, x = i / out % kw, y = i / (out * kw);
    return (c * kh + y) * kw + x;
  }
  if (p->kind == BF_PARAM_LINEAR) {
    int64_t o = i % out, k = i / out;
    if (p->flattened.c > 0) { /* our inputs run h, w, c; the original's c, h, w */
      int64_t c = k % p->flattened.c, xy = k / p->flattened.c;
      k = c * p->flattened.h * p->flattened.w + xy;
    }
    return o * in + k;
  }
  return i;
}

void bf_param_to_original(const bf_param *p, float *dst) {
  for (int64_t i = 0; i < p->count; i++) dst[original_index(p, i)] = p->data[i];
}

/* [out][in][taps] to [taps][in][out], a cache line of outputs at a time. */
static void turn(float *dst, const float *src, int64_t out, int64_t in, int64_t taps) {
  enum { line = 16 };
  for (int64_t first = 0; first < out; first += line) {
    int64_t end = first + line < out ? first + line : out;
    for (int64_t c = 0; c < in; c++)
      for (int64_t t = 0; t < taps; t++)
        for (int64_t o = first; o < end; o++) dst[(t * in + c) * out + o] = src[(o * in + c) * taps + t];
  }
}

void bf_param_from_original(bf_param *p, const float *src) {
  if (p->kind == BF_PARAM_CONV || (p->kind == BF_PARAM_LINEAR && p->flattened.c == 0)) {
    turn(p->data, src, p->shape[0], p->shape[1], p->kind == BF_PARAM_CONV ? p->shape[2] * p->shape[3] : 1);
    return;
  }
  for (int64_t i = 0; i < p->count; i++) p->data[i] = src[original_index(p, i)];
}
