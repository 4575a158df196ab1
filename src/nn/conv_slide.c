/* Windows that slide over a map. Where windows leave the map, the band of rows under work is copied into a border of
 * zeros; else the map is read in place. A tile of output pixels in one row is then a matrix with a fixed stride. */
#include <string.h>

#include "nn/conv.h"

enum {
  band_floats = 64 * 1024,
  most_fetched = 64 * 1024,
  weight_pixels = 2048,
  weight_floats = 1 << 21,
  row_block = 56
};

/* ---- bands ---- */

static bool leaves_map(const bf_slide *s) {
  return s->top < 0 || s->left < 0 || s->top + (s->rows - 1) * s->step + s->high > s->in.h ||
         s->left + (s->cols - 1) * s->step + s->wide > s->in.w;
}

/* All pixels are neighbours: one long row. */
static bool pointwise(const bf_slide *s) {
  return s->high == 1 && s->wide == 1 && s->step == 1 && s->dst_step == 1 && s->rows == s->out.h &&
         s->cols == s->out.w && !leaves_map(s);
}

static int64_t band_width(const bf_slide *s) { return (int64_t)((s->cols - 1) * s->step + s->wide) * s->in.c; }

static int64_t band_height(const bf_slide *s, int rows) { return (rows - 1) * s->step + s->high; }

static int rows_within(const bf_slide *s, int64_t floats) {
  int64_t high = floats / band_width(s), rows = (high - s->high) / s->step + 1;
  return (int)(rows < 1 ? 1 : rows > s->rows ? s->rows : rows);
}

/* Rows [first, first+count) of the band whose first output row is `row`. */
static void copy_band(const bf_slide *s, float *band, int image, int row, int64_t first, int64_t count) {
  const float *src = s->src + image * bf_map_size(s->in);
  int64_t width = band_width(s), c = s->in.c;
  int before = s->left < 0 ? -s->left : 0, from = s->left < 0 ? 0 : s->left;
  int64_t inside = width / c - before < s->in.w - from ? width / c - before : s->in.w - from;
  if (inside < 0) inside = 0;
  for (int64_t i = first; i < first + count; i++) {
    float *to = band + i * width;
    int64_t y = s->top + (int64_t)row * s->step + i;
    if (y < 0 || y >= s->in.h) {
      memset(to, 0, (size_t)width * sizeof(float));
      continue;
    }
    memset(to, 0, (size_t)(before * c) * sizeof(float));
    memcpy(to + before * c, src + (y * s->in.w + from) * c, (size_t)(inside * c) * sizeof(float));
    memset(to + (before + inside) * c, 0, (size_t)(width - (before + inside) * c) * sizeof(float));
  }
}

/* ---- the product over a band ---- */

typedef struct slide_job {
  const bf_slide *s;
  int band_rows, bands, groups; /* of columns */
} slide_job;

static slide_job job_of(const bf_slide *s, int threads) {
  slide_job job = {s, 0, 1, 1};
  int64_t panels = (s->out.c + s->kernels->panel - 1) / s->kernels->panel, wanted = 4 * (int64_t)threads;
  if (threads == 1) wanted = 1;
  job.band_rows = rows_within(s, band_floats);
  job.bands = (s->rows + job.band_rows - 1) / job.band_rows;
  if (s->n * job.bands < wanted) { /* shallow maps have many rows, deep ones many columns */
    int64_t by_rows = (wanted + s->n - 1) / s->n;
    if (panels < 8 && s->rows >= 2 * by_rows) job.bands = (int)by_rows;
    job.band_rows = (s->rows + job.bands - 1) / job.bands;
    job.bands = (s->rows + job.band_rows - 1) / job.band_rows;
    int64_t groups = (wanted + s->n * job.bands - 1) / (s->n * job.bands);
    job.groups = (int)(groups < panels ? groups : panels);
  }
  return job;
}

int64_t bf_slide_scratch(const bf_slide *s, int threads) {
  if (!leaves_map(s)) return 0;
  int64_t rows = rows_within(s, band_floats);
  return threads * band_height(s, (int)rows) * band_width(s);
}

/* One panel of columns after the other, so that it serves all rows of the band while it is in the cache. */
static void slide_task(void *argument, int task, int thread) {
  const slide_job *job = argument;
  const bf_slide *s = job->s;
  int image = task / (job->bands * job->groups), band = task / job->groups % job->bands, group = task % job->groups;
  int row = band * job->band_rows, last = row + job->band_rows < s->rows ? row + job->band_rows : s->rows;
  int64_t width = (int64_t)s->in.w * s->in.c, depth = (int64_t)s->high * s->wide * s->in.c;
  const float *a = s->src + image * bf_map_size(s->in) + (s->top + row * s->step) * width + (int64_t)s->left * s->in.c;
  if (leaves_map(s)) {
    float *copy = s->scratch + thread * band_height(s, rows_within(s, band_floats)) * band_width(s);
    copy_band(s, copy, image, row, 0, band_height(s, last - row));
    a = copy;
    width = band_width(s);
  }
  bf_range columns = bf_part(s->out.c, s->kernels->panel, group, job->groups);
  int64_t panel = depth * s->kernels->panel, share = panel / (last - row);
  for (int64_t j = columns.first; j < columns.first + columns.count; j += s->kernels->panel) {
    bool fetches = panel <= most_fetched && j + s->kernels->panel < columns.first + columns.count;
    for (int y = row; y < last; y++) {
      int64_t at = image * bf_map_size(s->out) +
                   ((int64_t)(s->dst_top + y * s->dst_step) * s->out.w + s->dst_left) * s->out.c + j;
      int64_t wide = columns.first + columns.count - j;
      bf_finish finish = bf_finish_at(s->finish, j, at);
      bf_product q = {.rows = s->cols,
                      .columns = wide < s->kernels->panel ? wide : s->kernels->panel,
                      .outer = s->high,
                      .inner = (int64_t)s->wide * s->in.c,
                      .a = a + (y - row) * s->step * width,
                      .a_row = (int64_t)s->step * s->in.c,
                      .a_outer = width,
                      .a_inner = 1,
                      .b = s->packed + j * depth,
                      .next = fetches ? s->packed + (j + s->kernels->panel) * depth + share * (y - row) : NULL,
                      .next_floats = share,
                      .c = s->dst + at,
                      .c_row = (int64_t)s->dst_step * s->out.c,
                      .add = s->add,
                      .finish = s->finish != NULL ? &finish : NULL};
      s->kernels->product(&q);
    }
  }
}

/* ---- 1x1: one product over all pixels of the batch ---- */

typedef struct point_job {
  const bf_slide *s;
  int64_t rows;
  int blocks, groups;
} point_job;

static void point_task(void *argument, int task, int thread) {
  (void)thread;
  const point_job *job = argument;
  const bf_slide *s = job->s;
  bf_range rows = bf_part(job->rows, 14, task / job->groups, job->blocks),
           columns = bf_part(s->out.c, s->kernels->panel, task % job->groups, job->groups);
  int64_t c = s->in.c, k = s->out.c, at = rows.first * k + columns.first;
  bf_finish finish = bf_finish_at(s->finish, columns.first, at);
  bf_product q = {.rows = rows.count,
                  .columns = columns.count,
                  .outer = 1,
                  .inner = c,
                  .a = s->src + rows.first * c,
                  .a_row = c,
                  .a_inner = 1,
                  .b = s->packed + columns.first * c,
                  .c = s->dst + at,
                  .c_row = k,
                  .add = s->add,
                  .finish = s->finish != NULL ? &finish : NULL};
  s->kernels->product(&q);
}

/* Parts of `steps` equal steps: at least `least`, and if it can be, all alike. */
static int even_parts(int64_t steps, int64_t least) {
  if (least >= steps) return (int)steps;
  for (int64_t parts = least; parts < 2 * least && parts <= steps; parts++)
    if (steps % parts == 0) return (int)parts;
  return (int)least;
}

/* Blocks of rows that stay in the cache, and so many tasks that the last ones to end keep few waiting. */
static void point_run(const bf_slide *s) {
  enum { tile = 14, most_tiles = 32, tasks_each = 8 };
  int threads = bf_pool_threads(s->pool);
  point_job job = {s, (int64_t)s->n * s->out.h * s->out.w, 1, 1};
  int64_t tiles = (job.rows + tile - 1) / tile, panels = (s->out.c + s->kernels->panel - 1) / s->kernels->panel;
  int64_t block = band_floats / (tile * (int64_t)s->in.c), wanted = threads > 1 ? tasks_each * threads : 1;
  block = block < 2 ? 2 : block > most_tiles ? most_tiles : block;
  int64_t blocks = (tiles + block - 1) / block, groups = (wanted + blocks - 1) / blocks;
  job.groups = even_parts(panels, groups);
  blocks = blocks * job.groups < wanted ? (wanted + job.groups - 1) / job.groups : blocks;
  job.blocks = even_parts(tiles, blocks);
  bf_pool_run(s->pool, point_task, &job, job.blocks * job.groups);
}

/* Pixels of the destination that no window feeds. */
static void clear_task(void *argument, int image, int thread) {
  (void)thread;
  const bf_slide *s = argument;
  for (int y = 0; y < s->rows; y++)
    for (int x = 0; x < s->cols; x++)
      memset(s->dst + image * bf_map_size(s->out) +
                 ((int64_t)(s->dst_top + y * s->dst_step) * s->out.w + s->dst_left + x * s->dst_step) * s->out.c,
             0, (size_t)s->out.c * sizeof(float));
}

void bf_slide_run(const bf_slide *s) {
  if (s->rows <= 0 || s->cols <= 0) return;
  if (s->high == 0 || s->wide == 0) {
    if (!s->add) bf_pool_run(s->pool, clear_task, (void *)(uintptr_t)s, s->n);
    return;
  }
  if (pointwise(s)) {
    point_run(s);
    return;
  }
  slide_job job = job_of(s, bf_pool_threads(s->pool));
  bf_pool_run(s->pool, slide_task, &job, s->n * job.bands * job.groups);
}

/* ---- the weights' gradient ---- */

/* A chunk of output pixels: the band of the source under them and their gradient, packed, are shared by all tasks. */
typedef struct weight_job {
  const bf_slide *s;
  float *gradient, *band, *packed;
  int image, row, rows; /* pointwise: row and rows count pixels of the batch */
  bool first;
  int copies; /* tasks that copy */
  int row_parts, groups;
} weight_job;

static int64_t chunk_rows(const bf_slide *s) {
  if (pointwise(s)) {
    int64_t all = (int64_t)s->n * s->out.h * s->out.w;
    return all < weight_pixels ? all : weight_pixels;
  }
  int rows = rows_within(s, weight_floats), wanted = (weight_pixels + s->cols - 1) / s->cols;
  return rows < wanted ? rows : wanted;
}

static int64_t chunk_pixels(const bf_slide *s) { return pointwise(s) ? chunk_rows(s) : chunk_rows(s) * s->cols; }

int64_t bf_slide_weight_scratch(const bf_slide *s) {
  int64_t band = leaves_map(s) ? band_height(s, (int)chunk_rows(s)) * band_width(s) : 0;
  return band + 16 + bf_packed(s->kernels, chunk_pixels(s), s->out.c);
}

static void gather_task(void *argument, int task, int thread) {
  (void)thread;
  const weight_job *job = argument;
  const bf_slide *s = job->s;
  if (task < job->copies) {
    bf_range part = bf_part(band_height(s, job->rows), 1, task, job->copies);
    copy_band(s, job->band, job->image, job->row, part.first, part.count);
    return;
  }
  int64_t j = (int64_t)(task - job->copies) * s->kernels->panel,
          wide = s->out.c - j < s->kernels->panel ? s->out.c - j : s->kernels->panel;
  bool points = pointwise(s);
  int64_t pixels = points ? job->rows : (int64_t)job->rows * s->cols;
  int64_t at =
      points ? (int64_t)job->row * s->out.c : job->image * bf_map_size(s->out) + (int64_t)job->row * s->cols * s->out.c;
  s->kernels->pack(job->packed + j * pixels, s->dst + at + j, s->out.c, false, pixels, wide, pixels);
}

static void weight_task(void *argument, int task, int thread) {
  (void)thread;
  const weight_job *job = argument;
  const bf_slide *s = job->s;
  bool points = pointwise(s);
  int64_t run = (int64_t)s->wide * s->in.c, width = (int64_t)s->in.w * s->in.c, columns = s->out.c;
  int group = task % job->groups, part = task / job->groups % job->row_parts, tap = task / job->groups / job->row_parts;
  bf_range rows = bf_part(run, 14, part, job->row_parts),
           wide = bf_part(columns, s->kernels->panel, group, job->groups);
  const float *a;
  if (points) {
    a = s->src + job->row * run;
  } else if (leaves_map(s)) {
    width = band_width(s);
    a = job->band;
  } else {
    a = s->src + job->image * bf_map_size(s->in) + (s->top + (int64_t)job->row * s->step) * width +
        (int64_t)s->left * s->in.c;
  }
  int64_t pixels = points ? job->rows : (int64_t)job->rows * s->cols;
  bf_product q = {.rows = rows.count,
                  .columns = wide.count,
                  .outer = points ? 1 : job->rows,
                  .inner = points ? job->rows : s->cols,
                  .a = a + tap * width + rows.first,
                  .a_row = 1,
                  .a_outer = s->step * width,
                  .a_inner = (int64_t)s->step * s->in.c,
                  .b = job->packed + wide.first * pixels,
                  .c = job->gradient + (tap * run + rows.first) * columns + wide.first,
                  .c_row = columns,
                  .add = !job->first};
  s->kernels->product(&q);
}

static void weight_chunk(weight_job *job) {
  const bf_slide *s = job->s;
  int panels = (s->out.c + s->kernels->panel - 1) / s->kernels->panel;
  bf_pool_run(s->pool, gather_task, job, job->copies + panels);
  bf_pool_run(s->pool, weight_task, job, s->high * job->row_parts * job->groups);
  job->first = false;
}

void bf_slide_weight(const bf_slide *s, float *gradient) {
  int64_t run = (int64_t)s->wide * s->in.c;
  int threads = bf_pool_threads(s->pool), panels = (s->out.c + s->kernels->panel - 1) / s->kernels->panel;
  weight_job job = {.s = s, .gradient = gradient, .band = s->scratch, .first = true};
  job.copies = leaves_map(s) ? threads : 0;
  int64_t band = leaves_map(s) ? band_height(s, (int)chunk_rows(s)) * band_width(s) : 0;
  job.packed = s->scratch + (band + 15) / 16 * 16;
  job.row_parts = (int)((run + row_block - 1) / row_block);
  job.groups = s->high * job.row_parts < 4 * threads ? panels : panels / 16 > 0 ? panels / 16 : 1;
  int64_t step = chunk_rows(s);
  if (pointwise(s)) {
    int64_t all = (int64_t)s->n * s->out.h * s->out.w;
    for (int64_t row = 0; row < all; row += step) {
      job.row = (int)row;
      job.rows = (int)(all - row < step ? all - row : step);
      weight_chunk(&job);
    }
    return;
  }
  for (job.image = 0; job.image < s->n; job.image++)
    for (job.row = 0; job.row < s->rows; job.row += (int)step) {
      job.rows = s->rows - job.row < step ? s->rows - job.row : (int)step;
      weight_chunk(&job);
    }
}
