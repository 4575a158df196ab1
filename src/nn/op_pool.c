/* Maximum and average pooling. */
#include <string.h>

#include "nn/op.h"

/* ---- maximum: the first of equal values wins, in forward and backward alike ---- */

static int max_flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return BF_OP_READS_INPUT | BF_OP_READS_OUTPUT;
}

typedef struct bounds {
  int y0, y1, x0, x1;
} bounds;

static bounds window_at(const bf_run *r, int oy, int ox) {
  const bf_node *node = r->node;
  bounds b = {oy * node->stride - node->padding, 0, ox * node->stride - node->padding, 0};
  b.y1 = b.y0 + node->kernel < r->in[0].h ? b.y0 + node->kernel : r->in[0].h;
  b.x1 = b.x0 + node->kernel < r->in[0].w ? b.x0 + node->kernel : r->in[0].w;
  if (b.y0 < 0) b.y0 = 0;
  if (b.x0 < 0) b.x0 = 0;
  return b;
}

enum { rows_at_once = 8 };

static void max_forward_task(void *argument, int task, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int parts = (r->out.h + rows_at_once - 1) / rows_at_once, image = task / parts, row = task % parts * rows_at_once;
  bf_window g = bf_run_window(r);
  r->kernels->max_pool(r->y + image * bf_elements(r->out), r->x[0] + image * bf_elements(r->in[0]), &g, row,
                       row + rows_at_once < r->out.h ? row + rows_at_once : r->out.h);
}

static void max_backward_task(void *argument, int image, int thread) {
  (void)thread;
  const bf_run *r = argument;
  int64_t in = bf_elements(r->in[0]), out = bf_elements(r->out);
  bf_window g = bf_run_window(r);
  float *dx = r->dx[0] + image * in;
  if (!r->add[0]) memset(dx, 0, (size_t)in * sizeof(float));
  r->kernels->max_pool_backward(dx, r->x[0] + image * in, r->y + image * out, r->dy + image * out, &g);
}

static void max_forward(bf_run *r) {
  bf_pool_run(r->pool, max_forward_task, r, r->n * ((r->out.h + rows_at_once - 1) / rows_at_once));
}

static void max_backward(bf_run *r) {
  if (r->dx[0] != NULL) bf_pool_run(r->pool, max_backward_task, r, r->n);
}

const bf_op bf_op_max_pool = {.name = "max_pool", .flags = max_flags, .forward = max_forward, .backward = max_backward};

/* ---- average over windows, or where there is no kernel over bins, as torchvision's adaptive pooling: bin i covers
 * [floor(i*in/out), ceil((i+1)*in/out)) ---- */

static int average_flags(const bf_node *node, bool batch_statistics) {
  (void)node, (void)batch_statistics;
  return 0;
}

static bounds bin_at(const bf_run *r, int oy, int ox) {
  if (r->node->kernel > 0) return window_at(r, oy, ox);
  int h = r->in[0].h, w = r->in[0].w, oh = r->out.h, ow = r->out.w;
  return (bounds){oy * h / oh, ((oy + 1) * h + oh - 1) / oh, ox * w / ow, ((ox + 1) * w + ow - 1) / ow};
}

static void average_forward_task(void *argument, int image, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  const float *x = r->x[0] + image * bf_elements(r->in[0]);
  float *y = r->y + image * bf_elements(r->out);
  for (int oy = 0; oy < r->out.h; oy++)
    for (int ox = 0; ox < r->out.w; ox++, y += c) {
      bounds b = bin_at(r, oy, ox);
      float share = 1.0f / (float)((b.y1 - b.y0) * (b.x1 - b.x0));
      memset(y, 0, (size_t)c * sizeof(float));
      for (int iy = b.y0; iy < b.y1; iy++)
        for (int ix = b.x0; ix < b.x1; ix++) {
          const float *p = x + ((int64_t)iy * r->in[0].w + ix) * c;
          for (int k = 0; k < c; k++) y[k] += p[k];
        }
      for (int k = 0; k < c; k++) y[k] *= share;
    }
}

static void average_backward_task(void *argument, int image, int thread) {
  (void)thread;
  bf_run *r = argument;
  int c = r->out.c;
  float *dx = r->dx[0] + image * bf_elements(r->in[0]);
  const float *dy = r->dy + image * bf_elements(r->out);
  if (!r->add[0]) memset(dx, 0, (size_t)bf_elements(r->in[0]) * sizeof(float));
  for (int oy = 0; oy < r->out.h; oy++)
    for (int ox = 0; ox < r->out.w; ox++, dy += c) {
      bounds b = bin_at(r, oy, ox);
      float share = 1.0f / (float)((b.y1 - b.y0) * (b.x1 - b.x0));
      for (int iy = b.y0; iy < b.y1; iy++)
        for (int ix = b.x0; ix < b.x1; ix++) {
          float *p = dx + ((int64_t)iy * r->in[0].w + ix) * c;
          for (int k = 0; k < c; k++) p[k] += dy[k] * share;
        }
    }
}

static void average_forward(bf_run *r) { bf_pool_run(r->pool, average_forward_task, r, r->n); }

static void average_backward(bf_run *r) {
  if (r->dx[0] != NULL) bf_pool_run(r->pool, average_backward_task, r, r->n);
}

const bf_op bf_op_average_pool = {
    .name = "average_pool", .flags = average_flags, .forward = average_forward, .backward = average_backward};
