/* Decode, tone, crop, resample: one frame to one prepared picture. */
#include "data/prepare.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "image/resample.h"
#include "itk/itk.h"

const bf_option bf_prepare_table[] = {
    {"side", BF_OPTION_INT, offsetof(bf_prepare_options, side), "320", 32, 4096, NULL,
     "longer side of the prepared picture, pixels; smaller pictures stay as they are"},
    {"crop", BF_OPTION_CHOICE, offsetof(bf_prepare_options, crop), "auto", 0, 0, "auto|none|content",
     "cut to the content (Otsu, largest component); auto: for MG, CR and DX"},
    {"leave_out", BF_OPTION_CHOICE, offsetof(bf_prepare_options, leave_out), "auto", 0, 0, "auto|none",
     "auto: files that show nothing of their own, such as localizers, are left out by rule"},
    {"mirror", BF_OPTION_CHOICE, offsetof(bf_prepare_options, mirror), "auto", 0, 0, "auto|none",
     "auto: mammograms are turned to one side, the chest wall on the left"},
    {"tone", BF_OPTION_CHOICE, offsetof(bf_prepare_options, tone), "file", 0, 0, "file|range",
     "grey levels by the file's VOI window or table, or by the range of values"},
    {"window", BF_OPTION_INT, offsetof(bf_prepare_options, window), "1", 1, BF_WINDOWS_MAX, NULL,
     "which of a file's VOI windows; the first where there are fewer"},
    {NULL}};

static const double margin = 0.02, least_content = 0.05, same_spacing = 0.01, plain_edge = 2;

void bf_prepared_clear(bf_prepared *prepared) {
  bf_free(prepared->pixels);
  *prepared = (bf_prepared){0};
}

void bf_prepare_scratch_clear(bf_prepare_scratch *scratch) {
  bf_free(scratch->decoded);
  bf_free(scratch->tone);
  bf_free(scratch->small);
  *scratch = (bf_prepare_scratch){0};
}

static bf_status make_room(void **block, size_t *have, size_t wanted, bf_error *err) {
  return bf_make_room(block, have, wanted, 1)
             ? BF_OK
             : bf_fail(err, BF_E_MEMORY, "no memory for a picture of %zu bytes", wanted);
}

static bool wants_crop(const bf_image *image, const bf_prepare_options *options) {
  if (options->crop != BF_CROP_AUTO) return options->crop == BF_CROP_CONTENT;
  static const char *const projections[] = {"MG", "CR", "DX"};
  for (int i = 0; i < 3; i++)
    if (strcmp(image->modality, projections[i]) == 0) return true;
  return false;
}

/* The part of the picture that is kept, in original pixels. */
static bf_status choose_crop(bf_rect *crop, const bf_image *image, const float *tone, const bf_prepare_options *options,
                             bf_error *err) {
  *crop = (bf_rect){0, 0, image->columns, image->rows};
  if (!wants_crop(image, options)) return BF_OK;
  bf_rect found_rect;
  bool found;
  bf_status status = bf_itk_content(&found_rect, &found, tone, image->columns, image->rows, err);
  if (status != BF_OK || !found) return status;
  double dx = margin * image->columns, dy = margin * image->rows;
  bf_rect wider = {floor(found_rect.xmin - dx), floor(found_rect.ymin - dy), ceil(found_rect.xmax + dx),
                   ceil(found_rect.ymax + dy)};
  wider = bf_rect_clip(wider, image->columns, image->rows);
  if (bf_rect_area(wider) >= least_content * bf_rect_area(*crop)) *crop = wider;
  return BF_OK;
}

/* Mean grey of columns from `first` on. */
static double mean_of(const float *tone, const bf_image *image, int first, int count) {
  double sum = 0;
  for (int y = 0; y < image->rows; y++)
    for (int x = first; x < first + count; x++) sum += (double)tone[(size_t)y * (size_t)image->columns + (size_t)x];
  return sum / ((double)image->rows * count);
}

/* Whether the chest wall lies on the right. The breast touches that edge: where the two edges differ plainly, the
 * pixels are believed, because a sender may have turned them and not the header; else the header is. */
static bool wants_mirror(const bf_image *image, const float *tone, const bf_prepare_options *options) {
  if (options->mirror != BF_MIRROR_AUTO || strcmp(image->modality, "MG") != 0 || image->columns < 16) return false;
  int edge = image->columns / 16;
  double left = mean_of(tone, image, 0, edge), right = mean_of(tone, image, image->columns - edge, edge);
  if (right > plain_edge * left) return true;
  if (left > plain_edge * right) return false;
  if (image->row_towards == 'A' || image->row_towards == 'P') return image->row_towards == 'P';
  return strcmp(image->laterality, "R") == 0;
}

/* Square pixels where the spacing is known and differs by direction; never enlarged. */
static bf_affine choose_map(int32_t *columns, int32_t *rows, const bf_image *image, bf_rect crop, bool mirror,
                            int side) {
  double fx = 1, fy = 1,
         ratio = image->spacing_row > 0 && image->spacing_column > 0 ? image->spacing_row / image->spacing_column : 1;
  if (ratio > 1 + same_spacing) fx = 1 / ratio; /* rows are farther apart: fewer columns */
  if (ratio < 1 - same_spacing) fy = ratio;
  double w = (crop.xmax - crop.xmin) * fx, h = (crop.ymax - crop.ymin) * fy, longest = fmax(w, h);
  double scale = longest > side ? side / longest : 1;
  *columns = (int32_t)fmax(1, floor(w * scale + 0.5));
  *rows = (int32_t)fmax(1, floor(h * scale + 0.5));
  bf_affine shift = bf_affine_translate(-crop.xmin, -crop.ymin);
  bf_affine map =
      bf_affine_compose(bf_affine_scale(*columns / (crop.xmax - crop.xmin), *rows / (crop.ymax - crop.ymin)), shift);
  if (!mirror) return map;
  return bf_affine_compose(bf_affine_compose(bf_affine_translate(*columns, 0), bf_affine_scale(-1, 1)), map);
}

static bool is_whole(bf_affine map) { return map.m[0] == 1 && map.m[4] == 1 && map.m[2] == 0 && map.m[5] == 0; }

static bf_status resample(bf_prepared *out, const bf_image *image, bf_prepare_scratch *scratch, bf_error *err) {
  size_t n = (size_t)out->rows * (size_t)out->columns;
  const float *from = scratch->tone;
  out->pixels = bf_alloc_raw(n, sizeof *out->pixels);
  if (out->pixels == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a prepared picture");
  if (!is_whole(out->to_prepared) || out->columns != image->columns || out->rows != image->rows) {
    bf_status status = make_room((void **)&scratch->small, &scratch->small_size, n * sizeof(float), err);
    if (status == BF_OK)
      status = bf_image_resample(scratch->small, out->columns, out->rows, scratch->tone, image->columns, image->rows,
                                 out->to_prepared, err);
    if (status != BF_OK) return status;
    from = scratch->small;
  }
  for (size_t i = 0; i < n; i++) {
    float v = from[i] * 65535.0f + 0.5f;
    out->pixels[i] = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
  }
  return BF_OK;
}

/* As the readers of BCS-DBT have it, which boxes of that collection hang on: sums of stored values. */
static char find_bright_edge(const bf_image *image, const void *pixels) {
  double left = 0, right = 0;
  int64_t samples = image->samples, line = (int64_t)image->columns * samples;
  if (image->samples != 1) return 'L';
  for (int64_t y = 0; y < image->rows; y++) {
    left += (double)bf_image_stored(image, pixels, y * line);
    right += (double)bf_image_stored(image, pixels, y * line + line - 1);
  }
  return left < right ? 'R' : 'L';
}

/* Decodes into scratch->decoded and maps to luminance in scratch->tone. */
static bf_status decode_tone(bf_dicom *dicom, int frame, const bf_prepare_options *options, bf_prepare_scratch *scratch,
                             bf_error *err) {
  const bf_image *image = bf_dicom_image(dicom);
  size_t pixels = (size_t)image->rows * (size_t)image->columns;
  bf_status status = make_room(&scratch->decoded, &scratch->decoded_size, image->frame_bytes, err);
  if (status == BF_OK) status = make_room((void **)&scratch->tone, &scratch->tone_size, pixels * sizeof(float), err);
  if (status != BF_OK) return bf_error_prefix(err, "%s", bf_dicom_path(dicom));
  status = bf_dicom_decode(dicom, frame, scratch->decoded, err);
  if (status != BF_OK) return status;
  bf_image chosen = *image;
  bf_image_choose_window(&chosen, options->window);
  status = bf_image_tone(scratch->tone, &chosen, scratch->decoded, (bf_tone)options->tone, err);
  return status == BF_OK ? BF_OK : bf_error_prefix(err, "%s: frame %d", bf_dicom_path(dicom), frame);
}

bf_status bf_prepare_frame(bf_prepared *out, bf_dicom *dicom, int frame, const bf_prepare_options *options,
                           bf_prepare_scratch *scratch, bf_error *err) {
  const bf_image *image = bf_dicom_image(dicom);
  bf_rect crop;
  *out = (bf_prepared){0};
  bf_status status = decode_tone(dicom, frame, options, scratch, err);
  if (status != BF_OK) return status;
  out->bright_edge = find_bright_edge(image, scratch->decoded);
  status = choose_crop(&crop, image, scratch->tone, options, err);
  if (status == BF_OK) {
    out->to_prepared =
        choose_map(&out->columns, &out->rows, image, crop, wants_mirror(image, scratch->tone, options), options->side);
    status = resample(out, image, scratch, err);
  }
  if (status == BF_OK) return BF_OK;
  bf_prepared_clear(out);
  return bf_error_prefix(err, "%s: frame %d", bf_dicom_path(dicom), frame);
}

bf_status bf_prepare_view(uint8_t *dst, bf_dicom *dicom, int frame, const bf_prepare_options *options,
                          bf_prepare_scratch *scratch, bf_error *err) {
  const bf_image *image = bf_dicom_image(dicom);
  int64_t pixels = (int64_t)image->rows * image->columns;
  bf_status status = decode_tone(dicom, frame, options, scratch, err);
  for (int64_t i = 0; i < pixels && status == BF_OK; i++)
    dst[i] = (uint8_t)(fminf(fmaxf(scratch->tone[i], 0), 1) * 255 + 0.5f);
  return status;
}
