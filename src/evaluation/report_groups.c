/* Subgroups, and one model against another. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluation/report_parts.h"

/* ---- subgroups ---- */

enum { COLUMNS = 7 };

static void fill_group(bf_page_cell *row, const bf_group *g, const bf_assessment *a) {
  const bf_class_figures *c = &a->classes;
  row[0] = (bf_page_cell){g->name, bf_page_plain(NAN)};
  row[1] = (bf_page_cell){NULL, bf_page_plain((double)g->count)};
  row[2] = (bf_page_cell){NULL, bf_page_auc(c)};
  row[3] = (bf_page_cell){NULL, bf_page_share(bf_class_share(c, BF_AT_SENSITIVITY))};
  row[4] = (bf_page_cell){NULL, bf_page_share(bf_class_share(c, BF_AT_SPECIFICITY))};
  row[5] = (bf_page_cell){NULL, bf_page_resampled(&a->lesions.froc[2], a->lesions.lesions)};
  row[6] = (bf_page_cell){NULL, bf_page_resampled(&a->masks.mean_dice, a->masks.drawn)};
}

/* "age_group" as a head of a column. */
static void name_attribute(char text[BF_GROUP_NAME_MAX], const char *attribute) {
  snprintf(text, BF_GROUP_NAME_MAX, "%s", attribute);
  for (char *c = text; *c != '\0'; c++)
    if (*c == '_') *c = ' ';
}

static void add_table(bf_page *page, const bf_group_figures *f, const bf_evaluation *e) {
  bf_page_cell cells[BF_GROUPS_MAX * COLUMNS];
  bool small[BF_GROUPS_MAX];
  char name[BF_GROUP_NAME_MAX], caption[BF_GROUP_NAME_MAX + 32];
  name_attribute(name, f->grouping.attribute);
  snprintf(caption, sizeof caption, "By %s", name);
  const bool masks = e->all.masks.drawn > 0;
  const bf_page_column columns[COLUMNS] = {
      {name, NULL, true, {0, false}},          {"Images", NULL, false, {0, false}},
      {"AUC", NULL, false, {3, false}},        {"Sensitivity", NULL, false, {1, true}},
      {"Specificity", NULL, false, {1, true}}, {"Lesions found at 1 false box", NULL, false, {1, true}},
      {"Mean Dice", NULL, false, {3, false}}};
  bf_page_cell kept[BF_GROUPS_MAX * COLUMNS];
  int shown = masks ? COLUMNS : COLUMNS - 1;
  for (int i = 0; i < f->grouping.count; i++) {
    fill_group(&cells[i * COLUMNS], &f->grouping.groups[i], &f->of[i]);
    memcpy(&kept[i * shown], &cells[i * COLUMNS], (size_t)shown * sizeof *kept);
    small[i] = bf_assessment_small(&f->of[i]);
  }
  const bf_page_table table = {.caption = caption,
                               .columns = columns,
                               .column_count = shown,
                               .cells = kept,
                               .row_count = f->grouping.count,
                               .small_group = small};
  bf_page_add_table(page, &table);
}

enum { FOREST_MAX = 60 };

/* All groups whose AUC is defined, under the whole. */
static void add_forest(bf_page *page, const bf_evaluation *e) {
  bf_page_forest_row rows[FOREST_MAX];
  char labels[FOREST_MAX][2 * BF_GROUP_NAME_MAX + 4];
  int count = 0;
  rows[count++] = (bf_page_forest_row){"all", bf_page_auc(&e->all.classes), false};
  for (int g = 0; g < e->group_count; g++)
    for (int i = 0; i < e->groups[g].grouping.count && count < FOREST_MAX; i++) {
      const bf_assessment *a = &e->groups[g].of[i];
      char name[BF_GROUP_NAME_MAX];
      if (!isfinite(a->classes.auc.value)) continue;
      name_attribute(name, e->groups[g].grouping.attribute);
      snprintf(labels[count], sizeof labels[count], "%s: %s", name, e->groups[g].grouping.groups[i].name);
      rows[count] = (bf_page_forest_row){labels[count], bf_page_auc(&a->classes), bf_assessment_small(a)};
      count++;
    }
  const bf_page_forest forest = {.title = "AUC by subgroup",
                                 .caption =
                                     "Malignant against benign, with 95 % intervals. Many groups: some will stand "
                                     "apart by chance alone.",
                                 .label_title = "Group",
                                 .axis = {"AUC", NULL, NAN, 1, false, false},
                                 .format = bf_area_format,
                                 .reference = e->all.classes.auc.value,
                                 .reference_name = "all",
                                 .rows = rows,
                                 .row_count = count};
  if (count > 1) bf_page_add_forest(page, &forest);
}

void bf_report_add_groups(bf_page *page, const bf_report *r) {
  const bf_evaluation *e = r->evaluation;
  if (e == NULL || e->group_count == 0) return;
  bf_page_add_section(page, "subgroups", "Subgroups");
  bf_page_add_text(page,
                   "Groups with fewer than %d images, images of a class, lesions or patients are marked: their figures "
                   "say little.",
                   BF_FEW);
  if (isfinite(e->all.classes.auc.value)) add_forest(page, e);
  for (int g = 0; g < e->group_count; g++) add_table(page, &e->groups[g], e);
}

/* ---- against another ---- */

static const char *winner(const bf_difference *d) {
  int who = bf_difference_winner(d);
  return who > 0 ? "A" : who < 0 ? "B" : "cannot be told";
}

enum { DIFFERENCE_COLUMNS = 5 };

static void add_differences(bf_page *page, const bf_differences *d) {
  static const bf_page_column columns[DIFFERENCE_COLUMNS] = {{"Figure", NULL, true, {0, false}},
                                                             {"A", NULL, false, {3, false}},
                                                             {"B", NULL, false, {3, false}},
                                                             {"A - B", NULL, false, {3, false}},
                                                             {"Better", NULL, true, {0, false}}};
  bf_page_cell cells[BF_DIFFERENCES_MAX * DIFFERENCE_COLUMNS];
  int rows = 0;
  for (int k = 0; k < d->count; k++) {
    const bf_difference *one = &d->items[k];
    bf_page_cell *row = &cells[rows * DIFFERENCE_COLUMNS];
    if (!isfinite(one->of.difference)) continue;
    row[0] = (bf_page_cell){one->name, bf_page_plain(NAN)};
    row[1] = (bf_page_cell){NULL, bf_page_plain(one->of.a)};
    row[2] = (bf_page_cell){NULL, bf_page_plain(one->of.b)};
    row[3] =
        (bf_page_cell){NULL, bf_page_interval(one->of.difference, one->of.interval.low, one->of.interval.high, one->n)};
    row[4] = (bf_page_cell){winner(one), bf_page_plain(NAN)};
    rows++;
  }
  const bf_page_table table = {.caption =
                                   "Differences on the same resampled patients, with 95 % intervals. Of Brier "
                                   "score, log loss and calibration error less is better",
                               .columns = columns,
                               .column_count = DIFFERENCE_COLUMNS,
                               .cells = cells,
                               .row_count = rows};
  bf_page_add_table(page, &table);
}

static void add_difference_forest(bf_page *page, const bf_comparison *c, const char *key, const char *title) {
  bf_page_forest_row rows[FOREST_MAX];
  char labels[FOREST_MAX][2 * BF_GROUP_NAME_MAX + 4];
  const bf_difference *all = bf_differences_find(&c->all, key);
  int count = 0;
  if (all == NULL || !isfinite(all->of.difference)) return;
  rows[count++] = (bf_page_forest_row){
      "all", bf_page_interval(all->of.difference, all->of.interval.low, all->of.interval.high, all->n), c->all.few};
  for (int g = 0; g < c->group_count; g++)
    for (int i = 0; i < c->groups[g].grouping.count && count < FOREST_MAX; i++) {
      const bf_difference *d = bf_differences_find(&c->groups[g].of[i], key);
      char name[BF_GROUP_NAME_MAX];
      if (d == NULL || !isfinite(d->of.difference)) continue;
      name_attribute(name, c->groups[g].grouping.attribute);
      snprintf(labels[count], sizeof labels[count], "%s: %s", name, c->groups[g].grouping.groups[i].name);
      rows[count] = (bf_page_forest_row){
          labels[count], bf_page_interval(d->of.difference, d->of.interval.low, d->of.interval.high, d->n),
          c->groups[g].of[i].few};
      count++;
    }
  const bf_page_forest forest = {.title = title,
                                 .caption =
                                     "A - B with 95 % intervals of resampled patients. Many groups: some will "
                                     "stand apart by chance alone.",
                                 .label_title = "Group",
                                 .axis = {"Difference", NULL, NAN, NAN, false, false},
                                 .format = bf_area_format,
                                 .reference = 0,
                                 .left = "B better",
                                 .right = "A better",
                                 .rows = rows,
                                 .row_count = count};
  bf_page_add_forest(page, &forest);
}

void bf_report_add_comparison(bf_page *page, const bf_report *r) {
  const bf_comparison *c = r->comparison;
  if (c == NULL) return;
  bf_page_add_section(page, "against", "Against the other model");
  const bf_page_fact names[] = {{"A", r->source->scores}, {"B", r->source->against}};
  bf_page_add_facts(page, names, 2);
  bf_page_add_text(page, "%lld images have both answers; %lld of A alone and %lld of B alone take no part.",
                   (long long)c->cases, (long long)c->a_alone, (long long)c->b_alone);
  add_differences(page, &c->all);
  if (isfinite(c->delong.p_value))
    bf_page_add_text(page, "AUC by DeLong's test for paired curves: difference %+.3f (%+.3f to %+.3f), p = %.3g.",
                     c->delong.value, c->delong.interval.low, c->delong.interval.high, c->delong.p_value);
  if (isfinite(c->calls.p_value))
    bf_page_add_text(page,
                     "Calls, each at its own threshold: %lld right by both, %lld by A alone, %lld by B alone, %lld by "
                     "none (McNemar's exact test: p = %.3g).",
                     (long long)c->calls.both_right, (long long)c->calls.a_alone, (long long)c->calls.b_alone,
                     (long long)c->calls.both_wrong, c->calls.p_value);
  add_difference_forest(page, c, "auc", "Difference of the AUC, by subgroup");
  add_difference_forest(page, c, "froc_1", "Difference of lesions found at one false box an image, by subgroup");
}
