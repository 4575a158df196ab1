/* Masks from PNG files. libpng reports by longjmp: everything that must be released stands in one struct that is known
 * before it starts. Nothing is asked for in memory before the size is known to be that of the image. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/mask.h"

typedef struct reading {
  jmp_buf back;
  char said[128];
  const char *path;
  uint8_t *mask;
  int32_t rows, columns;
  FILE *file;
  png_structp png;
  png_infop info;
  uint8_t *pixels;       /* one row; all rows of an interlaced file */
  int64_t lesion, faint; /* pixels: set, and below half but not black */
} reading;

static void fail(png_structp png, png_const_charp message) {
  reading *r = png_get_error_ptr(png);
  snprintf(r->said, sizeof r->said, "%s", message);
  longjmp(r->back, 1);
}

static void warn(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/* Only what pixels need is read: no text, profile or other chunk can grow. */
static void limit(reading *r) {
  png_set_user_limits(r->png, BF_MASK_MAX_SIDE, BF_MASK_MAX_SIDE);
  png_set_chunk_cache_max(r->png, 16);
  png_set_chunk_malloc_max(r->png, 1 << 20);
  png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* Palettes, small depths and transparent colours become 8-bit grey or RGB, with alpha where there is any. The upper
 * byte of 16 tells on which side of half a value lies. */
static void expand(reading *r) {
  png_set_expand(r->png);
  png_set_strip_16(r->png);
}

static void take_row(reading *r, int32_t y, const uint8_t *row, int channels) {
  for (int32_t x = 0; x < r->columns; x++, row += channels) {
    if (channels % 2 == 0 && row[channels - 1] == 0) continue;
    int luminance = channels < 3 ? 1000 * row[0] : 299 * row[0] + 587 * row[1] + 114 * row[2];
    if (luminance >= 127500) {
      bf_mask_set(r->mask, r->columns, x, y);
      r->lesion++;
    } else {
      r->faint += luminance > 0;
    }
  }
}

/* Of an interlaced file each pass leaves the pixels of the others as they are. */
static void take_rows(reading *r, int passes, int channels, size_t row_bytes) {
  for (int pass = 0; pass < passes; pass++)
    for (int32_t y = 0; y < r->rows; y++) {
      uint8_t *row = r->pixels + (passes > 1 ? (size_t)y * row_bytes : 0);
      png_read_row(r->png, row, NULL);
      if (pass == passes - 1) take_row(r, y, row, channels);
    }
}

static bf_status check_size(const reading *r, png_uint_32 width, png_uint_32 height, bf_error *err) {
  if (width == (png_uint_32)r->columns && height == (png_uint_32)r->rows) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "%s: the mask has %lu columns and %lu rows, the image %d columns and %d rows",
                 r->path, (unsigned long)width, (unsigned long)height, r->columns, r->rows);
}

static bf_status read_pixels(reading *r, bf_error *err) {
  if (setjmp(r->back) != 0) return bf_fail(err, BF_E_FORMAT, "%s: damaged or cut short: %s", r->path, r->said);
  limit(r);
  png_init_io(r->png, r->file);
  png_read_info(r->png, r->info);
  bf_status status = check_size(r, png_get_image_width(r->png, r->info), png_get_image_height(r->png, r->info), err);
  if (status != BF_OK) return status;
  expand(r);
  int passes = png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
  int channels = png_get_channels(r->png, r->info);
  size_t row_bytes = png_get_rowbytes(r->png, r->info);
  if (row_bytes != (size_t)channels * (size_t)r->columns) png_error(r->png, "its rows are of an unknown kind");
  r->pixels = bf_alloc(passes > 1 ? (size_t)r->rows : 1, row_bytes);
  if (r->pixels == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", r->path);
  take_rows(r, passes, channels, row_bytes);
  png_read_end(r->png, NULL); /* a file that ends before its end mark is cut short, too */
  return BF_OK;
}

static bf_status read_file(reading *r, bf_error *err) {
  unsigned char mark[8];
  r->file = fopen(r->path, "rb");
  if (r->file == NULL)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot open: %s", r->path, strerror(errno));
  if (fread(mark, 1, sizeof mark, r->file) != sizeof mark || png_sig_cmp(mark, 0, sizeof mark) != 0)
    return bf_fail(err, BF_E_FORMAT, "%s: is no PNG file", r->path);
  r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, fail, warn);
  if (r->png != NULL) r->info = png_create_info_struct(r->png);
  if (r->info == NULL) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", r->path);
  png_set_sig_bytes(r->png, sizeof mark);
  return read_pixels(r, err);
}

bf_status bf_mask_png_read(uint8_t *mask, const char *path, int32_t rows, int32_t columns, bf_error *err) {
  reading r = {.path = path, .mask = mask, .rows = rows, .columns = columns};
  bf_status status = read_file(&r, err);
  if (r.png != NULL) png_destroy_read_struct(&r.png, &r.info, NULL);
  if (r.file != NULL) fclose(r.file);
  bf_free(r.pixels);
  if (status != BF_OK || r.lesion > 0 || r.faint == 0) return status;
  return bf_fail(
      err, BF_E_FORMAT,
      "%s: none of its pixels is half of white or brighter, and %lld are not black; a mask is white where the "
      "lesion is (a mask of 0 and 1 needs its 1 made 255)",
      path, (long long)r.faint);
}
