/* The threshold explorer: its stops, what the page shows without scripts, at the first one, and the data that page.js
 * moves through. page.js computes shares as this file does; intervals are the caller's alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "page/plot.h"

enum { points_max = 20, stops_least = points_max + 4 };

typedef struct explorer {
  const bf_page_explorer *given;
  bf_page_stop stops[BF_PAGE_STOPS_MAX]; /* thresholds rise, as the slider does */
  int count, first;                      /* first: the stop that is shown first */
  int named;                             /* the operating point that is shown first; -1: none */
  int places[points_max + 1];            /* of the operating points among the stops, and of the start */
} explorer;

/* ---- stops ---- */

/* The first score that is still at or above the threshold, looked for from the lowest; -1: none is. */
static int64_t place_of(const bf_page_explorer *e, double threshold) {
  int64_t i = e->count - 1;
  while (i >= 0 && e->threshold[i] < threshold) i--;
  return i;
}

static double mark_of(const bf_page_explorer *e, int k) {
  return k < e->point_count ? e->points[k].threshold : e->start;
}

/* keep[i]: score i is a stop. Evenly by their order, and those of the marks, which are at these places. */
static void choose_stops(bool *keep, const bf_page_explorer *e, const int64_t *places) {
  int room = e->stops_most > 0 && e->stops_most < BF_PAGE_STOPS_MAX ? e->stops_most : BF_PAGE_STOPS_MAX;
  int64_t most = (room > stops_least ? room : stops_least) - 2 - e->point_count,
          shown = e->count < most ? e->count : most;
  for (int64_t k = 0; k < shown; k++) keep[shown > 1 ? k * (e->count - 1) / (shown - 1) : 0] = true;
  if (isinf(e->threshold[0])) keep[0] = false;
  for (int k = 0; k <= e->point_count; k++)
    if (places[k] >= 0) keep[places[k]] = true;
}

/* A mark's own threshold stands at its place: no score lies between the two. Marks of one place show that of the first.
 * A mark above all scores has a stop of its own, where nothing is positive. */
static void put_stops(explorer *x, const bool *keep, const int64_t *places) {
  const bf_page_explorer *e = x->given;
  bool above = false;
  for (int64_t i = e->count - 1; i >= -1; i--) {
    if (i >= 0 && !keep[i]) continue;
    bf_page_stop s = {NAN, 0, 0};
    if (i >= 0) s = (bf_page_stop){e->threshold[i], e->true_positive[i], e->false_positive[i]};
    for (int k = e->point_count; k >= 0; k--)
      if (places[k] == i) {
        x->places[k] = x->count;
        s.threshold = mark_of(e, k);
        above = above || i < 0;
      }
    if (i >= 0 || above) x->stops[x->count++] = s;
  }
}

static void find_first(explorer *x) {
  const bf_page_explorer *e = x->given;
  bool chosen = e->chosen >= 0 && e->chosen < e->point_count;
  x->first = x->places[chosen ? e->chosen : e->point_count];
  x->named = chosen ? e->chosen : -1;
  for (int k = e->point_count - 1; k >= 0 && !chosen; k--)
    if (x->places[k] == x->first) x->named = k;
}

static bf_status check_array(const char *name, int64_t count, const void *items, bf_error *err) {
  if (count == 0 || (count > 0 && items != NULL)) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT,
                 "report page, threshold explorer: %s has the length %lld%s; give an array and its length", name,
                 (long long)count, items == NULL ? " and no items" : "");
}

static bf_status check(const bf_page_explorer *e, bf_error *err) {
  bf_status status = check_array("thresholds", e->count, e->threshold, err);
  if (status == BF_OK) status = check_array("true positives", e->count, e->true_positive, err);
  if (status == BF_OK) status = check_array("false positives", e->count, e->false_positive, err);
  if (status == BF_OK) status = check_array("operating points", e->point_count, e->points, err);
  if (status != BF_OK) return status;
  if (e->positives >= 0 && e->negatives >= 0 && e->point_count <= points_max) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT,
                 "report page, threshold explorer: %lld positives, %lld negatives, %d operating points; counts are 0 "
                 "or more, operating points at most %d",
                 (long long)e->positives, (long long)e->negatives, e->point_count, points_max);
}

/* Owned; freed with bf_free. */
static bf_status find_stops(explorer **out, const bf_page_explorer *e, bf_error *err) {
  *out = NULL;
  bf_status status = check(e, err);
  if (status != BF_OK) return status;
  explorer *x = bf_alloc(1, sizeof *x);
  bool *keep = bf_alloc((size_t)e->count, sizeof *keep);
  if (x == NULL || keep == NULL) {
    bf_free(x);
    bf_free(keep);
    return bf_fail(err, BF_E_MEMORY, "no memory for the threshold explorer of the report page");
  }
  x->given = e;
  if (e->count > 0) {
    int64_t places[points_max + 1];
    for (int k = 0; k <= e->point_count; k++) places[k] = place_of(e, mark_of(e, k));
    choose_stops(keep, e, places);
    put_stops(x, keep, places);
    find_first(x);
  }
  bf_free(keep);
  *out = x;
  return BF_OK;
}

bf_status bf_page_explorer_stops(bf_page_stop stops[BF_PAGE_STOPS_MAX], int *count, const bf_page_explorer *e,
                                 bf_error *err) {
  explorer *x;
  bf_status status = find_stops(&x, e, err);
  *count = 0;
  if (status != BF_OK) return status;
  memcpy(stops, x->stops, sizeof x->stops);
  *count = x->count;
  bf_free(x);
  return BF_OK;
}

/* ---- what is shown ---- */

static void put_controls(bf_markup *m, const explorer *x, int figure) {
  const bf_page_explorer *e = x->given;
  bf_markup_put(m,
                "<div class=\"controls\" hidden=\"\">\n<label for=\"figure_%d_slider\">Threshold</label>"
                "<input type=\"range\" id=\"figure_%d_slider\" min=\"0\" max=\"%d\" step=\"1\" value=\"%d\" />\n",
                figure, figure, x->count - 1, x->first);
  if (e->point_count > 0) bf_markup_raw(m, "<div class=\"buttons\" role=\"group\" aria-label=\"Operating points\">");
  for (int k = 0; k < e->point_count; k++) {
    bf_markup_put(m, "<button type=\"button\" data-point=\"%d\">", k);
    bf_markup_text(m, e->points[k].name);
    bf_markup_raw(m, "</button>\n");
  }
  if (e->point_count > 0) bf_markup_raw(m, "</div>\n");
  char text[BF_PAGE_NUMBER_MAX];
  double all = (double)(e->positives + e->negatives);
  bf_markup_put(m,
                "<p class=\"prevalence\"><label for=\"figure_%d_prevalence\">Prevalence for the predictive values, %%"
                "</label> <input type=\"number\" id=\"figure_%d_prevalence\" min=\"0\" max=\"100\" step=\"any\" "
                "placeholder=\"%s\" aria-describedby=\"figure_%d_unfit\" />"
                "<span class=\"unfit\" id=\"figure_%d_unfit\" role=\"status\"></span></p>\n</div>\n",
                figure, figure, bf_number_short(text, 100 * (double)e->positives / all, 3), figure, figure);
}

static void put_summary(bf_markup *m, const explorer *x, int figure) {
  const bf_page_explorer *e = x->given;
  const bf_page_stop *s = &x->stops[x->first];
  char a[BF_PAGE_NUMBER_MAX], b[BF_PAGE_NUMBER_MAX], t[BF_PAGE_NUMBER_MAX];
  bf_markup_put(m, "<output class=\"summary\" for=\"figure_%d_slider\" aria-live=\"polite\">Threshold %s", figure,
                bf_number_short(t, x->named >= 0 ? e->points[x->named].threshold : s->threshold, 4));
  if (x->named >= 0) {
    bf_markup_raw(m, " (");
    bf_markup_text(m, e->points[x->named].name);
    bf_markup_raw(m, ")");
  }
  bf_markup_put(m, ": %s of %s ", bf_count(a, s->true_positive), bf_count(b, e->positives));
  bf_markup_text(m, e->positive);
  bf_markup_put(m, " found, %s of %s ", bf_count(a, s->false_positive), bf_count(b, e->negatives));
  bf_markup_text(m, e->negative);
  bf_markup_raw(m, " called ");
  bf_markup_text(m, e->positive);
  bf_markup_raw(m, ".</output>\n");
}

static void put_measure(bf_page *page, const explorer *x, int at, int64_t k, int64_t n) {
  static const char *const keys[] = {"sensitivity", "specificity", "positive", "negative"};
  static const char *const names[] = {"Sensitivity", "Specificity", "Positive predictive value",
                                      "Negative predictive value"};
  bf_markup *m = bf_page_here(page);
  const bf_page_stop_intervals *i = x->given->intervals != NULL ? &x->given->intervals[x->first] : NULL;
  bf_page_value v = bf_page_plain(NAN);
  if (n > 0)
    v = bf_page_interval((double)k / (double)n, i != NULL ? i->low[at] : NAN, i != NULL ? i->high[at] : NAN, -1);
  bf_markup_put(m, "<tr data-measure=\"%s\"><th scope=\"row\">%s</th><td class=\"plot\">", keys[at], names[at]);
  bf_page_add_whisker(page, v.low, v.high, v.value, NAN, true);
  bf_markup_raw(m, "</td><td class=\"number\">");
  bf_markup_value(m, &v, (bf_page_format){1, true});
  bf_markup_raw(m, "</td></tr>\n");
}

static void put_measures(bf_page *page, const explorer *x) {
  const bf_page_stop *s = &x->stops[x->first];
  int64_t p = x->given->positives, n = x->given->negatives, tp = s->true_positive, fp = s->false_positive;
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m,
                "<table class=\"measures\">\n<caption class=\"unseen\">Measures at the threshold</caption>\n"
                "<thead class=\"unseen\"><tr><th scope=\"col\">Measure</th><th scope=\"col\">Drawn</th>"
                "<th scope=\"col\">Value (95\xC2\xA0% interval)</th></tr></thead>\n<tbody>\n");
  put_measure(page, x, 0, tp, p);
  put_measure(page, x, 1, n - fp, n);
  put_measure(page, x, 2, tp, tp + fp);
  put_measure(page, x, 3, n - fp, n - fp + p - tp);
  bf_markup_raw(m, "</tbody></table>\n");
  if (x->given->interval_words == NULL) return;
  bf_markup_element(m, "p", "interval-words", x->given->interval_words);
  bf_markup_raw(m, "\n");
}

static void put_cell(bf_markup *m, const char *key, const char *kind, int64_t count) {
  char text[BF_PAGE_NUMBER_MAX];
  bf_markup_put(m, "<td class=\"number %s\" data-cell=\"%s\">%s</td>", kind, key, bf_count(text, count));
}

static void put_confusion(bf_markup *m, const explorer *x) {
  const bf_page_explorer *e = x->given;
  const bf_page_stop *s = &x->stops[x->first];
  bf_markup_raw(m,
                "<table class=\"confusion\">\n<caption>Confusion table, cases</caption>\n<thead><tr><td></td>"
                "<th scope=\"col\" class=\"number\">called ");
  bf_markup_text(m, e->positive);
  bf_markup_raw(m, "</th><th scope=\"col\" class=\"number\">called ");
  bf_markup_text(m, e->negative);
  bf_markup_raw(m, "</th></tr></thead>\n<tbody><tr><th scope=\"row\">");
  bf_markup_text(m, e->positive);
  bf_markup_raw(m, "</th>");
  put_cell(m, "tp", "right", s->true_positive);
  put_cell(m, "fn", "wrong", e->positives - s->true_positive);
  bf_markup_raw(m, "</tr>\n<tr><th scope=\"row\">");
  bf_markup_text(m, e->negative);
  bf_markup_raw(m, "</th>");
  put_cell(m, "fp", "wrong", s->false_positive);
  put_cell(m, "tn", "right", e->negatives - s->false_positive);
  bf_markup_raw(m, "</tr></tbody></table>\n");
}

/* ---- the curve ---- */

static void put_curve(bf_page *page, const explorer *x, int figure) {
  const bf_page_explorer *e = x->given;
  int64_t count = e->count + 2;
  double *at = bf_alloc(2 * (size_t)count, sizeof *at), p = (double)e->positives, n = (double)e->negatives;
  if (at == NULL) {
    bf_page_refuse(page, BF_E_MEMORY, "no memory for the threshold explorer of the report page");
    return;
  }
  double *sensitivity = at + count;
  for (int64_t i = 0; i < e->count; i++) {
    at[i + 1] = (double)e->false_positive[i] / n;
    sensitivity[i + 1] = (double)e->true_positive[i] / p;
  }
  at[count - 1] = sensitivity[count - 1] = 1;
  bf_page_mark marks[points_max];
  for (int k = 0; k < e->point_count; k++) {
    const bf_page_stop *s = &x->stops[x->places[k]];
    marks[k] = (bf_page_mark){e->points[k].name, (double)s->false_positive / n, (double)s->true_positive / p};
  }
  const bf_page_stop *s = &x->stops[x->first];
  const double moving[2] = {(double)s->false_positive / n, (double)s->true_positive / p};
  const bf_page_series curve = {.name = "ROC curve", .x = at, .y = sensitivity, .count = count};
  const bf_page_reference chance = {"chance", 0, 0, 1, 1};
  const bf_page_chart chart = {.title = e->title,
                               .shape = BF_PAGE_SQUARE,
                               .series = &curve,
                               .series_count = e->positives > 0 && e->negatives > 0,
                               .marks = marks,
                               .mark_count = e->point_count,
                               .references = &chance,
                               .reference_count = 1,
                               .x = {.title = "1 \xE2\x88\x92 specificity", .low = 0, .high = 1, .percent = true},
                               .y = {.title = "Sensitivity", .low = 0, .high = 1, .percent = true}};
  bf_page_put_chart(page, &chart, figure, moving);
  bf_free(at);
}

/* ---- data for page.js ---- */

/* As few digits as give the number back: a threshold that is rounded up would leave its own case out. */
static void put_exact(bf_markup *m, double v) {
  char text[40];
  if (!bf_defined(v)) {
    bf_markup_raw(m, "null");
    return;
  }
  for (int digits = 4; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, v);
    if (strtod(text, NULL) == v) break;
  }
  char *sign = text + strspn(text, "-0123456789");
  if (*sign != '\0' && *sign != 'e') *sign = '.'; /* a locale's comma */
  bf_markup_raw(m, text);
}

/* Tenths of a percent, rounded as the page's numbers are. */
static void put_end(bf_markup *m, double share) {
  char text[BF_PAGE_NUMBER_MAX];
  bf_page_number(text, fmin(1, fmax(0, share)), (bf_page_format){1, true});
  bf_markup_put(m, ",%ld", 10 * strtol(text, NULL, 10) + strtol(strchr(text, '.') + 1, NULL, 10));
}

static void put_intervals(bf_markup *m, const bf_page_stop_intervals *i) {
  for (int k = 0; k < BF_PAGE_MEASURES; k++) {
    if (!bf_defined(i->low[k]) || !bf_defined(i->high[k])) {
      bf_markup_raw(m, ",null,null");
      continue;
    }
    put_end(m, i->low[k]);
    put_end(m, i->high[k]);
  }
}

static void put_data(bf_markup *m, const explorer *x) {
  const bf_page_explorer *e = x->given;
  bf_markup_put(m, "<script type=\"application/json\">{\"positives\":%lld,\"negatives\":%lld,\"positive\":",
                (long long)e->positives, (long long)e->negatives);
  bf_markup_json(m, e->positive);
  bf_markup_raw(m, ",\"negative\":");
  bf_markup_json(m, e->negative);
  bf_markup_raw(m, ",\"stops\":[");
  for (int i = 0; i < x->count; i++) {
    bf_markup_raw(m, i == 0 ? "[" : ",[");
    put_exact(m, x->stops[i].threshold);
    bf_markup_put(m, ",%lld,%lld", (long long)x->stops[i].true_positive, (long long)x->stops[i].false_positive);
    if (e->intervals != NULL) put_intervals(m, &e->intervals[i]);
    bf_markup_raw(m, "]");
  }
  bf_markup_put(m, "],\"named\":%d,\"points\":[", x->named);
  for (int k = 0; k < e->point_count; k++) {
    bf_markup_put(m, "%s{\"stop\":%d,\"threshold\":", k > 0 ? "," : "", x->places[k]);
    put_exact(m, e->points[k].threshold);
    bf_markup_raw(m, ",\"name\":");
    bf_markup_json(m, e->points[k].name);
    bf_markup_raw(m, "}");
  }
  bf_markup_raw(m, "]}</script>\n");
}

void bf_page_add_explorer(bf_page *page, const bf_page_explorer *e) {
  explorer *x;
  bf_error err = {0};
  bf_status status = find_stops(&x, e, &err);
  if (status != BF_OK) bf_page_refuse(page, status, "%s", err.message);
  if (page->failure.status == BF_OK && x->count > 0) {
    bf_markup *m = bf_page_here(page);
    int figure = bf_page_open_figure(page, "explorer", e->title, e->caption);
    bf_markup_raw(m, "<div class=\"explorer-parts\">\n<div>\n");
    put_curve(page, x, figure);
    bf_markup_raw(m, "</div>\n<div>\n");
    put_controls(m, x, figure);
    put_summary(m, x, figure);
    put_measures(page, x);
    put_confusion(m, x);
    bf_markup_raw(m, "</div>\n</div>\n");
    put_data(m, x);
    bf_page_close_figure(page);
  }
  bf_free(x);
}
