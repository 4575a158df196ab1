/* Curves of a training: losses by task, what was watched, and how the tasks shared the gradients. They are read from
 * metrics.csv, whose columns have the tasks' names. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "evaluation/report_parts.h"

enum { MOST_COLUMNS = 64, NAME_MAX_LENGTH = 48, MOST_TASKS = 6 };

typedef struct record {
  char names[MOST_COLUMNS][NAME_MAX_LENGTH];
  int columns;
  double *values; /* [columns][epochs]; NaN where a field is empty */
  int64_t epochs;
} record;

/* ---- reading ---- */

static void read_names(record *r, const char *line) {
  while (*line != '\0' && *line != '\n' && r->columns < MOST_COLUMNS) {
    size_t length = strcspn(line, ",\n");
    snprintf(r->names[r->columns++], NAME_MAX_LENGTH, "%.*s", (int)(length < NAME_MAX_LENGTH ? length : 0), line);
    line += length + (line[length] == ',');
  }
}

static void read_line(record *r, int64_t epoch, const char *line) {
  for (int c = 0; c < r->columns; c++) {
    size_t length = strcspn(line, ",\n");
    r->values[(int64_t)c * r->epochs + epoch] = length > 0 ? strtod(line, NULL) : NAN;
    line += length + (line[length] == ',');
  }
}

static bf_status read_record(record *r, const char *csv, bf_error *err) {
  *r = (record){0};
  read_names(r, csv);
  const char *line = strchr(csv, '\n');
  for (const char *c = line; c != NULL && c[1] != '\0'; c = strchr(c + 1, '\n')) r->epochs++;
  r->values = bf_alloc((size_t)r->columns * (size_t)r->epochs, sizeof *r->values);
  if (r->values == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the curves of a training");
  for (int64_t e = 0; e < r->epochs; e++) {
    read_line(r, e, ++line);
    line = strchr(line, '\n');
    if (line == NULL) break;
  }
  return BF_OK;
}

/* NULL: no such column, or nothing in it. */
static const double *column(const record *r, const char *prefix, const char *name) {
  char wanted[3 * NAME_MAX_LENGTH];
  snprintf(wanted, sizeof wanted, "%.40s%.100s", prefix, name);
  for (int c = 0; c < r->columns; c++) {
    const double *values = r->values + (int64_t)c * r->epochs;
    if (strcmp(r->names[c], wanted) != 0) continue;
    for (int64_t e = 0; e < r->epochs; e++)
      if (!isnan(values[e])) return values;
  }
  return NULL;
}

/* ---- charts ---- */

/* The tasks' names, from the columns weight_<task>. */
static int find_tasks(const char *names[MOST_TASKS], const record *r) {
  int count = 0;
  for (int c = 0; c < r->columns && count < MOST_TASKS; c++)
    if (strncmp(r->names[c], "weight_", 7) == 0) names[count++] = r->names[c] + 7;
  return count;
}

/* The last epoch marked best; NaN where none is. */
static double best_epoch(const record *r) {
  const double *epoch = column(r, "", "epoch"), *best = column(r, "", "best");
  double found = NAN;
  for (int64_t e = 0; e < r->epochs && epoch != NULL && best != NULL; e++)
    if (best[e] == 1) found = epoch[e];
  return found;
}

static void add_series(bf_page_series *series, int *count, const char *name, const record *r, const double *values) {
  if (values != NULL)
    series[(*count)++] = (bf_page_series){name, BF_PAGE_LINE, column(r, "", "epoch"), values, NULL, NULL, r->epochs};
}

static void add_curves(bf_page *page, const record *r, const char *title, const char *caption, bf_page_axis y,
                       const bf_page_series *series, int count) {
  double best = best_epoch(r);
  const bf_page_reference chosen = {"best", best, -INFINITY, best, INFINITY};
  const bf_page_chart chart = {.title = title,
                               .caption = caption,
                               .shape = BF_PAGE_SMALL,
                               .x = {"Epoch", NULL, NAN, NAN, false, false},
                               .y = y,
                               .series = series,
                               .series_count = count,
                               .references = &chosen,
                               .reference_count = isnan(best) ? 0 : 1};
  if (count > 0) bf_page_add_chart(page, &chart);
}

static void add_losses(bf_page *page, const record *r, const char *const *tasks, int count) {
  for (int t = 0; t < count; t++) {
    bf_page_series series[2];
    char title[NAME_MAX_LENGTH + 16];
    int n = 0;
    snprintf(title, sizeof title, "Loss of %s", tasks[t]);
    add_series(series, &n, "training", r, column(r, "train_", tasks[t]));
    add_series(series, &n, "validation", r, column(r, "validation_", tasks[t]));
    add_curves(page, r, title, "Mean over images with this label, an epoch.",
               (bf_page_axis){"Loss", NULL, NAN, NAN, false, false}, series, n);
  }
}

static void add_watched(bf_page *page, const record *r) {
  bf_page_series series[2];
  int n = 0;
  add_series(series, &n, "AUC", r, column(r, "", "validation_auc"));
  add_series(series, &n, "lesions found at 1 false box", r, column(r, "", "validation_froc1"));
  add_curves(page, r, "Figures of the validation part", "The best epoch is chosen on them: they flatter.",
             (bf_page_axis){"Figure", NULL, NAN, 1, false, false}, series, n);
}

static void add_watch(bf_page *page, const record *r, const char *const *tasks, int count) {
  bf_page_series series[MOST_TASKS * (MOST_TASKS - 1) / 2];
  char pairs[MOST_TASKS * (MOST_TASKS - 1) / 2][2 * NAME_MAX_LENGTH];
  int n = 0;
  if (count < 2) return;
  for (int t = 0; t < count; t++) add_series(series, &n, tasks[t], r, column(r, "share_", tasks[t]));
  add_curves(page, r, "Whose gradients they are", "Each task's share of the gradients at the shared features.",
             (bf_page_axis){"Share", NULL, 0, 1, false, true}, series, n);
  n = 0;
  for (int a = 0; a < count; a++)
    for (int b = a + 1; b < count && n < MOST_TASKS; b++) {
      char name[2 * NAME_MAX_LENGTH];
      snprintf(name, sizeof name, "%.40s_%.40s", tasks[a], tasks[b]);
      snprintf(pairs[n], sizeof pairs[n], "%.40s and %.40s", tasks[a], tasks[b]);
      add_series(series, &n, pairs[n], r, column(r, "cosine_", name));
    }
  add_curves(page, r, "Whether tasks agree", "Cosine of their gradients: below 0 they pull apart.",
             (bf_page_axis){"Cosine", NULL, -1, 1, false, false}, series, n);
}

bf_status bf_report_add_training(bf_page *page, const bf_report *report, bf_error *err) {
  record r;
  const char *tasks[MOST_TASKS];
  if (report->training == NULL) return BF_OK;
  bf_status status = read_record(&r, report->training, err);
  if (status == BF_OK && r.epochs > 0 && column(&r, "", "epoch") != NULL) {
    int count = find_tasks(tasks, &r);
    bf_page_add_section(page, "training", "How the training went");
    bf_page_begin_columns(page);
    add_losses(page, &r, tasks, count);
    add_watched(page, &r);
    add_watch(page, &r, tasks, count);
    bf_page_end_columns(page);
  }
  bf_free(r.values);
  return status;
}
