/* Orders of epochs. */
#include "data/order.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"

enum { classes = 3, combinations = 1 << BF_LABEL_KINDS }; /* benign, malignant, unknown; of kinds */

typedef struct place {
  double at; /* 0 to 1: where in the epoch */
  int64_t entry;
} place;

struct bf_order {
  const bf_dataset *data;
  bf_order_options options;
  int64_t *members, count; /* rows of the part */
  int64_t have[classes];
  bool partial;          /* a wanted label is not known of some members */
  int64_t *times, *pool; /* of each row of the data, how often it was taken; of members */
  place *places;
};

static int class_of(const bf_dataset *data, int64_t row) {
  int malignant = bf_dataset_record(data, row)->malignant;
  return malignant < 0 ? 2 : malignant;
}

static unsigned known_of(const bf_order *o, int64_t row) {
  return bf_record_knows(bf_dataset_record(o->data, row)) & o->options.wanted;
}

bf_status bf_order_create(bf_order **out, const bf_dataset *data, const uint8_t *part, uint8_t which,
                          const bf_order_options *options, bf_error *err) {
  size_t rows = (size_t)bf_dataset_count(data);
  bf_order *o = bf_alloc(1, sizeof *o);
  *out = NULL;
  if (o == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the order of rows");
  *o = (bf_order){.data = data,
                  .options = *options,
                  .members = bf_alloc(rows, sizeof *o->members),
                  .times = bf_alloc(rows, sizeof *o->times),
                  .pool = bf_alloc(rows, sizeof *o->pool),
                  .places = bf_alloc(rows, sizeof *o->places)};
  if (!o->members || !o->times || !o->pool || !o->places) {
    bf_order_destroy(o);
    return bf_fail(err, BF_E_MEMORY, "no memory for the order of %zu rows", rows);
  }
  for (int64_t i = 0; i < (int64_t)rows; i++) {
    if (part[i] != which) continue;
    o->members[o->count++] = i;
    o->have[class_of(data, i)]++;
    o->partial = o->partial || known_of(o, i) != options->wanted;
  }
  *out = o;
  return BF_OK;
}

void bf_order_destroy(bf_order *o) {
  if (o == NULL) return;
  bf_free(o->members);
  bf_free(o->times);
  bf_free(o->pool);
  bf_free(o->places);
  bf_free(o);
}

/* An entry of an order while it is made: the row, and above it which time it comes, so that both are shuffled as one.
 */
enum { repeat_shift = 40 };

static int64_t row_of(int64_t entry) { return entry & ((INT64_C(1) << repeat_shift) - 1); }

/* ---- classes in equal shares ---- */

/* `share` places for one class: a random choice of its rows when it has more (reservoir sampling, Vitter 1985,
 * algorithm R), else all of them over and over. */
static void draw_class(const bf_order *o, int64_t *order, int64_t share, int class, bf_rng *rng) {
  int64_t seen = 0;
  for (int64_t i = 0; i < o->count; i++) {
    if (class_of(o->data, o->members[i]) != class) continue;
    int64_t slot = seen < share ? seen : (int64_t)bf_rng_below(rng, (uint64_t)seen + 1);
    if (slot < share) order[slot] = o->members[i];
    seen++;
  }
  int64_t have = seen < share ? seen : share;
  bf_rng_shuffle(rng, order, have);
  for (int64_t k = have; k < share; k++) order[k] = order[k - have] + (INT64_C(1) << repeat_shift);
}

/* Rows of unknown class keep their share; the rest is dealt to the known classes in equal parts. */
static void draw_balanced(const bf_order *o, int64_t *order, bf_rng *rng) {
  int64_t unknown = o->have[classes - 1], rest = o->count - unknown, first = rest / 2;
  if (o->have[0] == 0) first = 0;
  if (o->have[1] == 0) first = rest;
  draw_class(o, order, first, 0, rng);
  draw_class(o, order + first, rest - first, 1, rng);
  draw_class(o, order + rest, unknown, classes - 1, rng);
}

/* ---- rare labels ---- */

/* How often each row stands in the order. */
static void count_times(bf_order *o, const int64_t *order) {
  for (int64_t i = 0; i < o->count; i++) o->times[o->members[i]] = 0;
  for (int64_t i = 0; i < o->count; i++) o->times[row_of(order[i])]++;
}

/* What stands in o->pool: members with a label. by_turns: benign ones first, then malignant ones, to be taken by turns;
 * else in any order. */
typedef struct pool {
  int64_t count, benign, malignant;
  bool by_turns;
} pool;

static pool fill_pool(bf_order *o, unsigned kind, bf_rng *rng) {
  int64_t n = 0, begins[classes];
  for (int class = 0; class < classes; class ++) {
    begins[class] = n;
    for (int64_t i = 0; i < o->count; i++)
      if ((known_of(o, o->members[i]) & kind) && class_of(o->data, o->members[i]) == class)
        o->pool[n++] = o->members[i];
    bf_rng_shuffle(rng, o->pool + begins[class], n - begins[class]);
  }
  pool p = {.count = n, .benign = begins[1] - begins[0], .malignant = begins[2] - begins[1]};
  p.by_turns = o->options.balanced && p.benign > 0 && p.malignant > 0;
  if (!p.by_turns) bf_rng_shuffle(rng, o->pool, n);
  return p;
}

/* The k-th row to be repeated. */
static int64_t choose(const bf_order *o, const pool *p, int64_t k) {
  if (!p->by_turns) return o->pool[k % p->count];
  return k % 2 == 0 ? o->pool[k / 2 % p->benign] : o->pool[p->benign + k / 2 % p->malignant];
}

/* Places whose rows lack the label go to rows that have it, those that have no other rare label first. */
static void raise_share(bf_order *o, int64_t *order, unsigned kind, unsigned rare, bf_rng *rng) {
  int64_t labelled = 0, added = 0, least = (int64_t)ceil(o->options.rare * (double)o->count);
  for (int64_t i = 0; i < o->count; i++) labelled += (known_of(o, row_of(order[i])) & kind) != 0;
  if (labelled == 0 || labelled >= least) return;
  count_times(o, order);
  pool p = fill_pool(o, kind, rng);
  bf_rng_shuffle(rng, order, o->count);
  for (int pass = 0; pass < 2; pass++)
    for (int64_t i = 0; i < o->count && labelled < least; i++) {
      unsigned known = known_of(o, row_of(order[i]));
      if ((known & kind) || (pass == 0 && (known & rare))) continue;
      int64_t row = choose(o, &p, added++);
      order[i] = row + (o->times[row]++ << repeat_shift);
      labelled++;
    }
}

static void raise_rare(bf_order *o, int64_t *order, bf_rng *rng) {
  unsigned rare = 0;
  for (int k = 0; k < BF_LABEL_KINDS; k++) {
    int64_t labelled = 0;
    for (int64_t i = 0; i < o->count; i++) labelled += (known_of(o, o->members[i]) & (1u << k)) != 0;
    if ((double)labelled < o->options.rare * (double)o->count) rare |= 1u << k;
  }
  for (int k = 0; k < BF_LABEL_KINDS; k++)
    if (o->options.wanted & rare & (1u << k)) raise_share(o, order, 1u << k, rare, rng);
}

/* ---- spreading ---- */

static int by_place(const void *a, const void *b) {
  const place *p = a, *q = b;
  if (p->at != q->at) return p->at < q->at ? -1 : 1;
  return (p->entry > q->entry) - (p->entry < q->entry);
}

/* Entry i of n alike comes somewhere in the i-th n-th of the epoch. */
static void spread(bf_order *o, int64_t *order, bf_rng *rng) {
  int64_t count[combinations] = {0}, taken[combinations] = {0};
  bf_rng_shuffle(rng, order, o->count);
  for (int64_t i = 0; i < o->count; i++) count[known_of(o, row_of(order[i]))]++;
  for (int64_t i = 0; i < o->count; i++) {
    unsigned kind = known_of(o, row_of(order[i]));
    o->places[i] = (place){((double)taken[kind]++ + bf_rng_uniform(rng)) / (double)count[kind], order[i]};
  }
  qsort(o->places, (size_t)o->count, sizeof *o->places, by_place);
  for (int64_t i = 0; i < o->count; i++) order[i] = o->places[i].entry;
}

int64_t bf_order_draw(bf_order *o, int64_t *rows, int64_t *repeats, int64_t epoch) {
  bf_rng rng = bf_rng_make(o->options.seed, UINT64_C(0x6f72646572), (uint64_t)epoch); /* "order": its own stream */
  for (int64_t i = 0; i < o->count; i++) rows[i] = o->members[i];
  if (o->options.balanced) draw_balanced(o, rows, &rng);
  if (o->partial && o->options.rare > 0) raise_rare(o, rows, &rng);
  if (o->partial)
    spread(o, rows, &rng);
  else
    bf_rng_shuffle(&rng, rows, o->count);
  for (int64_t k = 0; k < o->count; k++) {
    if (repeats != NULL) repeats[k] = rows[k] >> repeat_shift;
    rows[k] = row_of(rows[k]);
  }
  return o->count;
}
