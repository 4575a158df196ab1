// Frames to memory: how a transfer syntax is decoded, and which bytes of the file are the frame's.
#include <cstring>

#include "dcmtk/dcmdata/dccodec.h"
#include "dcmtk/dcmdata/dcpixel.h"
#include "dcmtk/dcmdata/dcpixseq.h"
#include "dcmtk/dcmdata/dcpxitem.h"
#include "dicom/jpeg_header.h"
#include "dicom/reader.hpp"
#include "dicom/rle.h"

namespace {

/* ---- native pixels ---- */

bf_status decode_whole(bf_reader *reader, int frame, void *dst, bf_error *err) {
  const bf_image *image = &reader->image;
  uint64_t offset = static_cast<uint64_t>(image->frame_bytes) * static_cast<uint64_t>(frame);
  return bf_reader_native(dst, reader, offset, image->frame_bytes, frame, err);
}

/* Y Y Cb Cr to Y Cb Cr, Y Cb Cr. */
bf_status decode_half_chroma(bf_reader *reader, int frame, void *dst, bf_error *err) {
  size_t pixels = static_cast<size_t>(reader->image.rows) * static_cast<size_t>(reader->image.columns);
  std::vector<unsigned char> stored(2 * pixels);
  bf_status status =
      bf_reader_native(stored.data(), reader, stored.size() * static_cast<uint64_t>(frame), stored.size(), frame, err);
  if (status != BF_OK) return status;
  unsigned char *to = static_cast<unsigned char *>(dst);
  for (size_t i = 0; i < pixels; i++, to += 3) {
    const unsigned char *pair = &stored[i / 2 * 4];
    to[0] = pair[i % 2];
    to[1] = pair[2];
    to[2] = pair[3];
  }
  reader->image.planar = false;
  return BF_OK;
}

/* The first pixel is the least significant bit; a frame may begin in the middle of a byte. */
bf_status decode_bits(bf_reader *reader, int frame, void *dst, bf_error *err) {
  size_t pixels = reader->image.frame_bytes;
  uint64_t first = static_cast<uint64_t>(pixels) * static_cast<uint64_t>(frame), start = first / 8;
  std::vector<unsigned char> stored(static_cast<size_t>((first + pixels + 7) / 8 - start));
  bf_status status = bf_reader_native(stored.data(), reader, start, stored.size(), frame, err);
  if (status != BF_OK) return status;
  unsigned char *to = static_cast<unsigned char *>(dst);
  for (size_t i = 0, bit = first % 8; i < pixels; i++, bit++) to[i] = stored[bit / 8] >> (bit % 8) & 1;
  return BF_OK;
}

bf_status decode_native(bf_reader *reader, int frame, void *dst, bf_error *err) {
  switch (reader->packing) {
    case BF_HALF_CHROMA: return decode_half_chroma(reader, frame, dst, err);
    case BF_SINGLE_BITS: return decode_bits(reader, frame, dst, err);
    case BF_WHOLE_SAMPLES: break;
  }
  return decode_whole(reader, frame, dst, err);
}

/* Native YBR_FULL_422 stores two luminances and one pair of chrominances for two neighbouring pixels (PS3.3
 * C.7.6.3.1.2): two bytes a pixel, where the other colour models have three. */
bool is_native_422(const bf_image *image) {
  return image->samples == 3 && image->bits_allocated == 8 && image->columns % 2 == 0 &&
         (image->photometric == BF_YBR_FULL_422 || image->photometric == BF_YBR_PARTIAL);
}

/* ---- which fragments ---- */

/* The fragments of encapsulated pixel data, whatever encoding DCMTK took the data set for. */
DcmPixelSequence *sequence_of(bf_reader *reader) {
  DcmElement *element = nullptr;
  DcmPixelSequence *sequence = nullptr;
  E_TransferSyntax syntax = EXS_Unknown;
  const DcmRepresentationParameter *parameter = nullptr;
  if (reader->file.getDataset()->findAndGetElement(DCM_PixelData, element).bad()) return nullptr;
  DcmPixelData *pixels = dynamic_cast<DcmPixelData *>(element);
  if (pixels == nullptr) return nullptr;
  pixels->getCurrentRepresentationKey(syntax, parameter);
  return pixels->getEncapsulatedRepresentation(syntax, parameter, sequence).good() ? sequence : nullptr;
}

/* Whether the item begins a JPEG, JPEG-LS (FFD8) or JPEG 2000 stream (FF4F). */
bool begins_stream(DcmPixelSequence *sequence, Uint32 index) {
  DcmPixelItem *item = nullptr;
  Uint8 *bytes = nullptr;
  if (sequence->getItem(item, index).bad() || item == nullptr || item->getLength() < 2 ||
      item->getUint8Array(bytes).bad() || bytes == nullptr)
    return false;
  return bytes[0] == 0xff && (bytes[1] == 0xd8 || bytes[1] == 0x4f);
}

/* The item that begins the frame-th stream; `items` where there is none. */
Uint32 stream_start(DcmPixelSequence *sequence, int frame, Uint32 items) {
  for (Uint32 i = 1; i < items; i++)
    if (begins_stream(sequence, i) && frame-- == 0) return i;
  return items;
}

bool fragments_of(DcmPixelSequence *sequence, int frame, int frames, Uint32 *first, Uint32 *last) {
  Uint32 items = static_cast<Uint32>(sequence->card());
  if (items < 2) return false;
  if (frames == 1) return *first = 1, *last = items, true;
  if (static_cast<int>(items) - 1 == frames) return *first = static_cast<Uint32>(frame) + 1, *last = *first + 1, true;
  *last = items;
  DcmPixelItem *table = nullptr;
  if (sequence->getItem(table, 0).bad() || table == nullptr ||
      table->getLength() == 0) { /* no offset table: PS3.5 A.4 lets it be empty */
    *first = stream_start(sequence, frame, items);
    if (frame + 1 < frames) *last = stream_start(sequence, frame + 1, items);
    return *first < *last;
  }
  if (DcmCodec::determineStartFragment(static_cast<Uint32>(frame), frames, sequence, *first).bad()) return false;
  if (frame + 1 < frames &&
      DcmCodec::determineStartFragment(static_cast<Uint32>(frame) + 1, frames, sequence, *last).bad())
    return false;
  return *first < *last;
}

/* The stream of a frame, its fragments joined. */
bf_status stream_of(std::vector<unsigned char> *stream, bf_reader *reader, int frame, bf_error *err) {
  const char *path = reader->path.c_str();
  DcmPixelSequence *sequence = sequence_of(reader);
  Uint32 first = 0, last = 0;
  if (sequence == nullptr || !fragments_of(sequence, frame, reader->image.frames, &first, &last))
    return bf_fail(err, BF_E_FORMAT, "%s: frame %d has no fragments in the pixel data (7FE0,0010)", path, frame);
  for (Uint32 i = first; i < last; i++) {
    DcmPixelItem *item = nullptr;
    Uint8 *bytes = nullptr;
    if (sequence->getItem(item, i).bad() || item == nullptr || item->getUint8Array(bytes).bad() || bytes == nullptr)
      return bf_fail(err, BF_E_FORMAT, "%s: fragment %u of the pixel data cannot be read", path,
                     static_cast<unsigned>(i));
    stream->insert(stream->end(), bytes, bytes + item->getLength());
  }
  return BF_OK;
}

/* ---- encodings ---- */

/* A large frame from next to nothing is a trap: it would cost a process seconds and gigabytes. Real pictures give more
 * than a byte in a thousand; a blank one of that size is no loss. */
bf_status check_size(const bf_reader *reader, int frame, size_t stream, bf_error *err) {
  const size_t large = size_t(64) << 20, most_times = 2000;
  if (reader->image.frame_bytes <= large || reader->image.frame_bytes / most_times <= stream) return BF_OK;
  return bf_fail(err, BF_E_LIMIT, "%s: frame %d is to have %zu bytes, from a stream of %zu: it is damaged or hostile",
                 reader->path.c_str(), frame, reader->image.frame_bytes, stream);
}

bf_status decode_stream(bf_reader *reader, int frame, void *dst, bf_error *err,
                        bf_status (*decode)(void *, bf_image *, const void *, size_t, bf_error *)) {
  std::vector<unsigned char> stream;
  bf_status status = stream_of(&stream, reader, frame, err);
  if (status == BF_OK) status = check_size(reader, frame, stream.size(), err);
  if (status != BF_OK) return status;
  status = decode(dst, &reader->image, stream.data(), stream.size(), err);
  return status == BF_OK ? BF_OK : bf_error_prefix(err, "%s: frame %d", reader->path.c_str(), frame);
}

bf_status decode_jpeg2000(bf_reader *reader, int frame, void *dst, bf_error *err) {
  return decode_stream(reader, frame, dst, err, bf_jpeg2000_decode);
}

bf_status decode_jpegls(bf_reader *reader, int frame, void *dst, bf_error *err) {
  return decode_stream(reader, frame, dst, err, bf_jpegls_decode);
}

bf_status decode_rle(bf_reader *reader, int frame, void *dst, bf_error *err) {
  return decode_stream(reader, frame, dst, err, bf_rle_decode);
}

/* The photometric interpretation that the decoder left the pixels in. */
void take_colour_model(bf_image *image, const OFString &model) {
  if (model == "RGB") image->photometric = BF_RGB;
  if (model == "YBR_FULL") image->photometric = BF_YBR_FULL;
}

/* By DCMTK, which fills a frame from whatever picture the stream holds: what that is is looked at before. */
bf_status decode_jpeg(bf_reader *reader, int frame, void *dst, bf_error *err) {
  bf_image *image = &reader->image;
  const char *path = reader->path.c_str();
  std::vector<unsigned char> stream;
  bf_status status = stream_of(&stream, reader, frame, err);
  if (status == BF_OK) status = check_size(reader, frame, stream.size(), err);
  if (status != BF_OK) return status;
  status = bf_jpeg_check(image, stream.data(), stream.size(), err);
  if (status != BF_OK) return bf_error_prefix(err, "%s: frame %d", path, frame);
  DcmXfer syntax(reader->syntax.c_str());
  DcmPixelSequence *sequence = sequence_of(reader);
  Uint32 first = 0, last = 0;
  OFString model;
  fragments_of(sequence, frame, image->frames, &first, &last);
  /* DCMTK wants room for an even number of bytes. */
  std::vector<unsigned char> room(image->frame_bytes + (image->frame_bytes & 1) + 2);
  OFCondition result =
      DcmCodecList::decodeFrame(syntax, nullptr, sequence, reader->file.getDataset(), static_cast<Uint32>(frame), first,
                                room.data(), static_cast<Uint32>(room.size()), model);
  if (result.bad()) {
    bool unknown = result == EC_CannotChangeRepresentation || result == EC_UnsupportedEncoding;
    return bf_fail(err, unknown ? BF_E_UNSUPPORTED : BF_E_FORMAT, "%s: frame %d cannot be decoded (%s): %s", path,
                   frame, syntax.getXferName(), result.text());
  }
  memcpy(dst, room.data(), image->frame_bytes);
  take_colour_model(image, model);
  return BF_OK;
}

typedef bf_status (*decoder)(bf_reader *reader, int frame, void *dst, bf_error *err);

/* Transfer syntaxes (PS3.5 10 and A, PS3.6 A). To add one: a decoder and its lines. */
const struct {
  const char *uid;
  bool encapsulated;
  decoder decode;
} encodings[] = {
    {"1.2.840.10008.1.2", false, decode_native},        {"1.2.840.10008.1.2.1", false, decode_native},
    {"1.2.840.10008.1.2.1.99", false, decode_native},   {"1.2.840.10008.1.2.2", false, decode_native},
    {"1.2.840.10008.1.2.5", true, decode_rle},          {"1.2.840.10008.1.2.4.50", true, decode_jpeg},
    {"1.2.840.10008.1.2.4.51", true, decode_jpeg},      {"1.2.840.10008.1.2.4.53", true, decode_jpeg},
    {"1.2.840.10008.1.2.4.55", true, decode_jpeg},      {"1.2.840.10008.1.2.4.57", true, decode_jpeg},
    {"1.2.840.10008.1.2.4.70", true, decode_jpeg},      {"1.2.840.10008.1.2.4.80", true, decode_jpegls},
    {"1.2.840.10008.1.2.4.81", true, decode_jpegls},    {"1.2.840.10008.1.2.4.90", true, decode_jpeg2000},
    {"1.2.840.10008.1.2.4.91", true, decode_jpeg2000},  {"1.2.840.10008.1.2.4.201", true, decode_jpeg2000},
    {"1.2.840.10008.1.2.4.202", true, decode_jpeg2000}, {"1.2.840.10008.1.2.4.203", true, decode_jpeg2000}};

decoder decoder_of(const bf_reader *reader) {
  for (const auto &encoding : encodings)
    if (reader->syntax == encoding.uid && encoding.encapsulated == reader->encapsulated) return encoding.decode;
  return nullptr;
}

bf_status decode(bf_reader *reader, int frame, void *dst, bf_error *err) {
  const bf_image *image = &reader->image;
  if (frame < 0 || frame >= image->frames)
    return bf_fail(err, BF_E_ARGUMENT, "%s: frame %d of %d", reader->path.c_str(), frame, image->frames);
  bf_status status = image->frames > 1 ? bf_reader_frame(reader, frame, err) : BF_OK;
  if (status != BF_OK) return status;
  return decoder_of(reader)(reader, frame, dst, err);
}

}  // namespace

bf_status bf_reader_native(void *dst, bf_reader *reader, uint64_t offset, size_t size, int frame, bf_error *err) {
  DcmElement *element = nullptr;
  if (offset + size > UINT32_MAX)
    return bf_fail(err, BF_E_LIMIT, "%s: frame %d lies behind the first 4 GiB of the pixel data", reader->path.c_str(),
                   frame);
  OFCondition result = reader->file.getDataset()->findAndGetElement(DCM_PixelData, element);
  if (result.good())
    result =
        element->getPartialValue(dst, static_cast<Uint32>(offset), static_cast<Uint32>(size), nullptr, gLocalByteOrder);
  return result.good()
             ? BF_OK
             : bf_fail(err, BF_E_FORMAT, "%s: frame %d cannot be read: %s", reader->path.c_str(), frame, result.text());
}

bf_status bf_reader_check_length(bf_reader *reader, bf_error *err) {
  DcmElement *element = nullptr;
  bf_image *image = &reader->image;
  if (reader->encapsulated || reader->file.getDataset()->findAndGetElement(DCM_PixelData, element).bad()) return BF_OK;
  uint64_t promised = static_cast<uint64_t>(image->frame_bytes) * static_cast<uint64_t>(image->frames);
  uint64_t there = element->getLength(reader->file.getDataset()->getOriginalXfer());
  if (reader->packing == BF_SINGLE_BITS) promised = (promised + 7) / 8;
  /* Some writers store every sample all the same: the length tells. */
  if (is_native_422(image) && there < promised) {
    reader->packing = BF_HALF_CHROMA;
    promised = promised / 3 * 2;
  }
  if (there >= promised) return BF_OK;
  return bf_fail(err, BF_E_FORMAT,
                 "%s: pixel data (7FE0,0010) has %llu bytes where %d frames of %d x %d need %llu: the file is cut "
                 "short or its header lies",
                 reader->path.c_str(), static_cast<unsigned long long>(there), image->frames, image->columns,
                 image->rows, static_cast<unsigned long long>(promised));
}

bf_status bf_reader_check_syntax(bf_reader *reader, bf_error *err) {
  bf_image *image = &reader->image;
  const char *by_data = DcmXfer(reader->file.getDataset()->getOriginalXfer()).getXferID();
  if (reader->syntax.empty()) reader->syntax = by_data;
  snprintf(image->transfer_syntax_uid, sizeof image->transfer_syntax_uid, "%s", reader->syntax.c_str());
  reader->encapsulated = sequence_of(reader) != nullptr;
  if (decoder_of(reader) != nullptr) return BF_OK;
  for (const auto &encoding : encodings)
    if (reader->syntax == encoding.uid && reader->file.getDataset()->tagExists(DCM_PixelData))
      return bf_fail(err, BF_E_FORMAT, "%s: pixel data (7FE0,0010) is %s, and TransferSyntaxUID (0002,0010) %s says %s",
                     reader->path.c_str(), reader->encapsulated ? "in fragments" : "native", encoding.uid,
                     encoding.encapsulated ? "fragments" : "native");
  return bf_fail(err, BF_E_UNSUPPORTED, "%s: TransferSyntaxUID (0002,0010) %s is not handled", reader->path.c_str(),
                 image->transfer_syntax_uid);
}

extern "C" bool bf_reader_is_cheap(const bf_reader *reader) {
  return !reader->encapsulated || reader->syntax == UID_RLELosslessTransferSyntax;
}

extern "C" bf_status bf_reader_decode(bf_reader *reader, int frame, void *dst, bf_error *err) {
  return bf_reader_guarded(reader->path.c_str(), err, [&] { return decode(reader, frame, dst, err); });
}
