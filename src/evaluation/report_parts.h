/* The sections of a report; of this room alone. Each adds to the page what there is of it. */
#ifndef BF_EVALUATION_REPORT_PARTS_H
#define BF_EVALUATION_REPORT_PARTS_H

#include "evaluation/report.h"

static const bf_page_format bf_share_format = {1, true}, bf_area_format = {3, false};

/* Of an assessment's figure, by place. */
static inline bf_page_value bf_page_shown(const bf_assessment *a, int place) {
  bf_shown s = bf_assessment_shown(a, place);
  return bf_page_interval(s.value, s.interval.low, s.interval.high, s.n);
}

/* "0.912 (0.870 to 0.951)", "0.912" without an interval, or "not defined". Returns text. */
enum { BF_REPORT_FIGURE = 104 };
const char *bf_report_figure(char text[BF_REPORT_FIGURE], double value, bf_interval interval, int decimals);
/* The same of an assessment's figure with its interval of resampled patients. */
static inline const char *bf_report_resampled(char text[BF_REPORT_FIGURE], const bf_assessment *a, int place,
                                              int decimals) {
  return bf_report_figure(text, a->figures[place].value, a->figures[place].interval, decimals);
}

void bf_report_add_answer(bf_page *page, const bf_report *report);
bf_status bf_report_add_classes(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_lesions(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_groups(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_comparison(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_gallery(bf_page *page, const bf_report *report, bf_error *err);
bf_status bf_report_add_training(bf_page *page, const bf_report *report, bf_error *err);

#endif
