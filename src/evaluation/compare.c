/* Which cases two models share, and the differences of all figures. */
#include "evaluation/compare.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/cases_make.h"

/* ---- the cases of both ---- */

typedef struct shared {
  bf_case *items[2]; /* owned: of A and B, place by place the same image with the same truth */
  int64_t count;
} shared;

typedef struct key {
  bf_image_key image;
  const bf_case *a, *b; /* the other side's is NULL */
} key;

static int64_t row_of(const key *k) { return k->a != NULL ? k->a->row : k->b->row; }

/* Of one image those of A first, each side in the order of its rows. */
static int by_image(const void *a, const void *b) {
  const key *x = a, *y = b;
  int order = bf_image_key_order(x->image, y->image);
  if (order != 0) return order;
  if ((x->a == NULL) != (y->a == NULL)) return x->a == NULL ? 1 : -1;
  return (row_of(x) > row_of(y)) - (row_of(x) < row_of(y));
}

static key key_of(const bf_cases *c, const bf_case *a, const bf_case *b) {
  const bf_score_row *row = bf_case_row(c, a != NULL ? a : b);
  return (key){bf_image_key_of(row->sop_instance_uid, row->file, row->frame), a, b};
}

static key *sorted_keys(const bf_cases *a, const bf_cases *b) {
  int64_t n = a->count + b->count;
  key *keys = bf_alloc((size_t)n, sizeof *keys);
  for (int64_t i = 0; i < n && keys != NULL; i++)
    keys[i] = i < a->count ? key_of(a, &a->items[i], NULL) : key_of(b, NULL, &b->items[i - a->count]);
  if (keys != NULL) qsort(keys, (size_t)n, sizeof *keys, by_image);
  return keys;
}

/* partner[i]: B's case of the image of A's case i, or NULL. Where rows repeat an image, the first is of the first, the
 * second of the second. */
static void find_partners(const bf_case **partner, const bf_cases *a, const key *keys, int64_t n) {
  for (int64_t first = 0, end; first < n; first = end) {
    int64_t of_a = 0;
    for (end = first; end < n && bf_image_key_order(keys[first].image, keys[end].image) == 0; end++)
      of_a += keys[end].a != NULL;
    for (int64_t k = first; k < first + of_a && k + of_a < end; k++) partner[keys[k].a - a->items] = keys[k + of_a].b;
  }
}

/* Both answer to the same truth, or neither takes part. */
static void pair_up(bf_case *a, bf_case *b) {
  b->malignant = a->malignant;
  b->patient = a->patient;
  b->boxes.truths = a->boxes.truths;
  b->boxes.truth_count = a->boxes.truth_count;
  if (isnan(a->probability) || isnan(b->probability)) a->probability = b->probability = NAN;
  if (!a->lesions_known || !b->lesions_known) a->lesions_known = b->lesions_known = false;
  if (isnan(a->dice) || isnan(b->dice)) a->dice = b->dice = a->iou = b->iou = NAN;
}

static bf_status share(shared *s, const bf_cases *a, const bf_cases *b, bf_error *err) {
  key *keys = sorted_keys(a, b);
  const bf_case **partner = bf_alloc((size_t)a->count, sizeof *partner);
  *s = (shared){{bf_alloc((size_t)a->count, sizeof(bf_case)), bf_alloc((size_t)a->count, sizeof(bf_case))}, 0};
  bf_status status = keys && partner && s->items[0] && s->items[1]
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory to compare %lld cases", (long long)a->count);
  if (status == BF_OK) find_partners(partner, a, keys, a->count + b->count);
  for (int64_t i = 0; i < a->count && status == BF_OK; i++) {
    if (partner[i] == NULL) continue;
    s->items[0][s->count] = a->items[i];
    s->items[1][s->count] = *partner[i];
    pair_up(&s->items[0][s->count], &s->items[1][s->count]);
    s->count++;
  }
  bf_free(keys);
  bf_free(partner);
  return status;
}

static void shared_clear(shared *s) {
  bf_free(s->items[0]);
  bf_free(s->items[1]);
}

/* ---- differences ---- */

/* Options of A and B, and which of the shared cases. */
typedef struct task {
  const shared *s;
  const int64_t *members; /* NULL: all */
  int64_t count;
  bf_assess_depth depth;
  bf_assess_options options[2]; /* each with its own threshold, but A's hit rule, and no named points */
} task;

/* counts: how many the figures are of, by bf_figure_of. */
static bf_status pair(bf_differences *d, const bf_plan *a, const bf_plan *b, int32_t patients,
                      const int64_t counts[BF_OF_COUNTS], const task *t, bf_error *err) {
  bf_resampled_pair found[BF_PLAN_FIGURES];
  const bf_drawn_sets of_a = {a->sets, a->set_count}, of_b = {b->sets, b->set_count};
  const bf_resampling how = bf_assess_resampling(&t->options[0], patients);
  bf_status status = bf_metrics_resample_pair(found, a->count, bf_drawn_sets_figures, &of_a, &of_b, &how, err);
  for (int k = 0; k < a->count && status == BF_OK; k++) {
    int place = a->place[k];
    if (place < 0 || place >= BF_FIGURES || bf_figure_kinds[place].better == BF_BETTER_NEITHER) continue;
    int64_t n = counts[bf_figure_kinds[place].of];
    if (n > 0) d->items[place] = (bf_difference){found[k], n};
  }
  return status;
}

static bf_status class_pairs(bf_differences *d, const bf_class_arrays a[2], const task *t, bf_error *err) {
  bf_class_sets sets[2] = {0};
  const int64_t counts[BF_OF_COUNTS] = {
      [BF_OF_CASES] = a[0].n, [BF_OF_POSITIVES] = a[0].positives, [BF_OF_NEGATIVES] = a[0].n - a[0].positives};
  bf_status status = BF_OK;
  for (int k = 0; k < 2 && status == BF_OK; k++) status = bf_class_sets_make(&sets[k], &a[k], &t->options[k], err);
  if (status == BF_OK) status = pair(d, &sets[0].plan, &sets[1].plan, a[0].patients, counts, t, err);
  for (int k = 0; k < 2; k++) bf_class_sets_clear(&sets[k]);
  return status;
}

static bf_status classes(bf_differences *d, bf_comparison *whole, const task *t, bf_error *err) {
  bf_class_arrays a[2] = {{0}, {0}};
  bf_status status = BF_OK;
  for (int k = 0; k < 2 && status == BF_OK; k++)
    status = bf_class_arrays_make(&a[k], t->s->items[k], t->members, t->count, err);
  if (status == BF_OK && a[0].n > 0) status = class_pairs(d, a, t, err);
  d->few = d->few || bf_few(a[0].positives) || bf_few(a[0].n - a[0].positives) || bf_few(a[0].patients);
  if (status == BF_OK && whole != NULL)
    status = bf_metrics_auc_paired(&whole->delong, a[0].rank, a[1].rank, a[0].label, a[0].n, err);
  for (int k = 0; k < 2; k++) bf_class_arrays_clear(&a[k]);
  return status;
}

static bf_status lesion_pairs(bf_differences *d, const bf_lesion_arrays a[2], int64_t known, const task *t,
                              bf_error *err) {
  bf_lesion_sets sets[2] = {0};
  const int64_t counts[BF_OF_COUNTS] = {[BF_OF_LESIONS] = known};
  bf_status status = BF_OK;
  for (int k = 0; k < 2 && status == BF_OK; k++)
    status = bf_lesion_sets_make(&sets[k], &a[k], known, NULL, &t->options[k], t->depth, err);
  if (status == BF_OK) status = pair(d, &sets[0].plan, &sets[1].plan, a[0].patients, counts, t, err);
  for (int k = 0; k < 2; k++) bf_lesion_sets_clear(&sets[k]);
  return status;
}

static bf_status lesions(bf_differences *d, const task *t, bf_error *err) {
  bf_lesion_arrays a[2] = {{0}, {0}};
  int64_t known = 0;
  bf_status status = BF_OK;
  for (int k = 0; k < 2 && status == BF_OK; k++)
    status = bf_lesion_arrays_make(&a[k], t->s->items[k], t->members, t->count, err);
  for (int64_t i = 0; i < a[0].n && status == BF_OK; i++) known += a[0].images[i].truth_count;
  if (status == BF_OK && known > 0) status = lesion_pairs(d, a, known, t, err);
  d->few = d->few || bf_few(known) || bf_few(a[0].patients);
  for (int k = 0; k < 2; k++) bf_lesion_arrays_clear(&a[k]);
  return status;
}

static bf_status mask_pairs(bf_differences *d, const bf_mask_arrays a[2], const task *t, bf_error *err) {
  bf_mask_sets sets[2] = {0};
  const int64_t counts[BF_OF_COUNTS] = {[BF_OF_MASKS] = a[0].n};
  bf_status status = BF_OK;
  for (int k = 0; k < 2 && status == BF_OK; k++) status = bf_mask_sets_make(&sets[k], &a[k], err);
  if (status == BF_OK) status = pair(d, &sets[0].plan, &sets[1].plan, a[0].patients, counts, t, err);
  for (int k = 0; k < 2; k++) bf_mask_sets_clear(&sets[k]);
  return status;
}

static bf_status masks(bf_differences *d, const task *t, bf_error *err) {
  bf_mask_arrays a[2] = {{0}, {0}};
  bf_status status = BF_OK;
  for (int k = 0; k < 2 && status == BF_OK; k++)
    status = bf_mask_arrays_make(&a[k], t->s->items[k], t->members, t->count, err);
  if (status == BF_OK && a[0].n > 0) status = mask_pairs(d, a, t, err);
  for (int k = 0; k < 2; k++) bf_mask_arrays_clear(&a[k]);
  return status;
}

/* whole: NULL for groups. */
static bf_status differ(bf_differences *d, bf_comparison *whole, const task *t, bf_error *err) {
  *d = (bf_differences){.cases = t->count, .few = bf_few(t->count)};
  bf_status status = classes(d, whole, t, err);
  if (status == BF_OK) status = lesions(d, t, err);
  return status == BF_OK ? masks(d, t, err) : status;
}

bool bf_difference_told(const bf_differences *d, int figure) {
  return d->items[figure].n > 0 && isfinite(d->items[figure].of.difference);
}

int bf_difference_winner(const bf_differences *d, int figure) {
  const bf_resampled_pair *of = &d->items[figure].of;
  if (!(of->p_value < 0.05)) return 0;
  return (of->difference > 0 ? 1 : -1) * bf_figure_kinds[figure].better;
}

const char *bf_difference_words(const bf_differences *d, int figure) {
  int who = bf_difference_winner(d, figure);
  return who > 0 ? "A" : who < 0 ? "B" : "cannot be told";
}

/* ---- calls ---- */

/* Two-sided, of `fewer` among n throws of a fair coin. */
static double coin(int64_t fewer, int64_t n) {
  double sum = 0;
  for (int64_t k = 0; k <= fewer; k++)
    sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) - (double)n * M_LN2);
  return fmin(1, 2 * sum);
}

static void count_calls(bf_discordance *c, const shared *s, double threshold_a, double threshold_b) {
  *c = (bf_discordance){.p_value = NAN};
  if (isnan(threshold_a) || isnan(threshold_b)) return;
  for (int64_t i = 0; i < s->count; i++) {
    const bf_case *a = &s->items[0][i], *b = &s->items[1][i];
    if (a->malignant < 0 || isnan(a->probability)) continue;
    bool right_a = (a->probability >= threshold_a) == (a->malignant > 0);
    bool right_b = (b->probability >= threshold_b) == (b->malignant > 0);
    int64_t *cell = right_a ? right_b ? &c->both_right : &c->a_alone : right_b ? &c->b_alone : &c->both_wrong;
    ++*cell;
  }
  int64_t apart = c->a_alone + c->b_alone;
  c->p_value = coin(c->a_alone < c->b_alone ? c->a_alone : c->b_alone, apart);
}

/* ---- all ---- */

static bf_status compare_groups(bf_comparison *out, const bf_evaluation *a, const shared *s, const task *t,
                                bf_error *err) {
  /* A's cases, but those of both alone: what attributes are read from is theirs. */
  bf_cases view = a->cases;
  view.items = s->items[0];
  view.count = s->count;
  bf_status status = BF_OK;
  for (int g = 0; g < a->group_count && status == BF_OK; g++) {
    bf_group_differences *d = &out->groups[out->group_count++];
    status = bf_grouping_like(&d->grouping, &a->groups[g].grouping, &view, err);
    if (status == BF_OK && (d->of = bf_alloc((size_t)d->grouping.count, sizeof *d->of)) == NULL)
      status = bf_fail(err, BF_E_MEMORY, "no memory for %d groups", d->grouping.count);
    for (int i = 0; i < d->grouping.count && status == BF_OK; i++) {
      task part = *t;
      part.members = d->grouping.groups[i].members;
      part.count = d->grouping.groups[i].count;
      part.depth = BF_ASSESS_GROUP;
      status = differ(&d->of[i], NULL, &part, err);
    }
  }
  return status;
}

bf_status bf_comparison_create(bf_comparison *out, const bf_evaluation *a, const bf_evaluation *b, bf_error *err) {
  shared s;
  *out = (bf_comparison){
      .rows_of_b = b->cases.counts, .threshold_a = a->options.threshold, .threshold_b = b->options.threshold};
  bf_status status = share(&s, &a->cases, &b->cases, err);
  if (status == BF_OK && s.count == 0)
    status = bf_fail(err, BF_E_NOT_FOUND,
                     "--against: the two results have no labelled image in common; they match by SOPInstanceUID");
  out->cases = s.count;
  out->a_alone = a->cases.count - s.count;
  out->b_alone = b->cases.count - s.count;
  task t = {&s, NULL, s.count, BF_ASSESS_WHOLE, {a->options, b->options}};
  t.options[0].point_count = t.options[1].point_count = 0;
  t.options[1].rule = t.options[0].rule;
  if (status == BF_OK) status = differ(&out->all, out, &t, err);
  if (status == BF_OK) count_calls(&out->calls, &s, out->threshold_a, out->threshold_b);
  if (status == BF_OK) status = compare_groups(out, a, &s, &t, err);
  shared_clear(&s);
  if (status != BF_OK) bf_comparison_clear(out);
  return status;
}

void bf_comparison_clear(bf_comparison *c) {
  for (int g = 0; g < BF_ATTRIBUTES_MAX; g++) {
    bf_grouping_clear(&c->groups[g].grouping);
    bf_free(c->groups[g].of);
  }
  *c = (bf_comparison){0};
}
