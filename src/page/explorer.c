/* The threshold explorer: what the page shows without scripts, at the chosen point, and the data that page.js moves
 * through. page.js computes shares and intervals as this file does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "page/plot.h"

enum { kept_max = 1000, points_max = 20 };

/* A place of the slider: the cases of each class that are called positive. */
typedef struct stop {
  double threshold;
  int64_t true_positive, false_positive;
} stop;

typedef struct explorer {
  const bf_page_explorer *given;
  stop *stops; /* owned; thresholds rise, as the slider does */
  int count, chosen;
  int places[points_max]; /* of the operating points among the stops */
} explorer;

/* Wilson 1927, 95 %; as bf_metrics_share, which this room may not enter. */
static bf_page_value share(int64_t k, int64_t n) {
  static const double z = 1.959963984540054;
  if (n <= 0) return bf_page_plain(NAN);
  double size = (double)n, p = (double)k / size, z2 = z * z, whole = 1 + z2 / size;
  double centre = (p + z2 / (2 * size)) / whole;
  double reach = z * sqrt(p * (1 - p) / size + z2 / (4 * size * size)) / whole;
  return bf_page_interval(p, fmax(0, centre - reach), fmin(1, centre + reach), -1);
}

/* ---- stops ---- */

/* The first score that is still at or above the threshold, looked for from the lowest; -1: none is. */
static int64_t place_of(const bf_page_explorer *e, double threshold) {
  int64_t i = e->count - 1;
  while (i >= 0 && e->threshold[i] < threshold) i--;
  return i;
}

/* keep[i]: score i is a stop. Evenly by their order, and those of the operating points, which are at these places. */
static void choose_stops(bool *keep, const bf_page_explorer *e, const int64_t *places) {
  int64_t most = kept_max - 1 - e->point_count, shown = e->count < most ? e->count : most;
  for (int64_t k = 0; k < shown; k++) keep[shown > 1 ? k * (e->count - 1) / (shown - 1) : 0] = true;
  if (e->count > 0 && isinf(e->threshold[0])) keep[0] = false;
  for (int k = 0; k < e->point_count; k++)
    if (places[k] >= 0) keep[places[k]] = true;
}

static int best_stop(const explorer *x) {
  int best = 0;
  double most = -INFINITY;
  for (int i = 0; i < x->count; i++) {
    double gain = (double)x->stops[i].true_positive / (double)x->given->positives -
                  (double)x->stops[i].false_positive / (double)x->given->negatives;
    if (gain > most) most = gain, best = i;
  }
  return best;
}

/* An operating point's own threshold stands at its place: no score lies between the two. One above all scores has a
 * stop of its own, where nothing is positive. */
static bool find_stops(explorer *x, const bf_page_explorer *e) {
  bool *keep = bf_alloc((size_t)e->count, sizeof *keep);
  x->given = e;
  x->stops = bf_alloc(kept_max + 1, sizeof *x->stops);
  for (int k = 0; k < points_max; k++) x->places[k] = -1;
  if (keep == NULL || x->stops == NULL) {
    bf_free(keep);
    return false;
  }
  int64_t places[points_max];
  for (int k = 0; k < e->point_count; k++) places[k] = place_of(e, e->points[k].threshold);
  choose_stops(keep, e, places);
  bool above = false;
  for (int64_t i = e->count - 1; i >= -1; i--) {
    if (i >= 0 && !keep[i]) continue;
    stop s = {i < 0 ? NAN : e->threshold[i], i < 0 ? 0 : e->true_positive[i], i < 0 ? 0 : e->false_positive[i]};
    for (int k = e->point_count - 1; k >= 0; k--)
      if (places[k] == i) {
        x->places[k] = x->count;
        s.threshold = e->points[k].threshold;
        above = above || i < 0;
      }
    if (i >= 0 || above) x->stops[x->count++] = s;
  }
  bf_free(keep);
  x->chosen = e->chosen >= 0 && e->chosen < e->point_count ? x->places[e->chosen] : -1;
  if (x->chosen < 0) x->chosen = best_stop(x);
  return true;
}

/* ---- what is shown ---- */

static void put_controls(bf_markup *m, const explorer *x, int figure) {
  const bf_page_explorer *e = x->given;
  bf_markup_put(m,
                "<div class=\"controls\" hidden=\"\">\n<label for=\"figure_%d_slider\">Threshold</label>"
                "<input type=\"range\" id=\"figure_%d_slider\" min=\"0\" max=\"%d\" step=\"1\" value=\"%d\" />\n",
                figure, figure, x->count - 1, x->chosen);
  if (e->point_count > 0) bf_markup_raw(m, "<div class=\"buttons\" role=\"group\" aria-label=\"Operating points\">");
  for (int k = 0; k < e->point_count; k++) {
    if (x->places[k] < 0) continue;
    bf_markup_put(m, "<button type=\"button\" data-stop=\"%d\">", x->places[k]);
    bf_markup_text(m, e->points[k].name);
    bf_markup_raw(m, "</button>\n");
  }
  if (e->point_count > 0) bf_markup_raw(m, "</div>\n");
  char text[BF_NUMBER_MAX];
  double all = (double)(e->positives + e->negatives);
  bf_markup_put(m,
                "<p class=\"prevalence\"><label for=\"figure_%d_prevalence\">Prevalence for the predictive values, %%"
                "</label> <input type=\"number\" id=\"figure_%d_prevalence\" min=\"0\" max=\"100\" step=\"any\" "
                "placeholder=\"%s\" /></p>\n</div>\n",
                figure, figure, bf_number_short(text, 100 * (double)e->positives / all, 3));
}

static void put_summary(bf_markup *m, const explorer *x, int figure) {
  const bf_page_explorer *e = x->given;
  const stop *s = &x->stops[x->chosen];
  char a[BF_NUMBER_MAX], b[BF_NUMBER_MAX], t[BF_NUMBER_MAX];
  bf_markup_put(m, "<output class=\"summary\" for=\"figure_%d_slider\" aria-live=\"polite\">Threshold %s", figure,
                bf_number_short(t, s->threshold, 4));
  for (int k = 0; k < e->point_count; k++) {
    if (x->places[k] != x->chosen) continue;
    bf_markup_raw(m, " (");
    bf_markup_text(m, e->points[k].name);
    bf_markup_raw(m, ")");
    break;
  }
  bf_markup_put(m, ": %s of %s ", bf_count(a, s->true_positive), bf_count(b, e->positives));
  bf_markup_text(m, e->positive);
  bf_markup_put(m, " found, %s of %s ", bf_count(a, s->false_positive), bf_count(b, e->negatives));
  bf_markup_text(m, e->negative);
  bf_markup_raw(m, " called ");
  bf_markup_text(m, e->positive);
  bf_markup_raw(m, ".</output>\n");
}

static void put_measure(bf_page *page, const char *key, const char *name, int64_t k, int64_t n) {
  bf_markup *m = bf_page_here(page);
  bf_page_value v = share(k, n);
  bf_markup_put(m, "<tr data-measure=\"%s\"><th scope=\"row\">%s</th><td class=\"plot\">", key, name);
  bf_page_add_whisker(page, v.low, v.high, v.value, NAN, true);
  bf_markup_raw(m, "</td><td class=\"number\">");
  bf_markup_value(m, &v, (bf_page_format){1, true});
  bf_markup_raw(m, "</td></tr>\n");
}

static void put_measures(bf_page *page, const explorer *x) {
  const stop *s = &x->stops[x->chosen];
  int64_t p = x->given->positives, n = x->given->negatives, tp = s->true_positive, fp = s->false_positive;
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m,
                "<table class=\"measures\">\n<caption class=\"unseen\">Measures at the threshold</caption>\n"
                "<thead class=\"unseen\"><tr><th scope=\"col\">Measure</th><th scope=\"col\">Drawn</th>"
                "<th scope=\"col\">Value (95\xC2\xA0% interval)</th></tr></thead>\n<tbody>\n");
  put_measure(page, "sensitivity", "Sensitivity", tp, p);
  put_measure(page, "specificity", "Specificity", n - fp, n);
  put_measure(page, "positive", "Positive predictive value", tp, tp + fp);
  put_measure(page, "negative", "Negative predictive value", n - fp, n - fp + p - tp);
  bf_markup_raw(m, "</tbody></table>\n");
}

static void put_cell(bf_markup *m, const char *key, const char *kind, int64_t count) {
  char text[BF_NUMBER_MAX];
  bf_markup_put(m, "<td class=\"number %s\" data-cell=\"%s\">%s</td>", kind, key, bf_count(text, count));
}

static void put_confusion(bf_markup *m, const explorer *x) {
  const bf_page_explorer *e = x->given;
  const stop *s = &x->stops[x->chosen];
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
  int mark_count = 0;
  for (int k = 0; k < e->point_count; k++) {
    if (x->places[k] < 0) continue;
    const stop *s = &x->stops[x->places[k]];
    marks[mark_count++] =
        (bf_page_mark){e->points[k].name, (double)s->false_positive / n, (double)s->true_positive / p};
  }
  const stop *s = &x->stops[x->chosen];
  const double moving[2] = {(double)s->false_positive / n, (double)s->true_positive / p};
  const bf_page_series curve = {.name = "ROC curve", .x = at, .y = sensitivity, .count = count};
  const bf_page_reference chance = {"chance", 0, 0, 1, 1};
  const bf_page_chart chart = {.title = e->title,
                               .shape = BF_PAGE_SQUARE,
                               .series = &curve,
                               .series_count = e->positives > 0 && e->negatives > 0,
                               .marks = marks,
                               .mark_count = mark_count,
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
    bf_markup_put(m, ",%lld,%lld]", (long long)x->stops[i].true_positive, (long long)x->stops[i].false_positive);
  }
  bf_markup_raw(m, "],\"points\":[");
  const char *comma = "";
  for (int k = 0; k < e->point_count; k++) {
    if (x->places[k] < 0) continue;
    bf_markup_put(m, "%s{\"stop\":%d,\"name\":", comma, x->places[k]);
    bf_markup_json(m, e->points[k].name);
    bf_markup_raw(m, "}");
    comma = ",";
  }
  bf_markup_raw(m, "]}</script>\n");
}

static bool is_fit(bf_page *page, const bf_page_explorer *e) {
  if (!bf_page_array(page, "threshold explorer", "thresholds", e->count, e->threshold) ||
      !bf_page_array(page, "threshold explorer", "true positives", e->count, e->true_positive) ||
      !bf_page_array(page, "threshold explorer", "false positives", e->count, e->false_positive) ||
      !bf_page_array(page, "threshold explorer", "operating points", e->point_count, e->points))
    return false;
  if (e->positives < 0 || e->negatives < 0 || e->point_count > points_max) {
    bf_page_refuse(page, BF_E_ARGUMENT,
                   "report page, threshold explorer: %lld positives, %lld negatives, %d operating points; counts are 0 "
                   "or more, operating points at most %d",
                   (long long)e->positives, (long long)e->negatives, e->point_count, points_max);
    return false;
  }
  return true;
}

void bf_page_add_explorer(bf_page *page, const bf_page_explorer *e) {
  if (!is_fit(page, e)) return;
  explorer x = {0};
  if (!find_stops(&x, e)) bf_page_refuse(page, BF_E_MEMORY, "no memory for the threshold explorer of the report page");
  if (page->failure.status == BF_OK && x.count > 0) {
    bf_markup *m = bf_page_here(page);
    int figure = bf_page_open_figure(page, "explorer", e->title, e->caption);
    bf_markup_raw(m, "<div class=\"explorer-parts\">\n<div>\n");
    put_curve(page, &x, figure);
    bf_markup_raw(m, "</div>\n<div>\n");
    put_controls(m, &x, figure);
    put_summary(m, &x, figure);
    put_measures(page, &x);
    put_confusion(m, &x);
    bf_markup_raw(m, "</div>\n</div>\n");
    put_data(m, &x);
    bf_page_close_figure(page);
  }
  bf_free(x.stops);
}
