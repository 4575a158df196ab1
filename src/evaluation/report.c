/* The order of a report, and what stands at its end. */
#include "evaluation/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "bifocal/version.h"
#include "evaluation/report_parts.h"

const char *bf_report_figure(char text[BF_REPORT_FIGURE], double value, bf_interval i, int decimals) {
  const bf_page_format format = {decimals, false};
  char numbers[3][BF_PAGE_NUMBER_MAX];
  bf_page_number(numbers[0], value, format);
  if (isfinite(value) && isfinite(i.low) && isfinite(i.high))
    snprintf(text, BF_REPORT_FIGURE, "%.30s (%.30s to %.30s)", numbers[0], bf_page_number(numbers[1], i.low, format),
             bf_page_number(numbers[2], i.high, format));
  else
    snprintf(text, BF_REPORT_FIGURE, "%s", numbers[0]);
  return text;
}

/* ---- the end ---- */

static void add_losses(bf_page *page, const bf_report *r) {
  if (r->loss_count == 0) return;
  bf_page_add_section(page, "losses", "What is not in the figures");
  const bf_page_bars bars = {.title = "Files and images that are in no figure, or not in all, by reason",
                             .caption = "Nothing is lost without a row that says why. An image can have several.",
                             .label_title = "Reason",
                             .count_title = "Count",
                             .bars = r->losses,
                             .bar_count = r->loss_count};
  bf_page_add_bars(page, &bars);
}

static void add_methods(bf_page *page, const bf_report *r) {
  if (r->evaluation == NULL) return;
  const bf_evaluation *e = r->evaluation;
  bf_page_add_section(page, "methods", "How it was measured");
  bf_page_add_text(
      page,
      "Intervals are 95 %%: percentiles of %d rounds in which the %d patients are drawn anew with replacement (seed "
      "%llu), because images of one patient are alike; of few patients percentiles further out (Hesterberg 2015), of "
      "fewer than %d none. Where each patient has one image, those of the AUC are DeLong's on the logit scale, and "
      "those "
      "of sensitivity, specificity and predictive values Wilson's. Shares of 0 and 1 have Wilson's of as many as there "
      "are patients. Where nothing varies, as with an AUC of 1, there is none. The points of the calibration chart "
      "have "
      "Wilson's and the calibration slope Wald's, which take images for independent.",
      e->options.rounds, e->cases.patients, (unsigned long long)e->options.seed, BF_CLUSTERS_LEAST);
  bf_page_add_text(page,
                   "A found box hits a lesion by the rule %s; each lesion is hit once, further boxes on it are false. "
                   "Images without lesions count for false boxes; images whose lesions nobody described do not count. "
                   "Average precision is COCO's (101 recalls).",
                   bf_hit_rule_name(e->options.rule));
}

static void add_end(bf_page *page, const bf_report *r) {
  if (r->card != NULL) {
    bf_page_add_section(page, "card", "The model's card");
    bf_page_add_lines(page, "card of the model", r->card);
  }
  bf_page_add_section(page, "provenance", "Where this comes from");
  bf_page_add_facts(page, r->provenance, r->provenance_count);
  if (r->config == NULL) return;
  bf_page_begin_fold(page, "Configuration");
  bf_page_add_lines(page, "configuration", r->config);
  bf_page_end_fold(page);
}

bf_status bf_report_write(const bf_report *r, const char *path, bf_error *err) {
  char subtitle[128], now[32];
  bf_page *page;
  bf_utc_now(now, sizeof now);
  /* 2026-01-31T12:34:56Z, for readers: without seconds. */
  snprintf(subtitle, sizeof subtitle, "%s, made %.10s %.5s UTC", r->training != NULL ? "Training" : "Evaluation", now,
           now + 11);
  const bf_page_head head = {
      .title = r->title, .subtitle = subtitle, .footer = "Made by bifocal " BIFOCAL_VERSION ". Not a medical device."};
  bf_status status = bf_page_create(&page, &head, err);
  if (status != BF_OK) return status;
  bf_report_add_answer(page, r);
  status = bf_report_add_classes(page, r, err);
  if (status == BF_OK) status = bf_report_add_lesions(page, r, err);
  if (status == BF_OK) status = bf_report_add_comparison(page, r, err);
  if (status == BF_OK) status = bf_report_add_gallery(page, r, err);
  if (status == BF_OK) status = bf_report_add_groups(page, r, err);
  if (status == BF_OK) status = bf_report_add_training(page, r, err);
  if (status == BF_OK) {
    add_losses(page, r);
    add_methods(page, r);
    add_end(page, r);
    status = bf_page_finish(page, path, err);
  }
  bf_page_destroy(page);
  return status;
}
