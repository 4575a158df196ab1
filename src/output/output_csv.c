/* Output "csv": images.csv and boxes.csv (RFC 4180; text is always quoted, what is unknown is empty). */
#include <math.h>
#include <string.h>

#include "output/row_columns.h"
#include "output/text_file.h"

typedef struct state {
  bf_output_place *place;
  bf_text_file images, boxes;
} state;

static bf_status open_files(void *memory, bf_output_place *place, bf_error *err) {
  state *s = memory;
  s->place = place;
  bf_status status = bf_text_file_open(&s->images, place->folder, "images.csv", err);
  if (status == BF_OK) status = bf_text_file_open(&s->boxes, place->folder, "boxes.csv", err);
  if (status != BF_OK) return status;
  fputs(
      "row,file,sop_instance_uid,series_instance_uid,study_instance_uid,frame,rows,columns,modality,status,message,"
      "malignant_probability,malignant_logit,boxes,unlike",
      s->images.f);
  for (int i = 0; i < BF_ROW_COLUMNS_MORE; i++) fprintf(s->images.f, ",%s", bf_row_columns_more[i].name);
  fputs("\r\n", s->images.f);
  fputs("row,sop_instance_uid,frame,xmin,ymin,xmax,ymax,score\r\n", s->boxes.f);
  return BF_OK;
}

static void put_number(FILE *f, double value) {
  if (isfinite(value)) fprintf(f, "%.9g", value);
}

static bool put_more(bf_text_file *file, const bf_output_row *row) {
  bool good = true;
  for (int i = 0; i < BF_ROW_COLUMNS_MORE; i++) {
    const bf_row_column *c = &bf_row_columns_more[i];
    fputc(',', file->f);
    if (c->number)
      put_number(file->f, bf_row_number(row, c));
    else
      good = bf_text_file_quoted(file, bf_row_text(row, c)) && good;
  }
  return fputs("\r\n", file->f) != EOF && good;
}

static bf_status append(void *memory, const bf_output_row *row, bf_error *err) {
  state *s = memory;
  FILE *f = s->images.f;
  const char *first[] = {row->file, row->sop_instance_uid, row->series_instance_uid, row->study_instance_uid};
  const char *second[] = {row->modality, row->status, row->message};
  bool good = true;
  fprintf(f, "%lld,", (long long)row->number);
  for (int i = 0; i < 4; i++) good = bf_text_file_quoted(&s->images, first[i]) && fputc(',', f) != EOF && good;
  fprintf(f, "%d,%d,%d,", row->frame, row->rows, row->columns);
  for (int i = 0; i < 3; i++) good = bf_text_file_quoted(&s->images, second[i]) && fputc(',', f) != EOF && good;
  put_number(f, (double)row->malignant_probability);
  fputc(',', f);
  put_number(f, (double)row->malignant_logit);
  fprintf(f, ",%d,", row->box_count);
  good = bf_text_file_quoted(&s->images, row->unlike) && put_more(&s->images, row) && good;
  for (int32_t i = 0; i < row->box_count; i++) {
    const bf_output_box *b = &row->boxes[i];
    fprintf(s->boxes.f, "%lld,", (long long)row->number);
    good = bf_text_file_quoted(&s->boxes, row->sop_instance_uid) && good;
    fprintf(s->boxes.f, ",%d,%.9g,%.9g,%.9g,%.9g,%.9g\r\n", row->frame, (double)b->xmin, (double)b->ymin,
            (double)b->xmax, (double)b->ymax, (double)b->score);
  }
  bf_status status = bf_text_file_check(&s->images, err);
  if (status == BF_OK) status = bf_text_file_check(&s->boxes, err);
  return status == BF_OK && !good ? bf_fail(err, BF_E_MEMORY, "no memory for row %lld", (long long)row->number)
                                  : status;
}

static bf_status close_files(void *memory, bool commit, bf_error *err) {
  state *s = memory;
  bf_status status = bf_text_file_close(&s->boxes, commit, err);
  if (status == BF_OK)
    status = bf_text_file_close(&s->images, commit, err);
  else
    bf_text_file_close(&s->images, false, NULL);
  if (status == BF_OK && commit) status = bf_output_sum(s->place, s->place->folder, "images.csv", err);
  if (status == BF_OK && commit) status = bf_output_sum(s->place, s->place->folder, "boxes.csv", err);
  return status;
}

const bf_output_type bf_output_csv = {.name = "csv",
                                      .help = "images.csv and boxes.csv",
                                      .extension = "csv",
                                      .state_size = sizeof(state),
                                      .open = open_files,
                                      .append = append,
                                      .close = close_files};
