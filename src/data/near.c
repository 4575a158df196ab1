/* Tables of fingerprints in many orders, a batch of tables at a time: candidates are looked for in parallel and joined
 * in the order of the tables. */
#include "data/near.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

enum { tables = 64, window = 64, key_bits = 64, place_bits = 48 };

typedef struct entry {
  uint64_t key;
  int64_t at;
} entry;

/* One table at work. */
typedef struct table {
  int number;
  entry *entries;
  bf_near_pair *found;
  int64_t found_count;
} table;

typedef struct search {
  const bf_fingerprint *prints;
  const int64_t *same;
  int64_t count;
  int most;
  table *tables;        /* of a batch */
  uint64_t *neighbours; /* [count][BF_NEAR_MOST], of each picture those behind it: distance << place_bits | place */
  int8_t *neighbour_count;
  bool *crowded; /* a farther one was left out */
  int64_t pairs;
} search;

static int by_key(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

/* Which bits the table looks at, and in which order. */
static void choose_bits(int bits[key_bits], int number) {
  int64_t order[BF_FINGERPRINT_BITS];
  for (int i = 0; i < BF_FINGERPRINT_BITS; i++) order[i] = i;
  bf_rng rng = bf_rng_make(0x6e656172, (uint64_t)number, 0);
  bf_rng_shuffle(&rng, order, BF_FINGERPRINT_BITS);
  for (int i = 0; i < key_bits; i++) bits[i] = (int)order[i];
}

static uint64_t key_of(const bf_fingerprint *print, const int bits[key_bits]) {
  uint64_t key = 0;
  for (int i = 0; i < key_bits; i++) key = key << 1 | (print->words[bits[i] / 64] >> (bits[i] % 64) & 1);
  return key;
}

static bool is_pair(const search *s, int64_t a, int64_t b, int *distance) {
  if (s->same != NULL && s->same[a] == s->same[b]) return false;
  /* Most pairs are far apart, and are seen to be before all words are counted. */
  *distance = 0;
  for (int i = 0; i < BF_FINGERPRINT_BITS / 64 && *distance <= s->most; i++)
    *distance += __builtin_popcountll(s->prints[a].words[i] ^ s->prints[b].words[i]);
  return *distance <= s->most;
}

static void look_through(void *argument, int task, int thread) {
  const search *s = argument;
  table *t = &s->tables[task];
  int bits[key_bits];
  (void)thread;
  choose_bits(bits, t->number);
  for (int64_t i = 0; i < s->count; i++) t->entries[i] = (entry){key_of(&s->prints[i], bits), i};
  qsort(t->entries, (size_t)s->count, sizeof *t->entries, by_key);
  t->found_count = 0;
  for (int64_t i = 0; i < s->count; i++) {
    int distance;
    for (int64_t k = i + 1; k < s->count && k <= i + window; k++) {
      int64_t a = t->entries[i].at, b = t->entries[k].at;
      if (!is_pair(s, a, b, &distance)) continue;
      t->found[t->found_count++] = (bf_near_pair){a < b ? a : b, a < b ? b : a, distance};
    }
  }
}

/* The nearest are kept, of equal ones the first: in whatever order they are found. */
static void keep_pair(search *s, const bf_near_pair *p) {
  uint64_t *of = s->neighbours + p->a * BF_NEAR_MOST, one = (uint64_t)p->distance << place_bits | (uint64_t)p->b;
  int count = s->neighbour_count[p->a], farthest = 0;
  for (int i = 0; i < count; i++) {
    if (of[i] == one) return;
    if (of[i] > of[farthest]) farthest = i;
  }
  if (count < BF_NEAR_MOST) {
    of[s->neighbour_count[p->a]++] = one;
    s->pairs++;
    return;
  }
  s->crowded[p->a] = true;
  if (one < of[farthest]) of[farthest] = one;
}

static bool make_tables(search *s, int n) {
  s->tables = bf_alloc((size_t)n, sizeof *s->tables);
  bool good = s->tables != NULL;
  for (int i = 0; i < n && good; i++) {
    s->tables[i].entries = bf_alloc((size_t)s->count, sizeof(entry));
    /* Pages are touched where pairs are found, so this costs what there is. */
    s->tables[i].found = bf_alloc_raw((size_t)s->count * window, sizeof(bf_near_pair));
    good = s->tables[i].entries != NULL && s->tables[i].found != NULL;
  }
  s->neighbours = bf_alloc_raw((size_t)s->count * BF_NEAR_MOST, sizeof *s->neighbours);
  s->neighbour_count = bf_alloc((size_t)s->count, 1);
  s->crowded = bf_alloc((size_t)s->count, sizeof *s->crowded);
  return good && s->neighbours && s->neighbour_count && s->crowded;
}

static void search_clear(search *s, int n) {
  for (int i = 0; i < n && s->tables != NULL; i++) {
    bf_free(s->tables[i].entries);
    bf_free(s->tables[i].found);
  }
  bf_free(s->tables);
  bf_free(s->neighbours);
  bf_free(s->neighbour_count);
  bf_free(s->crowded);
}

static int by_pair(const void *a, const void *b) {
  const bf_near_pair *x = a, *y = b;
  return x->b < y->b ? -1 : x->b > y->b;
}

static bf_status list_pairs(bf_near_pairs *out, const search *s, bf_error *err) {
  out->items = bf_alloc((size_t)s->pairs, sizeof *out->items);
  if (out->items == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld alike pictures", (long long)s->pairs);
  for (int64_t a = 0; a < s->count; a++) {
    bf_near_pair *first = out->items + out->count;
    for (int i = 0; i < s->neighbour_count[a]; i++) {
      uint64_t one = s->neighbours[a * BF_NEAR_MOST + i];
      out->items[out->count++] =
          (bf_near_pair){a, (int64_t)(one & ((UINT64_C(1) << place_bits) - 1)), (int)(one >> place_bits)};
    }
    qsort(first, (size_t)s->neighbour_count[a], sizeof *first, by_pair);
    out->crowded += s->crowded[a];
  }
  return BF_OK;
}

bf_status bf_near_find(bf_near_pairs *out, const bf_fingerprint *prints, const int64_t *same, int64_t count, int most,
                       bf_pool *pool, bf_error *err) {
  int batch = bf_pool_threads(pool);
  search s = {.prints = prints, .same = same, .count = count, .most = most};
  *out = (bf_near_pairs){0};
  if (count < 2) return BF_OK;
  bf_status status = make_tables(&s, batch)
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory to compare %lld pictures", (long long)count);
  for (int first = 0; first < tables && status == BF_OK; first += batch) {
    int n = tables - first < batch ? tables - first : batch;
    for (int i = 0; i < n; i++) s.tables[i].number = first + i;
    bf_pool_run(pool, look_through, &s, n);
    for (int i = 0; i < n; i++)
      for (int64_t k = 0; k < s.tables[i].found_count; k++) keep_pair(&s, &s.tables[i].found[k]);
  }
  if (status == BF_OK) status = list_pairs(out, &s, err);
  search_clear(&s, batch);
  return status;
}

void bf_near_clear(bf_near_pairs *pairs) {
  bf_free(pairs->items);
  *pairs = (bf_near_pairs){0};
}
