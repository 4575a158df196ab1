/* Line charts as SVG text. */
#include "output/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { width = 720, height = 420, left = 70, right = 20, top = 44, bottom = 56, colour_count = 6 };
static const char *const colours[colour_count] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

typedef struct frame {
  FILE *f;
  const bf_chart *chart;
  double x0, x1, y0, y1; /* in the axes' terms: log x already taken */
} frame;

static double in_x(const bf_chart *c, double x) { return c->log_x ? log10(x) : x; }

static double place_x(const frame *r, double x) {
  return left + (in_x(r->chart, x) - r->x0) / (r->x1 - r->x0) * (width - left - right);
}

static double place_y(const frame *r, double y) {
  return height - bottom - (y - r->y0) / (r->y1 - r->y0) * (height - top - bottom);
}

static void put_text(FILE *f, const char *text) {
  for (; *text; text++) {
    if (*text == '&')
      fputs("&amp;", f);
    else if (*text == '<')
      fputs("&lt;", f);
    else if (*text == '>')
      fputs("&gt;", f);
    else
      fputc(*text, f);
  }
}

static void label(const frame *r, double x, double y, const char *anchor, int size, const char *text) {
  fprintf(r->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">", x, y, anchor, size);
  put_text(r->f, text);
  fputs("</text>\n", r->f);
}

/* ---- axes ---- */

static void widen(double *low, double *high, double value) {
  if (!isfinite(value)) return;
  if (!(value >= *low)) *low = value;
  if (!(value <= *high)) *high = value;
}

static bool find_range(frame *r) {
  const bf_chart *c = r->chart;
  r->x0 = r->x1 = r->y0 = r->y1 = NAN;
  for (int k = 0; k < c->curve_count; k++)
    for (int i = 0; i < c->curves[k].count; i++) {
      if (!isfinite(c->curves[k].y[i])) continue;
      widen(&r->x0, &r->x1, in_x(c, c->curves[k].x[i]));
      widen(&r->y0, &r->y1, c->curves[k].y[i]);
    }
  if (isnan(r->x0) || isnan(r->y0)) return false;
  if (c->y_low != 0 || c->y_high != 0) r->y0 = c->y_low, r->y1 = c->y_high;
  if (r->x1 <= r->x0) r->x0 -= 0.5, r->x1 += 0.5;
  if (r->y1 <= r->y0) r->y0 -= 0.5, r->y1 += 0.5;
  return true;
}

/* 1, 2 or 5 times a power of ten, so that some five steps fill the range. */
static double step_of(double range) {
  double rough = range / 5, power = pow(10, floor(log10(rough))), times = rough / power;
  return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

static void draw_tick_x(const frame *r, double x, const char *text) {
  double at = place_x(r, x);
  fprintf(r->f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>\n", at, top, at, height - bottom);
  label(r, at, height - bottom + 18, "middle", 12, text);
}

static void draw_axes(const frame *r) {
  const bf_chart *c = r->chart;
  char text[64];
  double step = step_of(r->y1 - r->y0);
  for (double y = ceil(r->y0 / step - 1e-9) * step; y <= r->y1 + 1e-9 * step; y += step) {
    double at = place_y(r, y);
    fprintf(r->f, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, at, width - right, at);
    snprintf(text, sizeof text, "%g", fabs(y) < 1e-9 * step ? 0 : y);
    label(r, left - 8, at + 4, "end", 12, text);
  }
  if (c->log_x) {
    for (double e = ceil(r->x0 - 1e-9); e <= r->x1 + 1e-9; e++) {
      snprintf(text, sizeof text, "1e%g", e);
      draw_tick_x(r, pow(10, e), text);
    }
  } else {
    step = step_of(r->x1 - r->x0);
    for (double x = ceil(r->x0 / step - 1e-9) * step; x <= r->x1 + 1e-9 * step; x += step) {
      snprintf(text, sizeof text, "%g", fabs(x) < 1e-9 * step ? 0 : x);
      draw_tick_x(r, x, text);
    }
  }
  fprintf(r->f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#888\"/>\n", left, top,
          width - left - right, height - top - bottom);
  label(r, (left + width - right) / 2.0, height - 14, "middle", 13, c->x_label);
  fprintf(r->f, "<g transform=\"translate(18 %d) rotate(-90)\">", (top + height - bottom) / 2);
  label(r, 0, 0, "middle", 13, c->y_label);
  fputs("</g>\n", r->f);
}

/* ---- curves ---- */

static void draw_curve(const frame *r, int k) {
  const bf_curve *c = &r->chart->curves[k];
  bool down = false;
  fprintf(r->f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-opacity=\"%s\" d=\"",
          colours[k % colour_count], c->faint ? "1" : "2.5", c->faint ? "0.4" : "1");
  for (int i = 0; i < c->count; i++) {
    bool there = isfinite(c->y[i]) && isfinite(in_x(r->chart, c->x[i]));
    if (there) {
      double y = c->y[i] < r->y0 ? r->y0 : c->y[i] > r->y1 ? r->y1 : c->y[i];
      fprintf(r->f, "%s%.1f %.1f", down ? "L" : "M", place_x(r, c->x[i]), place_y(r, y));
    }
    down = there;
  }
  fputs("\"/>\n", r->f);
}

static void draw_legend(const frame *r) {
  int line = 0;
  for (int k = 0; k < r->chart->curve_count; k++) {
    if (r->chart->curves[k].name == NULL) continue;
    double y = top + 18 + 18 * line++;
    fprintf(r->f, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2.5\"/>\n", left + 12,
            y - 4, left + 34, y - 4, colours[k % colour_count]);
    label(r, left + 40, y, "start", 12, r->chart->curves[k].name);
  }
}

static void draw_marks(const frame *r) {
  for (int i = 0; i < r->chart->mark_count; i++) {
    double x = in_x(r->chart, r->chart->marks[i].x);
    if (!(x >= r->x0 && x <= r->x1)) continue;
    double at = place_x(r, r->chart->marks[i].x);
    fprintf(r->f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#333\" stroke-dasharray=\"5 4\"/>\n", at,
            top, at, height - bottom);
    label(r, at, top - 6 - 12 * (i % 2), "middle", 11, r->chart->marks[i].name);
  }
}

bf_status bf_chart_write(const char *path, const bf_chart *chart, bf_error *err) {
  char *text = NULL;
  size_t size = 0;
  frame r = {.chart = chart};
  if (!find_range(&r)) return bf_fail(err, BF_E_ARGUMENT, "%s: nothing to draw", path);
  if ((r.f = open_memstream(&text, &size)) == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to draw", path);
  fprintf(r.f,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" fill=\"#222\" "
          "role=\"img\">\n<title>",
          width, height);
  put_text(r.f, chart->title);
  fprintf(r.f, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
  draw_axes(&r);
  for (int k = 0; k < chart->curve_count; k++)
    if (chart->curves[k].faint) draw_curve(&r, k);
  for (int k = 0; k < chart->curve_count; k++)
    if (!chart->curves[k].faint) draw_curve(&r, k);
  draw_marks(&r);
  draw_legend(&r);
  label(&r, left, 18, "start", 15, chart->title);
  fputs("</svg>\n", r.f);
  if (fclose(r.f) != 0) {
    free(text);
    return bf_fail(err, BF_E_MEMORY, "%s: no memory to draw", path);
  }
  bf_status status = bf_file_write(path, text, size, err);
  free(text);
  return status;
}
