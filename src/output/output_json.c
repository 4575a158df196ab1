/* Output "json": scores.jsonl, one object a row on a line; what is unknown is null. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "output/row_columns.h"
#include "output/text_file.h"

typedef struct state {
  bf_output_place *place;
  bf_text_file file;
} state;

static bf_status open_file(void *memory, bf_output_place *place, bf_error *err) {
  state *s = memory;
  s->place = place;
  return bf_text_file_open(&s->file, place->folder, "scores.jsonl", err);
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *text(const char *value) {
  char *clean = bf_utf8_copy(value);
  json_t *string = clean != NULL ? json_string(clean) : NULL;
  bf_free(clean);
  return string;
}

/* False when memory is short. Takes the value over. */
static bool set(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value) == 0; }

static bool set_boxes(json_t *object, const bf_output_row *row) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (int32_t i = 0; i < row->box_count && good; i++) {
    const bf_output_box *b = &row->boxes[i];
    json_t *box = json_object();
    good = set(box, "xmin", number((double)b->xmin)) && set(box, "ymin", number((double)b->ymin)) &&
           set(box, "xmax", number((double)b->xmax)) && set(box, "ymax", number((double)b->ymax)) &&
           set(box, "score", number((double)b->score));
    good = json_array_append_new(list, box) == 0 && good;
  }
  return set(object, "boxes", list) && good;
}

static bool set_more(json_t *object, const bf_output_row *row) {
  bool good = true;
  for (int i = 0; i < BF_ROW_COLUMNS_MORE; i++) {
    const bf_row_column *c = &bf_row_columns_more[i];
    good = set(object, c->name, c->number ? number(bf_row_number(row, c)) : text(bf_row_text(row, c))) && good;
  }
  return good;
}

static bf_status append(void *memory, const bf_output_row *row, bf_error *err) {
  state *s = memory;
  json_t *o = json_object();
  bool good = set(o, "row", json_integer(row->number)) && set(o, "file", text(row->file)) &&
              set(o, "sop_instance_uid", text(row->sop_instance_uid)) &&
              set(o, "series_instance_uid", text(row->series_instance_uid)) &&
              set(o, "study_instance_uid", text(row->study_instance_uid)) &&
              set(o, "frame", json_integer(row->frame)) && set(o, "rows", json_integer(row->rows)) &&
              set(o, "columns", json_integer(row->columns)) && set(o, "modality", text(row->modality)) &&
              set(o, "status", text(row->status)) && set(o, "message", text(row->message)) &&
              set(o, "unlike", text(row->unlike)) &&
              set(o, "malignant_probability", number((double)row->malignant_probability)) &&
              set(o, "malignant_logit", number((double)row->malignant_logit)) && set_boxes(o, row) && set_more(o, row);
  char *line = good ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(o);
  if (line == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for row %lld", (long long)row->number);
  fputs(line, s->file.f);
  fputc('\n', s->file.f);
  free(line);
  return bf_text_file_check(&s->file, err);
}

static bf_status close_file(void *memory, bool commit, bf_error *err) {
  state *s = memory;
  bf_status status = bf_text_file_close(&s->file, commit, err);
  return status == BF_OK && commit ? bf_output_sum(s->place, s->place->folder, "scores.jsonl", err) : status;
}

const bf_output_type bf_output_json = {.name = "json",
                                       .help = "scores.jsonl, one object a row on a line",
                                       .extension = "jsonl",
                                       .state_size = sizeof(state),
                                       .open = open_file,
                                       .append = append,
                                       .close = close_file};
