/* The sections of a report; of this room alone. Each adds to the page what there is of it. */
#ifndef BF_EVALUATION_REPORT_PARTS_H
#define BF_EVALUATION_REPORT_PARTS_H

#include "evaluation/report.h"

static const bf_page_format bf_share_format = {1, true}, bf_area_format = {3, false};

static inline bf_page_value bf_page_share(bf_share s) {
  return bf_page_interval(s.value, s.interval.low, s.interval.high, s.n);
}

static inline bf_page_value bf_page_auc(const bf_class_figures *f) {
  bf_interval i = bf_auc_interval(f);
  return bf_page_interval(f->auc.value, i.low, i.high, f->n);
}

static inline bf_page_value bf_page_resampled(const bf_resampled *r, int64_t n) {
  return bf_page_interval(r->value, r->interval.low, r->interval.high, n);
}

/* "0.912 (0.870 to 0.951)", "0.912" without an interval, or "not defined". Returns text. */
enum { BF_REPORT_FIGURE = 64 };
const char *bf_report_figure(char text[BF_REPORT_FIGURE], double value, bf_interval interval, int decimals);

bf_status bf_report_add_classes(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_lesions(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_groups(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_comparison(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_gallery(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_training(bf_page *page, const bf_report *report, bf_error *err);

#endif
