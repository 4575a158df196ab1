/* Curves and subgroups as CSV, for drawing elsewhere. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "evaluation/words.h"

/* What the curves are drawn of. */
typedef struct work {
  const bf_evaluation *e;
  bf_class_arrays classes;
  bf_lesion_arrays lesions;
  bf_matching matching;
} work;

static bf_status open_work(work *w, const bf_evaluation *e, bf_error *err) {
  *w = (work){.e = e};
  bf_status status = bf_class_arrays_make(&w->classes, e->cases.items, NULL, e->cases.count, err);
  if (status == BF_OK) status = bf_lesion_arrays_make(&w->lesions, e->cases.items, NULL, e->cases.count, err);
  if (status == BF_OK) status = bf_metrics_match(&w->matching, w->lesions.images, w->lesions.n, e->options.rule, err);
  return status;
}

static void close_work(work *w) {
  bf_matching_clear(&w->matching);
  bf_lesion_arrays_clear(&w->lesions);
  bf_class_arrays_clear(&w->classes);
}

static bf_status no_memory(bf_error *err) { return bf_fail(err, BF_E_MEMORY, "no memory for its curve"); }

static bf_status write_roc(FILE *f, const work *w, bf_error *err) {
  const bf_class_arrays *a = &w->classes;
  bf_roc_point *points = bf_alloc((size_t)a->n + 1, sizeof *points);
  int64_t count = 0;
  bf_status status =
      points != NULL ? bf_metrics_roc(&count, points, a->probability, a->label, a->n, err) : no_memory(err);
  fprintf(f, "threshold,sensitivity,specificity\n");
  for (int64_t i = 0; i < count; i++)
    fprintf(f, "%.9g,%.9g,%.9g\n", points[i].threshold, points[i].sensitivity, points[i].specificity);
  bf_free(points);
  return status;
}

static bf_status write_pr(FILE *f, const work *w, bf_error *err) {
  const bf_class_arrays *a = &w->classes;
  bf_recall_point *points = bf_alloc((size_t)a->n, sizeof *points);
  int64_t count = 0;
  bf_status status = points != NULL ? bf_metrics_precision_recall(&count, points, a->probability, a->label, a->n, err)
                                    : no_memory(err);
  fprintf(f, "threshold,recall,precision\n");
  for (int64_t i = 0; i < count; i++)
    fprintf(f, "%.9g,%.9g,%.9g\n", points[i].threshold, points[i].recall, points[i].precision);
  bf_free(points);
  return status;
}

static bf_status write_froc(FILE *f, const work *w, bf_error *err) {
  bf_froc_point *points = bf_alloc((size_t)w->matching.count + 1, sizeof *points);
  if (points == NULL) return no_memory(err);
  int64_t count = bf_metrics_froc_curve(points, &w->matching);
  fprintf(f, "threshold,false_positives_per_image,sensitivity\n");
  for (int64_t i = 0; i < count; i++)
    if (isfinite(points[i].threshold))
      fprintf(f, "%.9g,%.9g,%.9g\n", points[i].threshold, points[i].false_positives, points[i].sensitivity);
  bf_free(points);
  return BF_OK;
}

static bf_status write_reliability(FILE *f, const work *w, bf_error *err) {
  bf_reliability_bin bins[BF_RELIABILITY_BINS];
  const bf_class_arrays *a = &w->classes;
  fprintf(f, "low,high,n,predicted,observed,observed_low,observed_high\n");
  bf_status status =
      bf_metrics_reliability(bins, BF_RELIABILITY_BINS, BF_BIN_WIDTH, a->probability, a->label, a->n, err);
  for (int k = 0; k < BF_RELIABILITY_BINS && status == BF_OK; k++) {
    const bf_reliability_bin *b = &bins[k];
    fprintf(f, "%.9g,%.9g,%lld", b->low, b->high, (long long)b->n);
    if (b->n > 0)
      fprintf(f, ",%.9g,%.9g,%.9g,%.9g\n", b->predicted, b->observed.value, b->observed.interval.low,
              b->observed.interval.high);
    else
      fprintf(f, ",,,,\n");
  }
  return status;
}

static bf_status write_decision(FILE *f, const work *w, bf_error *err) {
  (void)err;
  bf_benefit_point points[BF_DECISION_POINTS];
  double thresholds[BF_DECISION_POINTS];
  const bf_class_arrays *a = &w->classes;
  for (int k = 0; k < BF_DECISION_POINTS; k++) thresholds[k] = (k + 1) / 100.0;
  bf_metrics_decision_curve(points, thresholds, BF_DECISION_POINTS, a->probability, a->label, a->n);
  fprintf(f, "threshold,model,treat_all,treat_none\n");
  for (int k = 0; k < BF_DECISION_POINTS && a->n > 0; k++)
    fprintf(f, "%.9g,%.9g,%.9g,%.9g\n", points[k].threshold, points[k].model, points[k].all, points[k].none);
  return BF_OK;
}

/* ---- subgroups ---- */

/* Names come from strangers' files: one that a spreadsheet would take for a formula gets an apostrophe. */
static void put_text(FILE *f, const char *text) {
  fputc('"', f);
  if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL) fputc('\'', f);
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"') fputc('"', f);
    fputc(*c, f);
  }
  fputc('"', f);
}

static void put_number(FILE *f, double value) {
  if (isfinite(value))
    fprintf(f, ",%.9g", value);
  else
    fputc(',', f);
}

static bf_status write_subgroups(FILE *f, const work *w, bf_error *err) {
  (void)err;
  static const int figures[] = {BF_FIGURE_AUC, BF_FIGURE_SENSITIVITY, BF_FIGURE_SPECIFICITY, BF_FIGURE_FROC_1,
                                BF_FIGURE_DICE_MEAN};
  fprintf(f,
          "attribute,group,images,malignant,benign,auc,auc_low,auc_high,sensitivity,sensitivity_low,"
          "sensitivity_high,specificity,specificity_low,specificity_high,lesions,froc_1,froc_1_low,froc_1_high,"
          "mean_dice,mean_dice_low,mean_dice_high,small\n");
  for (int g = 0; g < w->e->group_count; g++)
    for (int i = 0; i < w->e->groups[g].grouping.count; i++) {
      const bf_group *group = &w->e->groups[g].grouping.groups[i];
      const bf_assessment *a = &w->e->groups[g].of[i];
      const bf_class_figures *c = &a->classes;
      put_text(f, w->e->groups[g].grouping.attribute);
      fputc(',', f);
      put_text(f, group->name);
      fprintf(f, ",%lld,%lld,%lld", (long long)group->count, (long long)c->positives, (long long)(c->n - c->positives));
      for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++) {
        const bf_shown s = bf_assessment_shown(a, figures[k]);
        if (figures[k] == BF_FIGURE_FROC_1) fprintf(f, ",%lld", (long long)s.n);
        put_number(f, s.value);
        put_number(f, s.interval.low);
        put_number(f, s.interval.high);
      }
      fprintf(f, ",%d\n", bf_assessment_small(a));
    }
  return BF_OK;
}

/* ---- files ---- */

typedef bf_status (*writer)(FILE *f, const work *w, bf_error *err);

static bf_status write_curve(const char *folder, const char *name, const work *w, writer write, bf_error *err) {
  char path[BF_PATH_MAX], *buffer = NULL;
  size_t size = 0;
  bf_status status = bf_path_join(path, sizeof path, folder, name, err);
  if (status != BF_OK) return status;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to write it", path);
  status = write(f, w, err);
  if (status != BF_OK) bf_error_prefix(err, "%s", path);
  bool whole = fclose(f) == 0;
  if (status == BF_OK && !whole) status = bf_fail(err, BF_E_MEMORY, "%s: no memory to write it", path);
  if (status == BF_OK) status = bf_file_write(path, buffer, size, err);
  free(buffer);
  return status;
}

bf_status bf_evaluation_write_curves(const bf_evaluation *e, const char *folder, bf_error *err) {
  static const struct {
    const char *name;
    writer write;
  } files[] = {{"roc.csv", write_roc},           {"pr.csv", write_pr},
               {"froc.csv", write_froc},         {"reliability.csv", write_reliability},
               {"decision.csv", write_decision}, {"subgroups.csv", write_subgroups}};
  work w;
  bf_status status = open_work(&w, e, err);
  for (size_t i = 0; i < sizeof files / sizeof files[0] && status == BF_OK; i++)
    status = write_curve(folder, files[i].name, &w, files[i].write, err);
  close_work(&w);
  return status;
}
