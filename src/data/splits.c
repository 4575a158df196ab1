/* Folds and validation parts: groups of rows (a patient; a study where patients are not known; else the row itself)
 * dealt to bins so that each class is spread evenly. */
#include "data/splits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

enum { classes = 3 }; /* benign, malignant, unknown */

typedef struct group {
  int64_t first; /* first row of it */
  int64_t count[classes];
  int64_t size;
  int64_t draw;  /* place in the shuffled order */
  uint8_t split; /* given by its records, bf_split */
  int bin;       /* -1: not dealt */
} group;

typedef struct grouping {
  group *groups;
  int64_t count;
  int64_t *of_row; /* group of each row, -1 for rows that are not used */
} grouping;

static void grouping_clear(grouping *g) {
  bf_free(g->groups);
  bf_free(g->of_row);
}

typedef struct row_key {
  const char *text; /* patient or study; "" is nobody's */
  int64_t row;
} row_key;

static int by_key(const void *a, const void *b) {
  const row_key *p = a, *q = b;
  int order = strcmp(p->text, q->text);
  return order != 0 ? order : (p->row > q->row) - (p->row < q->row);
}

/* Rows that belong together point to an earlier one of them; the first points to itself. */
static int64_t first_of(int64_t *first, int64_t row) {
  while (first[row] != row) row = first[row] = first[first[row]];
  return row;
}

static void unite(int64_t *first, int64_t a, int64_t b) {
  a = first_of(first, a), b = first_of(first, b);
  if (a < b)
    first[b] = a;
  else
    first[a] = b;
}

static void unite_patients(int64_t *first, row_key *keys, int64_t n, const bf_dataset *data) {
  for (int64_t i = 0; i < n; i++) keys[i].text = bf_dataset_record(data, keys[i].row)->patient;
  qsort(keys, (size_t)n, sizeof *keys, by_key);
  for (int64_t i = 1; i < n; i++)
    if (keys[i].text[0] != '\0' && strcmp(keys[i].text, keys[i - 1].text) == 0)
      unite(first, keys[i - 1].row, keys[i].row);
}

/* A study is one patient's. It says more than the patients' keys only where one of its rows has none. */
static void unite_studies(int64_t *first, row_key *keys, int64_t n, const bf_dataset *data) {
  for (int64_t i = 0; i < n; i++) keys[i].text = bf_dataset_record(data, keys[i].row)->study_instance_uid;
  qsort(keys, (size_t)n, sizeof *keys, by_key);
  for (int64_t i = 0, end; i < n; i = end) {
    bool unknown = false;
    for (end = i; end < n && strcmp(keys[end].text, keys[i].text) == 0; end++)
      unknown = unknown || bf_dataset_record(data, keys[end].row)->patient[0] == '\0';
    for (int64_t k = i + 1; k < end && unknown && keys[i].text[0] != '\0'; k++) unite(first, keys[i].row, keys[k].row);
  }
}

static int class_of(const bf_record *record) { return record->malignant < 0 ? 2 : record->malignant; }

static bf_status take_split(group *g, const bf_dataset *data, int64_t row, bf_error *err) {
  uint8_t split = bf_dataset_record(data, row)->split;
  if (split == BF_SPLIT_NONE) return BF_OK;
  if (g->split != BF_SPLIT_NONE && g->split != split)
    return bf_fail(err, BF_E_ARGUMENT,
                   "the labels give two splits to the images of one patient (rows %lld and %lld of the dataset); "
                   "give all of a patient's images the same split",
                   (long long)g->first, (long long)row);
  g->split = split;
  return BF_OK;
}

/* Groups are numbered by their first row, not by hash: the deal must not change with the key of the patient hash. */
static bf_status grouping_make(grouping *g, const bf_dataset *data, const uint8_t *use, bf_error *err) {
  int64_t rows = bf_dataset_count(data), n = 0;
  *g = (grouping){0};
  row_key *keys = bf_alloc((size_t)rows, sizeof *keys);
  int64_t *first = bf_alloc((size_t)rows, sizeof *first);
  g->groups = bf_alloc((size_t)rows, sizeof *g->groups);
  g->of_row = bf_alloc((size_t)rows, sizeof *g->of_row);
  bf_status status = keys && first && g->groups && g->of_row
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory to split %lld rows", (long long)rows);
  if (status != BF_OK) goto out;
  for (int64_t i = 0; i < rows; i++) {
    g->of_row[i] = -1;
    first[i] = i;
    if (use == NULL || use[i] != 0) keys[n++] = (row_key){"", i};
  }
  unite_patients(first, keys, n, data);
  unite_studies(first, keys, n, data);
  for (int64_t i = 0; i < rows && status == BF_OK; i++) {
    if (use != NULL && use[i] == 0) continue;
    int64_t leader = first_of(first, i), at = leader == i ? g->count++ : g->of_row[leader];
    group *mine = &g->groups[at];
    if (leader == i) *mine = (group){.first = i, .bin = -1};
    g->of_row[i] = at;
    mine->count[class_of(bf_dataset_record(data, i))]++;
    mine->size++;
    status = take_split(mine, data, i, err);
  }
out:
  bf_free(keys);
  bf_free(first);
  if (status != BF_OK) grouping_clear(g);
  return status;
}

static int by_size(const void *a, const void *b) {
  const group *const *p = a, *const *q = b;
  if ((*p)->size != (*q)->size) return (*p)->size > (*q)->size ? -1 : 1;
  return ((*p)->draw > (*q)->draw) - ((*p)->draw < (*q)->draw);
}

typedef struct bin {
  double share; /* of all rows that it should get */
  double count[classes];
} bin;

/* How much worse the balance gets when the group joins the bin: growth of the sum of squares, each class measured
 * against its own total and the bin's share. */
static double growth(const bin *b, const group *g, const double total[classes]) {
  double sum = 0;
  for (int c = 0; c < classes; c++) {
    double n = (double)g->count[c];
    if (total[c] > 0) sum += n * (n + 2 * b->count[c]) / (b->share * total[c]);
  }
  return sum;
}

static double filled(const bin *b) {
  double rows = 0;
  for (int c = 0; c < classes; c++) rows += b->count[c];
  return rows / b->share;
}

/* Of bins that it disturbs alike the emptier one, so that none stays empty while a class is rarer than bins. */
static bool is_better(const bin *a, const bin *b, const group *g, const double total[classes]) {
  double one = growth(a, g, total), other = growth(b, g, total), slack = 1e-9 * (one + other);
  if (fabs(one - other) > slack) return one < other;
  return filled(a) < filled(b) * (1 - 1e-9);
}

/* Deals the groups marked with bin -1: larger groups first, equal ones in shuffled order, each to the bin that it
 * disturbs least. */
static bf_status deal(grouping *g, bin *bins, int bin_count, uint64_t seed, bf_error *err) {
  int64_t *order = bf_alloc((size_t)g->count, sizeof *order), n = 0;
  group **sorted = bf_alloc((size_t)g->count, sizeof(group *));
  double total[classes] = {0};
  bf_status status =
      order && sorted ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to split %lld patients", (long long)g->count);
  if (status != BF_OK) goto out;
  for (int64_t i = 0; i < g->count; i++) order[i] = i;
  bf_rng rng = bf_rng_make(seed, 0x73706c6974, 0); /* a stream of its own: "split" */
  bf_rng_shuffle(&rng, order, g->count);
  for (int64_t i = 0; i < g->count; i++) g->groups[order[i]].draw = i;
  for (int64_t i = 0; i < g->count; i++) {
    if (g->groups[i].bin >= 0) continue;
    sorted[n++] = &g->groups[i];
    for (int c = 0; c < classes; c++) total[c] += (double)g->groups[i].count[c];
  }
  qsort(sorted, (size_t)n, sizeof *sorted, by_size);
  for (int64_t i = 0; i < n; i++) {
    int best = 0;
    for (int b = 1; b < bin_count; b++)
      if (is_better(&bins[b], &bins[best], sorted[i], total)) best = b;
    sorted[i]->bin = best;
    for (int c = 0; c < classes; c++) bins[best].count[c] += (double)sorted[i]->count[c];
  }
out:
  bf_free(order);
  bf_free(sorted);
  return status;
}

bf_status bf_folds_assign(int *fold, const bf_dataset *data, int folds, uint64_t seed, bf_error *err) {
  grouping g;
  if (folds < 2) return bf_fail(err, BF_E_ARGUMENT, "%d folds: two or more are needed", folds);
  bf_status status = grouping_make(&g, data, NULL, err);
  if (status != BF_OK) return status;
  int64_t free_groups = 0;
  enum { kept_out = 1 << 30 };
  for (int64_t i = 0; i < g.count; i++) {
    if (g.groups[i].split == BF_SPLIT_TEST)
      g.groups[i].bin = kept_out;
    else
      free_groups++;
  }
  bin *bins = bf_alloc((size_t)folds, sizeof *bins);
  if (bins == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for %d folds", folds);
  else if (free_groups < folds)
    status = bf_fail(err, BF_E_ARGUMENT, "%d folds: the dataset has only %lld patients to deal out; take fewer folds",
                     folds, (long long)free_groups);
  for (int i = 0; i < folds && status == BF_OK; i++) bins[i].share = 1.0 / folds;
  if (status == BF_OK) status = deal(&g, bins, folds, seed, err);
  for (int64_t i = 0; i < bf_dataset_count(data) && status == BF_OK; i++) {
    int mine = g.groups[g.of_row[i]].bin;
    fold[i] = mine == kept_out ? -1 : mine;
  }
  bf_free(bins);
  grouping_clear(&g);
  return status;
}

bf_status bf_split_validation(uint8_t *part, const bf_dataset *data, const uint8_t *use, double fraction, uint64_t seed,
                              bf_error *err) {
  enum { train, validation, kept_out };
  static const uint8_t part_of[] = {BF_SPLIT_TRAIN, BF_SPLIT_VALIDATION, BF_SPLIT_NONE};
  if (!(fraction >= 0 && fraction < 1))
    return bf_fail(err, BF_E_ARGUMENT, "validation: %g is not from 0 to below 1", fraction);
  grouping g;
  bf_status status = grouping_make(&g, data, use, err);
  if (status != BF_OK) return status;
  bool given = false;
  for (int64_t i = 0; i < g.count; i++) given = given || g.groups[i].split == BF_SPLIT_VALIDATION;
  for (int64_t i = 0; i < g.count; i++) {
    group *mine = &g.groups[i];
    if (mine->split == BF_SPLIT_TEST)
      mine->bin = kept_out;
    else if (mine->split == BF_SPLIT_VALIDATION)
      mine->bin = validation;
    else if (mine->split == BF_SPLIT_TRAIN || given || fraction == 0) /* a given validation part is the whole of it */
      mine->bin = train;
  }
  bin bins[2] = {{.share = 1 - fraction}, {.share = fraction}};
  status = deal(&g, bins, 2, seed, err);
  for (int64_t i = 0; i < bf_dataset_count(data) && status == BF_OK; i++)
    part[i] = g.of_row[i] < 0 ? BF_SPLIT_NONE : part_of[g.groups[g.of_row[i]].bin];
  grouping_clear(&g);
  return status;
}

/* A place of a group in the order that thinning takes a prefix of: classes evenly mixed, shuffled within. */
typedef struct place {
  double at; /* 0 to 1 within its class */
  int64_t draw, group;
} place;

static int by_place(const void *a, const void *b) {
  const place *p = a, *q = b;
  if (p->at != q->at) return p->at < q->at ? -1 : 1;
  return (p->draw > q->draw) - (p->draw < q->draw);
}

static int class_of_group(const group *g) { return g->count[1] > 0 ? 1 : g->count[0] > 0 ? 0 : 2; }

static void order_groups(place *order, const grouping *g, int64_t *shuffled, uint64_t seed) {
  int64_t total[classes] = {0}, seen[classes] = {0};
  bf_rng rng = bf_rng_make(seed, 0x7468696e, 0); /* a stream of its own: "thin" */
  for (int64_t i = 0; i < g->count; i++) shuffled[i] = i, total[class_of_group(&g->groups[i])]++;
  bf_rng_shuffle(&rng, shuffled, g->count);
  for (int64_t i = 0; i < g->count; i++) {
    int class = class_of_group(&g->groups[shuffled[i]]);
    order[i] = (place){((double)seen[class]++ + 0.5) / (double)total[class], i, shuffled[i]};
  }
  qsort(order, (size_t)g->count, sizeof *order, by_place);
}

/* Marks with bin 0 the groups that stay: a prefix of the order whose rows come nearest to the fraction, one at least.
 */
static bf_status thin(grouping *g, double fraction, uint64_t seed, bf_error *err) {
  place *order = bf_alloc((size_t)g->count, sizeof *order);
  int64_t *shuffled = bf_alloc((size_t)g->count, sizeof *shuffled), rows = 0, kept = 0;
  bf_status status =
      order && shuffled ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to split %lld patients", (long long)g->count);
  if (status == BF_OK) order_groups(order, g, shuffled, seed);
  for (int64_t i = 0; i < g->count; i++) rows += g->groups[i].size;
  for (int64_t i = 0; i < g->count && status == BF_OK; i++) {
    group *mine = &g->groups[order[i].group];
    if (i > 0 && (double)kept + (double)mine->size / 2 > fraction * (double)rows) break;
    mine->bin = 0;
    kept += mine->size;
  }
  bf_free(order);
  bf_free(shuffled);
  return status;
}

bf_status bf_split_thin(uint8_t *part, const bf_dataset *data, double fraction, uint64_t seed, bf_error *err) {
  int64_t rows = bf_dataset_count(data);
  if (!(fraction > 0 && fraction <= 1))
    return bf_fail(err, BF_E_ARGUMENT, "train_fraction: %g is not above 0 and at most 1", fraction);
  if (fraction == 1) return BF_OK;
  uint8_t *use = bf_alloc((size_t)rows, 1);
  if (use == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to split %lld rows", (long long)rows);
  for (int64_t i = 0; i < rows; i++) use[i] = part[i] == BF_SPLIT_TRAIN;
  grouping g;
  bf_status status = grouping_make(&g, data, use, err);
  bf_free(use);
  if (status != BF_OK) return status;
  status = thin(&g, fraction, seed, err);
  for (int64_t i = 0; i < rows && status == BF_OK; i++)
    if (g.of_row[i] >= 0 && g.groups[g.of_row[i]].bin < 0) part[i] = BF_SPLIT_NONE;
  grouping_clear(&g);
  return status;
}

bf_status bf_split_groups(int64_t *group, int64_t *count, const bf_dataset *data, bf_error *err) {
  grouping g;
  bf_status status = grouping_make(&g, data, NULL, err);
  if (status != BF_OK) return status;
  memcpy(group, g.of_row, (size_t)bf_dataset_count(data) * sizeof *group);
  *count = g.count;
  grouping_clear(&g);
  return BF_OK;
}
