/* libFuzzer target: a DICOM file in this process, from its header to a tone-mapped frame. DCMTK, openjpeg and CharLS
 * are the system's, without instrumentation: what this looks at is our own code around them. */
#include <stdlib.h>

#include "base/memory.h"
#include "dicom/reader.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(bf_reader *reader, int frame) {
  bf_image *image = bf_reader_image(reader);
  bf_error err = {0};
  size_t count = (size_t)image->rows * (size_t)image->columns;
  if (image->frame_bytes > 1 << 20) return;
  void *pixels = bf_alloc_raw(image->frame_bytes, 1);
  float *tone = bf_alloc_raw(count, sizeof *tone);
  if (pixels != NULL && tone != NULL && bf_reader_decode(reader, frame, pixels, &err) == BF_OK)
    (void)bf_image_tone(tone, image, pixels, BF_TONE_FILE, &err);
  bf_free(tone);
  bf_free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool ready;
  bf_error err = {0};
  bf_reader *reader;
  bf_image seen;
  char identity[BF_IDENTITY_MAX];
  if (!ready && bf_reader_init(&err) != BF_OK) abort();
  ready = true;
  if (bf_reader_open(&reader, &seen, fuzz_file(NULL, data, size), (int64_t)size, "x", &err) != BF_OK) {
    if (err.message[0] == '\0') abort();
    return 0;
  }
  bf_reader_identity(identity, reader);
  int frames = bf_reader_image(reader)->frames;
  for (int f = 0; f < frames && f < 3; f++) look(reader, f);
  bf_reader_close(reader);
  return 0;
}
