/* The markers up to the frame header, and the scans. */
#include "dicom/jpeg_header.h"

#include <string.h>

/* Each scan of a progressive picture goes over all of it: a stream of little else would take hours. Encoders use about
 * ten. */
enum { most_scans = 100 };

static unsigned two(const uint8_t *b) { return (unsigned)b[0] << 8 | b[1]; }

/* SOF0 to SOF15 but DHT, JPG and DAC, which stand among them. */
static bool is_frame(unsigned marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bf_status compare(const bf_image *image, const uint8_t *frame, bf_error *err) {
  int bits = frame[0], components = frame[5];
  unsigned rows = two(frame + 1), columns = two(frame + 3);
  /* 0 rows: a DNL marker behind the first scan tells. */
  if (columns != (unsigned)image->columns || (rows != (unsigned)image->rows && rows != 0))
    return bf_fail(err, BF_E_FORMAT, "the JPEG stream is %u x %u, the header says %d x %d", columns, rows,
                   image->columns, image->rows);
  if (components != image->samples)
    return bf_fail(err, BF_E_FORMAT, "the JPEG stream has %d components, the header says %d samples", components,
                   image->samples);
  if (bits > image->bits_allocated)
    return bf_fail(err, BF_E_FORMAT, "the JPEG stream has %d bits, the header allocates %d", bits,
                   image->bits_allocated);
  return BF_OK;
}

/* Coded data never hold FF before DA. */
static bf_status check_scans(const uint8_t *b, size_t size, bf_error *err) {
  int scans = 0;
  for (const uint8_t *at = b, *end = b + size; (at = memchr(at, 0xff, (size_t)(end - at))) != NULL && at + 1 < end;
       at++)
    scans += at[1] == 0xda;
  return scans <= most_scans ? BF_OK
                             : bf_fail(err, BF_E_LIMIT,
                                       "the JPEG stream has %d scans, more than the limit of %d: it is "
                                       "damaged or hostile",
                                       scans, most_scans);
}

bf_status bf_jpeg_check(const bf_image *image, const void *data, size_t size, bf_error *err) {
  const uint8_t *b = data;
  size_t at = 2;
  if (size < 4 || b[0] != 0xff || b[1] != 0xd8)
    return bf_fail(err, BF_E_FORMAT, "the JPEG stream does not begin as one");
  while (at + 4 <= size) {
    if (b[at] != 0xff || b[at + 1] == 0xff) { /* fill bytes */
      at++;
      continue;
    }
    unsigned marker = b[at + 1], length = two(b + at + 2);
    if (marker == 0xd9 || marker == 0xda) break;
    if (marker == 0x01 || marker == 0 || (marker >= 0xd0 && marker <= 0xd8)) { /* without a length */
      at += 2;
      continue;
    }
    if (is_frame(marker) && length >= 8 && size - at >= 10) {
      bf_status status = compare(image, b + at + 4, err);
      return status == BF_OK ? check_scans(b, size, err) : status;
    }
    at += 2 + length;
  }
  return bf_fail(err, BF_E_FORMAT, "the JPEG stream has no frame header");
}
