/* Figures as tables for people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/name.h"
#include "evaluation/words.h"

static void line(FILE *f, const char *name, double value, bf_interval i, int64_t k, int64_t n) {
  fprintf(f, "  %-34s", name);
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

static void plain_line(FILE *f, const char *name, double value) { line(f, name, value, (bf_interval){NAN, NAN}, 0, 0); }

/* ---- rows ---- */

static void write_rows(FILE *f, const bf_case_counts *n) {
  fprintf(f, "rows: %lld, %lld failed", (long long)n->rows, (long long)n->failed);
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
    fprintf(f, "%lld rows are of images that the model was trained or validated on: these figures are no test\n",
            (long long)n->seen);
  if (n->masks_unfit > 0)
    fprintf(f, "masks of %lld rows could not be used; what they say of lesions is unknown\n",
            (long long)n->masks_unfit);
}

/* ---- classes ---- */

static void write_decisions(FILE *f, const bf_evaluation *e, const bf_class_figures *c) {
  if (isnan(e->options.threshold))
    fprintf(f, "  %-34snone: the scores carry no threshold; give --threshold\n", "threshold");
  else
    fprintf(f, "  %-34s%.4g   %s\n", "threshold", e->options.threshold, e->threshold_rule);
  static const char *const names[BF_AT_FIGURES] = {"sensitivity", "specificity", "positive predictive value",
                                                   "negative predictive value"};
  /* Wilson's intervals take images for independent. */
  bool alike = c->patients < c->n && !isnan(e->options.threshold);
  for (int k = 0; k < BF_AT_FIGURES; k++) {
    share_line(f, names[k], bf_confusion_share(&c->confusion, k));
    if (alike) resampled_line(f, "  the same, of resampled patients", &c->at[k]);
  }
}

static void write_points(FILE *f, const bf_evaluation *e) {
  const bf_assess_options *o = &e->options;
  if (o->point_count > 0) fprintf(f, "  stored operating points              threshold   sensitivity   specificity\n");
  for (int k = 0; k < o->point_count; k++) {
    const bf_confusion *c = &e->all.classes.at_points[k];
    fprintf(f, "    %-32s   %9.4g   %11.3f   %11.3f\n", o->points[k].name, o->points[k].threshold, c->sensitivity.value,
            c->specificity.value);
  }
}

static void write_classes(FILE *f, const bf_evaluation *e) {
  const bf_class_figures *c = &e->all.classes;
  fprintf(f, "\nbenign or malignant: %lld images of %d patients, %lld malignant; %lld of unknown class",
          (long long)c->n, c->patients, (long long)c->positives, (long long)c->unknown);
  if (c->without_probability > 0) fprintf(f, "; %lld without a probability", (long long)c->without_probability);
  fputc('\n', f);
  line(f, "area under the ROC curve (DeLong)", c->auc.value, c->auc.interval, 0, 0);
  resampled_line(f, "  the same, of resampled patients", &c->auc_resampled);
  resampled_line(f, "  to 10 % false positives", &c->partial_auc);
  resampled_line(f, "average precision", &c->average_precision);
  write_decisions(f, e, c);
  resampled_line(f, "expected calibration error", &c->ece);
  resampled_line(f, "Brier score", &c->brier);
  resampled_line(f, "log loss", &c->log_loss);
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
  line(f, "area under the ROC curve", c->auc.value, bf_auc_interval(c), 0, 0);
  share_line(f, "sensitivity", bf_class_share(c, BF_AT_SENSITIVITY));
  share_line(f, "specificity", bf_class_share(c, BF_AT_SPECIFICITY));
}

/* ---- lesions ---- */

static void write_lesions(FILE *f, const bf_evaluation *e) {
  const bf_lesion_figures *l = &e->all.lesions;
  fprintf(f,
          "\nlesions: %lld in %lld images, %lld of them without a lesion; %lld images of unknown lesions; %lld boxes "
          "found\n",
          (long long)l->lesions, (long long)l->images, (long long)l->without_lesions, (long long)l->unknown,
          (long long)l->found);
  resampled_line(f, "average precision, IoU 0.5", &l->ap50);
  plain_line(f, "average precision, IoU 0.1", l->ap[0]);
  plain_line(f, "average precision, COCO's mean", l->ap_coco);
  resampled_line(f, "mean best IoU", &l->mean_best_iou);
  plain_line(f, "median centre error, pixels", l->quality.median_distance);
  fprintf(f, "  lesion sensitivity (hit: %s) at\n", bf_hit_rule_name(e->options.rule));
  for (int i = 0; i < BF_FROC_RATES; i++) {
    char name[64];
    snprintf(name, sizeof name, "  %g false positives an image", bf_froc_rates[i]);
    resampled_line(f, name, &l->froc[i]);
  }
  resampled_line(f, "mean over 1/8 to 8 (CPM)", &l->cpm);
  for (int k = 0; k < BF_SIZE_GROUPS && l->lesions > 0; k++) {
    const bf_size_figures *s = &l->sizes[k];
    char name[64];
    snprintf(name, sizeof name, "%s, at 1", s->name);
    int64_t found = s->lesions > 0 ? llround(s->froc1.value * (double)s->lesions) : 0;
    line(f, name, s->froc1.value, s->froc1.interval, found, s->lesions);
  }
}

static void write_masks(FILE *f, const bf_mask_figures *m) {
  fprintf(f, "masks: %lld images, %lld with lesions; of the others %lld with pixels that were found\n",
          (long long)m->images, (long long)m->drawn, (long long)m->found_where_none);
  resampled_line(f, "mean Dice", &m->mean_dice);
  plain_line(f, "median Dice", m->median_dice);
  resampled_line(f, "mean IoU", &m->mean_iou);
}

/* ---- groups ---- */

/* Value and interval in a column of 23, or a dash. */
static void put_figure(FILE *f, double value, bf_interval i) {
  char text[64] = "-";
  if (isfinite(value) && isfinite(i.low))
    snprintf(text, sizeof text, "%.3f (%.3f to %.3f)", value, i.low, i.high);
  else if (isfinite(value))
    snprintf(text, sizeof text, "%.3f", value);
  fprintf(f, "  %-23s", text);
}

static void put_share(FILE *f, bf_share share) { put_figure(f, share.value, share.interval); }

static void write_group(FILE *f, const bf_group *g, const bf_assessment *a) {
  char name[21];
  bf_name_set(name, sizeof name, g->name);
  fprintf(f, "    %-20s%9lld", name, (long long)g->count);
  put_figure(f, a->classes.auc.value, bf_auc_interval(&a->classes));
  put_share(f, bf_class_share(&a->classes, BF_AT_SENSITIVITY));
  put_share(f, bf_class_share(&a->classes, BF_AT_SPECIFICITY));
  put_figure(f, a->lesions.froc[BF_RATE_ONE].value, a->lesions.froc[BF_RATE_ONE].interval);
  fprintf(f, "%s\n", bf_assessment_small(a) ? "few" : "");
}

static void write_groups(FILE *f, const bf_evaluation *e) {
  if (e->group_count == 0) return;
  fprintf(f, "\nsubgroups (few: fewer than %d of a class, lesions or patients)\n", BF_FEW);
  fprintf(f, "    %-20s%9s  %-23s  %-23s  %-23s  %-23s\n", "", "images", "AUC", "sensitivity", "specificity",
          "lesions at 1 FP");
  for (int g = 0; g < e->group_count; g++) {
    const bf_grouping *by = &e->groups[g].grouping;
    fprintf(f, "  %s\n", by->attribute);
    for (int i = 0; i < by->count; i++) write_group(f, &by->groups[i], &e->groups[g].of[i]);
  }
}

/* ---- against another ---- */

static void write_difference(FILE *f, const char *name, const bf_difference *d, bool few) {
  char start[45];
  if (!isfinite(d->of.difference)) return;
  bf_name_set(start, sizeof start, name);
  fprintf(f, "  %-44s%7.3f%8.3f%+9.3f", start, d->of.a, d->of.b, d->of.difference);
  if (isfinite(d->of.interval.low))
    fprintf(f, "  (%+.3f to %+.3f)  %s", d->of.interval.low, d->of.interval.high, bf_difference_words(d));
  else
    fprintf(f, "  no interval");
  fprintf(f, "%s\n", few ? ", few" : "");
}

static void write_comparison(FILE *f, const bf_comparison *c, const bf_evaluation_source *s) {
  fprintf(f, "\nA: %s\nB: %s\n%lld images of both; %lld of A alone, %lld of B alone\n", s->scores, s->against,
          (long long)c->cases, (long long)c->a_alone, (long long)c->b_alone);
  fprintf(f, "  %-44s%7s%8s%9s  %-18s  %s\n", "", "A", "B", "A - B", "95 % interval", "better");
  for (int k = 0; k < c->all.count; k++) write_difference(f, c->all.items[k].name, &c->all.items[k], c->all.few);
  fprintf(f, "  of many such intervals one in twenty leaves 0 out by chance, here and in subgroups\n");
  if (isfinite(c->delong.value))
    fprintf(f, "  AUC, DeLong for paired curves: difference %+.3f (%+.3f to %+.3f), p = %.3g\n", c->delong.value,
            c->delong.interval.low, c->delong.interval.high, c->delong.p_value);
  if (isfinite(c->calls.p_value))
    fprintf(f, "  calls: %lld right by both, %lld by A alone, %lld by B alone, %lld by none; McNemar p = %.3g\n",
            (long long)c->calls.both_right, (long long)c->calls.a_alone, (long long)c->calls.b_alone,
            (long long)c->calls.both_wrong, c->calls.p_value);
  if (isfinite(c->delong.value)) fprintf(f, "  DeLong and McNemar take images for independent\n");
}

static void write_comparison_groups(FILE *f, const bf_comparison *c, const char *key, const char *title) {
  bool first = true;
  for (int g = 0; g < c->group_count; g++) {
    const bf_grouping *by = &c->groups[g].grouping;
    for (int i = 0; i < by->count; i++) {
      const bf_difference *d = bf_differences_find(&c->groups[g].of[i], key);
      if (d == NULL || !isfinite(d->of.difference)) continue;
      if (first) fprintf(f, "  %s by subgroup\n", title);
      first = false;
      char name[2 * BF_GROUP_NAME_MAX + 32];
      snprintf(name, sizeof name, "  %s %s, n %lld", by->attribute, by->groups[i].name, (long long)d->n);
      write_difference(f, name, d, c->groups[g].of[i].few);
    }
  }
}

char *bf_evaluation_text(const bf_evaluation *e, const bf_comparison *comparison, const bf_evaluation_source *source) {
  char *buffer = NULL, *copy = NULL;
  size_t size;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return NULL;
  write_rows(f, &e->cases.counts);
  write_classes(f, e);
  for (int u = 0; u < BF_UNITS; u++) write_unit(f, e, u);
  write_lesions(f, e);
  if (e->all.masks.images > 0) write_masks(f, &e->all.masks);
  write_groups(f, e);
  if (comparison != NULL) {
    write_comparison(f, comparison, source);
    write_comparison_groups(f, comparison, "auc", "AUC");
    write_comparison_groups(f, comparison, "froc_1", "lesions found at 1 false positive an image");
  }
  if (fclose(f) == 0) copy = bf_strdup(buffer);
  free(buffer);
  return copy;
}
