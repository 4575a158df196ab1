/* Scores to the outputs of the table, and to the contact sheet. Which rows: selection.c; their pictures: original.c. */
#include "bifocal/export.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "output/output.h"
#include "run/job_notes.h"
#include "run/original.h"
#include "run/selection.h"
#include "run/sheet.h"

/* A box of this score or more is more likely a lesion than not. */
static const double usual_score = 0.5;

/* What one export goes through; the rows' memory is used again for each. */
typedef struct work {
  const bf_export_options *options;
  bf_scores scores;
  bf_selection selection;
  bf_export_counts counts;
  char *notes;
  bf_output *output;
  unsigned wants;
  bf_viewer viewer;
  bf_progress progress;
  bf_output_box *boxes;
  uint8_t *mask;
  float *maps[BF_HEATS];
  size_t box_room, mask_room;
  int heat; /* that is drawn; -1: none */
} work;

static bf_status make_room(void **block, size_t *have, size_t count, size_t size, int64_t row, bf_error *err) {
  return bf_make_room(block, have, count, size) ? BF_OK
                                                : bf_fail(err, BF_E_MEMORY, "no memory for row %lld", (long long)row);
}

static bf_status fill_boxes(work *w, bf_output_row *row, bf_error *err) {
  const bf_score_row *r = row->scored;
  bf_status status =
      make_room((void **)&w->boxes, &w->box_room, (size_t)r->box_count, sizeof *w->boxes, row->number, err);
  for (int32_t k = 0; k < r->box_count && status == BF_OK; k++) {
    const bf_found_box *b = &r->boxes[k];
    w->boxes[k] = (bf_output_box){b->xmin, b->ymin, b->xmax, b->ymax, b->score};
  }
  row->boxes = w->boxes;
  row->box_count = r->box_count;
  return status;
}

static bf_status fill_mask(work *w, bf_output_row *row, bf_error *err) {
  const bf_score_row *r = row->scored;
  if (!(w->wants & BF_OUTPUT_WANTS_MASK) || !r->has_mask) return BF_OK;
  size_t bytes = (size_t)r->rows * (((size_t)r->columns + 7) / 8);
  bf_status status = make_room((void **)&w->mask, &w->mask_room, bytes, 1, row->number, err);
  if (status == BF_OK) status = bf_scores_mask(&w->scores, row->number, w->mask, err);
  row->mask = w->mask;
  return status;
}

/* What an overlay draws, and all that a file of scores is to hold. */
static bool wants_map(const work *w, int kind) {
  return w->scores.grids[kind].rows > 0 && (w->heat == kind || !(w->wants & BF_OUTPUT_WANTS_ORIGINAL));
}

static bf_status fill_heat(work *w, bf_output_row *row, bf_output_heat *heat, bf_error *err) {
  bf_affine to_original;
  bf_status status = BF_OK;
  if (!(w->wants & BF_OUTPUT_WANTS_HEAT) || !row->scored->has_heat) return BF_OK;
  memcpy(to_original.m, row->scored->to_original, sizeof to_original.m);
  for (int k = 0; k < BF_HEATS && status == BF_OK; k++) {
    if (!wants_map(w, k)) continue;
    size_t cells = (size_t)w->scores.grids[k].rows * (size_t)w->scores.grids[k].columns;
    if (w->maps[k] == NULL && (w->maps[k] = bf_alloc_raw(cells, sizeof(float))) == NULL)
      return bf_fail(err, BF_E_MEMORY, "no memory for heat maps");
    status = bf_scores_heat(&w->scores, row->number, (bf_heat_kind)k, w->maps[k], err);
    heat->maps[k] = w->maps[k];
  }
  if (status == BF_OK && w->heat >= 0 && !bf_affine_invert(&heat->from_original, to_original))
    status = bf_fail(err, BF_E_FORMAT, "%s: to_original in /heatmaps of image %lld cannot be; the file is damaged",
                     w->options->scores, (long long)row->number);
  row->heat = heat;
  return status;
}

/* A picture that cannot be read is told to the output, which goes on. */
static void fill_original(work *w, bf_output_row *row, bf_output_original *original, bf_error *why) {
  if (!(w->wants & BF_OUTPUT_WANTS_ORIGINAL) || row->scored->status != BF_ROW_OK) return;
  bool seen = bf_viewer_look(&w->viewer, row->scored, w->options->scores, why) == BF_OK;
  *original = (bf_output_original){seen ? w->viewer.grey : NULL, seen ? "" : why->message};
  row->original = original;
}

static bf_status append_row(work *w, int64_t number, bf_error *err) {
  const bf_score_row *r = &w->scores.rows[number];
  bf_output_original original = {0};
  bf_output_heat heat = {0};
  bf_error why = {0};
  bf_output_row row = {.number = number,
                       .file = r->file,
                       .sop_instance_uid = r->sop_instance_uid,
                       .series_instance_uid = r->series_instance_uid,
                       .study_instance_uid = r->study_instance_uid,
                       .modality = r->modality,
                       .status = bf_row_status_name((bf_row_status)r->status),
                       .message = r->message,
                       .unlike = r->unlike != NULL ? r->unlike : "",
                       .frame = r->frame,
                       .rows = r->rows,
                       .columns = r->columns,
                       .malignant_probability = r->malignant_probability,
                       .malignant_logit = r->malignant_logit,
                       .scored = r};
  bf_status status = fill_boxes(w, &row, err);
  if (status == BF_OK) status = fill_mask(w, &row, err);
  if (status == BF_OK) status = fill_heat(w, &row, &heat, err);
  if (status != BF_OK) return status;
  fill_original(w, &row, &original, &why);
  return bf_output_append(w->output, &row, err);
}

static bf_status append_all(work *w, bf_error *err) {
  bf_status status = BF_OK;
  bool slow = (w->wants & BF_OUTPUT_WANTS_ORIGINAL) != 0;
  int64_t done = 0;
  if (slow) bf_progress_start(&w->progress, "overlays", "rows", w->counts.rows);
  for (int64_t i = 0; i < w->scores.count && status == BF_OK; i++) {
    if (!bf_selection_takes(&w->selection, &w->scores.rows[i], i)) continue;
    status = append_row(w, i, err);
    if (slow) bf_progress_update(&w->progress, ++done, NULL);
  }
  if (slow) bf_progress_end(&w->progress, NULL);
  return status;
}

static bf_status select_rows(work *w, bf_error *err) {
  char words[512];
  bf_status status = bf_selection_read(&w->selection, w->options, err);
  if (status != BF_OK) return status;
  w->counts.of = w->scores.count;
  for (int64_t i = 0; i < w->scores.count; i++) {
    bool taken = bf_selection_takes(&w->selection, &w->scores.rows[i], i);
    w->counts.rows += taken;
    w->counts.good += taken && w->scores.rows[i].status == BF_ROW_OK;
  }
  if (w->counts.rows > 0 || !w->selection.any) return BF_OK;
  bf_selection_words(words, sizeof words, &w->selection);
  return bf_fail(err, BF_E_NOT_FOUND, "%s: none of its %lld rows is one of %s; ask for less", w->options->scores,
                 (long long)w->scores.count, words);
}

static bf_status write_notes(work *w, bf_error *err) {
  const bf_export_options *o = w->options;
  const bf_job_subset subset = {w->counts.rows, w->counts.of, o->status, o->study, o->rows, o->min_probability};
  if (!w->selection.any) return BF_OK;
  w->notes = bf_job_notes_choose(w->scores.extra_json, &subset);
  return w->notes != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the notes of the result");
}

static bf_status choose_heat(work *w, bf_error *err) {
  const char *name = w->options->heat;
  w->heat = -1;
  for (int k = 0; k < BF_HEATS && name != NULL; k++)
    if (strcmp(name, bf_heat_kind_name((bf_heat_kind)k)) == 0) w->heat = k;
  if (name == NULL) return BF_OK;
  if (w->heat < 0)
    return bf_fail(err, BF_E_ARGUMENT, "--heat %.32s: no such heat map; there are malignancy, lesion", name);
  /* Without a good row there is nothing to draw on, and no map of any kind. */
  if (w->scores.grids[w->heat].rows > 0 || w->counts.good == 0) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT,
                 "%s: holds no heat maps of %s; 'score --heat' keeps them, where the model has that head",
                 w->options->scores, name);
}

static bf_status open_output(work *w, bf_error *err) {
  const bf_export_options *o = w->options;
  const bf_output_job job = {.scores = o->scores,
                             .model_sha256 = w->scores.model_sha256,
                             .config_yaml = w->scores.config_yaml,
                             .notes = w->notes != NULL ? w->notes : w->scores.extra_json,
                             .count = w->scores.count,
                             .min_score = o->min_score != NULL ? *o->min_score : usual_score,
                             .heat = w->heat,
                             .grids = w->scores.grids};
  bf_status status = bf_output_open(&w->output, o->format, o->output, &job, err);
  w->wants = status == BF_OK ? bf_output_wants(o->format) : 0;
  return status == BF_OK ? bf_viewer_open(&w->viewer, err) : status;
}

static bf_status finish_output(work *w, bf_error *err) {
  w->counts.failed = bf_output_failed(w->output);
  bf_status status = bf_output_finish(w->output, err);
  w->output = NULL;
  return status;
}

static void close_work(work *w) {
  bf_output_abandon(w->output);
  bf_viewer_close(&w->viewer);
  bf_scores_clear(&w->scores);
  bf_free(w->boxes);
  bf_free(w->mask);
  for (int k = 0; k < BF_HEATS; k++) bf_free(w->maps[k]);
  bf_free(w->notes);
}

static bf_status export_rows(bf_export_counts *counts, const bf_export_options *o, bf_error *err) {
  work w = {.options = o};
  bf_status status = bf_scores_read(&w.scores, o->scores, err);
  if (status == BF_OK) status = select_rows(&w, err);
  if (status == BF_OK) status = choose_heat(&w, err);
  if (status == BF_OK) status = write_notes(&w, err);
  if (status == BF_OK) status = open_output(&w, err);
  if (status == BF_OK) status = append_all(&w, err);
  if (status == BF_OK) status = finish_output(&w, err);
  close_work(&w);
  *counts = w.counts;
  return status;
}

/* The sheet is no row of the outputs' table: it wants labels, and rows in an order of its own. */
static bf_status export_sheet(bf_export_counts *counts, const bf_export_options *o, bf_error *err) {
  int tiles = 0;
  bf_status status = bf_sheet_export(&tiles, o, err);
  counts->rows = tiles;
  return status;
}

static bf_status check_options(const bf_export_options *o, bool sheet, bf_error *err) {
  bool overlay = strcmp(o->format, "overlay") == 0;
  if (o->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o is missing; name a folder for the result");
  if (!sheet && (o->label_count > 0 || o->images > 0))
    return bf_fail(err, BF_E_ARGUMENT, "--labels and --images go with --format sheet only");
  if (sheet && (o->status != NULL || o->min_probability != NULL || o->study != NULL || o->rows != NULL))
    return bf_fail(err, BF_E_ARGUMENT,
                   "--status, --min-probability, --study and --rows do not go with --format sheet; make a sheet of "
                   "what --format hdf5 chose");
  if (!overlay && (o->min_score != NULL || o->heat != NULL))
    return bf_fail(err, BF_E_ARGUMENT, "--min-score and --heat go with --format overlay only");
  if (o->min_score != NULL && !(*o->min_score >= 0 && *o->min_score <= 1))
    return bf_fail(err, BF_E_ARGUMENT, "--min-score %g: is no score from 0 to 1", *o->min_score);
  return BF_OK;
}

static bf_status fail_format(bf_error *err) {
  char names[256] = "";
  for (int i = 0; i < bf_output_count(); i++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s, ", bf_output_at(i)->name);
  return bf_fail(err, BF_E_ARGUMENT, "--format is missing; there are %ssheet", names);
}

static void summarise(char *text, size_t size, const bf_export_options *o, const bf_export_counts *c, bool sheet) {
  if (sheet) {
    snprintf(text, size, "%s/sheet.png: %lld images", o->output, (long long)c->rows);
    return;
  }
  char of[48] = "", pictures[48] = "";
  if (c->rows != c->of) snprintf(of, sizeof of, " of %lld", (long long)c->of);
  if (bf_output_wants(o->format) & BF_OUTPUT_WANTS_ORIGINAL)
    snprintf(pictures, sizeof pictures, ", %lld pictures", (long long)(c->good - c->failed));
  snprintf(text, size, "%s: %lld%s rows as %s%s", o->output, (long long)c->rows, of, o->format, pictures);
}

/* Where no picture at all was found, the paths of the scores are not seen from here. */
static void tell_failed(const bf_export_options *o, const bf_export_counts *c) {
  if (c->failed == 0) return;
  bf_log(BF_LOG_WARN, "%lld of %lld pictures could not be read any more or not be drawn; %s/%s.csv says why%s",
         (long long)c->failed, (long long)c->good, o->output, o->format,
         c->failed == c->good ? "; run from the folder where they were scored" : "");
}

bf_status bf_export_counted(char **summary, bf_export_counts *counts, const bf_export_options *o, bf_error *err) {
  char text[4400];
  *summary = NULL;
  *counts = (bf_export_counts){0};
  if (o->format == NULL) return fail_format(err);
  bool sheet = strcmp(o->format, "sheet") == 0;
  bf_status status = check_options(o, sheet, err);
  if (status == BF_OK) status = sheet ? export_sheet(counts, o, err) : export_rows(counts, o, err);
  if (status != BF_OK) return status;
  tell_failed(o, counts);
  summarise(text, sizeof text, o, counts, sheet);
  *summary = bf_strdup(text);
  return *summary != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the summary");
}

bf_status bf_export(char **summary, const bf_export_options *o, bf_error *err) {
  bf_export_counts counts;
  return bf_export_counted(summary, &counts, o, err);
}
