/* Winograd's F(4x4,3x3), a quarter of the multiplications, or F(2x2,3x3), four ninths of them with less than half the
 * weights. Tiles are transformed, multiplied in one product for each point and transformed back. Where the weights are
 * small, a task carries a few tiles through all three steps in its own cache; where they are large, all threads take
 * each step together for many tiles, so that weights are read seldom. */
#include <string.h>

#include "nn/conv.h"

enum { own_floats = 200 * 1024, own_tiles = 56, shared_floats = 1 << 22, row_block = 112 };
static const int64_t small_weights = 3 << 20;

typedef struct layout {
  int across, per_image;
  int64_t tiles;        /* of the batch */
  int64_t v_row, m_row; /* floats from tile to tile */
  bool shared;
  int64_t block; /* tiles at once */
  int64_t room;  /* tiles at once, of a batch of so many images or fewer, at most */
  int64_t u_plane;
} layout;

/* Rows a multiple of 4 KiB apart would fall on one set of the cache. */
static int64_t row_floats(int64_t c) { return c % 512 == 0 ? c + 16 : (c + 15) / 16 * 16; }

static layout layout_of(const bf_winograd *s, int threads) {
  int side = s->form->tile, points = s->form->points;
  layout l = {.across = (s->out.w + side - 1) / side};
  l.per_image = l.across * ((s->out.h + side - 1) / side);
  l.tiles = (int64_t)s->n * l.per_image;
  l.v_row = row_floats(s->in.c), l.m_row = row_floats(s->out.c);
  l.u_plane = bf_packed(s->kernels, s->in.c, s->out.c);
  int64_t tile = points * (l.v_row + l.m_row), own = own_floats / tile;
  l.shared = own < 14 || points * l.u_plane > small_weights;
  l.block = l.shared ? shared_floats / tile : own < own_tiles ? own / 14 * 14 : own_tiles;
  if (l.block < 14) l.block = 14;
  if (l.shared && l.block > l.tiles) l.block = l.tiles;
  l.room = l.block;
  if (!l.shared && l.tiles < 2 * threads * l.block) { /* as many blocks as threads can share evenly */
    /* Fewer images may make larger blocks, but none larger than this. */
    int64_t even = (l.tiles + threads - 1) / threads;
    if (l.room > even) l.room = even;
    int64_t blocks = (l.tiles + l.block - 1) / l.block;
    blocks = (blocks + threads - 1) / threads * threads;
    l.block = (l.tiles + blocks - 1) / blocks;
  }
  return l;
}

int64_t bf_winograd_scratch(const bf_winograd *s, int threads) {
  bf_winograd all = *s;
  layout l = layout_of(&all, threads);
  return l.room * s->form->points * (l.v_row + l.m_row) * (l.shared ? 1 : threads) + 64;
}

typedef struct step_job {
  const bf_winograd *s;
  layout l;
  int64_t first, count; /* tiles */
  float *v, *m;
  int parts;
} step_job;

static void place(const bf_winograd *s, const layout *l, int64_t tile, int *image, int *top, int *left) {
  *image = (int)(tile / l->per_image);
  *top = (int)(tile % l->per_image) / l->across * s->form->tile;
  *left = (int)(tile % l->per_image) % l->across * s->form->tile;
}

static void into(const step_job *j, int64_t first, int64_t count) {
  const bf_winograd *s = j->s;
  for (int64_t t = first; t < first + count; t++) {
    int image, top, left;
    place(s, &j->l, j->first + t, &image, &top, &left);
    s->form->input(j->v + t * j->l.v_row, j->count * j->l.v_row, s->src + image * bf_map_size(s->in), s->in.h, s->in.w,
                   s->in.c, top - s->padding, left - s->padding);
  }
}

static void multiply(const step_job *j, int point) {
  const bf_winograd *s = j->s;
  bf_product q = {.rows = j->count,
                  .columns = s->out.c,
                  .outer = 1,
                  .inner = s->in.c,
                  .a = j->v + point * j->count * j->l.v_row,
                  .a_row = j->l.v_row,
                  .a_inner = 1,
                  .b = s->u + point * j->l.u_plane,
                  .next = j->l.shared ? NULL : s->u + (point + 1) % s->form->points * j->l.u_plane,
                  .next_floats = (int64_t)s->in.c * s->kernels->panel,
                  .c = j->m + point * j->count * j->l.m_row,
                  .c_row = j->l.m_row};
  s->kernels->product(&q);
}

static void back(const step_job *j, int64_t first, int64_t count) {
  const bf_winograd *s = j->s;
  for (int64_t t = first; t < first + count; t++) {
    int image, top, left;
    place(s, &j->l, j->first + t, &image, &top, &left);
    int64_t at = image * bf_map_size(s->out);
    bf_finish finish = bf_finish_at(s->finish, 0, at);
    s->form->output(s->dst + at, j->m + t * j->l.m_row, j->count * j->l.m_row, s->out.h, s->out.w, s->out.c, top, left,
                    s->add, s->finish != NULL ? &finish : NULL);
  }
}

static void own_task(void *argument, int task, int thread) {
  step_job j = *(const step_job *)argument;
  int points = j.s->form->points;
  j.first = task * j.l.block;
  j.count = j.l.tiles - j.first < j.l.block ? j.l.tiles - j.first : j.l.block;
  j.v = j.s->scratch + thread * j.l.block * points * (j.l.v_row + j.l.m_row);
  j.m = j.v + j.l.block * points * j.l.v_row;
  into(&j, 0, j.count);
  for (int point = 0; point < points; point++) multiply(&j, point);
  back(&j, 0, j.count);
}

static void into_task(void *argument, int task, int thread) {
  (void)thread;
  const step_job *j = argument;
  bf_range r = bf_part(j->count, 1, task, j->parts);
  into(j, r.first, r.count);
}

static void multiply_task(void *argument, int task, int thread) {
  (void)thread;
  multiply(argument, task);
}

static void back_task(void *argument, int task, int thread) {
  (void)thread;
  const step_job *j = argument;
  bf_range r = bf_part(j->count, 1, task, j->parts);
  back(j, r.first, r.count);
}

void bf_winograd_run(const bf_winograd *s) {
  int threads = bf_pool_threads(s->pool), points = s->form->points;
  step_job j = {.s = s, .l = layout_of(s, threads), .v = s->scratch};
  if (!j.l.shared) {
    bf_pool_run(s->pool, own_task, &j, (int)((j.l.tiles + j.l.block - 1) / j.l.block));
    return;
  }
  for (j.first = 0; j.first < j.l.tiles; j.first += j.l.block) {
    j.count = j.l.tiles - j.first < j.l.block ? j.l.tiles - j.first : j.l.block;
    j.m = j.v + j.count * points * j.l.v_row;
    j.parts = (int)(j.count < 8 * threads ? j.count : 8 * threads);
    bf_pool_run(s->pool, into_task, &j, j.parts);
    bf_pool_run(s->pool, multiply_task, &j, points);
    bf_pool_run(s->pool, back_task, &j, j.parts);
  }
}

/* ---- weights ---- */

typedef struct transform_job {
  const bf_winograd_form *form;
  float *u, *g;
  const float *from;
  int64_t count;
  int parts;
} transform_job;

static void transform_task(void *argument, int task, int thread) {
  (void)thread;
  const transform_job *j = argument;
  bf_range r = bf_part(j->count, 256, task, j->parts);
  j->form->weights(j->u + r.first, j->count, j->from + r.first, j->count, r.count);
}

static int slices_of(int64_t count) { return (int)((count + 4095) / 4096); }

void bf_winograd_transform(const bf_winograd_form *form, bf_pool *pool, float *u, const float *taps, int64_t count) {
  transform_job j = {form, u, NULL, taps, count, slices_of(count)};
  bf_pool_run(pool, transform_task, &j, j.parts);
}

static void untransform_task(void *argument, int task, int thread) {
  (void)thread;
  const transform_job *j = argument;
  bf_range r = bf_part(j->count, 256, task, j->parts);
  j->form->weights_gradient(j->g + r.first, j->count, j->from + r.first, j->count, r.count);
}

/* ---- the weights' gradient: V^T (A dY A^T) for each point, summed over tiles, then back through G ---- */

typedef struct weight_job {
  step_job step; /* m: the transformed gradient, in panels */
  float *du;
  int row_parts;
} weight_job;

static int64_t weight_block(const bf_winograd *s, const layout *l) {
  int64_t block = shared_floats / (s->form->points * (l->v_row + bf_packed(s->kernels, 1, s->out.c)));
  if (block < 14) block = 14;
  return block < l->tiles ? block : l->tiles;
}

int64_t bf_winograd_weight_scratch(const bf_winograd *s) {
  layout l = layout_of(s, 1);
  int64_t block = weight_block(s, &l);
  return s->form->points * (block * (l.v_row + bf_packed(s->kernels, 1, s->out.c)) + (int64_t)s->in.c * s->out.c) + 64;
}

static void gather_task(void *argument, int task, int thread) {
  (void)thread;
  const weight_job *w = argument;
  const step_job *j = &w->step;
  const bf_winograd *s = j->s;
  int panel = s->kernels->panel;
  bf_range r = bf_part(j->count, 1, task, j->parts);
  into(j, r.first, r.count);
  for (int64_t t = r.first; t < r.first + r.count; t++) {
    int image, top, left;
    place(s, &j->l, j->first + t, &image, &top, &left);
    s->form->gradient(j->m + t * panel, bf_packed(s->kernels, j->count, s->out.c), j->count * panel,
                      s->dst + image * bf_map_size(s->out), s->out.h, s->out.w, s->out.c, top, left);
  }
}

static void sum_task(void *argument, int task, int thread) {
  (void)thread;
  const weight_job *w = argument;
  const step_job *j = &w->step;
  const bf_winograd *s = j->s;
  int point = task / w->row_parts;
  bf_range rows = bf_part(s->in.c, 14, task % w->row_parts, w->row_parts);
  bf_product q = {.rows = rows.count,
                  .columns = s->out.c,
                  .outer = 1,
                  .inner = j->count,
                  .a = j->v + point * j->count * j->l.v_row + rows.first,
                  .a_row = 1,
                  .a_inner = j->l.v_row,
                  .b = j->m + point * bf_packed(s->kernels, j->count, s->out.c),
                  .c = w->du + ((int64_t)point * s->in.c + rows.first) * s->out.c,
                  .c_row = s->out.c,
                  .add = j->first > 0};
  s->kernels->product(&q);
}

void bf_winograd_weight(const bf_winograd *s, float *gradient) {
  int threads = bf_pool_threads(s->pool), points = s->form->points;
  weight_job w = {.step = {.s = s, .l = layout_of(s, threads)}};
  step_job *j = &w.step;
  int64_t block = weight_block(s, &j->l);
  w.du = s->scratch;
  j->v = w.du + points * (int64_t)s->in.c * s->out.c;
  j->m = j->v + points * block * j->l.v_row;
  w.row_parts = (s->in.c + row_block - 1) / row_block;
  for (j->first = 0; j->first < j->l.tiles; j->first += block) {
    j->count = j->l.tiles - j->first < block ? j->l.tiles - j->first : block;
    j->parts = (int)(j->count < 8 * threads ? j->count : 8 * threads);
    bf_pool_run(s->pool, gather_task, &w, j->parts);
    bf_pool_run(s->pool, sum_task, &w, points * w.row_parts);
  }
  int64_t count = (int64_t)s->in.c * s->out.c;
  transform_job back = {s->form, NULL, gradient, w.du, count, slices_of(count)};
  bf_pool_run(s->pool, untransform_task, &back, back.parts);
}
