/* Curves of a training: losses by task, what was watched, and how the tasks shared the gradients. They are read from
 * metrics.csv, whose columns have the tasks' names. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "evaluation/report_parts.h"

typedef struct record {
  char *head;         /* owned: the first line, cut into names */
  const char **names; /* owned: of the columns */
  int columns;
  double *values; /* owned: [columns][epochs]; NaN where a field is empty */
  int64_t epochs;
} record;

/* ---- reading ---- */

static void record_clear(record *r) {
  bf_free(r->head);
  bf_free(r->names);
  bf_free(r->values);
}

/* head: one column at least, which may have no name. */
static bf_status read_names(record *r, bf_error *err) {
  int commas = 0;
  for (const char *c = r->head; *c != '\0'; c++) commas += *c == ',';
  r->names = bf_alloc((size_t)commas + 1, sizeof *r->names);
  if (r->names == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the curves of a training");
  for (char *name = r->head; name != NULL;) {
    char *comma = strchr(name, ',');
    r->names[r->columns++] = name;
    if (comma != NULL) *comma++ = '\0';
    name = comma;
  }
  return BF_OK;
}

static void read_line(record *r, int64_t epoch, const char *line) {
  for (int c = 0; c < r->columns; c++) {
    size_t length = strcspn(line, ",\n");
    r->values[(int64_t)c * r->epochs + epoch] = length > 0 ? strtod(line, NULL) : NAN;
    line += length + (line[length] == ',');
  }
}

static bf_status read_record(record *r, const char *csv, bf_error *err) {
  const char *line = strchr(csv, '\n');
  *r = (record){.head = bf_strdup(csv)};
  if (r->head == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the curves of a training");
  r->head[strcspn(r->head, "\n")] = '\0';
  bf_status status = read_names(r, err);
  for (const char *c = line; c != NULL && c[1] != '\0'; c = strchr(c + 1, '\n')) r->epochs++;
  r->values = bf_alloc((size_t)r->columns * (size_t)r->epochs, sizeof *r->values);
  if (status == BF_OK && r->values == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for the curves of a training");
  for (int64_t e = 0; e < r->epochs && status == BF_OK && line != NULL; e++) {
    read_line(r, e, line + 1);
    line = strchr(line + 1, '\n');
  }
  return status;
}

/* The column prefix + name, or prefix + name + "_" + second. NULL: no such column, or nothing in it. */
static const double *column_of_two(const record *r, const char *prefix, const char *name, const char *second) {
  size_t p = strlen(prefix), n = strlen(name);
  for (int c = 0; c < r->columns; c++) {
    const char *had = r->names[c];
    const double *values = r->values + (int64_t)c * r->epochs;
    if (strncmp(had, prefix, p) != 0 || strncmp(had + p, name, n) != 0) continue;
    had += p + n;
    if (second == NULL ? *had != '\0' : *had != '_' || strcmp(had + 1, second) != 0) continue;
    for (int64_t e = 0; e < r->epochs; e++)
      if (!isnan(values[e])) return values;
  }
  return NULL;
}

static const double *column(const record *r, const char *prefix, const char *name) {
  return column_of_two(r, prefix, name, NULL);
}

/* ---- charts ---- */

enum { LONGEST_TITLE = 128 };

/* Whose curves they are, and room for those of one chart. */
typedef struct drawing {
  const char **tasks; /* owned; names borrowed of the record */
  int task_count;
  bf_page_series *series;       /* owned: one for each pair of tasks, and more than there are tasks */
  char (*pairs)[LONGEST_TITLE]; /* owned: names of the pairs */
} drawing;

static void drawing_clear(drawing *d) {
  bf_free(d->series);
  bf_free(d->pairs);
  bf_free(d->tasks);
}

/* The tasks' names, from the columns weight_<task>, and room for a series of each pair of them. */
static bf_status drawing_make(drawing *d, const record *r, bf_error *err) {
  *d = (drawing){.tasks = bf_alloc((size_t)r->columns, sizeof *d->tasks)};
  for (int c = 0; c < r->columns && d->tasks != NULL; c++)
    if (strncmp(r->names[c], "weight_", 7) == 0) d->tasks[d->task_count++] = r->names[c] + 7;
  size_t count = (size_t)d->task_count, most = count * (count + 1) / 2 + 2;
  d->series = bf_alloc(most, sizeof *d->series);
  d->pairs = bf_alloc(most, sizeof *d->pairs);
  return d->tasks != NULL && d->series != NULL && d->pairs != NULL
             ? BF_OK
             : bf_fail(err, BF_E_MEMORY, "no memory to draw %d tasks", d->task_count);
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

static void add_losses(bf_page *page, const record *r, const drawing *d) {
  for (int t = 0; t < d->task_count; t++) {
    bf_page_series series[2];
    char title[LONGEST_TITLE];
    int n = 0;
    snprintf(title, sizeof title, "Loss of %s", d->tasks[t]);
    add_series(series, &n, "training", r, column(r, "train_", d->tasks[t]));
    add_series(series, &n, "validation", r, column(r, "validation_", d->tasks[t]));
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

/* A series of each task. */
static void add_tasks(bf_page *page, const record *r, const drawing *d, const char *prefix, const char *title,
                      const char *caption, bf_page_axis y) {
  int n = 0;
  for (int t = 0; t < d->task_count; t++) add_series(d->series, &n, d->tasks[t], r, column(r, prefix, d->tasks[t]));
  add_curves(page, r, title, caption, y, d->series, n);
}

static void add_agreement(bf_page *page, const record *r, const drawing *d) {
  int n = 0, pair = 0;
  for (int a = 0; a < d->task_count; a++)
    for (int b = a + 1; b < d->task_count; b++, pair++) {
      snprintf(d->pairs[pair], sizeof d->pairs[0], "%s and %s", d->tasks[a], d->tasks[b]);
      add_series(d->series, &n, d->pairs[pair], r, column_of_two(r, "cosine_", d->tasks[a], d->tasks[b]));
    }
  add_curves(page, r, "Whether tasks agree", "Cosine of their gradients: below 0 they pull apart.",
             (bf_page_axis){"Cosine", NULL, -1, 1, false, false}, d->series, n);
}

/* How several tasks share one network. */
static void add_sharing(bf_page *page, const record *r, const drawing *d) {
  if (d->task_count < 2) return;
  add_tasks(page, r, d, "weight_", "Weights of the tasks", "What each task's loss is multiplied by, an epoch's mean.",
            (bf_page_axis){"Weight", NULL, NAN, NAN, false, false});
  add_tasks(page, r, d, "share_", "Whose gradients they are",
            "Each task's share of the gradients at the shared features.",
            (bf_page_axis){"Share", NULL, 0, 1, false, true});
  add_agreement(page, r, d);
}

bf_status bf_report_add_training(bf_page *page, const bf_report *report, bf_error *err) {
  record r;
  drawing d = {0};
  if (report->training == NULL) return BF_OK;
  bf_status status = read_record(&r, report->training, err);
  if (status == BF_OK) status = drawing_make(&d, &r, err);
  if (status == BF_OK && r.epochs > 0 && column(&r, "", "epoch") != NULL) {
    bf_page_add_section(page, "training", "How the training went");
    bf_page_begin_columns(page);
    add_losses(page, &r, &d);
    add_watched(page, &r);
    add_sharing(page, &r, &d);
    bf_page_end_columns(page);
  }
  drawing_clear(&d);
  record_clear(&r);
  return status;
}
