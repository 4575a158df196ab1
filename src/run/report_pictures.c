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
  SIDE = 384,  /* pixels of the longer side: what a page has room for */
  COARSER = 4, /* pixels of a picture for one of its heat map, which is smooth */
};

/* ---- from where ---- */

/* Of the file that the row was scored from. */
static bf_status look_at_file(bf_report_picture *out, bf_picture_source *s, const bf_score_row *row, bf_error *why) {
  bf_prepared prepared;
  bf_status status = bf_original_prepare(&prepared, row, s->path, &s->options, &s->scratch, why);
  if (status != BF_OK) {
    bf_prepared_clear(&prepared);
    return status;
  }
  *out = (bf_report_picture){.pixels = prepared.pixels,
                             .columns = prepared.columns,
                             .rows = prepared.rows,
                             .from_original = prepared.to_prepared};
  return BF_OK;
}

/* A longer side of at most `side`, never larger than it is. */
static void shrink_to(int *columns, int *rows, int side, int old_columns, int old_rows) {
  int longer = old_rows > old_columns ? old_rows : old_columns;
  double share = longer > side ? (double)side / longer : 1;
  *columns = (int)fmax(1, lrint(share * old_columns));
  *rows = (int)fmax(1, lrint(share * old_rows));
}

static bf_affine scaling(double x, double y) { return (bf_affine){{x, 0, 0, 0, y, 0}}; }

/* grey[rows*columns] in 0..1. */
static void shrink(float *grey, int columns, int rows, const uint16_t *pixels, int old_columns, int old_rows) {
  bf_sample_grey(grey, columns, rows, pixels, old_columns, old_rows,
                 scaling((double)columns / old_columns, (double)rows / old_rows));
}

/* As it was prepared for training, made small. */
static bf_status look_at_record(bf_report_picture *out, bf_picture_source *s, int64_t record, bf_error *why) {
  const bf_record *r = bf_dataset_record(s->data, record);
  bf_affine prepared;
  shrink_to(&out->columns, &out->rows, SIDE, r->prepared_columns, r->prepared_rows);
  size_t count = (size_t)out->columns * (size_t)out->rows;
  uint16_t *pixels = bf_alloc_raw((size_t)r->prepared_rows * (size_t)r->prepared_columns, sizeof *pixels);
  float *grey = bf_alloc_raw(count, sizeof *grey);
  out->pixels = bf_alloc_raw(count, sizeof *out->pixels);
  bf_status status = pixels && grey && out->pixels ? bf_dataset_pixels(s->data, record, pixels, why)
                                                   : bf_fail(why, BF_E_MEMORY, "no memory for a picture");
  if (status == BF_OK) {
    shrink(grey, out->columns, out->rows, pixels, r->prepared_columns, r->prepared_rows);
    for (size_t i = 0; i < count; i++) out->pixels[i] = (uint16_t)lrintf(65535 * fminf(fmaxf(grey[i], 0), 1));
  }
  memcpy(prepared.m, r->to_prepared, sizeof prepared.m);
  out->from_original = bf_affine_compose(
      scaling((double)out->columns / r->prepared_columns, (double)out->rows / r->prepared_rows), prepared);
  bf_free(pixels);
  bf_free(grey);
  return status;
}

static bf_status look(bf_report_picture *out, void *source, const bf_case *one, bf_error *why) {
  bf_picture_source *s = source;
  return s->data != NULL ? look_at_record(out, s, one->record, why)
                         : look_at_file(out, s, &s->scores->rows[one->row], why);
}

/* ---- PNG files ---- */

static bf_status encode_grey(bf_report_picture *p, int columns, int rows, bf_error *why) {
  size_t count = (size_t)columns * (size_t)rows;
  float *grey = bf_alloc_raw(count, sizeof *grey);
  uint8_t *bytes = bf_alloc_raw(count, 1);
  bf_status status = grey != NULL && bytes != NULL
                         ? BF_OK
                         : bf_fail(why, BF_E_MEMORY, "no memory for a picture of %d x %d pixels", columns, rows);
  if (status == BF_OK) {
    shrink(grey, columns, rows, p->pixels, p->columns, p->rows);
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)lrintf(255 * fminf(fmaxf(grey[i], 0), 1));
    status = bf_png_encode(&p->png, &p->png_size, bytes, BF_PNG_GREY, columns, rows, why);
  }
  bf_free(grey);
  bf_free(bytes);
  return status;
}

/* A picture without its heat map is a picture all the same. */
static void encode_heat(bf_report_picture *p, bf_picture_source *s, const bf_case *one, int columns, int rows) {
  const bf_score_row *row = &s->scores->rows[one->row];
  bf_affine to_original, from_network, to_network;
  if (s->map == NULL || !row->has_heat) return;
  memcpy(to_original.m, row->to_original, sizeof to_original.m);
  from_network = bf_affine_compose(p->from_original, to_original);
  if (!bf_affine_invert(&to_network, from_network)) return;
  if (bf_scores_heat(s->scores, one->row, s->heat, s->map, NULL) != BF_OK) return;
  columns = (columns + COARSER - 1) / COARSER;
  rows = (rows + COARSER - 1) / COARSER;
  uint8_t *rgba = bf_alloc_raw((size_t)columns * (size_t)rows, 4);
  if (rgba == NULL) return;
  const bf_affine grow = scaling((double)p->columns / columns, (double)p->rows / rows);
  bf_heat_layer(rgba, columns, rows, s->map, &s->scores->grids[s->heat], s->heat, bf_affine_compose(to_network, grow));
  if (bf_png_encode(&p->heat, &p->heat_size, rgba, BF_PNG_RGBA, columns, rows, NULL) != BF_OK) p->heat = NULL;
  bf_free(rgba);
}

static bf_status encode(bf_report_picture *p, void *source, const bf_case *one, int side, bf_error *why) {
  int columns, rows;
  shrink_to(&columns, &rows, side, p->columns, p->rows);
  bf_status status = encode_grey(p, columns, rows, why);
  if (status == BF_OK) encode_heat(p, source, one, columns, rows);
  return status;
}

bf_status bf_picture_source_open(bf_picture_source *s, bf_report_pictures *pictures, int most, bf_scores *scores,
                                 const char *path, bf_dataset *data, bf_error *err) {
  *s = (bf_picture_source){.scores = scores, .path = path, .data = data};
  *pictures = (bf_report_pictures){.most = most, .look = look, .encode = encode, .source = s};
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
