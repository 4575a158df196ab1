/* Copying and checking what another process says about an image. */
#include "dicom/answers.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "dicom/coarse.h"

bf_lut *bf_answer_table(bf_image *image, int index) {
  return index == 0 ? &image->modality_lut : index == 1 ? &image->voi_lut : &image->palette[index - 2];
}

static void drop_tables(bf_image *image) {
  for (int i = 0; i < BF_TABLES; i++) bf_answer_table(image, i)->values = NULL;
}

void bf_answer_opened(bf_opened *out, bf_reader *reader) {
  bf_image image = *bf_reader_image(reader);
  for (int i = 0; i < BF_TABLES; i++) {
    const bf_lut *table = bf_answer_table(&image, i);
    if (table->count > 0) memcpy(out->tables[i], table->values, (size_t)table->count * sizeof *table->values);
  }
  bf_answer_seen(out, &image);
  bf_reader_identity(out->identity, reader);
}

void bf_answer_seen(bf_opened *out, const bf_image *seen) {
  out->image = *seen;
  drop_tables(&out->image);
  out->ahead = false;
  out->identity[0] = '\0';
}

/* ---- taking ---- */

void bf_answer_plain(char *text, size_t size) {
  text[size - 1] = '\0';
  for (char *c = text; *c != '\0'; c++)
    if (*c < 32 || *c > 126) *c = '?';
}

/* A bool may hold nothing but 0 and 1: its byte is looked at as a byte. */
static void truth(bool *value) {
  unsigned char byte;
  memcpy(&byte, value, 1);
  *value = byte != 0;
}

static void copy_image(bf_image *to, const bf_image *from) {
  memcpy(to, from, sizeof *to);
  drop_tables(to);
  bf_answer_plain(to->sop_class_uid, sizeof to->sop_class_uid);
  bf_answer_plain(to->sop_instance_uid, sizeof to->sop_instance_uid);
  bf_answer_plain(to->series_instance_uid, sizeof to->series_instance_uid);
  bf_answer_plain(to->study_instance_uid, sizeof to->study_instance_uid);
  bf_answer_plain(to->transfer_syntax_uid, sizeof to->transfer_syntax_uid);
  bf_answer_plain(to->modality, sizeof to->modality);
  bf_answer_plain(to->manufacturer, sizeof to->manufacturer);
  bf_coarse_name(to->manufacturer, to->manufacturer);
  bf_answer_plain(to->age_group, sizeof to->age_group);
  if (!bf_coarse_is_age(to->age_group)) to->age_group[0] = '\0';
  bf_answer_plain(to->photometric_name, sizeof to->photometric_name);
  bf_answer_plain(to->laterality, sizeof to->laterality);
  bf_answer_plain(to->view, sizeof to->view);
  bf_answer_plain(to->source_uid, sizeof to->source_uid);
  to->patient_key[0] = '\0';
  truth(&to->is_signed);
  truth(&to->planar);
  truth(&to->has_padding);
  truth(&to->has_window);
  truth(&to->presentation_inverse);
  truth(&to->derived);
  truth(&to->localizer);
  truth(&to->has_place);
}

static bool among(int value, int least, int most) { return value >= least && value <= most; }

static bool shape_good(const bf_image *i) {
  static const int64_t most_bytes = INT64_C(1) << 30;
  if (!among(i->rows, 1, 1 << 15) || !among(i->columns, 1, 1 << 15) || !among(i->frames, 1, 1 << 20)) return false;
  if ((i->samples != 1 && i->samples != 3) ||
      (i->bits_allocated != 8 && i->bits_allocated != 16 && i->bits_allocated != 32))
    return false;
  if (!among(i->bits_stored, 1, i->bits_allocated) || !among(i->high_bit, i->bits_stored - 1, i->bits_allocated - 1))
    return false;
  int64_t bytes = (int64_t)i->rows * i->columns * i->samples * (i->bits_allocated / 8);
  return bytes <= most_bytes && i->frame_bytes == (size_t)bytes;
}

/* Written so that what is no number is not good. */
static bool place_good(const bf_image *i) {
  bool good = true;
  for (int k = 0; k < 3; k++)
    good = good && fabs(i->position[k]) <= 1e6 && fabs(i->row_direction[k]) < 1.1 && fabs(i->column_direction[k]) < 1.1;
  return good || !i->has_place;
}

static bool windows_good(const bf_image *i) {
  if (!among(i->window_count, 0, BF_WINDOWS_MAX)) return false;
  for (int k = 0; k < i->window_count; k++)
    if (!isfinite(i->window_centers[k]) || !isfinite(i->window_widths[k]) || !(i->window_widths[k] > 0)) return false;
  return true;
}

static bool values_good(const bf_image *i) {
  return fabs(i->slope) <= BF_RESCALE_MAX && fabs(i->intercept) <= BF_RESCALE_MAX && isfinite(i->window_center) &&
         isfinite(i->window_width) && isfinite(i->spacing_row) && isfinite(i->spacing_column) && i->spacing_row >= 0 &&
         i->spacing_column >= 0 && (!i->has_window || i->window_width > 0) && windows_good(i) &&
         among((int)i->photometric, 0, BF_PHOTOMETRIC_OTHER) && among((int)i->voi_function, 0, BF_VOI_SIGMOID);
}

static bool tables_good(bf_image *image) {
  for (int i = 0; i < BF_TABLES; i++) {
    const bf_lut *t = bf_answer_table(image, i);
    if (!among(t->count, 0, BF_TABLE_MAX) || !among(t->first, -(1 << 15), (1 << 16) - 1) ||
        (t->count > 0 && !among(t->bits, 8, 16)))
      return false;
  }
  return true;
}

static bf_status take_tables(bf_image *image, const bf_opened *from, bf_error *err) {
  for (int i = 0; i < BF_TABLES; i++) {
    bf_lut *t = bf_answer_table(image, i);
    if (t->count == 0) continue;
    t->values = bf_alloc_raw((size_t)t->count, sizeof *t->values);
    if (t->values == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a table");
    memcpy(t->values, from->tables[i], (size_t)t->count * sizeof *t->values);
  }
  return BF_OK;
}

static bf_status strange(bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "the process that read it gave an answer that no reader gives; it is hostile");
}

bf_status bf_answer_take_opened(bf_image *image, char identity[BF_IDENTITY_MAX], const bf_opened *from, bf_error *err) {
  copy_image(image, &from->image);
  memcpy(identity, from->identity, BF_IDENTITY_MAX);
  identity[BF_IDENTITY_MAX - 1] = '\0';
  if (!shape_good(image) || !values_good(image) || !place_good(image) || !tables_good(image)) return strange(err);
  bf_status status = take_tables(image, from, err);
  if (status != BF_OK) bf_image_clear(image);
  return status;
}

void bf_answer_take_seen(bf_image *seen, const bf_opened *from) { copy_image(seen, &from->image); }

bf_status bf_answer_take_decoded(bf_image *image, const bf_decoded *from, bf_error *err) {
  bf_image now;
  copy_image(&now, &from->image);
  if (!values_good(&now)) return strange(err);
  image->photometric = now.photometric;
  image->planar = now.planar;
  image->slope = now.slope;
  image->intercept = now.intercept;
  image->has_window = now.has_window;
  image->window_center = now.window_center;
  image->window_width = now.window_width;
  image->window_count = now.window_count;
  memcpy(image->window_centers, now.window_centers, sizeof image->window_centers);
  memcpy(image->window_widths, now.window_widths, sizeof image->window_widths);
  image->voi_function = now.voi_function;
  image->spacing_row = now.spacing_row;
  image->spacing_column = now.spacing_column;
  return BF_OK;
}
