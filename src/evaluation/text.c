/* Figures as tables for people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text_columns.h"
#include "evaluation/words.h"

enum { name_width = 46 };

static int max_of(int a, int b) { return a > b ? a : b; }

static void line(FILE *f, const char *name, double value, bf_interval i, int64_t k, int64_t n) {
  fprintf(f, "  %-*s", name_width, name);
  if (!isfinite(value)) {
    fprintf(f, "not defined\n");
    return;
  }
  fprintf(f, "%.3f", value);
  if (isfinite(i.low) && isfinite(i.high)) fprintf(f, "   95 %% interval %.3f to %.3f", i.low, i.high);
  if (n > 0) fprintf(f, "   (%lld of %lld)", (long long)k, (long long)n);
  fputc('\n', f);
}

static void share_line(FILE *f, const char *name, bf_share s) { line(f, name, s.value, s.interval, s.k, s.n); }

static void resampled_line(FILE *f, const char *name, const bf_resampled *r) {
  line(f, name, r->value, r->interval, 0, 0);
}

/* Figures of the table from `first` to `last` that are told. */
static void told_lines(FILE *f, const bf_assessment *a, int first, int last) {
  for (int k = first; k <= last; k++)
    if (bf_figure_kinds[k].told) resampled_line(f, bf_figure_kinds[k].name, &a->figures[k]);
}

/* Value and interval in a column of 23, or a dash. */
static void put_figure(FILE *f, bf_shown s) {
  char text[64] = "-";
  if (isfinite(s.value) && isfinite(s.interval.low))
    snprintf(text, sizeof text, "%.3f (%.3f to %.3f)", s.value, s.interval.low, s.interval.high);
  else if (isfinite(s.value))
    snprintf(text, sizeof text, "%.3f", s.value);
  fprintf(f, "  %-23s", text);
}

/* ---- rows ---- */

/* whose: "" or " of B". */
static void write_rows(FILE *f, const bf_case_counts *n, const char *whose) {
  fprintf(f, "rows%s: %lld, %lld failed", whose, (long long)n->rows, (long long)n->failed);
  const char *before = " (";
  for (int i = 1; i < BF_ROW_STATUSES; i++) {
    if (n->failed_by[i] == 0) continue;
    fprintf(f, "%s%lld %s", before, (long long)n->failed_by[i], bf_row_status_name((bf_row_status)i));
    before = ", ";
  }
  if (n->failed > 0) fputc(')', f);
  if (n->left_out > 0) fprintf(f, ", %lld left out by rule", (long long)n->left_out);
  fprintf(f, ", %lld not in the labels; %lld labelled images without a good row\n", (long long)n->unlabelled,
          (long long)n->labels_unmatched);
  if (n->seen > 0)
    fprintf(f, "%lld rows%s are of images that the model was trained or validated on: these figures are no test\n",
            (long long)n->seen, whose);
  if (n->unlike > 0)
    fprintf(f, "%lld rows%s are of images unlike those that the model was trained on\n", (long long)n->unlike, whose);
  if (n->repeated > 0)
    fprintf(f, "%lld rows%s are of an image that an earlier row is of, too: it counts as often\n",
            (long long)n->repeated, whose);
  if (n->masks_unfit > 0)
    fprintf(f, "masks of %lld rows could not be used; what they say of lesions is unknown\n",
            (long long)n->masks_unfit);
}

/* ---- classes ---- */

static void write_decisions(FILE *f, const bf_evaluation *e) {
  const bf_class_figures *c = &e->all.classes;
  if (isnan(e->options.threshold))
    fprintf(f, "  %-*snone: the scores carry no threshold; give --threshold\n", name_width, "threshold");
  else
    fprintf(f, "  %-*s%.4g   %s\n", name_width, "threshold", e->options.threshold, e->threshold_rule);
  /* Wilson's intervals take images for independent. */
  bool alike = bf_cases_alike(c) && !isnan(e->options.threshold);
  for (int k = 0; k < BF_AT_FIGURES; k++) {
    share_line(f, bf_figure_kinds[BF_FIGURE_SENSITIVITY + k].name, bf_confusion_share(&c->confusion, k));
    if (alike) resampled_line(f, "  the same, of resampled patients", &e->all.figures[BF_FIGURE_SENSITIVITY + k]);
  }
}

static void write_points(FILE *f, const bf_evaluation *e) {
  const bf_assess_options *o = &e->options;
  if (o->point_count > 0)
    fprintf(f, "  %-32s%9s  %-23s  %-23s\n", "stored operating points", "threshold", "sensitivity", "specificity");
  for (int k = 0; k < o->point_count; k++) {
    fprintf(f, "    %-30s%9.4g", o->points[k].name, o->points[k].threshold);
    put_figure(f, bf_assessment_shown(&e->all, bf_place_of_point(k, BF_AT_SENSITIVITY)));
    put_figure(f, bf_assessment_shown(&e->all, bf_place_of_point(k, BF_AT_SPECIFICITY)));
    fputc('\n', f);
  }
}

static void write_classes(FILE *f, const bf_evaluation *e) {
  const bf_class_figures *c = &e->all.classes;
  fprintf(f, "\nbenign or malignant: %lld images of %d patient%s, %lld malignant; %lld of unknown class",
          (long long)c->n, c->patients, c->patients == 1 ? "" : "s", (long long)c->positives, (long long)c->unknown);
  if (c->without_probability > 0) fprintf(f, "; %lld without a probability", (long long)c->without_probability);
  fputc('\n', f);
  line(f, "area under the ROC curve (DeLong)", c->auc.value, c->auc.interval, 0, 0);
  resampled_line(f, "  the same, of resampled patients", &e->all.figures[BF_FIGURE_AUC]);
  told_lines(f, &e->all, BF_FIGURE_AVERAGE_PRECISION, BF_FIGURE_PARTIAL_AUC);
  write_decisions(f, e);
  told_lines(f, &e->all, BF_FIGURE_BRIER, BF_FIGURE_EXCESS);
  line(f, "calibration slope (perfect: 1)", c->recalibration.slope, c->recalibration.slope_interval, 0, 0);
  write_points(f, e);
}

static void write_unit(FILE *f, const bf_evaluation *e, bf_unit unit) {
  const bf_unit_figures *u = &e->units[unit];
  const bf_class_figures *c = &u->figures.classes;
  /* As many units as images say nothing new. */
  if (u->units == 0 || u->units == u->images) return;
  fprintf(f, "\neach %s by its most suspicious image: %lld of known class, %lld malignant\n", bf_unit_name(unit),
          (long long)c->n, (long long)c->positives);
  static const int told[] = {BF_FIGURE_AUC, BF_FIGURE_SENSITIVITY, BF_FIGURE_SPECIFICITY};
  for (int k = 0; k < 3; k++) {
    bf_shown s = bf_assessment_shown(&u->figures, told[k]);
    line(f, bf_figure_kinds[told[k]].name, s.value, s.interval, 0, 0);
  }
}

/* ---- lesions ---- */

static void write_lesions(FILE *f, const bf_evaluation *e) {
  const bf_lesion_figures *l = &e->all.lesions;
  fprintf(f,
          "\nlesions: %lld in %lld images, %lld of them without a lesion; %lld images of unknown lesions; %lld boxes "
          "found\n",
          (long long)l->lesions, (long long)l->images, (long long)l->without_lesions, (long long)l->unknown,
          (long long)l->found);
  fprintf(f, "  a box hits by the rule %s\n", bf_hit_rule_name(e->options.rule));
  told_lines(f, &e->all, BF_FIGURE_FROC_QUARTER, BF_FIGURE_CENTRE_MEDIAN_SHARE);
  for (int k = 0; k < BF_SIZE_GROUPS && l->lesions > 0; k++) {
    bf_shown s = bf_assessment_shown(&e->all, bf_place_of_size(k, BF_SIZE_FROC_1));
    char name[64];
    snprintf(name, sizeof name, "%s, found at 1", l->sizes[k].name);
    int64_t found = s.n > 0 ? llround(s.value * (double)s.n) : 0;
    line(f, name, s.value, s.interval, found, s.n);
  }
}

static void write_masks(FILE *f, const bf_assessment *a) {
  const bf_mask_figures *m = &a->masks;
  fprintf(f, "masks: %lld images, %lld with lesions; of the others %lld with pixels that were found\n",
          (long long)m->images, (long long)m->drawn, (long long)m->found_where_none);
  told_lines(f, a, BF_FIGURE_DICE_MEAN, BF_FIGURE_DICE_MEDIAN);
}

/* ---- groups ---- */

static const int group_figures[] = {BF_FIGURE_AUC, BF_FIGURE_SENSITIVITY, BF_FIGURE_SPECIFICITY, BF_FIGURE_FROC_1};

/* Names stand at their full width up to so many columns of a terminal. */
enum { name_most = 40, attribute_most = 24, name_room = BF_GROUP_NAME_MAX + 4 };

/* Names of groups, as all tables show them. */
typedef struct shown_names {
  char of[BF_GROUPS_MAX][name_room];
} shown_names;

static void shorten_names(shown_names *shown, const bf_grouping *g) {
  const char *names[BF_GROUPS_MAX];
  for (int i = 0; i < g->count; i++) names[i] = g->groups[i].name;
  bf_texts_shorten(shown->of[0], name_room, names, g->count, name_most);
}

static void write_group(FILE *f, const char *name, int width, const bf_group *g, const bf_assessment *a) {
  fprintf(f, "    ");
  bf_text_pad(f, name, width);
  fprintf(f, "%9lld", (long long)g->count);
  for (size_t k = 0; k < sizeof group_figures / sizeof group_figures[0]; k++)
    put_figure(f, bf_assessment_shown(a, group_figures[k]));
  fprintf(f, "%s\n", bf_assessment_small(a) ? "few" : "");
}

static int group_width(const bf_evaluation *e) {
  shown_names names;
  int width = 20;
  for (int g = 0; g < e->group_count; g++) {
    shorten_names(&names, &e->groups[g].grouping);
    for (int i = 0; i < e->groups[g].grouping.count; i++) width = max_of(width, bf_text_columns(names.of[i]));
  }
  return width;
}

static void write_groups(FILE *f, const bf_evaluation *e) {
  const int width = group_width(e);
  shown_names names;
  if (e->group_count == 0) return;
  fprintf(f, "\nsubgroups (few: fewer than %d of a class, lesions or patients)\n", BF_FEW);
  fprintf(f, "    %-*s%9s  %-23s  %-23s  %-23s  %-23s\n", width, "", "images", "AUC", "sensitivity", "specificity",
          "lesions at 1 FP");
  for (int g = 0; g < e->group_count; g++) {
    const bf_grouping *by = &e->groups[g].grouping;
    shorten_names(&names, by);
    fprintf(f, "  %s\n", by->attribute);
    for (int i = 0; i < by->count; i++) write_group(f, names.of[i], width, &by->groups[i], &e->groups[g].of[i]);
  }
}

/* ---- against another ---- */

static void write_difference(FILE *f, const char *name, int width, const bf_differences *d, int figure) {
  const bf_resampled_pair *of = &d->items[figure].of;
  fprintf(f, "  ");
  bf_text_pad(f, name, width);
  fprintf(f, "%7.3f%8.3f%+9.3f", of->a, of->b, of->difference);
  if (isfinite(of->interval.low))
    fprintf(f, "  (%+.3f to %+.3f)", of->interval.low, of->interval.high);
  else
    fprintf(f, "  %-18s", "no interval");
  fprintf(f, "  %s%s\n", bf_difference_words(d, figure), d->few ? ", few" : "");
}

/* A row of the tables by subgroup: "  attribute group, n 20". */
typedef struct row_name {
  char text[2 * name_room + 32];
} row_name;

/* What one figure's table by subgroup says of the grouping; returns the columns of the widest. */
static int name_rows(row_name names[BF_GROUPS_MAX], const bf_comparison *c, int g, int figure) {
  char attributes[BF_ATTRIBUTES_MAX][name_room];
  const char *whole[BF_ATTRIBUTES_MAX];
  const bf_grouping *by = &c->groups[g].grouping;
  shown_names groups;
  int width = 0;
  for (int k = 0; k < c->group_count; k++) whole[k] = c->groups[k].grouping.attribute;
  bf_texts_shorten(attributes[0], name_room, whole, c->group_count, attribute_most);
  shorten_names(&groups, by);
  for (int i = 0; i < by->count; i++) {
    snprintf(names[i].text, sizeof names[i].text, "  %s %s, n %lld", attributes[g], groups.of[i],
             (long long)c->groups[g].of[i].items[figure].n);
    if (bf_difference_told(&c->groups[g].of[i], figure)) width = max_of(width, bf_text_columns(names[i].text));
  }
  return width;
}

static const int figures_by_group[] = {BF_FIGURE_AUC, BF_FIGURE_FROC_1};
enum { figures_by_group_count = sizeof figures_by_group / sizeof figures_by_group[0] };

/* Of the tables of differences, whose columns stand under each other. */
static int difference_width(const bf_comparison *c) {
  row_name names[BF_GROUPS_MAX];
  int width = 44;
  for (int k = 0; k < figures_by_group_count; k++)
    for (int g = 0; g < c->group_count; g++) width = max_of(width, name_rows(names, c, g, figures_by_group[k]));
  return width;
}

static void write_comparison(FILE *f, const bf_comparison *c, const bf_evaluation_source *s, int width) {
  fprintf(f, "\nA: %s\nB: %s\n%lld images of both; %lld of A alone, %lld of B alone\n", s->scores, s->against,
          (long long)c->cases, (long long)c->a_alone, (long long)c->b_alone);
  write_rows(f, &c->rows_of_b, " of B");
  fprintf(f, "  %-*s%7s%8s%9s  %-18s  %s\n", width, "", "A", "B", "A - B", "95 % interval", "better");
  for (int k = 0; k < BF_FIGURES; k++)
    if (bf_figure_kinds[k].told && bf_difference_told(&c->all, k))
      write_difference(f, bf_figure_kinds[k].name, width, &c->all, k);
  if (isfinite(c->threshold_a) && isfinite(c->threshold_b))
    fprintf(f, "  sensitivity, specificity and predictive values: A from %.4g on, B from %.4g on\n", c->threshold_a,
            c->threshold_b);
  else
    fprintf(f, "  sensitivity, specificity and predictive values: not compared, because %s no threshold\n",
            isfinite(c->threshold_a)   ? "B has"
            : isfinite(c->threshold_b) ? "A has"
                                       : "neither has");
  fprintf(f, "  better: p below 0.05; of many figures one in twenty is so by chance, here and in subgroups\n");
  if (isfinite(c->delong.p_value))
    fprintf(f, "  AUC, DeLong for paired curves: difference %+.3f (%+.3f to %+.3f), p = %.3g\n", c->delong.value,
            c->delong.interval.low, c->delong.interval.high, c->delong.p_value);
  if (isfinite(c->calls.p_value))
    fprintf(f, "  calls: %lld right by both, %lld by A alone, %lld by B alone, %lld by none; McNemar p = %.3g\n",
            (long long)c->calls.both_right, (long long)c->calls.a_alone, (long long)c->calls.b_alone,
            (long long)c->calls.both_wrong, c->calls.p_value);
  if (isfinite(c->delong.p_value) || isfinite(c->calls.p_value))
    fprintf(f, "  %s images for independent\n",
            !isfinite(c->calls.p_value)    ? "DeLong's test takes"
            : !isfinite(c->delong.p_value) ? "McNemar's test takes"
                                           : "DeLong's and McNemar's tests take");
}

static void write_comparison_groups(FILE *f, const bf_comparison *c, int figure, int width) {
  row_name names[BF_GROUPS_MAX];
  bool first = true;
  for (int g = 0; g < c->group_count; g++) {
    name_rows(names, c, g, figure);
    for (int i = 0; i < c->groups[g].grouping.count; i++) {
      const bf_differences *d = &c->groups[g].of[i];
      if (!bf_difference_told(d, figure)) continue;
      if (first) fprintf(f, "  %s, by subgroup\n", bf_figure_kinds[figure].name);
      first = false;
      write_difference(f, names[i].text, width, d, figure);
    }
  }
}

char *bf_evaluation_text(const bf_evaluation *e, const bf_comparison *comparison, const bf_evaluation_source *source) {
  char *buffer = NULL, *copy = NULL;
  size_t size;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return NULL;
  write_rows(f, &e->cases.counts, "");
  if (!e->cases.patients_known)
    fprintf(f, "not all images say whose they are: such are taken together by study, else each by itself\n");
  if (bf_assessment_small(&e->all))
    fprintf(f, "few: fewer than %d images, images of a class, lesions or patients; figures of them say little\n",
            BF_FEW);
  write_classes(f, e);
  for (int u = 0; u < BF_UNITS; u++) write_unit(f, e, u);
  write_lesions(f, e);
  if (e->all.masks.images > 0) write_masks(f, &e->all);
  write_groups(f, e);
  if (comparison != NULL) {
    const int width = difference_width(comparison);
    write_comparison(f, comparison, source, width);
    for (int k = 0; k < figures_by_group_count; k++) write_comparison_groups(f, comparison, figures_by_group[k], width);
  }
  if (fclose(f) == 0) copy = bf_strdup(buffer);
  free(buffer);
  return copy;
}
