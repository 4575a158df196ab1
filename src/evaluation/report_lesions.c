/* Where the lesions are: FROC, precision by overlap, sizes, masks. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/report_parts.h"

enum { BAND_RATES = 24 };

static const char *band_words(const double *low, int count) {
  for (int k = 0; k < count; k++)
    if (isfinite(low[k])) return " Band: 95 % interval of resampled patients.";
  return "";
}

/* ---- FROC ---- */

/* False positives an image from 1/8 to 8, evenly on the chart's axis. */
static void spread(double rates[BAND_RATES]) {
  for (int k = 0; k < BAND_RATES; k++) rates[k] = exp2(-3 + 6.0 * k / (BAND_RATES - 1));
}

static bf_status draw_froc(bf_page *page, const bf_evaluation *e, const bf_matching *m, const bf_lesion_arrays *a,
                           bf_error *err) {
  bf_boxed data;
  bf_resampled found[BF_BOXED_RATES + BAND_RATES];
  double rates[BAND_RATES], value[BAND_RATES], low[BAND_RATES], high[BAND_RATES];
  const bf_resampling how = bf_assess_resampling(&e->options, a->patients);
  const bf_lesion_figures *l = &e->all.lesions;
  char caption[400], cpm[BF_REPORT_FIGURE];
  spread(rates);
  bf_status status = bf_boxed_make(&data, m, a->patient, a->patients, rates, BAND_RATES, BF_BOXED_AT_RATES, err);
  if (status != BF_OK) return status;
  status = bf_metrics_resample(found, data.figures, bf_boxed_figures, &data, &how, err);
  bf_boxed_clear(&data);
  if (status != BF_OK) return status;
  for (int k = 0; k < BAND_RATES; k++) {
    value[k] = found[BF_BOXED_RATES + k].value;
    low[k] = found[BF_BOXED_RATES + k].interval.low;
    high[k] = found[BF_BOXED_RATES + k].interval.high;
  }
  snprintf(
      caption, sizeof caption,
      "Share of lesions that a box hits (%s), by how many false boxes an image that costs.%s Mean over 1/8 to 8 (CPM) "
      "%s. n = %lld lesions in %lld images, %lld of them without a lesion.",
      bf_hit_rule_name(e->options.rule), band_words(low, BAND_RATES),
      bf_report_resampled(cpm, &e->all, BF_FIGURE_CPM, 3), (long long)l->lesions, (long long)l->images,
      (long long)l->without_lesions);
  const bf_page_series series = {"lesions found", BF_PAGE_LINE, rates, value, low, high, BAND_RATES};
  const bf_page_chart chart = {.title = "Lesions found, by false boxes an image (FROC)",
                               .caption = caption,
                               .shape = BF_PAGE_SQUARE,
                               .x = {"False boxes an image", NULL, 0.125, 8, true, false},
                               .y = {"Lesions found", NULL, 0, 1, false, true},
                               .series = &series,
                               .series_count = 1};
  bf_page_add_chart(page, &chart);
  return BF_OK;
}

static bf_status add_froc(bf_page *page, const bf_evaluation *e, bf_error *err) {
  bf_lesion_arrays a;
  bf_matching m = {0};
  bf_status status = bf_lesion_arrays_make(&a, e->cases.items, NULL, e->cases.count, err);
  if (status == BF_OK) status = bf_metrics_match(&m, a.images, a.n, e->options.rule, err);
  if (status == BF_OK) status = draw_froc(page, e, &m, &a, err);
  bf_matching_clear(&m);
  bf_lesion_arrays_clear(&a);
  return status;
}

/* ---- how well boxes sit ---- */

static void add_precisions(bf_page *page, const bf_assessment *a) {
  double x[BF_AP_THRESHOLDS], value[BF_AP_THRESHOLDS], low[BF_AP_THRESHOLDS], high[BF_AP_THRESHOLDS];
  char caption[300], at_half[BF_REPORT_FIGURE], coco[BF_REPORT_FIGURE];
  for (int k = 0; k < BF_AP_THRESHOLDS; k++) {
    const bf_resampled *r = &a->figures[BF_FIGURE_AP_10 + k];
    x[k] = bf_ap_threshold(k);
    value[k] = r->value, low[k] = r->interval.low, high[k] = r->interval.high;
  }
  snprintf(caption, sizeof caption,
           "How much a box must overlap a lesion to count. At IoU 0.5: %s; COCO's mean over 0.5 to 0.95: %s.%s n = "
           "%lld lesions.",
           bf_report_resampled(at_half, a, BF_FIGURE_AP_50, 3), bf_report_resampled(coco, a, BF_FIGURE_AP_COCO, 3),
           band_words(low, BF_AP_THRESHOLDS), (long long)a->lesions.lesions);
  const bf_page_series series = {"average precision", BF_PAGE_LINE, x, value, low, high, BF_AP_THRESHOLDS};
  const bf_page_chart chart = {.title = "Average precision of boxes",
                               .caption = caption,
                               .shape = BF_PAGE_SQUARE,
                               .x = {"Overlap that is asked (IoU)", NULL, 0.1, 0.75, false, false},
                               .y = {"Average precision", NULL, 0, 1, false, false},
                               .series = &series,
                               .series_count = 1};
  bf_page_add_chart(page, &chart);
}

static void add_sizes(bf_page *page, const bf_assessment *a) {
  const bf_lesion_figures *l = &a->lesions;
  bf_page_forest_row rows[BF_SIZE_GROUPS];
  int count = 0;
  for (int k = 0; k < BF_SIZE_GROUPS; k++)
    if (l->sizes[k].lesions > 0)
      rows[count++] = (bf_page_forest_row){l->sizes[k].name, bf_page_shown(a, bf_place_of_size(k, BF_SIZE_FROC_1)),
                                           bf_few(l->sizes[k].lesions)};
  const bf_page_forest forest = {.title = "Lesions found, by their size",
                                 .caption = "At one false box an image. Size: longer side of the lesion's box.",
                                 .label_title = "Size",
                                 .axis = {"Lesions found", NULL, 0, 1, false, true},
                                 .format = bf_share_format,
                                 .reference = NAN,
                                 .rows = rows,
                                 .row_count = count};
  if (count > 0) bf_page_add_forest(page, &forest);
}

/* "median 0.81 (0.78 to 0.84), mean 0.79 (0.76 to 0.82)", of figures times `scale`. Returns text. */
static const char *centre_words(char text[2 * BF_REPORT_FIGURE + 32], const bf_assessment *a, int median, int mean,
                                double scale, int decimals) {
  char figures[2][BF_REPORT_FIGURE];
  const int places[2] = {median, mean};
  for (int k = 0; k < 2; k++) {
    bf_shown s = bf_assessment_shown(a, places[k]);
    bf_report_figure(figures[k], scale * s.value, (bf_interval){scale * s.interval.low, scale * s.interval.high},
                     decimals);
  }
  snprintf(text, 2 * BF_REPORT_FIGURE + 32, "median %s, mean %s", figures[0], figures[1]);
  return text;
}

static void add_quality(bf_page *page, const bf_assessment *a) {
  char texts[4][2 * BF_REPORT_FIGURE + 32];
  if (a->lesions.hits == 0) return;
  snprintf(texts[0], sizeof texts[0], "%lld of %lld boxes", (long long)a->lesions.hits, (long long)a->lesions.found);
  centre_words(texts[1], a, BF_FIGURE_HIT_IOU_MEDIAN, BF_FIGURE_HIT_IOU_MEAN, 1, 2);
  centre_words(texts[2], a, BF_FIGURE_CENTRE_MEDIAN, BF_FIGURE_CENTRE_MEAN, 1, 1);
  centre_words(texts[3], a, BF_FIGURE_CENTRE_MEDIAN_SHARE, BF_FIGURE_CENTRE_MEAN_SHARE, 100, 0);
  const bf_page_fact facts[] = {{"Hits, at any score", texts[0]},
                                {"Their overlap (IoU)", texts[1]},
                                {"Distance of their centres, pixels", texts[2]},
                                {"The same, % of the lesion's diagonal", texts[3]}};
  bf_page_add_facts(page, facts, 4);
}

static void add_masks(bf_page *page, const bf_assessment *a) {
  const bf_mask_figures *m = &a->masks;
  if (m->drawn == 0) return;
  bf_page_add_heading(page, "Outlines");
  char dice[BF_REPORT_FIGURE], median[BF_REPORT_FIGURE], iou[BF_REPORT_FIGURE];
  bf_page_add_text(page,
                   "Mean Dice %s, median %s, mean IoU %s, over %lld images with a drawn lesion at their original size; "
                   "of %lld images without one, %lld have pixels that were found.",
                   bf_report_resampled(dice, a, BF_FIGURE_DICE_MEAN, 3),
                   bf_report_resampled(median, a, BF_FIGURE_DICE_MEDIAN, 3),
                   bf_report_resampled(iou, a, BF_FIGURE_MASK_IOU_MEAN, 3), (long long)m->drawn,
                   (long long)(m->images - m->drawn), (long long)m->found_where_none);
}

static void add_no_lesions(bf_page *page, const bf_lesion_figures *l) {
  bf_page_add_text(page,
                   "None of the %lld images whose lesions are known has one. In them %lld boxes were found, all false: "
                   "%.2f an image at any score.",
                   (long long)l->images, (long long)l->found, (double)l->found / (double)l->images);
}

bf_status bf_report_add_lesions(bf_page *page, const bf_report *r, bf_error *err) {
  const bf_evaluation *e = r->evaluation;
  if (e == NULL || e->all.lesions.images == 0) return BF_OK;
  bf_page_add_section(page, "lesions", "Where the lesions are");
  if (e->all.lesions.lesions == 0) {
    add_no_lesions(page, &e->all.lesions);
    return BF_OK;
  }
  bf_page_begin_columns(page);
  bf_status status = add_froc(page, e, err);
  if (status != BF_OK) return status;
  add_precisions(page, &e->all);
  bf_page_end_columns(page);
  add_sizes(page, &e->all);
  add_quality(page, &e->all);
  add_masks(page, &e->all);
  return BF_OK;
}
