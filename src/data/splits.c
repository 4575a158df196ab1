/* Groups of rows dealt to bins so that each stratum is spread evenly. */
#include "data/splits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/groups.h"
#include "data/string_map.h"

enum { classes = 3, modalities = BF_STRATA / classes };

const bf_option bf_split_table[] = {
    {"test", BF_OPTION_REAL, offsetof(bf_split_options, test), "0", 0, 0.9, NULL,
     "fraction of the images that is kept for testing, unless the labels give a test part"},
    {"validation", BF_OPTION_REAL, offsetof(bf_split_options, validation), "0", 0, 0.9, NULL,
     "fraction of the images that chooses the best epoch, unless the labels give it; 0: train deals it"},
    {"folds", BF_OPTION_INT, offsetof(bf_split_options, folds), "5", 0, 64, NULL, "folds of cross-validation; 0: none"},
    {"seed", BF_OPTION_INT, offsetof(bf_split_options, seed), "1", 0, 2147483647, NULL,
     "of the order in which patients are dealt"},
    {"given", BF_OPTION_CHOICE, offsetof(bf_split_options, given), "honour", 0, 0, "honour|ignore",
     "splits that the labels give; ignored, all is dealt: collections whose parts share patients want it"},
    {"alike", BF_OPTION_INT, offsetof(bf_split_options, alike), "40", 0, 64, NULL,
     "pictures of several patients at most so many of 256 bits apart are compared, and kept on one side when they are "
     "alike; 0: none are looked for"},
    {NULL}};

typedef struct group {
  int64_t said; /* first row with a given split; -1 none seen */
  int64_t count[BF_STRATA];
  int64_t size;
  int64_t draw;  /* place in the shuffled order */
  uint8_t split; /* the given one that judges most, bf_split */
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

int32_t bf_stratum_of(int malignant, int64_t modality) {
  int64_t m = modality >= 0 && modality < modalities - 1 ? modality : modalities - 1;
  return (int32_t)(classes * m) + (malignant < 0 ? 2 : malignant);
}

static bf_status take_modalities(bf_split_row *rows, const bf_dataset *data, bf_error *err) {
  bf_string_map names = {0};
  bf_status status = BF_OK;
  for (int64_t i = 0; i < bf_dataset_count(data) && status == BF_OK; i++) {
    const bf_record *r = bf_dataset_record(data, i);
    int64_t number;
    status = bf_string_map_number(&number, &names, r->modality, err);
    rows[i].stratum = bf_stratum_of(r->malignant, number);
    rows[i].split = r->split;
  }
  bf_string_map_clear(&names);
  return status;
}

bf_status bf_split_rows_of(bf_split_row *rows, const bf_dataset *data, bf_error *err) {
  int64_t n = bf_dataset_count(data), count;
  int64_t *groups = bf_alloc((size_t)n, sizeof *groups);
  if (groups == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to split %lld rows", (long long)n);
  bf_status status = bf_groups_of(groups, &count, data, err);
  for (int64_t i = 0; i < n && status == BF_OK; i++) rows[i].group = groups[i];
  if (status == BF_OK) status = take_modalities(rows, data, err);
  bf_free(groups);
  return status;
}

/* Where patients alone make the groups, two given splits in one are a fault of the labels. */
static bf_status check_given(grouping *g, const bf_split_row *rows, int64_t count, bf_error *err) {
  for (int64_t i = 0; i < count; i++) {
    if (g->of_row[i] < 0 || rows[i].split == BF_SPLIT_NONE || rows[i].split == BF_SPLIT_EXCLUDED) continue;
    group *mine = &g->groups[g->of_row[i]];
    if (mine->said < 0) mine->said = i;
    if (rows[i].split != rows[mine->said].split)
      return bf_fail(err, BF_E_ARGUMENT,
                     "the labels give two splits to the images of one patient (rows %lld and %lld of the dataset); "
                     "give all of a patient's images the same split",
                     (long long)mine->said, (long long)i);
  }
  return BF_OK;
}

/* Groups are numbered by their first used row, not by hash: the deal must not change with the key of the patient hash.
 * number: [rows], scratch. */
static void collect(grouping *g, int64_t *number, const bf_split_row *rows, int64_t count, const uint8_t *use) {
  for (int64_t i = 0; i < count; i++) g->of_row[i] = number[i] = -1;
  for (int64_t i = 0; i < count; i++) {
    if (use != NULL && use[i] == 0) continue;
    int64_t *at = &number[rows[i].group];
    if (*at < 0) g->groups[ *at = g->count++] = (group){.said = -1, .bin = -1};
    group *mine = &g->groups[*at];
    g->of_row[i] = *at;
    mine->count[rows[i].stratum]++;
    mine->size++;
    if (rows[i].split != BF_SPLIT_EXCLUDED && rows[i].split > mine->split) mine->split = rows[i].split;
  }
}

static bf_status grouping_make(grouping *g, const bf_split_row *rows, int64_t count, const uint8_t *use,
                               bf_error *err) {
  int64_t *number = bf_alloc((size_t)count, sizeof *number);
  *g = (grouping){.groups = bf_alloc((size_t)count, sizeof *g->groups),
                  .of_row = bf_alloc((size_t)count, sizeof *g->of_row)};
  bf_status status = number && g->groups && g->of_row
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory to split %lld rows", (long long)count);
  if (status == BF_OK) collect(g, number, rows, count, use);
  if (status != BF_OK) grouping_clear(g);
  bf_free(number);
  return status;
}

static int by_size(const void *a, const void *b) {
  const group *const *p = a, *const *q = b;
  if ((*p)->size != (*q)->size) return (*p)->size > (*q)->size ? -1 : 1;
  return ((*p)->draw > (*q)->draw) - ((*p)->draw < (*q)->draw);
}

typedef struct bin {
  double share; /* of all rows that it should get */
  double count[BF_STRATA];
} bin;

/* How much worse the balance gets when the group joins the bin: growth of the sum of squares, each class measured
 * against its own total and the bin's share. */
static double growth(const bin *b, const group *g, const double total[BF_STRATA]) {
  double sum = 0;
  for (int c = 0; c < BF_STRATA; c++) {
    double n = (double)g->count[c];
    if (total[c] > 0) sum += n * (n + 2 * b->count[c]) / (b->share * total[c]);
  }
  return sum;
}

static double filled(const bin *b) {
  double rows = 0;
  for (int c = 0; c < BF_STRATA; c++) rows += b->count[c];
  return rows / b->share;
}

/* Of bins that it disturbs alike the emptier one, so that none stays empty while a class is rarer than bins. */
static bool is_better(const bin *a, const bin *b, const group *g, const double total[BF_STRATA]) {
  double one = growth(a, g, total), other = growth(b, g, total), slack = 1e-9 * (one + other);
  if (fabs(one - other) > slack) return one < other;
  return filled(a) < filled(b) * (1 - 1e-9);
}

/* Deals the groups marked with bin -1: larger groups first, equal ones in shuffled order, each to the bin that it
 * disturbs least. */
static bf_status deal(grouping *g, bin *bins, int bin_count, uint64_t seed, bf_error *err) {
  int64_t *order = bf_alloc((size_t)g->count, sizeof *order), n = 0;
  group **sorted = bf_alloc((size_t)g->count, sizeof(group *));
  double total[BF_STRATA] = {0};
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
    for (int c = 0; c < BF_STRATA; c++) total[c] += (double)g->groups[i].count[c];
  }
  qsort(sorted, (size_t)n, sizeof *sorted, by_size);
  for (int64_t i = 0; i < n; i++) {
    int best = 0;
    for (int b = 1; b < bin_count; b++)
      if (is_better(&bins[b], &bins[best], sorted[i], total)) best = b;
    sorted[i]->bin = best;
    for (int c = 0; c < BF_STRATA; c++) bins[best].count[c] += (double)sorted[i]->count[c];
  }
out:
  bf_free(order);
  bf_free(sorted);
  return status;
}

enum { kept_out = 1 << 30 };

bf_status bf_deal_folds(int32_t *fold, const bf_split_row *rows, int64_t count, int folds, uint64_t seed,
                        bf_error *err) {
  grouping g;
  if (folds < 2) return bf_fail(err, BF_E_ARGUMENT, "%d folds: two or more are needed", folds);
  bf_status status = grouping_make(&g, rows, count, NULL, err);
  if (status != BF_OK) return status;
  int64_t free_groups = 0;
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
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    int mine = g.groups[g.of_row[i]].bin;
    fold[i] = mine == kept_out || rows[i].split == BF_SPLIT_EXCLUDED ? -1 : mine;
  }
  bf_free(bins);
  grouping_clear(&g);
  return status;
}

/* Bins 0, 1 and 2 are training, validation and test; what is given is not dealt. A given part is the whole of it. */
static bf_status deal_parts(grouping *g, double test, double validation, uint64_t seed, bf_error *err) {
  bool given_test = false, given_validation = false;
  for (int64_t i = 0; i < g->count; i++) {
    given_test = given_test || g->groups[i].split == BF_SPLIT_TEST;
    given_validation = given_validation || g->groups[i].split == BF_SPLIT_VALIDATION;
  }
  if (given_test) test = 0;
  if (given_validation) validation = 0;
  for (int64_t i = 0; i < g->count; i++) {
    group *mine = &g->groups[i];
    if (mine->split != BF_SPLIT_NONE) mine->bin = mine->split - BF_SPLIT_TRAIN;
    if (mine->split == BF_SPLIT_NONE && test == 0 && validation == 0) mine->bin = 0;
  }
  /* Bins without a share stand behind the others, where nothing is dealt to. */
  bin bins[3] = {{.share = 1 - test - validation}};
  int place_of[3] = {0, -1, -1}, n = 1;
  if (validation > 0) bins[n].share = validation, place_of[n++] = 1;
  if (test > 0) bins[n].share = test, place_of[n++] = 2;
  uint8_t *dealt = bf_alloc((size_t)g->count, 1);
  if (dealt == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to split %lld patients", (long long)g->count);
  for (int64_t i = 0; i < g->count; i++) dealt[i] = g->groups[i].bin < 0;
  bf_status status = deal(g, bins, n, seed, err);
  for (int64_t i = 0; i < g->count && status == BF_OK; i++)
    if (dealt[i]) g->groups[i].bin = place_of[g->groups[i].bin];
  bf_free(dealt);
  return status;
}

bf_status bf_split_check(const bf_split_options *o, bf_error *err) {
  if (o->test >= 0 && o->validation >= 0 && o->test + o->validation < 1) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "split.test %g and split.validation %g leave nothing to train on", o->test,
                 o->validation);
}

bf_status bf_deal_parts(uint8_t *split, const bf_split_row *rows, int64_t count, double test, double validation,
                        uint64_t seed, bf_error *err) {
  grouping g;
  bf_status status = bf_split_check(&(bf_split_options){.test = test, .validation = validation}, err);
  if (status != BF_OK) return status;
  status = grouping_make(&g, rows, count, NULL, err);
  if (status != BF_OK) return status;
  bool validated = validation > 0;
  for (int64_t i = 0; i < g.count; i++) validated = validated || g.groups[i].split == BF_SPLIT_VALIDATION;
  status = deal_parts(&g, test, validation, seed, err);
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    const group *mine = &g.groups[g.of_row[i]];
    uint8_t part = (uint8_t)(BF_SPLIT_TRAIN + mine->bin);
    bool weaker = rows[i].split != BF_SPLIT_NONE && rows[i].split != part;
    /* Without a validation part, whoever trains deals one of what is left. */
    if (part == BF_SPLIT_TRAIN && mine->split == BF_SPLIT_NONE && !validated) part = BF_SPLIT_NONE;
    split[i] = weaker ? BF_SPLIT_EXCLUDED : part;
  }
  grouping_clear(&g);
  return status;
}

/* ---- of datasets ---- */

static bf_status rows_of(bf_split_row **rows, grouping *g, const bf_dataset *data, const uint8_t *use, bf_error *err) {
  int64_t n = bf_dataset_count(data);
  *rows = bf_alloc((size_t)n, sizeof **rows);
  bf_status status = *rows != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to split %lld rows", (long long)n);
  if (status == BF_OK) status = bf_split_rows_of(*rows, data, err);
  if (status == BF_OK && (status = grouping_make(g, *rows, n, use, err)) == BF_OK && !bf_dataset_has_groups(data) &&
      (status = check_given(g, *rows, n, err)) != BF_OK)
    grouping_clear(g);
  if (status != BF_OK) {
    bf_free(*rows);
    *rows = NULL;
  }
  return status;
}

bf_status bf_folds_assign(int *fold, const bf_dataset *data, int folds, uint64_t seed, bf_error *err) {
  grouping g;
  bf_split_row *rows;
  bf_status status = rows_of(&rows, &g, data, NULL, err);
  if (status != BF_OK) return status;
  grouping_clear(&g);
  status = bf_deal_folds(fold, rows, bf_dataset_count(data), folds, seed, err);
  bf_free(rows);
  return status;
}

bool bf_folds_stored(int *fold, const bf_dataset *data, int folds) {
  int most = -1;
  bool any = bf_dataset_has_groups(data);
  for (int64_t i = 0; i < bf_dataset_count(data); i++) {
    fold[i] = bf_dataset_record(data, i)->fold;
    if (fold[i] > most) most = fold[i];
  }
  return any && most == folds - 1;
}

bf_status bf_split_validation(uint8_t *part, const bf_dataset *data, const uint8_t *use, double fraction, uint64_t seed,
                              bf_error *err) {
  enum { train, validation };
  static const uint8_t part_of[] = {BF_SPLIT_TRAIN, BF_SPLIT_VALIDATION};
  if (!(fraction >= 0 && fraction < 1))
    return bf_fail(err, BF_E_ARGUMENT, "validation: %g is not from 0 to below 1", fraction);
  grouping g;
  bf_split_row *rows;
  bf_status status = rows_of(&rows, &g, data, use, err);
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
  for (int64_t i = 0; i < bf_dataset_count(data) && status == BF_OK; i++) {
    int mine = g.of_row[i] < 0 ? kept_out : g.groups[g.of_row[i]].bin;
    part[i] = mine == kept_out || rows[i].split == BF_SPLIT_EXCLUDED ? BF_SPLIT_NONE : part_of[mine];
    /* Given to training, and of a group that another picture brings to the validation part. */
    if (part[i] == BF_SPLIT_VALIDATION && rows[i].split == BF_SPLIT_TRAIN) part[i] = BF_SPLIT_NONE;
  }
  bf_free(rows);
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

static int class_of_group(const group *g) {
  int64_t of_class[classes] = {0};
  for (int c = 0; c < BF_STRATA; c++) of_class[c % classes] += g->count[c];
  return of_class[1] > 0 ? 1 : of_class[0] > 0 ? 0 : 2;
}

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
  int64_t n = bf_dataset_count(data);
  if (!(fraction > 0 && fraction <= 1))
    return bf_fail(err, BF_E_ARGUMENT, "train_fraction: %g is not above 0 and at most 1", fraction);
  if (fraction == 1) return BF_OK;
  uint8_t *use = bf_alloc((size_t)n, 1);
  if (use == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to split %lld rows", (long long)n);
  for (int64_t i = 0; i < n; i++) use[i] = part[i] == BF_SPLIT_TRAIN;
  grouping g;
  bf_split_row *rows;
  bf_status status = rows_of(&rows, &g, data, use, err);
  bf_free(use);
  if (status != BF_OK) return status;
  status = thin(&g, fraction, seed, err);
  for (int64_t i = 0; i < n && status == BF_OK; i++)
    if (g.of_row[i] >= 0 && g.groups[g.of_row[i]].bin < 0) part[i] = BF_SPLIT_NONE;
  bf_free(rows);
  grouping_clear(&g);
  return status;
}
