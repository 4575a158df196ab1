/* Where the lesions are: FROC, precision by overlap, sizes, masks. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "evaluation/assess_parts.h"
#include "evaluation/report_parts.h"

enum { BAND_RATES = 24 };

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
  bf_status status = bf_boxed_make(&data, m, a->patient, a->patients, rates, BAND_RATES, err);
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
      "Share of lesions that a box hits (%s), by how many false boxes an image that costs. Band: 95 %% interval of "
      "resampled patients. Mean over 1/8 to 8 (CPM) %s. n = %lld lesions in %lld images, %lld of them without a "
      "lesion.",
      bf_hit_rule_name(e->options.rule), bf_report_figure(cpm, l->cpm.value, l->cpm.interval, 3), (long long)l->lesions,
      (long long)l->images, (long long)l->without_lesions);
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

static void add_precisions(bf_page *page, const bf_lesion_figures *l) {
  double x[BF_AP_THRESHOLDS];
  char caption[240], at_half[BF_REPORT_FIGURE];
  for (int k = 0; k < BF_AP_THRESHOLDS; k++) x[k] = bf_ap_threshold(k);
  snprintf(
      caption, sizeof caption,
      "How much a box must overlap a lesion to count. At IoU 0.5: %s; COCO's mean over 0.5 to 0.95: %.3f. n = %lld "
      "lesions.",
      bf_report_figure(at_half, l->ap50.value, l->ap50.interval, 3), l->ap_coco, (long long)l->lesions);
  const bf_page_series series = {"average precision", BF_PAGE_LINE, x, l->ap, NULL, NULL, BF_AP_THRESHOLDS};
  const bf_page_chart chart = {.title = "Average precision of boxes",
                               .caption = caption,
                               .shape = BF_PAGE_SQUARE,
                               .x = {"Overlap that is asked (IoU)", NULL, 0.1, 0.75, false, false},
                               .y = {"Average precision", NULL, 0, 1, false, false},
                               .series = &series,
                               .series_count = 1};
  bf_page_add_chart(page, &chart);
}

static void add_sizes(bf_page *page, const bf_lesion_figures *l) {
  bf_page_forest_row rows[BF_SIZE_GROUPS];
  int count = 0;
  for (int k = 0; k < BF_SIZE_GROUPS; k++)
    if (l->sizes[k].lesions > 0)
      rows[count++] = (bf_page_forest_row){l->sizes[k].name, bf_page_resampled(&l->sizes[k].froc1, l->sizes[k].lesions),
                                           l->sizes[k].lesions < BF_FEW};
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

static void add_quality(bf_page *page, const bf_lesion_figures *l) {
  char texts[4][96];
  const bf_hit_quality *q = &l->quality;
  if (q->hits == 0) return;
  snprintf(texts[0], sizeof texts[0], "%lld of %lld boxes", (long long)q->hits, (long long)l->found);
  snprintf(texts[1], sizeof texts[1], "median %.2f, mean %.2f", q->median_iou, q->mean_iou);
  snprintf(texts[2], sizeof texts[2], "median %.1f, mean %.1f pixels", q->median_distance, q->mean_distance);
  snprintf(texts[3], sizeof texts[3], "median %.0f %%, mean %.0f %% of the lesion's diagonal", 100 * q->median_relative,
           100 * q->mean_relative);
  const bf_page_fact facts[] = {{"Hits, at any score", texts[0]},
                                {"Their overlap (IoU)", texts[1]},
                                {"Distance of their centres", texts[2]},
                                {"The same, relative", texts[3]}};
  bf_page_add_facts(page, facts, 4);
}

static void add_masks(bf_page *page, const bf_mask_figures *m) {
  if (m->drawn == 0) return;
  bf_page_add_heading(page, "Outlines");
  char dice[BF_REPORT_FIGURE], iou[BF_REPORT_FIGURE];
  bf_page_add_text(
      page,
      "Mean Dice %s, median %.3f, mean IoU %s, over %lld images with a drawn lesion at their original size; "
      "of %lld images without one, %lld have pixels that were found.",
      bf_report_figure(dice, m->mean_dice.value, m->mean_dice.interval, 3), m->median_dice,
      bf_report_figure(iou, m->mean_iou.value, m->mean_iou.interval, 3), (long long)m->drawn,
      (long long)(m->images - m->drawn), (long long)m->found_where_none);
}

bf_status bf_report_add_lesions(bf_page *page, const bf_report *r, bf_error *err) {
  const bf_evaluation *e = r->evaluation;
  if (e == NULL || e->all.lesions.lesions == 0) return BF_OK;
  bf_page_add_section(page, "lesions", "Where the lesions are");
  bf_page_begin_columns(page);
  bf_status status = add_froc(page, e, err);
  if (status != BF_OK) return status;
  add_precisions(page, &e->all.lesions);
  bf_page_end_columns(page);
  add_sizes(page, &e->all.lesions);
  add_quality(page, &e->all.lesions);
  add_masks(page, &e->all.masks);
  return BF_OK;
}
