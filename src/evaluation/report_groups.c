/* Subgroups, and one model against another. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "evaluation/report_parts.h"

/* ---- subgroups ---- */

/* Behind the group's name and its images. */
static const struct {
  int figure;
  const char *title;
  bf_page_format format;
} group_columns[] = {{BF_FIGURE_AUC, "AUC", {3, false}},
                     {BF_FIGURE_SENSITIVITY, "Sensitivity", {1, true}},
                     {BF_FIGURE_SPECIFICITY, "Specificity", {1, true}},
                     {BF_FIGURE_FROC_1, "Lesions found at 1 false box", {1, true}},
                     {BF_FIGURE_DICE_MEAN, "Mean Dice", {3, false}}};
enum { GROUP_FIGURES = sizeof group_columns / sizeof group_columns[0], COLUMNS = 2 + GROUP_FIGURES };

/* Returns the columns of the table: those that some of all cases have. */
static int head_columns(bf_page_column columns[COLUMNS], int figure[COLUMNS], const char *name,
                        const bf_assessment *all) {
  int count = 2;
  columns[0] = (bf_page_column){name, NULL, true, {0, false}};
  columns[1] = (bf_page_column){"Images", NULL, false, {0, false}};
  for (int k = 0; k < GROUP_FIGURES; k++) {
    if (!isfinite(bf_assessment_shown(all, group_columns[k].figure).value)) continue;
    figure[count] = group_columns[k].figure;
    columns[count++] = (bf_page_column){group_columns[k].title, NULL, false, group_columns[k].format};
  }
  return count;
}

/* "age_group" as a head of a column. */
static void name_attribute(char text[BF_GROUP_NAME_MAX], const char *attribute) {
  snprintf(text, BF_GROUP_NAME_MAX, "%s", attribute);
  for (char *c = text; *c != '\0'; c++)
    if (*c == '_') *c = ' ';
}

static void add_table(bf_page *page, const bf_group_figures *f, const bf_evaluation *e) {
  bf_page_cell cells[BF_GROUPS_MAX * COLUMNS];
  bf_page_column columns[COLUMNS];
  bool small[BF_GROUPS_MAX];
  int figure[COLUMNS];
  char name[BF_GROUP_NAME_MAX], caption[BF_GROUP_NAME_MAX + 32];
  name_attribute(name, f->grouping.attribute);
  snprintf(caption, sizeof caption, "By %s", name);
  const int count = head_columns(columns, figure, name, &e->all);
  for (int i = 0; i < f->grouping.count; i++) {
    bf_page_cell *row = &cells[i * count];
    row[0] = (bf_page_cell){f->grouping.groups[i].name, bf_page_plain(NAN)};
    row[1] = (bf_page_cell){NULL, bf_page_plain((double)f->grouping.groups[i].count)};
    for (int k = 2; k < count; k++) row[k] = (bf_page_cell){NULL, bf_page_shown(&f->of[i], figure[k])};
    small[i] = bf_assessment_small(&f->of[i]);
  }
  const bf_page_table table = {.caption = caption,
                               .columns = columns,
                               .column_count = count,
                               .cells = cells,
                               .row_count = f->grouping.count,
                               .small_group = small};
  bf_page_add_table(page, &table);
}

/* ---- one row a group ---- */

/* The rows of a forest and the labels that they borrow: the whole, then every group. */
typedef struct forest_rows {
  bf_page_forest_row *rows;
  char (*labels)[2 * BF_GROUP_NAME_MAX + 4];
  int count;
} forest_rows;

static bf_status forest_rows_make(forest_rows *f, int groups, bf_error *err) {
  *f = (forest_rows){.rows = bf_alloc((size_t)groups + 1, sizeof *f->rows),
                     .labels = bf_alloc((size_t)groups + 1, sizeof *f->labels)};
  return f->rows != NULL && f->labels != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %d subgroups", groups);
}

static void forest_rows_clear(forest_rows *f) {
  bf_free(f->rows);
  bf_free(f->labels);
}

/* group NULL: the whole. What is not defined has no row. */
static void forest_rows_put(forest_rows *f, const bf_grouping *g, const bf_group *group, bf_page_value value,
                            bool small) {
  char name[BF_GROUP_NAME_MAX];
  char *label = f->labels[f->count];
  if (!isfinite(value.value)) return;
  if (group == NULL) {
    snprintf(label, sizeof f->labels[0], "all");
  } else {
    name_attribute(name, g->attribute);
    snprintf(label, sizeof f->labels[0], "%s: %s", name, group->name);
  }
  f->rows[f->count++] = (bf_page_forest_row){label, value, small};
}

/* All groups whose AUC is defined, under the whole. */
static bf_status add_forest(bf_page *page, const bf_evaluation *e, bf_error *err) {
  forest_rows f;
  int groups = 0;
  for (int g = 0; g < e->group_count; g++) groups += e->groups[g].grouping.count;
  bf_status status = forest_rows_make(&f, groups, err);
  if (status == BF_OK) {
    forest_rows_put(&f, NULL, NULL, bf_page_shown(&e->all, BF_FIGURE_AUC), bf_assessment_small(&e->all));
    for (int g = 0; g < e->group_count; g++)
      for (int i = 0; i < e->groups[g].grouping.count; i++) {
        const bf_assessment *a = &e->groups[g].of[i];
        forest_rows_put(&f, &e->groups[g].grouping, &e->groups[g].grouping.groups[i], bf_page_shown(a, BF_FIGURE_AUC),
                        bf_assessment_small(a));
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
                                   .rows = f.rows,
                                   .row_count = f.count};
    if (f.count > 1) bf_page_add_forest(page, &forest);
  }
  forest_rows_clear(&f);
  return status;
}

bf_status bf_report_add_groups(bf_page *page, const bf_report *r, bf_error *err) {
  const bf_evaluation *e = r->evaluation;
  bf_status status = BF_OK;
  if (e == NULL || e->group_count == 0) return BF_OK;
  bf_page_add_section(page, "subgroups", "Subgroups");
  bf_page_add_text(page,
                   "Groups with fewer than %d images, images of a class, lesions or patients are marked: their figures "
                   "say little. Lesions found at one false box an image: in each group from the score on at which it "
                   "comes to that, so not all at one setting.",
                   BF_FEW);
  if (isfinite(e->all.classes.auc.value)) status = add_forest(page, e, err);
  for (int g = 0; g < e->group_count && status == BF_OK; g++) add_table(page, &e->groups[g], e);
  return status;
}

/* ---- against another ---- */

static bf_page_value difference_value(const bf_differences *d, int figure) {
  const bf_difference *one = &d->items[figure];
  return bf_page_interval(one->of.difference, one->of.interval.low, one->of.interval.high, one->n);
}

enum { DIFFERENCE_COLUMNS = 5 };

static void add_differences(bf_page *page, const bf_differences *d) {
  static const bf_page_column columns[DIFFERENCE_COLUMNS] = {{"Figure", NULL, true, {0, false}},
                                                             {"A", NULL, false, {3, false}},
                                                             {"B", NULL, false, {3, false}},
                                                             {"A \xE2\x88\x92 B", NULL, false, {3, false}},
                                                             {"Better", NULL, true, {0, false}}};
  bf_page_cell cells[BF_FIGURES * DIFFERENCE_COLUMNS];
  int rows = 0;
  for (int k = 0; k < BF_FIGURES; k++) {
    if (!bf_figure_kinds[k].told || !bf_difference_told(d, k)) continue;
    bf_page_cell *row = &cells[rows++ * DIFFERENCE_COLUMNS];
    row[0] = (bf_page_cell){bf_figure_kinds[k].name, bf_page_plain(NAN)};
    row[1] = (bf_page_cell){NULL, bf_page_plain(d->items[k].of.a)};
    row[2] = (bf_page_cell){NULL, bf_page_plain(d->items[k].of.b)};
    row[3] = (bf_page_cell){NULL, difference_value(d, k)};
    row[4] = (bf_page_cell){bf_difference_words(d, k), bf_page_plain(NAN)};
  }
  const bf_page_table table = {
      .caption =
          "Differences on the same resampled patients, with 95 % intervals. Better: p below 0.05. Of Brier score, "
          "log loss and calibration error less is better",
      .columns = columns,
      .column_count = DIFFERENCE_COLUMNS,
      .cells = cells,
      .row_count = rows};
  bf_page_add_table(page, &table);
}

/* How far rows go from 0: both sides have room, and 0 is in the middle. */
static double reach_of(const forest_rows *f) {
  double reach = 0;
  for (int i = 0; i < f->count; i++) {
    const bf_page_value *v = &f->rows[i].value;
    /* fmax passes over ends that are not defined. */
    reach = fmax(reach, fmax(fabs(v->value), fmax(fabs(v->low), fabs(v->high))));
  }
  return reach > 0 ? 1.05 * reach : 0.1;
}

static bf_status add_difference_forest(bf_page *page, const bf_comparison *c, int figure, const char *title,
                                       bf_error *err) {
  forest_rows f;
  int groups = 0;
  if (!bf_difference_told(&c->all, figure)) return BF_OK;
  for (int g = 0; g < c->group_count; g++) groups += c->groups[g].grouping.count;
  bf_status status = forest_rows_make(&f, groups, err);
  if (status == BF_OK) {
    forest_rows_put(&f, NULL, NULL, difference_value(&c->all, figure), c->all.few);
    for (int g = 0; g < c->group_count; g++)
      for (int i = 0; i < c->groups[g].grouping.count; i++) {
        const bf_differences *d = &c->groups[g].of[i];
        if (bf_difference_told(d, figure))
          forest_rows_put(&f, &c->groups[g].grouping, &c->groups[g].grouping.groups[i], difference_value(d, figure),
                          d->few);
      }
    const double reach = reach_of(&f);
    const bf_page_forest forest = {
        .title = title,
        .caption =
            "A \xE2\x88\x92 B with 95 % intervals of resampled patients. Many groups: some will "
            "stand apart by chance alone.",
        .label_title = "Group",
        .axis = {"Difference", NULL, -reach, reach, false, false},
        .format = bf_area_format,
        .reference = 0,
        .left = "B better",
        .right = "A better",
        .rows = f.rows,
        .row_count = f.count};
    bf_page_add_forest(page, &forest);
  }
  forest_rows_clear(&f);
  return status;
}

/* Tests in closed form, beside the intervals of resampled patients. */
static void add_tests(bf_page *page, const bf_comparison *c) {
  if (isfinite(c->delong.p_value))
    bf_page_add_text(page, "AUC by DeLong's test for paired curves: difference %+.3f (%+.3f to %+.3f), p = %.3g.",
                     c->delong.value, c->delong.interval.low, c->delong.interval.high, c->delong.p_value);
  if (isfinite(c->calls.p_value))
    bf_page_add_text(page,
                     "Calls, each at its own threshold: %lld right by both, %lld by A alone, %lld by B alone, %lld by "
                     "none (McNemar's exact test: p = %.3g).",
                     (long long)c->calls.both_right, (long long)c->calls.a_alone, (long long)c->calls.b_alone,
                     (long long)c->calls.both_wrong, c->calls.p_value);
  if (isfinite(c->delong.p_value) || isfinite(c->calls.p_value))
    bf_page_add_text(page,
                     "These tests take images for independent. Where patients have several images, p comes out "
                     "too small, and the intervals of resampled patients in the table count.");
}

bf_status bf_report_add_comparison(bf_page *page, const bf_report *r, bf_error *err) {
  const bf_comparison *c = r->comparison;
  if (c == NULL) return BF_OK;
  bf_page_add_section(page, "against", "Against the other model");
  const bf_page_fact names[] = {{"A", r->source->scores}, {"B", r->source->against}};
  bf_page_add_facts(page, names, 2);
  bf_page_add_text(page, "%lld images are in both results; %lld of A alone and %lld of B alone take no part.",
                   (long long)c->cases, (long long)c->a_alone, (long long)c->b_alone);
  if (c->rows_of_b.failed > 0)
    bf_page_add_text(page, "Of the %lld rows of B %lld failed.", (long long)c->rows_of_b.rows,
                     (long long)c->rows_of_b.failed);
  if (isfinite(c->threshold_a) && isfinite(c->threshold_b))
    bf_page_add_text(page,
                     "Sensitivity, specificity and predictive values: A from a probability of %.3g on, B of %.3g.",
                     c->threshold_a, c->threshold_b);
  else
    bf_page_add_text(page, "Sensitivity, specificity and predictive values are not compared: %s no threshold.",
                     isfinite(c->threshold_a)   ? "B has"
                     : isfinite(c->threshold_b) ? "A has"
                                                : "neither has");
  if (c->all.few)
    bf_page_add_note(
        page, BF_PAGE_WARNING,
        "Of images, images of a class, lesions or patients with both answers there are fewer than %d, but not none: "
        "these differences say little.",
        BF_FEW);
  add_differences(page, &c->all);
  add_tests(page, c);
  bf_status status = add_difference_forest(page, c, BF_FIGURE_AUC, "Difference of the AUC, by subgroup", err);
  return status == BF_OK
             ? add_difference_forest(page, c, BF_FIGURE_FROC_1,
                                     "Difference of lesions found at one false box an image, by subgroup", err)
             : status;
}
