/* The canvas as a PNG file, and pixels as one in memory. libpng reports by longjmp: everything that must be released is
 * known before it starts. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "output/canvas.h"
#include "output/png.h"

typedef struct trouble {
  jmp_buf back;
  char said[128];
} trouble;

static void fail(png_structp png, png_const_charp message) {
  trouble *t = png_get_error_ptr(png);
  snprintf(t->said, sizeof t->said, "%s", message);
  longjmp(t->back, 1);
}

static void warn(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static bool write_rows(const bf_canvas *c, FILE *f, trouble *t) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, t, fail, warn);
  png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
  if (info == NULL) {
    png_destroy_write_struct(&png, NULL);
    snprintf(t->said, sizeof t->said, "no memory");
    return false;
  }
  if (setjmp(t->back) != 0) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_init_io(png, f);
  png_set_IHDR(png, info, (png_uint_32)c->width, (png_uint_32)c->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  /* zlib's own choice of 6 takes three times as long over the noise of medical pictures, and saves nothing. */
  png_set_compression_level(png, 3);
  png_write_info(png, info);
  for (int y = 0; y < c->height; y++) png_write_row(png, c->pixels + (size_t)y * (size_t)c->width * 3);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return true;
}

bf_status bf_canvas_write_png(const bf_canvas *c, const char *path, bf_error *err) {
  bf_publish publish;
  trouble t = {.said = ""};
  bf_status status = bf_publish_begin(&publish, path, err);
  if (status != BF_OK) return status;
  FILE *f = fopen(publish.temporary_path, "wb");
  if (f == NULL) {
    bf_publish_abort(&publish);
    return bf_fail(err, BF_E_IO, "%s: cannot write: %s", path, strerror(errno));
  }
  bool good = write_rows(c, f, &t);
  if (fclose(f) != 0 && good) {
    good = false;
    snprintf(t.said, sizeof t.said, "%s", strerror(errno));
  }
  if (good) return bf_publish_commit(&publish, err);
  bf_publish_abort(&publish);
  return bf_fail(err, BF_E_IO, "%s: cannot write: %s", path, t.said);
}

bf_status bf_png_encode(void **png, size_t *size, const uint8_t *pixels, bf_png_kind kind, int columns, int rows,
                        bf_error *err) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)columns,
                     .height = (png_uint_32)rows,
                     .format = kind == BF_PNG_GREY ? PNG_FORMAT_GRAY : PNG_FORMAT_RGBA};
  png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
  *size = 0;
  *png = bf_alloc_raw(room, 1);
  if (*png == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a picture of %d x %d pixels", columns, rows);
  if (png_image_write_to_memory(&image, *png, &room, 0, pixels, 0, NULL)) {
    *size = room;
    return BF_OK;
  }
  bf_free(*png);
  *png = NULL;
  return bf_fail(err, BF_E_IO, "a picture of %d x %d pixels cannot be written: %s", columns, rows, image.message);
}
