// What the reader's sources share: the open file and functions that turn OFCondition into bf_error. For the room only.
#ifndef BF_DICOM_READER_HPP
#define BF_DICOM_READER_HPP

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dctk.h"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "dicom/reader.h"

/* How the pixel data are laid out in the file, where bf_image tells of decoded frames. */
enum bf_packing {
  BF_WHOLE_SAMPLES, /* or a stream of an encoding */
  BF_HALF_CHROMA,   /* native YBR_FULL_422: two bytes a pixel */
  BF_SINGLE_BITS    /* eight pixels a byte, frame after frame without a gap, PS3.5 8.1.1 */
};

struct bf_reader {
  std::string path, identity;
  DcmFileFormat file;
  bf_image image;
  std::string syntax; /* transfer syntax by the meta header, "" where there is none */
  bool encapsulated = false;
  bf_packing packing = BF_WHOLE_SAMPLES;
};

/* An input stream over the descriptor from its beginning; delete it. */
DcmInputStream *bf_reader_stream(int file, int64_t size);

/* The data set without long values, and its encoding. reader->image is left as it is. */
bf_status bf_reader_load(bf_reader *reader, int file, int64_t size, const char *path, bf_error *err);

/* BF_E_UNSUPPORTED for a transfer syntax whose pixels cannot be decoded; fills image.transfer_syntax_uid. */
bf_status bf_reader_check_syntax(bf_reader *reader, bf_error *err);

/* Native pixel data must hold every frame that the header promises: nobody pads in silence. Sets the packing. */
bf_status bf_reader_check_length(bf_reader *reader, bf_error *err);

/* Fills reader->image and identity from the header, with every limit checked. */
bf_status bf_reader_header(bf_reader *reader, bf_error *err);

/* A tag at the top, or in the first item of `sequence` within the shared functional groups or those of the frame; NULL
 * where it is nowhere. */
DcmItem *bf_reader_holder(DcmDataset *set, const DcmTagKey &sequence, const DcmTagKey &tag, int frame);

/* The first value as ASCII, "" where there is none. */
void bf_reader_text(char *out, size_t capacity, DcmItem *item, const DcmTagKey &tag);

/* Side, view, derivation and place of the first frame. */
void bf_reader_place(bf_image *image, DcmDataset *set);

/* Rescale, window and spacing of this frame into reader->image. */
bf_status bf_reader_frame(bf_reader *reader, int frame, bf_error *err);

/* Modality, VOI and palette tables into the image. */
bf_status bf_reader_tables(bf_image *image, DcmDataset *set, bf_error *err);

/* size bytes of native pixel data from `offset` on, little endian. */
bf_status bf_reader_native(void *dst, bf_reader *reader, uint64_t offset, size_t size, int frame, bf_error *err);

/* Streams in memory to samples of image->bits_allocated bits; what the samples are then goes into the image. */
extern "C" bf_status bf_jpeg2000_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);
extern "C" bf_status bf_jpegls_decode(void *dst, bf_image *image, const void *data, size_t size, bf_error *err);

/* One frame of one sample a pixel, unsigned; not lossless: errors that the eye does not see. *data is freed with
 * bf_free. */
extern "C" bf_status bf_jpegls_encode(void **data, size_t *size, const uint16_t *samples, int32_t rows, int32_t columns,
                                      int bits, bool lossless, bf_error *err);
extern "C" bf_status bf_jpeg2000_encode(void **data, size_t *size, const uint16_t *samples, int32_t rows,
                                        int32_t columns, int bits, bool lossless, bf_error *err);

/* Runs the call; what it throws becomes an error. */
template <typename Call>
bf_status bf_reader_guarded(const char *path, bf_error *err, Call call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc &) {
    return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  } catch (const std::exception &e) {
    return bf_fail(err, BF_E_FORMAT, "%s: %s", path, e.what());
  } catch (...) {
    return bf_fail(err, BF_E_FORMAT, "%s: the reader failed", path);
  }
}

#endif
