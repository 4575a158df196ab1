/* The order of a report, its first sentences, and what stands at its end. */
#include "evaluation/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "bifocal/version.h"
#include "evaluation/report_parts.h"

const char *bf_report_figure(char text[BF_REPORT_FIGURE], double value, bf_interval i, int decimals) {
  if (!isfinite(value))
    snprintf(text, BF_REPORT_FIGURE, "not defined");
  else if (isfinite(i.low) && isfinite(i.high))
    snprintf(text, BF_REPORT_FIGURE, "%.*f (%.*f to %.*f)", decimals, value, decimals, i.low, decimals, i.high);
  else
    snprintf(text, BF_REPORT_FIGURE, "%.*f", decimals, value);
  return text;
}

/* ---- the answer ---- */

/* "95 % interval 0.870 to 0.951", of numbers times `scale`. Returns text. */
static const char *interval_words(char text[BF_REPORT_FIGURE], bf_interval i, double scale, int decimals) {
  if (isfinite(i.low) && isfinite(i.high))
    snprintf(text, BF_REPORT_FIGURE, "95 %% interval %.*f to %.*f%s", decimals, scale * i.low, decimals, scale * i.high,
             scale > 1 ? " %" : "");
  else
    snprintf(text, BF_REPORT_FIGURE, "too little varies for an interval");
  return text;
}

static void lead_classes(bf_page *page, const bf_report *r) {
  const bf_class_figures *c = &r->evaluation->all.classes;
  if (!isfinite(c->auc.value)) {
    bf_page_add_lead(page, "Whether the model tells malignant from benign cannot be said: %s of known class are %s.",
                     r->of, c->n == 0 ? "missing" : "all of one class");
    return;
  }
  char interval[BF_REPORT_FIGURE];
  bf_page_add_lead(page, "On %lld %s of %d patients the model tells malignant from benign with an AUC of %.3f (%s).",
                   (long long)c->n, r->of, c->patients, c->auc.value,
                   interval_words(interval, bf_assessment_shown(&r->evaluation->all, BF_FIGURE_AUC).interval, 1, 3));
  if (!isnan(r->evaluation->options.threshold))
    bf_page_add_lead(
        page,
        "From a probability of %.3g on it calls %.0f %% of the malignant ones malignant, and %.0f %% of the "
        "benign ones benign.",
        r->evaluation->options.threshold, 100 * c->confusion.sensitivity.value, 100 * c->confusion.specificity.value);
}

static void lead_lesions(bf_page *page, const bf_report *r) {
  const bf_lesion_figures *l = &r->evaluation->all.lesions;
  const bf_resampled *one = &r->evaluation->all.figures[BF_FIGURE_FROC_1];
  char interval[BF_REPORT_FIGURE];
  if (l->lesions == 0 || l->found == 0) return;
  bf_page_add_lead(page, "It finds %.0f %% of %lld lesions (%s) at one false box an image.", 100 * one->value,
                   (long long)l->lesions, interval_words(interval, one->interval, 100, 0));
}

static void lead_comparison(bf_page *page, const bf_report *r) {
  const bf_differences *d = r->comparison != NULL ? &r->comparison->all : NULL;
  if (d == NULL || !bf_difference_told(d, BF_FIGURE_AUC)) return;
  int who = bf_difference_winner(d, BF_FIGURE_AUC);
  bf_page_add_lead(page, "Against the other model (B) on %lld images: AUC %.3f against %.3f, %s.",
                   (long long)r->comparison->cases, d->items[BF_FIGURE_AUC].of.a, d->items[BF_FIGURE_AUC].of.b,
                   who > 0   ? "this one is better"
                   : who < 0 ? "the other is better"
                             : "which is better cannot be told");
}

static void key_figures(bf_page *page, const bf_assessment *a) {
  static const struct {
    int figure;
    const char *name;
    bf_page_format format;
    double reference;
    const char *note;
  } keys[] = {{BF_FIGURE_AUC, "AUC", {3, false}, 0.5, "0.5 is chance"},
              {BF_FIGURE_SENSITIVITY, "Sensitivity", {1, true}, NAN, "of malignant images"},
              {BF_FIGURE_SPECIFICITY, "Specificity", {1, true}, NAN, "of benign images"},
              {BF_FIGURE_FROC_1, "Lesions found", {1, true}, NAN, "at one false box an image"},
              {BF_FIGURE_DICE_MEAN, "Mean Dice", {3, false}, NAN, "of drawn lesions"}};
  enum { most = sizeof keys / sizeof keys[0] };
  bf_page_figure figures[most];
  int count = 0;
  for (int k = 0; k < most; k++)
    if (isfinite(bf_assessment_shown(a, keys[k].figure).value))
      figures[count++] = (bf_page_figure){
          keys[k].name, bf_page_shown(a, keys[k].figure), keys[k].format, 0, 1, keys[k].reference, keys[k].note};
  bf_page_add_figures(page, figures, count);
}

static void warn(bf_page *page, const bf_evaluation *e) {
  const bf_case_counts *n = &e->cases.counts;
  if (n->seen > 0)
    bf_page_add_note(page, BF_PAGE_WARNING,
                     "%lld images are among those that the model was trained or validated on: figures of them are no "
                     "test of it.",
                     (long long)n->seen);
  if (n->unlike > 0)
    bf_page_add_note(page, BF_PAGE_WARNING, "%lld images are unlike those that the model was trained on.",
                     (long long)n->unlike);
  if (bf_assessment_small(&e->all))
    bf_page_add_note(page, BF_PAGE_WARNING,
                     "Of images, images of a class, lesions or patients there are fewer than %d: figures of them say "
                     "little.",
                     BF_FEW);
  if (!e->cases.patients_known)
    bf_page_add_note(page, BF_PAGE_NOTE,
                     "Not all images say whose they are: those that do not are taken together by study, else each by "
                     "itself. If patients have several, intervals are too narrow.");
}

static void add_answer(bf_page *page, const bf_report *r) {
  if (r->evaluation == NULL) {
    bf_page_add_lead(page, "A training without a validation part: nothing tells how good the model is.");
    return;
  }
  lead_classes(page, r);
  lead_lesions(page, r);
  lead_comparison(page, r);
  key_figures(page, &r->evaluation->all);
  if (r->note != NULL) bf_page_add_note(page, BF_PAGE_NOTE, "%s", r->note);
  warn(page, r->evaluation);
}

/* ---- the end ---- */

static void add_losses(bf_page *page, const bf_report *r) {
  if (r->loss_count == 0) return;
  bf_page_add_section(page, "losses", "What is not in the figures");
  const bf_page_bars bars = {.title = "Files and images that were left out, by reason",
                             .caption = "Nothing is lost without a row that says why.",
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
      "Intervals are 95 %%: percentiles of %d rounds in which the %d patients are drawn anew with "
      "replacement (seed %llu), because images of one patient are alike. Where each patient has one image, "
      "those of the AUC are DeLong's on the logit scale, and those of sensitivity, specificity and predictive "
      "values Wilson's, as are those of the calibration chart always. Where nothing varies, as with an AUC of 1 or "
      "one patient, there is none.",
      e->options.rounds, e->cases.patients, (unsigned long long)e->options.seed);
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
  add_answer(page, r);
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
