/* The first sentences of a report: how good the model is, how sure that is, and what speaks against it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "evaluation/report_parts.h"

enum { PERCENT_TEXT = 32 };

/* A share in percent, with so many decimals that what is not all or none is not told as such. Returns text. */
static const char *percent(char text[PERCENT_TEXT], double share) {
  const bool whole = share == 0 || share == 1;
  for (int decimals = 0; decimals <= 2; decimals++) {
    snprintf(text, PERCENT_TEXT, "%.*f\xC2\xA0%%", decimals, 100 * share);
    const double told = strtod(text, NULL);
    if (whole || (told > 0 && told < 100)) return text;
  }
  snprintf(text, PERCENT_TEXT, share > 0.5 ? "more than 99.99\xC2\xA0%%" : "less than 0.01\xC2\xA0%%");
  return text;
}

/* "95 % interval 0.870 to 0.951", of numbers times `scale`, or why there is none. Returns text. */
static const char *interval_words(char text[BF_REPORT_FIGURE], bf_interval i, int32_t patients, double scale,
                                  int decimals) {
  if (isfinite(i.low) && isfinite(i.high))
    snprintf(text, BF_REPORT_FIGURE, "95\xC2\xA0%% interval %.*f to %.*f%s", decimals, scale * i.low, decimals,
             scale * i.high, scale > 1 ? "\xC2\xA0%" : "");
  else if (patients < BF_CLUSTERS_LEAST)
    snprintf(text, BF_REPORT_FIGURE, "too few patients for an interval");
  else
    snprintf(text, BF_REPORT_FIGURE, "too little varies for an interval");
  return text;
}

/* " of 12 patients", or nothing where it is not known whose the images are. Returns text. */
static const char *patient_words(char text[48], const bf_evaluation *e, int32_t patients) {
  text[0] = '\0';
  if (e->cases.patients_known) snprintf(text, 48, " of %d patient%s", patients, patients == 1 ? "" : "s");
  return text;
}

/* ---- what the model can ---- */

static void lead_undefined(bf_page *page, const bf_report *r) {
  const bf_class_figures *c = &r->evaluation->all.classes;
  if (c->n == 0 && c->without_probability == 0)
    bf_page_add_lead(page, "Whether the model tells malignant from benign cannot be said: no class is known of the %s.",
                     r->of);
  else if (c->n == 0)
    bf_page_add_lead(page,
                     "Whether the model tells malignant from benign cannot be said: it has no probability for any of "
                     "the %lld %s of known class.",
                     (long long)c->without_probability, r->of);
  else
    bf_page_add_lead(page,
                     "Whether the model tells malignant from benign cannot be said: all %lld %s of known class are %s.",
                     (long long)c->n, r->of, c->positives > 0 ? "malignant" : "benign");
}

static void lead_threshold(bf_page *page, const bf_evaluation *e) {
  char hits[PERCENT_TEXT], passes[PERCENT_TEXT];
  const bf_confusion *c = &e->all.classes.confusion;
  const double of_malignant = c->sensitivity.value, of_benign = c->specificity.value;
  if (isfinite(of_malignant) && isfinite(of_benign))
    bf_page_add_lead(page,
                     "From a probability of %.3g on it calls %s of the malignant ones malignant, and %s of the "
                     "benign ones benign.",
                     e->options.threshold, percent(hits, of_malignant), percent(passes, of_benign));
  else if (isfinite(of_malignant))
    bf_page_add_lead(page, "From a probability of %.3g on it calls %s of them malignant.", e->options.threshold,
                     percent(hits, of_malignant));
  else if (isfinite(of_benign))
    bf_page_add_lead(page, "From a probability of %.3g on it calls %s of them malignant.", e->options.threshold,
                     percent(hits, 1 - of_benign));
}

static void lead_classes(bf_page *page, const bf_report *r) {
  const bf_evaluation *e = r->evaluation;
  const bf_class_figures *c = &e->all.classes;
  char interval[BF_REPORT_FIGURE], patients[48];
  if (!isfinite(c->auc.value))
    lead_undefined(page, r);
  else
    bf_page_add_lead(page, "On %lld %s%s the model tells malignant from benign with an AUC of %.3f (%s).",
                     (long long)c->n, r->of, patient_words(patients, e, c->patients), c->auc.value,
                     interval_words(interval, bf_assessment_shown(&e->all, BF_FIGURE_AUC).interval, c->patients, 1, 3));
  lead_threshold(page, e);
}

static void lead_lesions(bf_page *page, const bf_report *r) {
  const bf_assessment *a = &r->evaluation->all;
  const bf_resampled *one = &a->figures[BF_FIGURE_FROC_1];
  char interval[BF_REPORT_FIGURE], found[PERCENT_TEXT];
  if (a->lesions.lesions == 0) return;
  if (a->lesions.found == 0) {
    bf_page_add_lead(page, "It finds none of %lld lesions: its answers hold no box at all.",
                     (long long)a->lesions.lesions);
    return;
  }
  bf_page_add_lead(page, "It finds %s of %lld lesions (%s) at one false box an image.", percent(found, one->value),
                   (long long)a->lesions.lesions, interval_words(interval, one->interval, a->lesions.patients, 100, 0));
}

static void lead_comparison(bf_page *page, const bf_report *r) {
  const bf_differences *d = r->comparison != NULL ? &r->comparison->all : NULL;
  if (d == NULL || !bf_difference_told(d, BF_FIGURE_AUC)) return;
  int who = bf_difference_winner(d, BF_FIGURE_AUC);
  bf_page_add_lead(page, "Against the other model (B) on %lld images: AUC %.3f against %.3f, %s.",
                   (long long)d->items[BF_FIGURE_AUC].n, d->items[BF_FIGURE_AUC].of.a, d->items[BF_FIGURE_AUC].of.b,
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

/* ---- what speaks against it ---- */

/* whose: "" or " of B". */
static void warn_of_rows(bf_page *page, const bf_case_counts *n, const char *whose) {
  if (n->seen > 0)
    bf_page_add_note(page, BF_PAGE_WARNING,
                     "%lld images are among those that the model%s was trained or validated on: figures of them are no "
                     "test of it.",
                     (long long)n->seen, whose);
  if (n->unlike > 0)
    bf_page_add_note(page, BF_PAGE_WARNING, "%lld images are unlike those that the model%s was trained on.",
                     (long long)n->unlike, whose);
  if (n->repeated > 0)
    bf_page_add_note(page, BF_PAGE_WARNING,
                     "%lld rows%s are of an image that an earlier row is of, too: it counts as often.",
                     (long long)n->repeated, whose);
}

/* What there are few of, in words: "malignant images (3), lesions (7)". */
static void few_words(char *text, size_t size, const bf_assessment *a) {
  bf_few_of few[BF_FEW_COUNTS];
  const int count = bf_assessment_few(few, a);
  size_t used = 0;
  text[0] = '\0';
  for (int k = 0; k < count && used < size; k++)
    used +=
        (size_t)snprintf(text + used, size - used, "%s%s (%lld)", k > 0 ? ", " : "", few[k].name, (long long)few[k].n);
}

static void warn(bf_page *page, const bf_report *r) {
  const bf_evaluation *e = r->evaluation;
  char few[240];
  warn_of_rows(page, &e->cases.counts, "");
  if (r->comparison != NULL) warn_of_rows(page, &r->comparison->rows_of_b, " of B");
  few_words(few, sizeof few, &e->all);
  if (few[0] != '\0')
    bf_page_add_note(page, BF_PAGE_WARNING, "Fewer than %d: %s. Figures of them say little.", BF_FEW, few);
  if (!e->cases.patients_known)
    bf_page_add_note(page, BF_PAGE_NOTE,
                     "Not all images say whose they are: those that do not are taken together by study, else each by "
                     "itself. If patients have several, intervals are too narrow.");
}

void bf_report_add_answer(bf_page *page, const bf_report *r) {
  if (r->evaluation == NULL) {
    bf_page_add_lead(page, "A training without a validation part: nothing tells how good the model is.");
    return;
  }
  lead_classes(page, r);
  lead_lesions(page, r);
  lead_comparison(page, r);
  key_figures(page, &r->evaluation->all);
  if (r->note != NULL) bf_page_add_note(page, BF_PAGE_NOTE, "%s", r->note);
  warn(page, r);
}
