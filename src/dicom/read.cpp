// Opening and decoding DICOM files.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "dcmtk/dcmdata/dcpixseq.h"
#include "dcmtk/dcmdata/dcpxitem.h"
#include "dcmtk/dcmdata/dcrledrg.h"
#include "dcmtk/dcmdata/dcrleerg.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpeg/djencode.h"
#include "dcmtk/dcmjpls/djdecode.h"
#include "dcmtk/dcmjpls/djencode.h"
#include "dicom/handle.hpp"

namespace {

const off_t most_bytes = off_t(2) << 30;

/* Part 10 files say DICM behind a preamble of 128 bytes; older ones begin with a tag of group 0002 or 0008. */
bool looks_like_dicom(FILE *file) {
  unsigned char head[132];
  size_t got = fread(head, 1, sizeof head, file);
  if (got == sizeof head && memcmp(head + 128, "DICM", 4) == 0) return true;
  if (got < 8) return false;
  bool little = (head[0] == 2 || head[0] == 8) && head[1] == 0 && head[3] == 0;
  bool big = head[0] == 0 && (head[1] == 2 || head[1] == 8) && head[2] == 0;
  return little || big;
}

bf_status check_file(const char *path, bf_error *err) {
  struct stat info;
  if (stat(path, &info) != 0)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot read: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return bf_fail(err, BF_E_ARGUMENT, "%s: is no regular file", path);
  if (info.st_size > most_bytes)
    return bf_fail(err, BF_E_LIMIT, "%s: %lld bytes, more than the limit of %lld", path,
                   static_cast<long long>(info.st_size), static_cast<long long>(most_bytes));
  FILE *file = fopen(path, "rb");
  if (file == nullptr) return bf_fail(err, BF_E_IO, "%s: cannot open: %s", path, strerror(errno));
  errno = 0;
  bool good = looks_like_dicom(file), bad = ferror(file) != 0;
  int code = errno;
  fclose(file);
  if (info.st_size == 0) return bf_fail(err, BF_E_NOT_DICOM, "%s: not DICOM: the file is empty", path);
  if (bad) return bf_fail(err, BF_E_IO, "%s: cannot read: %s", path, strerror(code));
  return good ? BF_OK
              : bf_fail(err, BF_E_NOT_DICOM, "%s: not DICOM: no DICM mark, and it does not begin like a DICOM data set",
                        path);
}

/* Native YBR_FULL_422 stores two luminances and one pair of chrominances for two neighbouring pixels (PS3.3
 * C.7.6.3.1.2): two bytes a pixel, where the other colour models have three. */
bool is_native_422(const bf_dicom *dicom) {
  const bf_image *image = &dicom->image;
  return !DcmXfer(dicom->syntax).isEncapsulated() && image->samples == 3 && image->bits_allocated == 8 &&
         image->columns % 2 == 0 && (image->photometric == BF_YBR_FULL_422 || image->photometric == BF_YBR_PARTIAL);
}

/* Native pixel data must hold every frame that the header promises: nobody pads in silence. */
bf_status check_length(bf_dicom *dicom, bf_error *err) {
  DcmElement *element = nullptr;
  if (DcmXfer(dicom->syntax).isEncapsulated()) return BF_OK;
  if (dicom->file.getDataset()->findAndGetElement(DCM_PixelData, element).bad()) return BF_OK;
  uint64_t promised = static_cast<uint64_t>(dicom->image.frame_bytes) * static_cast<uint64_t>(dicom->image.frames);
  uint64_t there = element->getLength(dicom->syntax);
  /* Some writers store every sample all the same: the length tells. */
  dicom->halved = is_native_422(dicom) && there < promised;
  if (dicom->halved) promised = promised / 3 * 2;
  if (there >= promised) return BF_OK;
  return bf_fail(err, BF_E_FORMAT,
                 "%s: pixel data (7FE0,0010) has %llu bytes where %d frames of %d x %d need %llu: the file is cut "
                 "short or its header lies",
                 dicom->path.c_str(), static_cast<unsigned long long>(there), dicom->image.frames, dicom->image.columns,
                 dicom->image.rows, static_cast<unsigned long long>(promised));
}

bool is_jpeg2000(E_TransferSyntax syntax) { return syntax == EXS_JPEG2000 || syntax == EXS_JPEG2000LosslessOnly; }

/* What was read of a header, without its tables, whose owner is another. */
void show(bf_image *seen, const bf_image *image) {
  if (seen == nullptr) return;
  *seen = *image;
  seen->modality_lut.values = seen->voi_lut.values = nullptr;
  for (bf_lut &table : seen->palette) table.values = nullptr;
}

struct closer {
  void operator()(bf_dicom *dicom) const { bf_dicom_close(dicom); }
};

bf_status open(bf_dicom **out, bf_image *seen, const char *path, const void *key, size_t key_size, bf_error *err) {
  std::unique_ptr<bf_dicom, closer> dicom(new bf_dicom);
  bf_image_init(&dicom->image);
  bf_status status = bf_dicom_load(dicom.get(), path, err);
  if (status == BF_OK) status = bf_dicom_read_header(dicom.get(), key, key_size, err);
  if (status == BF_OK) status = check_length(dicom.get(), err);
  show(seen, &dicom->image);
  if (status == BF_OK) *out = dicom.release();
  return status;
}

/* The photometric interpretation that the decoder left the pixels in. */
void take_colour_model(bf_image *image, const OFString &model) {
  if (model == "RGB") image->photometric = BF_RGB;
  if (model == "YBR_FULL") image->photometric = BF_YBR_FULL;
}

/* Y Y Cb Cr to Y Cb Cr, Y Cb Cr. */
bf_status decode_422(bf_dicom *dicom, int frame, void *dst, bf_error *err) {
  DcmElement *element = nullptr;
  size_t pixels = static_cast<size_t>(dicom->image.rows) * static_cast<size_t>(dicom->image.columns);
  uint64_t offset = 2 * static_cast<uint64_t>(pixels) * static_cast<uint64_t>(frame);
  std::vector<unsigned char> stored(2 * pixels);
  OFCondition result = dicom->file.getDataset()->findAndGetElement(DCM_PixelData, element);
  if (offset + stored.size() > UINT32_MAX)
    return bf_fail(err, BF_E_LIMIT, "%s: frame %d lies behind the first 4 GiB of the pixel data", dicom->path.c_str(),
                   frame);
  if (result.good())
    result = element->getPartialValue(stored.data(), static_cast<Uint32>(offset), static_cast<Uint32>(stored.size()),
                                      nullptr, EBO_LittleEndian);
  if (result.bad())
    return bf_fail(err, BF_E_FORMAT, "%s: frame %d cannot be read: %s", dicom->path.c_str(), frame, result.text());
  unsigned char *to = static_cast<unsigned char *>(dst);
  for (size_t i = 0; i < pixels; i++, to += 3) {
    const unsigned char *pair = &stored[i / 2 * 4];
    to[0] = pair[i % 2];
    to[1] = pair[2];
    to[2] = pair[3];
  }
  dicom->image.planar = false;
  return BF_OK;
}

/* [first, last) of the sequence's items that hold the frame; item 0 is the offset table. Defined below. */
bool fragments_of(DcmPixelSequence *sequence, int frame, int frames, Uint32 *first, Uint32 *last);

/* The item where DCMTK is to begin; 0 leaves the search to DCMTK. */
Uint32 first_fragment(bf_dicom *dicom, DcmElement *element, int frame) {
  DcmPixelSequence *sequence = nullptr;
  Uint32 first = 0, last = 0;
  DcmPixelData *pixels = dynamic_cast<DcmPixelData *>(element);
  if (frame == 0 || !DcmXfer(dicom->syntax).isEncapsulated() || pixels == nullptr) return 0;
  if (pixels->getEncapsulatedRepresentation(dicom->syntax, nullptr, sequence).bad() || sequence == nullptr) return 0;
  return fragments_of(sequence, frame, dicom->image.frames, &first, &last) ? first : 0;
}

bf_status decode(bf_dicom *dicom, int frame, void *dst, bf_error *err) {
  bf_image *image = &dicom->image;
  if (frame < 0 || frame >= image->frames)
    return bf_fail(err, BF_E_ARGUMENT, "%s: frame %d of %d", dicom->path.c_str(), frame, image->frames);
  if (image->frames > 1) bf_dicom_read_frame(dicom, frame);
  if (dicom->halved) return decode_422(dicom, frame, dst, err);
  if (is_jpeg2000(dicom->syntax)) return bf_dicom_decode_jpeg2000(dicom, frame, dst, err);
  DcmDataset *set = dicom->file.getDataset();
  DcmElement *element = nullptr;
  Uint32 size = 0, fragment = 0;
  OFString model;
  OFCondition result = set->findAndGetElement(DCM_PixelData, element);
  if (result.good()) result = element->getUncompressedFrameSize(set, size);
  if (result.good() && size < image->frame_bytes)
    return bf_fail(err, BF_E_FORMAT, "%s: a frame has %lu bytes, the header says %zu", dicom->path.c_str(),
                   static_cast<unsigned long>(size), image->frame_bytes);
  if (result.good()) fragment = first_fragment(dicom, element, frame);
  /* DCMTK wants room for an even number of bytes. */
  std::vector<unsigned char> room(static_cast<size_t>(size) + (size & 1) + 2);
  if (result.good())
    result = element->getUncompressedFrame(set, static_cast<Uint32>(frame), fragment, room.data(),
                                           static_cast<Uint32>(room.size()), model);
  if (result.bad()) {
    bool unknown = result == EC_CannotChangeRepresentation || result == EC_UnsupportedEncoding;
    return bf_fail(err, unknown ? BF_E_UNSUPPORTED : BF_E_FORMAT, "%s: frame %d cannot be decoded (%s): %s",
                   dicom->path.c_str(), frame, DcmXfer(dicom->syntax).getXferName(), result.text());
  }
  memcpy(dst, room.data(), image->frame_bytes);
  take_colour_model(image, model);
  return BF_OK;
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

bf_status decode2000(bf_dicom *dicom, int frame, void *dst, bf_error *err) {
  const char *path = dicom->path.c_str();
  DcmElement *element = nullptr;
  DcmPixelSequence *sequence = nullptr;
  Uint32 first = 0, last = 0;
  if (dicom->file.getDataset()->findAndGetElement(DCM_PixelData, element).bad())
    return bf_fail(err, BF_E_FORMAT, "%s: has no pixel data", path);
  DcmPixelData *pixels = dynamic_cast<DcmPixelData *>(element);
  if (pixels == nullptr || pixels->getEncapsulatedRepresentation(dicom->syntax, nullptr, sequence).bad() ||
      sequence == nullptr || !fragments_of(sequence, frame, dicom->image.frames, &first, &last))
    return bf_fail(err, BF_E_FORMAT, "%s: frame %d has no fragments", path, frame);
  std::vector<unsigned char> stream;
  for (Uint32 i = first; i < last; i++) {
    DcmPixelItem *item = nullptr;
    Uint8 *bytes = nullptr;
    if (sequence->getItem(item, i).bad() || item == nullptr || item->getUint8Array(bytes).bad() || bytes == nullptr)
      return bf_fail(err, BF_E_FORMAT, "%s: fragment %u of the pixel data cannot be read", path,
                     static_cast<unsigned>(i));
    stream.insert(stream.end(), bytes, bytes + item->getLength());
  }
  bf_status status = bf_jpeg2000_decode(dst, &dicom->image, stream.data(), stream.size(), err);
  return status == BF_OK ? BF_OK : bf_error_prefix(err, "%s: frame %d", path, frame);
}

}  // namespace

bf_status bf_dicom_load(bf_dicom *dicom, const char *path, bf_error *err) {
  bf_status status = check_file(path, err);
  if (status != BF_OK) return status;
  dicom->path = path;
  OFCondition result = dicom->file.loadFile(path, EXS_Unknown, EGL_noChange, 4096, ERM_autoDetect);
  if (result.bad()) return bf_fail(err, BF_E_FORMAT, "%s: damaged or cut short: %s", path, result.text());
  dicom->syntax = dicom->file.getDataset()->getOriginalXfer();
  return BF_OK;
}

bf_status bf_dicom_decode_jpeg2000(bf_dicom *dicom, int frame, void *dst, bf_error *err) {
  return decode2000(dicom, frame, dst, err);
}

extern "C" bf_status bf_dicom_init(bf_error *err) {
  return bf_dicom_guarded("DCMTK", err, [&]() -> bf_status {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    /* Archives that did not know a tag pass it on as UN: the dictionary tells what it is. */
    dcmEnableUnknownVRConversion.set(OFTrue);
    if (!dcmDataDict.isDictionaryLoaded() || dcmDataDict.rdlock().numberOfNormalTagEntries() < 1000) {
      dcmDataDict.rdunlock();
      return bf_fail(err, BF_E_NOT_FOUND,
                     "DCMTK found no data dictionary: files without explicit types would be read wrongly; unset "
                     "DCMDICTPATH or install libdcmtk17");
    }
    dcmDataDict.rdunlock();
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
    DcmRLEEncoderRegistration::registerCodecs();
    DJEncoderRegistration::registerCodecs();
    DJLSEncoderRegistration::registerCodecs();
    return BF_OK;
  });
}

extern "C" bf_status bf_dicom_open(bf_dicom **out, const char *path, const void *key, size_t key_size, bf_error *err) {
  *out = nullptr;
  return bf_dicom_guarded(path, err, [&] { return open(out, nullptr, path, key, key_size, err); });
}

extern "C" bf_status bf_dicom_open_seen(bf_dicom **out, bf_image *seen, const char *path, bf_error *err) {
  *out = nullptr;
  bf_image_init(seen);
  return bf_dicom_guarded(path, err, [&] { return open(out, seen, path, "", 0, err); });
}

extern "C" const char *bf_dicom_path(const bf_dicom *dicom) { return dicom->path.c_str(); }

extern "C" void bf_dicom_close(bf_dicom *dicom) {
  if (dicom == nullptr) return;
  bf_image_clear(&dicom->image);
  try {
    delete dicom;
  } catch (...) { /* nothing is left to free */
  }
}

extern "C" const bf_image *bf_dicom_image(const bf_dicom *dicom) { return &dicom->image; }

extern "C" bf_status bf_dicom_decode(bf_dicom *dicom, int frame, void *dst, bf_error *err) {
  return bf_dicom_guarded(dicom->path.c_str(), err, [&] { return decode(dicom, frame, dst, err); });
}

extern "C" const char *bf_dicom_library_version(void) { return OFFIS_DCMTK_VERSION_STRING; }
