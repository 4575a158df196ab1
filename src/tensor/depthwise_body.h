/* Depthwise convolution and its gradients, included by kernels_body.h. What most networks have, kernel 3 with padding
 * of at most 1, runs by blocks of pixels whose sums stay in registers while channels are walked in memory's order; the
 * rest pixel by pixel. Which way a pixel takes hangs on the shape alone. */

/* ---- kernel 3, blocks ---- */

enum { block_pixels = 7 };

/* A row of windows: outputs from `row` floats apart lines of x; taps y0 <= ky < y1 lie inside the map. */
typedef struct window_row {
  const float *x; /* the first window's first tap, which may lie outside */
  const float *w;
  float *y;
  int64_t row;
  int c, y0, y1;
  bool turned; /* weights by half a turn */
  bool add;
  const bf_finish *finish; /* other: as y */
} window_row;

/* Windows at pixels first .. first + block_pixels - 1; at an edge the outermost tap is left out. */
always void block_taps(lane sum[block_pixels], const window_row *r, int64_t first, int c0, int count, int stride,
                       bool left, bool right) {
  const float *p = r->x + first * stride * r->c + c0;
  int last = (block_pixels - 1) * stride + 2, y1 = r->y1;
  int64_t c = r->c, step = r->turned ? -c : c;
  for (int ky = r->y0; ky < y1; ky++) {
    const float *w = r->w + (r->turned ? 8 - 3 * ky : 3 * ky) * c + c0;
    lane k[3] = {get_some(w, count), get_some(w + step, count), get_some(w + 2 * step, count)};
#pragma GCC unroll 15
    for (int j = 0; j <= last; j++) {
      if ((left && j == 0) || (right && j == last)) continue;
      lane v = get_some(p + ky * r->row + j * c, count);
      hold(v);
#pragma GCC unroll 3
      for (int kx = 0; kx < 3; kx++) {
        int i = (j - kx) / stride;
        if (j >= kx && (j - kx) % stride == 0 && i < block_pixels) sum[i] += k[kx] * v;
      }
    }
  }
}

always void block_channels(const window_row *r, int64_t first, int c0, int count, int stride, bool left, bool right) {
  lane sum[block_pixels];
#pragma GCC unroll 7
  for (int i = 0; i < block_pixels; i++) sum[i] = (lane){0};
  block_taps(sum, r, first, c0, count, stride, left, right);
  int64_t c = r->c;
  float *y = r->y + first * c + c0;
  const float *other = r->finish != NULL && r->finish->other != NULL ? r->finish->other + first * c + c0 : NULL;
  ending e = ending_of(r->finish, c0, count);
  if (other == NULL && !r->add) {
#pragma GCC unroll 7
    for (int i = 0; i < block_pixels; i++) put_some(y + i * c, ended(sum[i], &e), count);
    return;
  }
  bool add = r->add;
  for (int i = 0; i < block_pixels; i++) {
    lane s = other != NULL ? ended_with(sum[i], get_some(other + i * c, count), &e) : ended(sum[i], &e);
    put_some(y + i * c, add ? get_some(y + i * c, count) + s : s, count);
  }
}

always void block(const window_row *r, int64_t first, int stride, bool left, bool right) {
  int c0 = 0;
  for (; c0 + lane_count <= r->c; c0 += lane_count) block_channels(r, first, c0, lane_count, stride, left, right);
  if (c0 < r->c) block_channels(r, first, c0, r->c - c0, stride, left, right);
}

/* Compiled for each edge. */
always void block_at(const window_row *r, int64_t first, int stride, bool left, bool right) {
  if (left && right)
    block(r, first, stride, true, true);
  else if (left)
    block(r, first, stride, true, false);
  else if (right)
    block(r, first, stride, false, true);
  else
    block(r, first, stride, false, false);
}

/* The first pixels of a row, as many as whole blocks hold. */
static int row_blocks(const window_row *r, const bf_window *g) {
  if (g->kernel != 3 || g->padding > 1 || g->stride > 2) return 0;
  int first = 0;
  for (; first + block_pixels <= g->ow; first += block_pixels) {
    bool left = first == 0 && g->padding == 1, right = (first + block_pixels - 1) * g->stride - g->padding + 3 > g->w;
    if (g->stride == 1)
      block_at(r, first, 1, left, right);
    else
      block_at(r, first, 2, left, right);
  }
  return first;
}

/* ---- forward ---- */

static void depthwise_pixel(float *y, const float *x, const float *w, const bf_window *g, int oy, int ox,
                            const bf_finish *f) {
  int top = oy * g->stride - g->padding, left = ox * g->stride - g->padding, y0, y1, x0, x1;
  tap_range(&y0, &y1, top, g->kernel, g->h);
  tap_range(&x0, &x1, left, g->kernel, g->w);
  int64_t at = ((int64_t)oy * g->ow + ox) * g->c;
  for (int c0 = 0; c0 < g->c; c0 += lane_count) {
    int count = g->c - c0 < lane_count ? g->c - c0 : lane_count;
    lane sum = {0};
    for (int ky = y0; ky < y1; ky++)
      for (int kx = x0; kx < x1; kx++)
        sum += get_some(w + (int64_t)(ky * g->kernel + kx) * g->c + c0, count) *
               get_some(x + ((int64_t)(top + ky) * g->w + left + kx) * g->c + c0, count);
    ending e = ending_of(f, c0, count);
    bool two = f != NULL && f->other != NULL;
    put_some(y + at + c0, two ? ended_with(sum, get_some(f->other + at + c0, count), &e) : ended(sum, &e), count);
  }
}

static void depthwise(float *y, const float *x, const float *w, const bf_window *g, int row0, int row1,
                      const bf_finish *finish) {
  for (int oy = row0; oy < row1; oy++) {
    int top = oy * g->stride - g->padding;
    int64_t line = (int64_t)g->w * g->c, at = (int64_t)oy * g->ow * g->c;
    bf_finish here = bf_finish_at(finish, 0, at);
    window_row r = {.x = x + top * line - (int64_t)g->padding * g->c,
                    .w = w,
                    .y = y + at,
                    .row = line,
                    .c = g->c,
                    .finish = finish != NULL ? &here : NULL};
    tap_range(&r.y0, &r.y1, top, 3, g->h);
    for (int ox = row_blocks(&r, g); ox < g->ow; ox++) depthwise_pixel(y, x, w, g, oy, ox, finish);
  }
}

/* ---- the gradient of the input ---- */

/* The output positions that input position i feeds, as taps: i + padding - k must be a multiple of stride and inside.
 */
static inline int source(int i, int k, int padding, int stride, int size) {
  int t = i + padding - k;
  if (t < 0 || t % stride) return -1;
  t /= stride;
  return t < size ? t : -1;
}

/* A block of channels of the pixels from ix0 on, kernel 3: the nine weights stay in registers. */
static void depthwise_data_3(float *dx, const float *dy, const float *w, const bf_window *g, int iy, int ix0, int c0,
                             bool add) {
  lane k[9];
  int rows[3];
  for (int i = 0; i < 9; i++) k[i] = get(w + i * g->c + c0);
  for (int ky = 0; ky < 3; ky++) rows[ky] = source(iy, ky, g->padding, g->stride, g->oh);
  for (int ix = ix0; ix < g->w; ix++) {
    float *d = dx + ((int64_t)iy * g->w + ix) * g->c + c0;
    lane sum = {0};
    for (int kx = 0; kx < 3; kx++) {
      int ox = source(ix, kx, g->padding, g->stride, g->ow);
      if (ox < 0) continue;
      for (int ky = 0; ky < 3; ky++)
        if (rows[ky] >= 0) sum += k[ky * 3 + kx] * get(dy + ((int64_t)rows[ky] * g->ow + ox) * g->c + c0);
    }
    put(d, add ? get(d) + sum : sum);
  }
}

static void depthwise_data_pixel(float *dx, const float *dy, const float *w, const bf_window *g, int iy, int ix, int c0,
                                 bool add) {
  float *d = dx + ((int64_t)iy * g->w + ix) * g->c;
  for (; c0 < g->c; c0 += lane_count) {
    int count = g->c - c0 < lane_count ? g->c - c0 : lane_count;
    lane sum = {0};
    for (int ky = 0; ky < g->kernel; ky++) {
      int oy = source(iy, ky, g->padding, g->stride, g->oh);
      for (int kx = 0; oy >= 0 && kx < g->kernel; kx++) {
        int ox = source(ix, kx, g->padding, g->stride, g->ow);
        if (ox >= 0)
          sum += get_some(w + (int64_t)(ky * g->kernel + kx) * g->c + c0, count) *
                 get_some(dy + ((int64_t)oy * g->ow + ox) * g->c + c0, count);
      }
    }
    put_some(d + c0, add ? get_some(d + c0, count) + sum : sum, count);
  }
}

/* Stride 1 and padding 1: the correlation of dy with the weights by half a turn. */
static void depthwise_data(float *dx, const float *dy, const float *w, const bf_window *g, int row0, int row1,
                           bool add) {
  for (int iy = row0; iy < row1; iy++) {
    int ix = 0;
    if (g->kernel == 3 && g->stride == 1 && g->padding == 1) {
      int64_t line = (int64_t)g->ow * g->c;
      window_row r = {.x = dy + (iy - 1) * line - g->c,
                      .w = w,
                      .y = dx + (int64_t)iy * g->w * g->c,
                      .row = line,
                      .c = g->c,
                      .turned = true,
                      .add = add};
      tap_range(&r.y0, &r.y1, iy - 1, 3, g->oh);
      ix = row_blocks(&r, g);
    }
    int c0 = 0;
    for (; g->kernel == 3 && c0 + lane_count <= g->c; c0 += lane_count) depthwise_data_3(dx, dy, w, g, iy, ix, c0, add);
    for (; c0 < g->c && ix < g->w; ix++) depthwise_data_pixel(dx, dy, w, g, iy, ix, c0, add);
  }
}

/* ---- the gradient of the weights ---- */

static inline void depthwise3_weight_block(float *dw, const float *x, const float *dy, const bf_window *g, int row0,
                                           int row1, int c0) {
  lane sum[9] = {{0}};
  for (int oy = row0; oy < row1; oy++) {
    int top = oy * g->stride - g->padding, y0, y1;
    tap_range(&y0, &y1, top, 3, g->h);
    for (int ox = 0; ox < g->ow; ox++) {
      int left = ox * g->stride - g->padding, x0, x1;
      tap_range(&x0, &x1, left, 3, g->w);
      lane d = get(dy + ((int64_t)oy * g->ow + ox) * g->c + c0);
      const float *p = x + ((int64_t)top * g->w + left) * g->c + c0;
      if (y0 == 0 && y1 == 3 && x0 == 0 && x1 == 3) {
        for (int ky = 0; ky < 3; ky++)
          for (int kx = 0; kx < 3; kx++) sum[ky * 3 + kx] += d * get(p + ((int64_t)ky * g->w + kx) * g->c);
      } else {
        for (int ky = y0; ky < y1; ky++)
          for (int kx = x0; kx < x1; kx++) sum[ky * 3 + kx] += d * get(p + ((int64_t)ky * g->w + kx) * g->c);
      }
    }
  }
  for (int i = 0; i < 9; i++) put(dw + i * g->c + c0, get(dw + i * g->c + c0) + sum[i]);
}

static inline void depthwise_weight_scalar(float *dw, const float *x, const float *dy, const bf_window *g, int row0,
                                           int row1, int c0) {
  for (int oy = row0; oy < row1; oy++)
    for (int ox = 0; ox < g->ow; ox++) {
      int top = oy * g->stride - g->padding, left = ox * g->stride - g->padding, y0, y1, x0, x1;
      tap_range(&y0, &y1, top, g->kernel, g->h);
      tap_range(&x0, &x1, left, g->kernel, g->w);
      for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++)
          for (int c = c0; c < g->c; c++)
            dw[(ky * g->kernel + kx) * g->c + c] +=
                dy[((int64_t)oy * g->ow + ox) * g->c + c] * x[((int64_t)(top + ky) * g->w + left + kx) * g->c + c];
    }
}

static void depthwise_weight(float *dw, const float *x, const float *dy, const bf_window *g, int row0, int row1) {
  int c0 = 0;
  if (g->kernel == 3)
    for (; c0 + lane_count <= g->c; c0 += lane_count) depthwise3_weight_block(dw, x, dy, g, row0, row1, c0);
  if (c0 < g->c) depthwise_weight_scalar(dw, x, dy, g, row0, row1, c0);
}
