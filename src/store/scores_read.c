/* SCORES.h5 into memory; nothing in the file is believed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "store/heat_maps.h"

/* All that bf_scores_clear frees. */
typedef struct holding {
  bf_stored_row *stored;
  bf_found_box *boxes;
  hid_t file; /* kept open for masks and heat maps; < 0: there are none */
  bf_strip masks;
  bf_heat_in heat;
  char path[BF_PATH_MAX];
} holding;

static const char *row_fault(const bf_stored_row *s, int64_t boxes) {
  const bf_score_row *r = &s->row;
  if (s->boxes_start < 0 || r->box_count < 0 || s->boxes_start > boxes || r->box_count > boxes - s->boxes_start)
    return "boxes_start and boxes_count";
  if (r->status > BF_ROW_UNLIKE_TRAINING) return "status";
  if (r->frame < 0) return "frame";
  if (r->rows < 0 || r->columns < 0) return "rows and columns";
  if (!isnan(r->malignant_probability) && !(r->malignant_probability >= 0 && r->malignant_probability <= 1))
    return "malignant_probability";
  if (r->seen < -1 || r->seen > 1) return "seen";
  if (!(isfinite(r->spacing_row) && r->spacing_row >= 0 && isfinite(r->spacing_column) && r->spacing_column >= 0))
    return "spacing_row and spacing_column";
  return bf_h5_unclean(s, bf_row_columns, BF_ROW_COLUMNS);
}

static bf_status check(const char *path, const bf_stored_row *stored, int64_t count, const bf_stored_box *boxes,
                       int64_t box_count, bf_error *err) {
  for (int64_t i = 0; i < count; i++) {
    const char *fault = row_fault(&stored[i], box_count);
    if (fault != NULL)
      return bf_fail(err, BF_E_FORMAT, "%s: row %lld of /images: %s cannot be; the file is damaged", path, (long long)i,
                     fault);
    for (int64_t k = stored[i].boxes_start; k < stored[i].boxes_start + stored[i].row.box_count; k++) {
      const bf_found_box *b = &boxes[k].box;
      bool good = boxes[k].image == i && isfinite(b->xmin) && isfinite(b->ymin) && isfinite(b->xmax) &&
                  isfinite(b->ymax) && b->xmin <= b->xmax && b->ymin <= b->ymax && b->score >= 0 && b->score <= 1;
      if (!good)
        return bf_fail(err, BF_E_FORMAT, "%s: row %lld of /boxes cannot be; the file is damaged", path, (long long)k);
    }
  }
  return BF_OK;
}

static bf_status read_boxes(holding *h, int64_t *count, bf_stored_box **boxes, hid_t file, const char *path,
                            bf_error *err) {
  bf_status status = bf_h5_table_count(count, file, path, "boxes", bf_box_columns, err);
  if (status != BF_OK) return status;
  *boxes = bf_alloc((size_t)*count, sizeof **boxes);
  h->boxes = bf_alloc((size_t)*count, sizeof *h->boxes);
  if (*boxes == NULL || h->boxes == NULL)
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld boxes", path, (long long)*count);
  status = bf_h5_read_table(*boxes, sizeof **boxes, *count, file, path, "boxes", bf_box_columns, BF_BOX_COLUMNS, err);
  for (int64_t i = 0; i < *count && status == BF_OK; i++) h->boxes[i] = (*boxes)[i].box;
  return status;
}

static bf_status read_rows(holding *h, int64_t count, hid_t file, const char *path, bf_error *err) {
  const int first = BF_ROW_COLUMNS - BF_ROW_LATER;
  bool any = false;
  bf_status status =
      bf_h5_read_table(h->stored, sizeof *h->stored, count, file, path, "images", bf_row_columns, first, err);
  for (int64_t i = 0; i < count; i++) h->stored[i].mask_start = h->stored[i].heat = -1, h->stored[i].row.seen = -1;
  if (status == BF_OK)
    status = bf_h5_read_later_columns(h->stored, sizeof *h->stored, count, file, path, "images", bf_row_columns + first,
                                      BF_ROW_LATER, err);
  for (int64_t i = 0; i < count; i++) any = any || h->stored[i].mask_start >= 0;
  if (status == BF_OK && any) status = bf_strip_open(&h->masks, file, path, "masks", 1, err);
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    const bf_stored_row *s = &h->stored[i];
    if (s->mask_start >= 0 && !bf_strip_holds_mask(h->masks.count, s->mask_start, s->row.rows, s->row.columns))
      return bf_fail(err, BF_E_FORMAT, "%s: row %lld of /images: mask_start cannot be; the file is damaged", path,
                     (long long)i);
  }
  return status;
}

static bf_status read_file(bf_scores *out, holding *h, hid_t file, const char *path, bf_error *err) {
  bf_stored_box *boxes = NULL;
  int64_t box_count = 0, count = 0;
  bf_status status = bf_h5_table_count(&count, file, path, "images", bf_row_columns, err);
  if (status != BF_OK) return status;
  h->stored = bf_alloc((size_t)count, sizeof *h->stored);
  out->rows = bf_alloc((size_t)count, sizeof *out->rows);
  if (h->stored == NULL || out->rows == NULL)
    return bf_fail(err, BF_E_MEMORY, "%s: no memory for %lld rows", path, (long long)count);
  out->count = count;
  status = read_rows(h, count, file, path, err);
  if (status == BF_OK) status = bf_heat_in_open(&h->heat, h->stored, count, file, path, err);
  if (status == BF_OK) status = read_boxes(h, &box_count, &boxes, file, path, err);
  if (status == BF_OK) status = check(path, h->stored, count, boxes, box_count, err);
  for (int64_t i = 0; i < count && status == BF_OK; i++) {
    out->rows[i] = h->stored[i].row;
    out->rows[i].boxes = h->boxes + h->stored[i].boxes_start;
    out->rows[i].has_mask = h->stored[i].mask_start >= 0;
    out->rows[i].has_heat = h->stored[i].heat >= 0;
  }
  bf_free(boxes);
  memcpy(out->grids, h->heat.grids, sizeof out->grids);
  out->model_sha256 = bf_h5_get_text(file, "model_sha256");
  out->config_yaml = bf_h5_get_text(file, "config_yaml");
  out->extra_json = bf_h5_get_text(file, "extra_json");
  return status;
}

bf_status bf_scores_read(bf_scores *out, const char *path, bf_error *err) {
  hid_t file;
  *out = (bf_scores){0};
  bf_status status = bf_h5_open(&file, path, BF_SCORES_CONVENTION, err);
  if (status != BF_OK) return status;
  holding *h = out->memory = bf_alloc(1, sizeof *h);
  if (h == NULL) {
    H5Fclose(file);
    return bf_fail(err, BF_E_MEMORY, "%s: no memory", path);
  }
  h->file = file;
  h->masks = BF_STRIP_CLOSED;
  h->heat = BF_HEAT_CLOSED;
  snprintf(h->path, sizeof h->path, "%s", path);
  status = read_file(out, h, file, path, err);
  if (status == BF_OK && h->masks.dataset < 0 && h->heat.maps[0] < 0 && h->heat.maps[1] < 0) {
    H5Fclose(h->file);
    h->file = -1;
  }
  if (status != BF_OK) bf_scores_clear(out);
  return status;
}

bf_status bf_scores_mask(bf_scores *scores, int64_t row, uint8_t *dst, bf_error *err) {
  holding *h = scores->memory;
  const bf_stored_row *s = &h->stored[row];
  if (s->mask_start < 0) return bf_fail(err, BF_E_ARGUMENT, "%s: row %lld has no mask", h->path, (long long)row);
  bool good = bf_strip_read_mask(&h->masks, dst, s->mask_start, s->row.rows, s->row.columns);
  return good ? BF_OK : bf_h5_fail_in(h->path, "/masks", err);
}

bf_status bf_scores_heat(bf_scores *scores, int64_t row, bf_heat_kind kind, float *dst, bf_error *err) {
  holding *h = scores->memory;
  const bf_stored_row *s = &h->stored[row];
  if (s->heat < 0 || h->heat.maps[kind] < 0)
    return bf_fail(err, BF_E_ARGUMENT, "%s: row %lld has no such heat map", h->path, (long long)row);
  return bf_heat_in_read(&h->heat, kind, s->heat, dst) ? BF_OK : bf_h5_fail_in(h->path, "/heatmaps", err);
}

void bf_scores_clear(bf_scores *scores) {
  holding *h = scores->memory;
  if (h != NULL) {
    bf_h5_free_texts(h->stored, sizeof *h->stored, h->stored != NULL ? scores->count : 0, bf_row_columns,
                     BF_ROW_COLUMNS);
    bf_free(h->stored);
    bf_free(h->boxes);
    bf_strip_close(&h->masks);
    bf_heat_in_close(&h->heat);
    if (h->file >= 0) H5Fclose(h->file);
    bf_free(h);
  }
  bf_free(scores->rows);
  bf_free(scores->model_sha256);
  bf_free(scores->config_yaml);
  bf_free(scores->extra_json);
  *scores = (bf_scores){0};
}
