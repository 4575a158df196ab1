/* JPEG 2000 and HTJ2K through openjpeg, from and to memory. A code stream's own size must be what the header said
 * before anything is decoded. */
#include <openjpeg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/image.h"

bf_status bf_jpeg2000_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);
bf_status bf_jpeg2000_encode(void **data, size_t *size, const uint16_t *samples, int32_t rows, int32_t columns,
                             int bits, bool lossless, bf_error *err);

typedef struct source {
  const unsigned char *data;
  size_t size, at;
} source;

static OPJ_SIZE_T read_some(void *buffer, OPJ_SIZE_T count, void *user) {
  source *s = user;
  size_t left = s->size - s->at;
  if (left == 0) return (OPJ_SIZE_T)-1;
  if (count > left) count = left;
  memcpy(buffer, s->data + s->at, count);
  s->at += count;
  return count;
}

static OPJ_OFF_T skip(OPJ_OFF_T count, void *user) {
  source *s = user;
  if (count < 0 || (size_t)count > s->size - s->at) return -1;
  s->at += (size_t)count;
  return count;
}

static OPJ_BOOL seek(OPJ_OFF_T to, void *user) {
  source *s = user;
  if (to < 0 || (size_t)to > s->size) return OPJ_FALSE;
  s->at = (size_t)to;
  return OPJ_TRUE;
}

static void quiet(const char *message, void *user) { (void)message, (void)user; }

static opj_stream_t *open_stream(source *s) {
  opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_TRUE);
  if (stream == NULL) return NULL;
  opj_stream_set_user_data(stream, s, NULL);
  opj_stream_set_user_data_length(stream, s->size);
  opj_stream_set_read_function(stream, read_some);
  opj_stream_set_skip_function(stream, skip);
  opj_stream_set_seek_function(stream, seek);
  return stream;
}

static bf_status check(const opj_image_t *decoded, const bf_image *image, bf_error *err) {
  if ((int)decoded->numcomps != image->samples)
    return bf_fail(err, BF_E_FORMAT, "the JPEG 2000 stream has %u components, the header says %d samples",
                   decoded->numcomps, image->samples);
  for (OPJ_UINT32 c = 0; c < decoded->numcomps; c++) {
    const opj_image_comp_t *comp = &decoded->comps[c];
    if ((int32_t)comp->w != image->columns || (int32_t)comp->h != image->rows || comp->dx != 1 || comp->dy != 1)
      return bf_fail(err, BF_E_FORMAT, "the JPEG 2000 stream is %u x %u, the header says %d x %d", comp->w, comp->h,
                     image->columns, image->rows);
    if ((int)comp->prec > image->bits_allocated)
      return bf_fail(err, BF_E_FORMAT, "the JPEG 2000 stream has %u bits, the header allocates %d", comp->prec,
                     image->bits_allocated);
  }
  return BF_OK;
}

static void store(void *dst, const bf_image *image, const opj_image_t *decoded) {
  int64_t n = (int64_t)image->rows * image->columns;
  for (int c = 0; c < image->samples; c++) {
    const OPJ_INT32 *from = decoded->comps[c].data;
    for (int64_t i = 0; i < n; i++) {
      int64_t at = i * image->samples + c;
      if (image->bits_allocated == 8)
        ((uint8_t *)dst)[at] = (uint8_t)from[i];
      else if (image->bits_allocated == 16)
        ((uint16_t *)dst)[at] = (uint16_t)from[i];
      else
        ((uint32_t *)dst)[at] = (uint32_t)from[i];
    }
  }
}

bf_status bf_jpeg2000_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err) {
  source s = {data, size, 0};
  opj_dparameters_t parameters;
  opj_image_t *decoded = NULL;
  bf_status status = BF_OK;
  bool raw = size >= 2 && s.data[0] == 0xff && s.data[1] == 0x4f;
  opj_codec_t *codec = opj_create_decompress(raw ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  opj_stream_t *stream = open_stream(&s);
  opj_set_default_decoder_parameters(&parameters);
  if (codec == NULL || stream == NULL) {
    status = bf_fail(err, BF_E_MEMORY, "no memory to decode JPEG 2000");
    goto out;
  }
  opj_set_error_handler(codec, quiet, NULL);
  opj_set_warning_handler(codec, quiet, NULL);
  opj_set_info_handler(codec, quiet, NULL);
  if (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE) ||
      !opj_read_header(stream, codec, &decoded)) {
    status = bf_fail(err, BF_E_FORMAT, "the JPEG 2000 stream's header is damaged");
    goto out;
  }
  status = check(decoded, image, err);
  if (status != BF_OK) goto out;
  if (!opj_decode(codec, stream, decoded) || !opj_end_decompress(codec, stream)) {
    status = bf_fail(err, BF_E_FORMAT, "the JPEG 2000 stream is damaged or cut short");
    goto out;
  }
  store(dst, image, decoded);
  image->planar = false;
  if (image->photometric == BF_YBR_ICT || image->photometric == BF_YBR_RCT) image->photometric = BF_RGB;
out:
  opj_image_destroy(decoded);
  opj_stream_destroy(stream);
  opj_destroy_codec(codec);
  return status;
}

/* ---- encoding ---- */

typedef struct sink {
  char *data;
  size_t size, room, at;
} sink;

static OPJ_SIZE_T write_some(void *buffer, OPJ_SIZE_T count, void *user) {
  sink *s = user;
  if (count > s->room - s->at) {
    size_t room = 2 * (s->at + count);
    char *grown = bf_grow(s->data, s->room, room, 1);
    if (grown == NULL) return (OPJ_SIZE_T)-1;
    s->data = grown;
    s->room = room;
  }
  memcpy(s->data + s->at, buffer, count);
  s->at += count;
  if (s->at > s->size) s->size = s->at;
  return count;
}

static OPJ_BOOL seek_sink(OPJ_OFF_T to, void *user) {
  sink *s = user;
  if (to < 0 || (size_t)to > s->room) return OPJ_FALSE;
  s->at = (size_t)to;
  return OPJ_TRUE;
}

static OPJ_OFF_T skip_sink(OPJ_OFF_T count, void *user) {
  sink *s = user;
  return seek_sink((OPJ_OFF_T)s->at + count, user) ? count : -1;
}

static opj_image_t *image_of(const uint16_t *samples, int32_t rows, int32_t columns, int bits) {
  opj_image_cmptparm_t part = {
      .dx = 1, .dy = 1, .w = (OPJ_UINT32)columns, .h = (OPJ_UINT32)rows, .prec = (OPJ_UINT32)bits};
  opj_image_t *image = opj_image_create(1, &part, OPJ_CLRSPC_GRAY);
  if (image == NULL) return NULL;
  image->x1 = (OPJ_UINT32)columns;
  image->y1 = (OPJ_UINT32)rows;
  for (int64_t i = 0; i < (int64_t)rows * columns; i++) image->comps[0].data[i] = samples[i];
  return image;
}

static bool encode(sink *out, opj_image_t *image, bool lossless) {
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.irreversible = !lossless;
  parameters.cp_disto_alloc = 1;
  parameters.tcp_numlayers = 1;
  parameters.tcp_rates[0] = lossless ? 0 : 4;
  while (parameters.numresolution > 1 &&
         (image->x1 >> parameters.numresolution == 0 || image->y1 >> parameters.numresolution == 0))
    parameters.numresolution--;
  opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
  opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_FALSE);
  bool good = codec != NULL && stream != NULL;
  if (good) {
    opj_stream_set_user_data(stream, out, NULL);
    opj_stream_set_write_function(stream, write_some);
    opj_stream_set_skip_function(stream, skip_sink);
    opj_stream_set_seek_function(stream, seek_sink);
    good = opj_setup_encoder(codec, &parameters, image) && opj_start_compress(codec, image, stream) &&
           opj_encode(codec, stream) && opj_end_compress(codec, stream);
  }
  opj_stream_destroy(stream);
  opj_destroy_codec(codec);
  return good;
}

bf_status bf_jpeg2000_encode(void **data, size_t *size, const uint16_t *samples, int32_t rows, int32_t columns,
                             int bits, bool lossless, bf_error *err) {
  sink out = {0};
  opj_image_t *image = image_of(samples, rows, columns, bits);
  bool good = image != NULL && encode(&out, image, lossless);
  opj_image_destroy(image);
  *data = good ? out.data : NULL;
  *size = good ? out.size : 0;
  if (good) return BF_OK;
  bf_free(out.data);
  return bf_fail(err, BF_E_IO, "cannot be encoded as JPEG 2000");
}
