/* Flattening, and doubling of each side by repetition, cut or its edge repeated once more to the size that a lateral
 * join needs. */
#include <string.h>

#include "nn/op.h"

static int flatten_flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_IN_PLACE;
}

static void flatten_forward(bf_run *r) {
  if (r->y != r->x[0]) memcpy(r->y, r->x[0], (size_t)(r->n * bf_elements(r->out)) * sizeof(float));
}

static void flatten_backward(bf_run *r) {
  int64_t count = r->n * bf_elements(r->out);
  if (r->dx[0] == NULL || r->dx[0] == r->dy) return;
  if (r->add[0])
    r->kernels->add(r->dx[0], r->dx[0], r->dy, count);
  else
    memcpy(r->dx[0], r->dy, (size_t)count * sizeof(float));
}

const bf_op bf_op_flatten = {
    .name = "flatten", .flags = flatten_flags, .forward = flatten_forward, .backward = flatten_backward};

static int upsample_flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return 0;
}

/* The coarse pixel that a fine one repeats. */
static int coarse(int fine, int count) { return fine / 2 < count ? fine / 2 : count - 1; }

static void upsample_forward_task(void *argument, int image, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  const float *x = r->x[0] + image * bf_elements(r->in[0]);
  float *y = r->y + image * bf_elements(r->out);
  for (int oy = 0; oy < r->out.h; oy++)
    for (int ox = 0; ox < r->out.w; ox++, y += c)
      memcpy(y, x + ((int64_t)coarse(oy, r->in[0].h) * r->in[0].w + coarse(ox, r->in[0].w)) * c,
             (size_t)c * sizeof(float));
}

static void upsample_backward_task(void *argument, int image, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  float *dx = r->dx[0] + image * bf_elements(r->in[0]);
  const float *dy = r->dy + image * bf_elements(r->out);
  if (!r->add[0]) memset(dx, 0, (size_t)bf_elements(r->in[0]) * sizeof(float));
  for (int oy = 0; oy < r->out.h; oy++)
    for (int ox = 0; ox < r->out.w; ox++, dy += c) {
      float *d = dx + ((int64_t)coarse(oy, r->in[0].h) * r->in[0].w + coarse(ox, r->in[0].w)) * c;
      for (int k = 0; k < c; k++) d[k] += dy[k];
    }
}

static void upsample_forward(bf_run *r) { bf_pool_run(r->pool, upsample_forward_task, r, r->n); }

static void upsample_backward(bf_run *r) {
  if (r->dx[0] != NULL) bf_pool_run(r->pool, upsample_backward_task, r, r->n);
}

const bf_op bf_op_upsample2 = {
    .name = "upsample2", .flags = upsample_flags, .forward = upsample_forward, .backward = upsample_backward};
