/* Small pictures and heat maps as PNG. */
#include "run/report_pictures.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image/sample.h"
#include "output/heat.h"
#include "output/png.h"
#include "run/original.h"

enum {
  SIDE = 384,  /* pixels: two dozen stay below a few megabytes */
  COARSER = 4, /* pixels of a picture for one of its heat map, which is smooth */
};

static bf_status encode(bf_report_picture *out, const uint16_t *pixels, int columns, int rows, bf_error *err) {
  size_t count = (size_t)columns * (size_t)rows;
  uint8_t *grey = bf_alloc_raw(count, 1);
  if (grey == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a picture of %d x %d pixels", columns, rows);
  for (size_t i = 0; i < count; i++) grey[i] = (uint8_t)(pixels[i] >> 8);
  out->columns = columns;
  out->rows = rows;
  bf_status status = bf_png_encode(&out->png, &out->png_size, grey, BF_PNG_GREY, columns, rows, err);
  bf_free(grey);
  return status;
}

/* Of the file that the row was scored from. */
static bf_status look_at_file(bf_report_picture *out, bf_picture_source *s, const bf_score_row *row, bf_error *why) {
  bf_prepared prepared;
  bf_status status = bf_original_prepare(&prepared, row, s->path, &s->options, &s->scratch, why);
  if (status == BF_OK) status = encode(out, prepared.pixels, prepared.columns, prepared.rows, why);
  out->from_original = prepared.to_prepared;
  bf_prepared_clear(&prepared);
  return status;
}

/* As it was prepared for training, made small. */
static bf_status look_at_record(bf_report_picture *out, bf_picture_source *s, int64_t record, bf_error *why) {
  const bf_record *r = bf_dataset_record(s->data, record);
  int longer = r->prepared_rows > r->prepared_columns ? r->prepared_rows : r->prepared_columns;
  double share = longer > SIDE ? (double)SIDE / longer : 1;
  int columns = (int)fmax(1, lrint(share * r->prepared_columns)), rows = (int)fmax(1, lrint(share * r->prepared_rows));
  const bf_affine fit = {{(double)columns / r->prepared_columns, 0, 0, 0, (double)rows / r->prepared_rows, 0}};
  uint16_t *pixels = bf_alloc_raw((size_t)r->prepared_rows * (size_t)r->prepared_columns, sizeof *pixels);
  float *grey = bf_alloc_raw((size_t)columns * (size_t)rows, sizeof *grey);
  bf_affine prepared;
  bf_status status = pixels && grey ? bf_dataset_pixels(s->data, record, pixels, why)
                                    : bf_fail(why, BF_E_MEMORY, "no memory for a picture");
  if (status == BF_OK) {
    bf_sample_grey(grey, columns, rows, pixels, r->prepared_columns, r->prepared_rows, fit);
    for (int i = 0; i < columns * rows; i++) pixels[i] = (uint16_t)lrintf(65535 * fminf(fmaxf(grey[i], 0), 1));
    status = encode(out, pixels, columns, rows, why);
  }
  memcpy(prepared.m, r->to_prepared, sizeof prepared.m);
  out->from_original = bf_affine_compose(fit, prepared);
  bf_free(pixels);
  bf_free(grey);
  return status;
}

/* A picture without its heat map is a picture all the same. */
static void add_heat(bf_report_picture *out, bf_picture_source *s, const bf_case *one) {
  const bf_score_row *row = &s->scores->rows[one->row];
  bf_affine to_original, from_network, to_network;
  if (s->map == NULL || !row->has_heat) return;
  memcpy(to_original.m, row->to_original, sizeof to_original.m);
  from_network = bf_affine_compose(out->from_original, to_original);
  if (!bf_affine_invert(&to_network, from_network)) return;
  if (bf_scores_heat(s->scores, one->row, s->heat, s->map, NULL) != BF_OK) return;
  int columns = (out->columns + COARSER - 1) / COARSER, rows = (out->rows + COARSER - 1) / COARSER;
  uint8_t *rgba = bf_alloc_raw((size_t)columns * (size_t)rows, 4);
  if (rgba == NULL) return;
  const bf_affine grow = {{(double)out->columns / columns, 0, 0, 0, (double)out->rows / rows, 0}};
  bf_heat_layer(rgba, columns, rows, s->map, &s->scores->grids[s->heat], s->heat, bf_affine_compose(to_network, grow));
  if (bf_png_encode(&out->heat, &out->heat_size, rgba, BF_PNG_RGBA, columns, rows, NULL) != BF_OK) out->heat = NULL;
  bf_free(rgba);
}

static bf_status look(bf_report_picture *out, void *source, const bf_case *one, bf_error *why) {
  bf_picture_source *s = source;
  *out = (bf_report_picture){0};
  bf_status status = s->data != NULL ? look_at_record(out, s, one->record, why)
                                     : look_at_file(out, s, &s->scores->rows[one->row], why);
  if (status == BF_OK) add_heat(out, s, one);
  return status;
}

bf_status bf_picture_source_open(bf_picture_source *s, bf_report_pictures *pictures, int most, bf_scores *scores,
                                 const char *path, bf_dataset *data, bf_error *err) {
  *s = (bf_picture_source){.scores = scores, .path = path, .data = data};
  *pictures = (bf_report_pictures){.most = most, .look = look, .source = s};
  bf_status status = bf_original_small(&s->options, SIDE, err);
  for (int k = BF_HEATS - 1; k >= 0; k--)
    if (scores->grids[k].rows > 0) {
      s->heat = (bf_heat_kind)k;
      pictures->heat_name = k == BF_HEAT_MALIGNANCY ? "what speaks for malignant" : "where a lesion is likely";
    }
  if (status != BF_OK || pictures->heat_name == NULL) return status;
  const bf_heat_grid *grid = &scores->grids[s->heat];
  s->map = bf_alloc((size_t)grid->rows * (size_t)grid->columns, sizeof *s->map);
  return s->map != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for heat maps");
}

void bf_picture_source_close(bf_picture_source *s) {
  bf_prepare_scratch_clear(&s->scratch);
  bf_free(s->map);
  *s = (bf_picture_source){0};
}
