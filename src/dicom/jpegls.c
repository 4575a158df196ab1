/* JPEG-LS through CharLS, from and to memory. The stream's own size must be what the header said before anything is
 * decoded.
 */
#include <charls/charls.h>
#include <string.h>

#include "base/memory.h"
#include "image/image.h"

bf_status bf_jpegls_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);
bf_status bf_jpegls_encode(void **data, size_t *size, const uint16_t *samples, int32_t rows, int32_t columns, int bits,
                           bool lossless, bf_error *err);

static bf_status check(const charls_frame_info *info, const bf_image *image, bf_error *err) {
  if (info->component_count != image->samples)
    return bf_fail(err, BF_E_FORMAT, "the JPEG-LS stream has %d components, the header says %d samples",
                   info->component_count, image->samples);
  if ((int64_t)info->width != image->columns || (int64_t)info->height != image->rows)
    return bf_fail(err, BF_E_FORMAT, "the JPEG-LS stream is %u x %u, the header says %d x %d", info->width,
                   info->height, image->columns, image->rows);
  if (info->bits_per_sample > image->bits_allocated)
    return bf_fail(err, BF_E_FORMAT, "the JPEG-LS stream has %d bits, the header allocates %d", info->bits_per_sample,
                   image->bits_allocated);
  return BF_OK;
}

/* A stream of up to 8 bits has one byte a sample, any other one two. */
static bf_status decode_samples(void *dst, charls_jpegls_decoder *decoder, const charls_frame_info *info,
                                const bf_image *image, bf_error *err) {
  size_t samples = (size_t)image->rows * (size_t)image->columns * (size_t)image->samples;
  size_t each = info->bits_per_sample > 8 ? 2 : 1, wanted = (size_t)image->bits_allocated / 8;
  void *room = each == wanted ? dst : bf_alloc_raw(samples, each);
  if (room == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to decode JPEG-LS");
  charls_jpegls_errc code = charls_jpegls_decoder_decode_to_buffer(decoder, room, samples * each, 0);
  if (room != dst && code == CHARLS_JPEGLS_ERRC_SUCCESS) {
    memset(dst, 0, samples * wanted);
    for (size_t i = 0; i < samples; i++) memcpy((char *)dst + i * wanted, (const char *)room + i * each, each);
  }
  if (room != dst) bf_free(room);
  return code == CHARLS_JPEGLS_ERRC_SUCCESS
             ? BF_OK
             : bf_fail(err, BF_E_FORMAT, "the JPEG-LS stream is damaged or cut short: %s",
                       charls_get_error_message(code));
}

bf_status bf_jpegls_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err) {
  charls_frame_info info;
  charls_spiff_header spiff;
  charls_interleave_mode mode = CHARLS_INTERLEAVE_MODE_NONE;
  int32_t found;
  charls_jpegls_decoder *decoder = charls_jpegls_decoder_create();
  if (decoder == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to decode JPEG-LS");
  charls_jpegls_errc code = charls_jpegls_decoder_set_source_buffer(decoder, data, size);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_decoder_read_spiff_header(decoder, &spiff, &found);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_decoder_read_header(decoder);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_decoder_get_frame_info(decoder, &info);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_decoder_get_interleave_mode(decoder, &mode);
  bf_status status =
      code == CHARLS_JPEGLS_ERRC_SUCCESS
          ? check(&info, image, err)
          : bf_fail(err, BF_E_FORMAT, "the JPEG-LS stream's header is damaged: %s", charls_get_error_message(code));
  if (status == BF_OK) status = decode_samples(dst, decoder, &info, image, err);
  if (status == BF_OK) image->planar = image->samples > 1 && mode == CHARLS_INTERLEAVE_MODE_NONE;
  charls_jpegls_decoder_destroy(decoder);
  return status;
}

/* Bytes where 8 bits suffice, as the encoder wants them. */
static void *packed(const uint16_t *samples, size_t count, size_t each) {
  void *room = bf_alloc_raw(count, each);
  for (size_t i = 0; room != NULL && i < count; i++) memcpy((char *)room + i * each, &samples[i], each);
  return room;
}

static charls_jpegls_errc encode(charls_jpegls_encoder *encoder, void **data, size_t *size, const void *samples,
                                 size_t bytes, const charls_frame_info *info, int near) {
  size_t room = 0;
  charls_jpegls_errc code = charls_jpegls_encoder_set_frame_info(encoder, info);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_encoder_set_near_lossless(encoder, near);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_encoder_get_estimated_destination_size(encoder, &room);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS && (*data = bf_alloc_raw(room, 1)) == NULL)
    code = CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY;
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_encoder_set_destination_buffer(encoder, *data, room);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) code = charls_jpegls_encoder_encode_from_buffer(encoder, samples, bytes, 0);
  return code == CHARLS_JPEGLS_ERRC_SUCCESS ? charls_jpegls_encoder_get_bytes_written(encoder, size) : code;
}

bf_status bf_jpegls_encode(void **data, size_t *size, const uint16_t *samples, int32_t rows, int32_t columns, int bits,
                           bool lossless, bf_error *err) {
  size_t each = bits > 8 ? 2 : 1, count = (size_t)rows * (size_t)columns;
  charls_frame_info info = {(uint32_t)columns, (uint32_t)rows, bits, 1};
  charls_jpegls_encoder *encoder = charls_jpegls_encoder_create();
  void *values = packed(samples, count, each);
  charls_jpegls_errc code = CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY;
  *data = NULL;
  if (encoder != NULL && values != NULL)
    code = encode(encoder, data, size, values, count * each, &info, lossless ? 0 : 2);
  charls_jpegls_encoder_destroy(encoder);
  bf_free(values);
  if (code == CHARLS_JPEGLS_ERRC_SUCCESS) return BF_OK;
  bf_free(*data);
  *data = NULL;
  return bf_fail(err, BF_E_IO, "cannot be encoded as JPEG-LS: %s", charls_get_error_message(code));
}
