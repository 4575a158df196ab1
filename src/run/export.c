/* Scores to the outputs of the table, and to the contact sheet. */
#include "bifocal/export.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "output/output.h"
#include "run/sheet.h"
#include "store/scores.h"

static bf_status append_all(bf_output *output, const bf_scores *scores, bf_error *err) {
  bf_status status = BF_OK;
  for (int64_t i = 0; i < scores->count && status == BF_OK; i++) {
    const bf_score_row *r = &scores->rows[i];
    bf_output_row row = {.number = i,
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
                         .box_count = r->box_count};
    bf_output_box *boxes = bf_alloc((size_t)r->box_count, sizeof *boxes);
    if (boxes == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the boxes of row %lld", (long long)i);
    for (int32_t k = 0; k < r->box_count; k++)
      boxes[k] =
          (bf_output_box){r->boxes[k].xmin, r->boxes[k].ymin, r->boxes[k].xmax, r->boxes[k].ymax, r->boxes[k].score};
    row.boxes = boxes;
    status = bf_output_append(output, &row, err);
    bf_free(boxes);
  }
  return status;
}

static bf_status export_rows(int64_t *rows, const bf_export_options *o, bf_error *err) {
  bf_scores scores = {0};
  bf_output *output = NULL;
  bf_status status = bf_scores_read(&scores, o->scores, err);
  if (status != BF_OK) return status;
  status = bf_output_open(&output, o->format, o->output, err);
  if (status == BF_OK) status = append_all(output, &scores, err);
  if (status == BF_OK) {
    status = bf_output_finish(output, err);
    output = NULL;
  }
  bf_output_abandon(output);
  *rows = scores.count;
  bf_scores_clear(&scores);
  return status;
}

/* The sheet is no row of the outputs' table: it wants labels and pixels, which outputs do not see. */
bf_status bf_export(char **summary, const bf_export_options *o, bf_error *err) {
  char text[4400];
  int64_t rows = 0;
  int tiles = 0;
  *summary = NULL;
  if (o->format == NULL) {
    char names[256] = "";
    for (int i = 0; i < bf_output_count(); i++)
      snprintf(names + strlen(names), sizeof names - strlen(names), "%s, ", bf_output_at(i)->name);
    return bf_fail(err, BF_E_ARGUMENT, "--format is missing; there are %ssheet", names);
  }
  if (o->output == NULL) return bf_fail(err, BF_E_ARGUMENT, "-o is missing; name a folder for the result");
  bool sheet = strcmp(o->format, "sheet") == 0;
  if (!sheet && (o->label_count > 0 || o->images > 0))
    return bf_fail(err, BF_E_ARGUMENT, "--labels and --images go with --format sheet only");
  bf_status status = sheet ? bf_sheet_export(&tiles, o, err) : export_rows(&rows, o, err);
  if (status != BF_OK) return status;
  if (sheet)
    snprintf(text, sizeof text, "%s/sheet.png: %d images", o->output, tiles);
  else
    snprintf(text, sizeof text, "%s: %lld rows as %s", o->output, (long long)rows, o->format);
  *summary = bf_strdup(text);
  return *summary != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the summary");
}
