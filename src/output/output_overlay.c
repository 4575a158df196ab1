/* Output "overlay": a picture a good row with what was found in it, and overlay.csv, which lists every row with its
 * picture or the reason why there is none. Drawing is overlay.c's. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output/output.h"
#include "output/overlay.h"
#include "output/staging.h"
#include "output/text_file.h"

typedef struct state {
  bf_output_place *place;
  bf_text_file index;
  bf_staging staging;
  int digits; /* of a row's number in a file's name */
} state;

/* The index comes first: its lock keeps a second program from the folder of pictures that are being made. */
static bf_status open_files(void *memory, bf_output_place *place, bf_error *err) {
  state *s = memory;
  s->place = place;
  s->digits = snprintf(NULL, 0, "%lld", (long long)place->job.count - 1);
  if (s->digits < 4) s->digits = 4;
  bf_status status = bf_text_file_open(&s->index, place->folder, "overlay.csv", err);
  if (status == BF_OK) status = bf_staging_open(&s->staging, place->folder, ".overlay.part", err);
  if (status == BF_OK) fputs("row,sop_instance_uid,frame,png,reason\r\n", s->index.f);
  return status;
}

static bf_status list(state *s, const bf_output_row *row, const char *png, const char *reason, bf_error *err) {
  fprintf(s->index.f, "%lld,", (long long)row->number);
  bool good = bf_text_file_quoted(&s->index, row->sop_instance_uid);
  fprintf(s->index.f, ",%d,", row->frame);
  good = bf_text_file_quoted(&s->index, png) && good;
  fputc(',', s->index.f);
  good = bf_text_file_quoted(&s->index, reason) && good;
  fputs("\r\n", s->index.f);
  if (!good) return bf_fail(err, BF_E_MEMORY, "no memory for row %lld", (long long)row->number);
  return bf_text_file_check(&s->index, err);
}

/* A file's name tells nothing of a patient. */
static void name_picture(char *name, size_t room, const state *s, const bf_output_row *row) {
  int used = snprintf(name, room, "row-%0*lld", s->digits, (long long)row->number);
  if (row->frame > 0) used += snprintf(name + used, room - (size_t)used, "-frame-%d", row->frame);
  snprintf(name + used, room - (size_t)used, ".png");
}

static bf_status write_picture(state *s, const bf_canvas *c, const char *name, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_status status = bf_path_join(path, sizeof path, s->staging.folder, name, err);
  if (status == BF_OK) status = bf_canvas_write_png(c, path, err);
  return status == BF_OK ? bf_output_sum(s->place, s->staging.folder, name, err) : status;
}

static bf_status append(void *memory, const bf_output_row *row, bf_error *err) {
  state *s = memory;
  char name[64];
  bf_canvas canvas = {0};
  bf_error why = {0};
  if (row->original == NULL) return list(s, row, "", row->message[0] ? row->message : row->status, err);
  if (row->original->grey == NULL) {
    s->place->failed++;
    return list(s, row, "", row->original->reason, err);
  }
  name_picture(name, sizeof name, s, row);
  bf_status drawn = bf_overlay_draw(&canvas, row, &s->place->job, &why);
  bf_status status = drawn == BF_OK ? write_picture(s, &canvas, name, err) : BF_OK;
  s->place->failed += drawn != BF_OK;
  bf_canvas_clear(&canvas);
  return status == BF_OK ? list(s, row, drawn == BF_OK ? name : "", drawn == BF_OK ? row->unlike : why.message, err)
                         : status;
}

/* Pictures of an earlier export, which its checksums name, would else stand among those of this one. */
static void drop_earlier(const state *s) {
  char path[BF_PATH_MAX], line[256], name[128];
  if (bf_path_join(path, sizeof path, s->place->folder, "overlay.sha256", NULL) != BF_OK) return;
  FILE *f = fopen(path, "rb");
  while (f != NULL && fgets(line, sizeof line, f) != NULL) {
    bool picture = sscanf(line, "%*64[0-9a-f]  %127[-a-z0-9.]", name) == 1 && strncmp(name, "row-", 4) == 0 &&
                   strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".png") == 0;
    if (picture && bf_path_join(path, sizeof path, s->place->folder, name, NULL) == BF_OK) unlink(path);
  }
  if (f != NULL) fclose(f);
}

static bf_status close_files(void *memory, bool commit, bf_error *err) {
  state *s = memory;
  bf_status status = BF_OK;
  if (commit) {
    drop_earlier(s);
    status = bf_staging_publish(&s->staging, err);
  }
  bf_staging_discard(&s->staging);
  if (status == BF_OK)
    status = bf_text_file_close(&s->index, commit, err);
  else
    bf_text_file_close(&s->index, false, NULL);
  return status == BF_OK && commit ? bf_output_sum(s->place, s->place->folder, "overlay.csv", err) : status;
}

const bf_output_type bf_output_overlay = {
    .name = "overlay",
    .help = "a PNG a good row, and overlay.csv",
    .extension = "png",
    .wants = BF_OUTPUT_WANTS_MASK | BF_OUTPUT_WANTS_ORIGINAL | BF_OUTPUT_WANTS_HEAT,
    .state_size = sizeof(state),
    .open = open_files,
    .append = append,
    .close = close_files};
