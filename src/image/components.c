/* Pieces of a mask: runs of each row, joined upwards. Nothing here knows what a lesion is. */
#include "image/components.h"

#include "base/memory.h"
#include "image/mask.h"

enum { most_pieces = 1 << 22 };

typedef struct run {
  int32_t from, to; /* columns, to exclusive */
  int32_t piece;
} run;

/* A piece while it grows; a joined one lives on in its parent. */
typedef struct piece {
  int32_t parent; /* itself: a root */
  int32_t xmin, ymin, xmax, ymax;
  int64_t area, double_x,
      double_y; /* sums over pixels of twice the centre: whole numbers, so that order is no matter */
} piece;

typedef struct finder {
  piece *pieces;
  int32_t count, room;
  run *above, *row; /* the runs of two rows */
  int32_t above_count, row_count;
} finder;

/* First column from x on whose bit is `wanted` (0 or 1); columns where there is none. Whole bytes are passed over. */
static int32_t next(const uint8_t *line, int32_t x, int32_t columns, int wanted) {
  const uint8_t other = wanted ? 0x00 : 0xff;
  while (x < columns) {
    if (x % 8 == 0 && line[x / 8] == other) {
      x += 8;
      continue;
    }
    if (((line[x / 8] >> (7 - x % 8)) & 1) == wanted) return x;
    x++;
  }
  return columns;
}

static void find_runs(finder *f, const uint8_t *line, int32_t columns) {
  f->row_count = 0;
  for (int32_t x = next(line, 0, columns, 1); x < columns;) {
    int32_t end = next(line, x, columns, 0);
    f->row[f->row_count++] = (run){x, end, -1};
    x = next(line, end, columns, 1);
  }
}

static int32_t root_of(piece *pieces, int32_t at) {
  while (pieces[at].parent != at) {
    pieces[at].parent = pieces[pieces[at].parent].parent; /* halves the path for those who come later */
    at = pieces[at].parent;
  }
  return at;
}

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t most(int32_t a, int32_t b) { return a > b ? a : b; }

/* The older piece stays the root: roots then stand in the order of their first pixels. */
static int32_t join(piece *pieces, int32_t a, int32_t b) {
  a = root_of(pieces, a);
  b = root_of(pieces, b);
  if (a == b) return a;
  piece *to = &pieces[least(a, b)], *from = &pieces[most(a, b)];
  to->xmin = least(to->xmin, from->xmin);
  to->ymin = least(to->ymin, from->ymin);
  to->xmax = most(to->xmax, from->xmax);
  to->ymax = most(to->ymax, from->ymax);
  to->area += from->area;
  to->double_x += from->double_x;
  to->double_y += from->double_y;
  return from->parent = least(a, b);
}

static bf_status begin_piece(finder *f, int32_t *out, bf_error *err) {
  if (f->count == most_pieces)
    return bf_fail(err, BF_E_LIMIT, "the mask has more than %d pieces: it is noise, not lesions", most_pieces);
  if (f->count == f->room) {
    int32_t room = f->room == 0 ? 64 : 2 * f->room;
    piece *grown = bf_grow(f->pieces, (size_t)f->room, (size_t)room, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the pieces of a mask");
    f->pieces = grown;
    f->room = room;
  }
  f->pieces[f->count] = (piece){.parent = f->count, .xmin = INT32_MAX, .ymin = INT32_MAX};
  *out = f->count++;
  return BF_OK;
}

/* The root's sums are exact: at most 2^26 pixels at twice 2^15. */
static void add_run(piece *p, const run *r, int32_t y) {
  int64_t length = r->to - r->from;
  p->xmin = least(p->xmin, r->from);
  p->xmax = most(p->xmax, r->to);
  p->ymin = least(p->ymin, y);
  p->ymax = most(p->ymax, y + 1);
  p->area += length;
  p->double_x += length * (r->from + r->to);
  p->double_y += length * (2 * (int64_t)y + 1);
}

/* Each run joins every run above that touches it, corners too. */
static bf_status take_row(finder *f, int32_t y, bf_error *err) {
  int32_t k = 0;
  for (int32_t i = 0; i < f->row_count; i++) {
    run *r = &f->row[i];
    while (k < f->above_count && f->above[k].to < r->from) k++;
    for (int32_t a = k; a < f->above_count && f->above[a].from <= r->to; a++)
      r->piece = r->piece < 0 ? root_of(f->pieces, f->above[a].piece) : join(f->pieces, r->piece, f->above[a].piece);
    if (r->piece < 0) {
      bf_status status = begin_piece(f, &r->piece, err);
      if (status != BF_OK) return status;
    }
    add_run(&f->pieces[r->piece], r, y);
  }
  run *swap = f->above;
  f->above = f->row;
  f->row = swap;
  f->above_count = f->row_count;
  return BF_OK;
}

static bf_status hand_out(bf_components *out, const finder *f, bf_error *err) {
  int32_t roots = 0;
  for (int32_t i = 0; i < f->count; i++) roots += f->pieces[i].parent == i;
  out->items = bf_alloc((size_t)roots, sizeof *out->items);
  if (out->items == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %d pieces of a mask", roots);
  for (int32_t i = 0; i < f->count; i++) {
    const piece *p = &f->pieces[i];
    if (p->parent != i) continue;
    double twice = 2 * (double)p->area;
    out->items[out->count++] = (bf_component){.xmin = p->xmin,
                                              .ymin = p->ymin,
                                              .xmax = p->xmax,
                                              .ymax = p->ymax,
                                              .area = p->area,
                                              .x = (double)p->double_x / twice,
                                              .y = (double)p->double_y / twice};
  }
  return BF_OK;
}

bf_status bf_components_find(bf_components *out, const uint8_t *mask, int32_t rows, int32_t columns, bf_error *err) {
  *out = (bf_components){0};
  if (!bf_mask_size_good(rows, columns))
    return bf_fail(err, BF_E_LIMIT, "a mask of %d x %d is outside of 1 x 1 to %lld pixels", columns, rows,
                   (long long)BF_MASK_MAX_PIXELS);
  finder f = {0};
  size_t runs = ((size_t)columns + 1) / 2;
  bf_status status = BF_OK;
  f.above = bf_alloc(runs, sizeof *f.above);
  f.row = bf_alloc(runs, sizeof *f.row);
  if (f.above == NULL || f.row == NULL) status = bf_fail(err, BF_E_MEMORY, "no memory for the runs of a mask");
  for (int32_t y = 0; y < rows && status == BF_OK; y++) {
    find_runs(&f, mask + (size_t)y * bf_mask_stride(columns), columns);
    status = take_row(&f, y, err);
  }
  if (status == BF_OK) status = hand_out(out, &f, err);
  bf_free(f.above);
  bf_free(f.row);
  bf_free(f.pieces);
  return status;
}

void bf_components_clear(bf_components *components) {
  bf_free(components->items);
  *components = (bf_components){0};
}

static bool is_speck(const bf_component *one, int64_t largest, int64_t image) {
  double area = (double)one->area;
  return one->area < 9 || (area < 0.0002 * (double)image && area < 0.1 * (double)largest);
}

int32_t bf_components_drop_specks(bf_components *components, int64_t image) {
  int64_t largest = 0;
  const int32_t count = components->count;
  for (int32_t i = 0; i < count; i++)
    if (components->items[i].area > largest) largest = components->items[i].area;
  components->count = 0;
  for (int32_t i = 0; i < count; i++)
    if (!is_speck(&components->items[i], largest, image)) components->items[components->count++] = components->items[i];
  return count - components->count;
}
