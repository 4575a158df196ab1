/* Benign or malignant: threshold explorer with the ROC curve, precision and recall, calibration, decisions. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/report_parts.h"

/* ---- threshold explorer ---- */

/* Counts at each distinct score, the highest first. */
static bf_status count_up(int64_t *count, double *threshold, int64_t *hits, int64_t *alarms, const bf_class_arrays *a,
                          bf_error *err) {
  bf_roc_point *points = bf_alloc((size_t)a->n + 1, sizeof *points);
  *count = 0;
  bf_status status = points != NULL ? bf_metrics_roc(count, points, a->probability, a->label, a->n, err)
                                    : bf_fail(err, BF_E_MEMORY, "no memory for the ROC curve");
  for (int64_t i = 0; i < *count; i++) {
    threshold[i] = points[i].threshold;
    hits[i] = llround(points[i].sensitivity * (double)a->positives);
    alarms[i] = llround((1 - points[i].specificity) * (double)(a->n - a->positives));
  }
  bf_free(points);
  return status;
}

static int operating_points(bf_page_operating_point *out, const bf_evaluation *e) {
  int count = 0;
  if (!isnan(e->options.threshold)) out[count++] = (bf_page_operating_point){"chosen", e->options.threshold};
  for (int k = 0; k < e->options.point_count; k++)
    out[count++] = (bf_page_operating_point){e->options.points[k].name, e->options.points[k].threshold};
  return count;
}

_Static_assert((int)BF_PAGE_MEASURES == (int)BF_AT_FIGURES && BF_AT_SENSITIVITY == 0 && BF_AT_SPECIFICITY == 1 &&
                   BF_AT_POSITIVE_PREDICTIVE == 2 && BF_AT_NEGATIVE_PREDICTIVE == 3,
               "the page's measures are the shares at a threshold");

/* Four figures a stop are kept of every round: of many rounds the slider has fewer stops, and each its own interval. */
static int stops_most(const bf_evaluation *e) {
  const int numbers = 1000000;
  return bf_cases_alike(&e->all.classes) && e->options.rounds > numbers / BF_PAGE_STOPS_MAX
             ? numbers / e->options.rounds
             : BF_PAGE_STOPS_MAX;
}

/* found: of the stop's shares, resampled; NULL: Wilson's are due. */
static void choose_intervals(bf_page_stop_intervals *out, const bf_page_stop *s, const bf_class_arrays *a,
                             const bf_resampled *found) {
  const int64_t positives = a->positives, negatives = a->n - positives, spared = negatives - s->false_positive;
  const bf_share shares[] = {bf_metrics_share(s->true_positive, positives), bf_metrics_share(spared, negatives),
                             bf_metrics_share(s->true_positive, s->true_positive + s->false_positive),
                             bf_metrics_share(spared, spared + positives - s->true_positive)};
  for (int at = 0; at < BF_AT_FIGURES; at++) {
    bf_interval i = found != NULL ? found[at].interval : shares[at].interval;
    out->low[at] = i.low;
    out->high[at] = i.high;
  }
}

/* By the draws of all other figures: one threshold has one interval, wherever it stands. */
static bf_status resample_stops(bf_resampled *found, const bf_page_stop *stops, int count, const bf_evaluation *e,
                                const bf_class_arrays *a, bf_error *err) {
  double thresholds[BF_PAGE_STOPS_MAX];
  bf_ranked ranked;
  for (int i = 0; i < count; i++) thresholds[i] = stops[i].threshold;
  const bf_ranked_input in = {.score = a->rank,
                              .label = a->label,
                              .cluster = a->patient,
                              .n = a->n,
                              .clusters = a->patients,
                              .most = NAN,
                              .probability = a->probability,
                              .thresholds = thresholds,
                              .threshold_count = count};
  const bf_resampling how = bf_assess_resampling(&e->options, a->patients);
  bf_status status = bf_ranked_make(&ranked, &in, err);
  if (status == BF_OK) status = bf_metrics_resample(found, ranked.figures, bf_ranked_figures, &ranked, &how, err);
  for (int i = 0; i < count && status == BF_OK; i++)
    status = bf_assess_settle(&found[bf_ranked_at(i, 0)], &ranked, i, err);
  bf_ranked_clear(&ranked);
  return status;
}

/* Owned: of each stop. */
static bf_status make_intervals(bf_page_stop_intervals **out, const bf_page_explorer *explorer, const bf_evaluation *e,
                                const bf_class_arrays *a, bf_error *err) {
  bf_page_stop stops[BF_PAGE_STOPS_MAX];
  int count;
  bf_resampled *found = NULL;
  *out = NULL;
  bf_status status = bf_page_explorer_stops(stops, &count, explorer, err);
  if (status != BF_OK) return status;
  *out = bf_alloc((size_t)count, sizeof **out);
  if (bf_cases_alike(&e->all.classes)) found = bf_alloc((size_t)bf_ranked_at(count, 0), sizeof *found);
  if (*out == NULL || (found == NULL && bf_cases_alike(&e->all.classes)))
    status = bf_fail(err, BF_E_MEMORY, "no memory for the intervals of %d thresholds", count);
  if (status == BF_OK && found != NULL) status = resample_stops(found, stops, count, e, a, err);
  for (int i = 0; i < count && status == BF_OK; i++)
    choose_intervals(&(*out)[i], &stops[i], a, found != NULL ? &found[bf_ranked_at(i, 0)] : NULL);
  bf_free(found);
  return status;
}

static const char *interval_words(const bf_evaluation *e) {
  if (!bf_cases_alike(&e->all.classes)) return "Wilson's 95\xC2\xA0% intervals.";
  if (e->options.rounds > 0)
    return "95\xC2\xA0% intervals of resampled patients, the same as in the tables; at 0 and 100\xC2\xA0% Wilson's of "
           "as many as there are patients.";
  return "Without intervals: patients have several images, and none were drawn anew.";
}

/* of_curve: the AUC of the curve, which is of probabilities. */
static void write_caption(char *caption, size_t size, const bf_evaluation *e, const bf_class_arrays *a,
                          double of_curve) {
  char auc[BF_REPORT_FIGURE], resampled[BF_REPORT_FIGURE + 40] = "", figure[BF_REPORT_FIGURE];
  const bf_auc *by_ranks = &e->all.classes.auc;
  const bf_resampled *drawn = &e->all.figures[BF_FIGURE_AUC];
  if (isfinite(drawn->interval.low))
    snprintf(resampled, sizeof resampled, ", %s of resampled patients",
             bf_report_figure(figure, drawn->value, drawn->interval, 3));
  snprintf(caption, size, "AUC %s by DeLong%s%s. n = %lld images, %lld malignant.%s%s",
           bf_report_figure(auc, by_ranks->value, by_ranks->interval, 3), resampled,
           isfinite(by_ranks->interval.low) || resampled[0] != '\0' ? ", in brackets 95 % intervals" : "",
           (long long)a->n, (long long)a->positives,
           isnan(e->options.threshold) ? " No threshold is stored or given: 0.5 is shown first." : "",
           fabs(of_curve - by_ranks->value) >= 0.0005
               ? " The AUC orders images by their logits, which tell apart what has the same probability; the curve is "
                 "of probabilities."
               : "");
}

static bf_status add_explorer(bf_page *page, const bf_evaluation *e, const bf_class_arrays *a, bf_error *err) {
  size_t room = (size_t)a->n + 1;
  double *threshold = bf_alloc(room, sizeof *threshold);
  int64_t *hits = bf_alloc(room, sizeof *hits), *alarms = bf_alloc(room, sizeof *alarms), count;
  bf_page_operating_point points[BF_POINTS_MAX + 1];
  bf_page_stop_intervals *intervals = NULL;
  bf_auc of_curve;
  bf_status status = threshold && hits && alarms ? count_up(&count, threshold, hits, alarms, a, err)
                                                 : bf_fail(err, BF_E_MEMORY, "no memory for the ROC curve");
  if (status == BF_OK) status = bf_metrics_auc(&of_curve, a->probability, a->label, a->n, err);
  if (status == BF_OK) {
    char caption[600];
    write_caption(caption, sizeof caption, e, a, of_curve.value);
    bf_page_explorer explorer = {.title = "ROC curve, and what a threshold does",
                                 .caption = caption,
                                 .positive = "malignant",
                                 .negative = "benign",
                                 .threshold = threshold,
                                 .true_positive = hits,
                                 .false_positive = alarms,
                                 .count = count,
                                 .positives = a->positives,
                                 .negatives = a->n - a->positives,
                                 .points = points,
                                 .point_count = operating_points(points, e),
                                 .chosen = isnan(e->options.threshold) ? -1 : 0,
                                 .start = 0.5, /* as the gallery calls */
                                 .stops_most = stops_most(e),
                                 .interval_words = interval_words(e)};
    status = make_intervals(&intervals, &explorer, e, a, err);
    explorer.intervals = intervals;
    if (status == BF_OK) bf_page_add_explorer(page, &explorer);
  }
  bf_free(threshold);
  bf_free(hits);
  bf_free(alarms);
  bf_free(intervals);
  return status;
}

/* ---- curves ---- */

static bf_status add_recall(bf_page *page, const bf_evaluation *e, const bf_class_arrays *a, bf_error *err) {
  bf_recall_point *points = bf_alloc((size_t)a->n, sizeof *points);
  double *recall = bf_alloc((size_t)a->n, sizeof *recall), *precision = bf_alloc((size_t)a->n, sizeof *precision);
  int64_t count = 0;
  bf_status status = points && recall && precision
                         ? bf_metrics_precision_recall(&count, points, a->probability, a->label, a->n, err)
                         : bf_fail(err, BF_E_MEMORY, "no memory for a curve");
  for (int64_t i = 0; i < count; i++) recall[i] = points[i].recall, precision[i] = points[i].precision;
  if (status == BF_OK) {
    char caption[200];
    char figure[BF_REPORT_FIGURE];
    snprintf(caption, sizeof caption,
             "Average precision %s. The line across is the share of malignant images: what guessing reaches. n = %lld.",
             bf_report_resampled(figure, &e->all, BF_FIGURE_AVERAGE_PRECISION, 3), (long long)a->n);
    const double share = e->all.classes.prevalence.value;
    const bf_page_series series = {"model", BF_PAGE_LINE, recall, precision, NULL, NULL, count};
    const bf_page_reference guessing = {"guessing", -INFINITY, share, INFINITY, share};
    const bf_page_chart chart = {.title = "Precision and recall",
                                 .caption = caption,
                                 .shape = BF_PAGE_SQUARE,
                                 .x = {"Recall (sensitivity)", NULL, 0, 1, false, true},
                                 .y = {"Precision (positive predictive value)", NULL, 0, 1, false, true},
                                 .series = &series,
                                 .series_count = 1,
                                 .references = &guessing,
                                 .reference_count = 1};
    bf_page_add_chart(page, &chart);
  }
  bf_free(points);
  bf_free(recall);
  bf_free(precision);
  return status;
}

static bf_status add_reliability(bf_page *page, const bf_evaluation *e, const bf_class_arrays *a, bf_error *err) {
  bf_reliability_bin bins[BF_RELIABILITY_BINS];
  double predicted[BF_RELIABILITY_BINS], observed[BF_RELIABILITY_BINS], low[BF_RELIABILITY_BINS],
      high[BF_RELIABILITY_BINS];
  const bf_class_figures *c = &e->all.classes;
  int64_t count = 0;
  bf_status status =
      bf_metrics_reliability(bins, BF_RELIABILITY_BINS, BF_BIN_COUNT, a->probability, a->label, a->n, err);
  if (status != BF_OK) return status;
  for (int k = 0; k < BF_RELIABILITY_BINS; k++) {
    if (bins[k].n == 0) continue;
    predicted[count] = bins[k].predicted;
    observed[count] = bins[k].observed.value;
    low[count] = bins[k].observed.interval.low;
    high[count++] = bins[k].observed.interval.high;
  }
  char caption[600], ece[BF_REPORT_FIGURE], brier[BF_REPORT_FIGURE], slope[BF_REPORT_FIGURE];
  snprintf(
      caption, sizeof caption,
      "Images by their probability, in ten groups of equally many as far as equal probabilities allow: on the diagonal "
      "it means what it says. Expected calibration error %s, which comes out too high where images are few, as its "
      "interval does; Brier score %s, calibration slope %s (1 is right; below it, answers are too sure). n = %lld.",
      bf_report_resampled(ece, &e->all, BF_FIGURE_ECE, 3), bf_report_resampled(brier, &e->all, BF_FIGURE_BRIER, 3),
      bf_report_figure(slope, c->recalibration.slope, c->recalibration.slope_interval, 2), (long long)a->n);
  const bf_page_series series = {"observed share", BF_PAGE_POINTS, predicted, observed, low, high, count};
  const bf_page_reference right = {"perfect", 0, 0, 1, 1};
  const bf_page_chart chart = {.title = "Calibration",
                               .caption = caption,
                               .shape = BF_PAGE_SQUARE,
                               .x = {"Predicted probability", NULL, 0, 1, false, true},
                               .y = {"Observed share of malignant", NULL, 0, 1, false, true},
                               .series = &series,
                               .series_count = 1,
                               .references = &right,
                               .reference_count = 1};
  bf_page_add_chart(page, &chart);
  return BF_OK;
}

static void add_decisions(bf_page *page, const bf_evaluation *e, const bf_class_arrays *a) {
  bf_benefit_point points[BF_DECISION_POINTS];
  double x[BF_DECISION_POINTS], model[BF_DECISION_POINTS], all[BF_DECISION_POINTS], none[BF_DECISION_POINTS];
  const double floor = -0.05; /* treating all falls without end */
  for (int k = 0; k < BF_DECISION_POINTS; k++) x[k] = (k + 1) / 100.0;
  bf_metrics_decision_curve(points, x, BF_DECISION_POINTS, a->probability, a->label, a->n);
  for (int k = 0; k < BF_DECISION_POINTS; k++) {
    model[k] = points[k].model >= floor ? points[k].model : NAN;
    all[k] = points[k].all >= floor ? points[k].all : NAN;
    none[k] = points[k].none;
  }
  const bf_page_series series[] = {{"model", BF_PAGE_LINE, x, model, NULL, NULL, BF_DECISION_POINTS},
                                   {"call all malignant", BF_PAGE_LINE, x, all, NULL, NULL, BF_DECISION_POINTS},
                                   {"call none", BF_PAGE_LINE, x, none, NULL, NULL, BF_DECISION_POINTS}};
  const double at = e->options.threshold;
  const bf_page_reference chosen = {"chosen threshold", at, -INFINITY, at, INFINITY};
  const bf_page_chart chart = {
      .title = "Decision curve",
      .caption =
          "Net benefit (Vickers, Elkin 2006): malignant images called so, an image, less the false calls at the "
          "exchange rate that the threshold stands for. The model is worth using where its line is the highest.",
      .shape = BF_PAGE_SQUARE,
      .x = {"Threshold probability", NULL, 0, 1, false, true},
      .y = {"Net benefit", "an image", floor, NAN, false, false},
      .series = series,
      .series_count = 3,
      .references = &chosen,
      .reference_count = isnan(at) ? 0 : 1};
  bf_page_add_chart(page, &chart);
}

/* ---- tables ---- */

enum { POINT_COLUMNS = 6 };

/* first: the place of the point's sensitivity. */
static void fill_point(bf_page_cell *row, const char *name, double threshold, const bf_assessment *a, int first) {
  row[0] = (bf_page_cell){name, bf_page_plain(NAN)};
  row[1] = (bf_page_cell){NULL, bf_page_plain(threshold)};
  for (int k = 0; k < BF_AT_FIGURES; k++) row[2 + k] = (bf_page_cell){NULL, bf_page_shown(a, first + k)};
}

static void add_points(bf_page *page, const bf_evaluation *e) {
  static const bf_page_column columns[POINT_COLUMNS] = {{"Operating point", NULL, true, {0, false}},
                                                        {"Threshold", NULL, false, {3, false}},
                                                        {"Sensitivity", NULL, false, {1, true}},
                                                        {"Specificity", NULL, false, {1, true}},
                                                        {"Positive predictive value", NULL, false, {1, true}},
                                                        {"Negative predictive value", NULL, false, {1, true}}};
  bf_page_cell cells[(BF_POINTS_MAX + 1) * POINT_COLUMNS];
  int rows = 0;
  if (!isnan(e->options.threshold))
    fill_point(&cells[rows++ * POINT_COLUMNS], "chosen", e->options.threshold, &e->all, BF_FIGURE_SENSITIVITY);
  for (int k = 0; k < e->options.point_count; k++)
    fill_point(&cells[rows++ * POINT_COLUMNS], e->options.points[k].name, e->options.points[k].threshold, &e->all,
               bf_place_of_point(k, 0));
  const bf_page_table table = {.caption =
                                   "Stored operating points on these images, with 95 % intervals; "
                                   "predictive values hold for this share of malignant images",
                               .columns = columns,
                               .column_count = POINT_COLUMNS,
                               .cells = cells,
                               .row_count = rows};
  if (rows > 0) bf_page_add_table(page, &table);
  if (e->threshold_from != NULL && e->threshold_rule[0] != '\0')
    bf_page_add_text(page, "The chosen threshold: %s.", e->threshold_rule);
}

enum { UNIT_COLUMNS = 4 };

static void fill_unit(bf_page_cell *row, const char *name, const bf_assessment *a) {
  row[0] = (bf_page_cell){name, bf_page_plain(NAN)};
  row[1] = (bf_page_cell){NULL, bf_page_shown(a, BF_FIGURE_AUC)};
  row[2] = (bf_page_cell){NULL, bf_page_shown(a, BF_FIGURE_SENSITIVITY)};
  row[3] = (bf_page_cell){NULL, bf_page_shown(a, BF_FIGURE_SPECIFICITY)};
}

/* As many units as images say nothing new. */
static void add_units(bf_page *page, const bf_evaluation *e) {
  static const bf_page_column columns[UNIT_COLUMNS] = {{"Each", NULL, true, {0, false}},
                                                       {"AUC", NULL, false, {3, false}},
                                                       {"Sensitivity", NULL, false, {1, true}},
                                                       {"Specificity", NULL, false, {1, true}}};
  bf_page_cell cells[(BF_UNITS + 1) * UNIT_COLUMNS];
  int rows = 0;
  fill_unit(&cells[rows++ * UNIT_COLUMNS], "image", &e->all);
  for (int u = 0; u < BF_UNITS; u++)
    if (e->units[u].units > 0 && e->units[u].units < e->units[u].images)
      fill_unit(&cells[rows++ * UNIT_COLUMNS], bf_unit_name(u), &e->units[u].figures);
  const bf_page_table table = {.caption = "Breasts and studies are judged by their most suspicious image",
                               .columns = columns,
                               .column_count = UNIT_COLUMNS,
                               .cells = cells,
                               .row_count = rows};
  if (rows > 1) bf_page_add_table(page, &table);
}

/* Of one class alone there is no curve. */
static void add_one_class(bf_page *page, const bf_evaluation *e) {
  const bf_class_figures *c = &e->all.classes;
  char brier[BF_REPORT_FIGURE], loss[BF_REPORT_FIGURE], excess[BF_REPORT_FIGURE];
  bf_page_add_text(page, "All %lld images of known class are %s: curves and the AUC need both classes.",
                   (long long)c->n, c->positives > 0 ? "malignant" : "benign");
  add_points(page, e);
  bf_page_add_text(page, "Brier score %s, log loss %s, mean probability less the share of malignant images %s.",
                   bf_report_resampled(brier, &e->all, BF_FIGURE_BRIER, 3),
                   bf_report_resampled(loss, &e->all, BF_FIGURE_LOG_LOSS, 3),
                   bf_report_resampled(excess, &e->all, BF_FIGURE_EXCESS, 3));
}

static bf_status add_curves(bf_page *page, const bf_evaluation *e, const bf_class_arrays *a, bf_error *err) {
  bf_status status = add_explorer(page, e, a, err);
  if (status != BF_OK) return status;
  add_points(page, e);
  add_units(page, e);
  bf_page_begin_columns(page);
  status = add_recall(page, e, a, err);
  if (status == BF_OK) status = add_reliability(page, e, a, err);
  if (status != BF_OK) return status;
  add_decisions(page, e, a);
  bf_page_end_columns(page);
  return BF_OK;
}

bf_status bf_report_add_classes(bf_page *page, const bf_report *r, bf_error *err) {
  const bf_evaluation *e = r->evaluation;
  bf_class_arrays a;
  if (e == NULL || e->all.classes.n == 0) return BF_OK;
  bf_status status = bf_class_arrays_make(&a, e->cases.items, NULL, e->cases.count, err);
  if (status != BF_OK) return status;
  bf_page_add_section(page, "classes", "Benign or malignant");
  if (isfinite(e->all.classes.auc.value))
    status = add_curves(page, e, &a, err);
  else
    add_one_class(page, e);
  if (status == BF_OK && r->calibration != NULL) bf_page_add_text(page, "%s", r->calibration);
  bf_class_arrays_clear(&a);
  return status;
}
