// Writing of image files for `phantom`.
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/memory.h"
#include "dcmtk/dcmdata/dcpixseq.h"
#include "dcmtk/dcmdata/dcpxitem.h"
#include "dcmtk/dcmjpeg/djrplol.h"
#include "dcmtk/dcmjpeg/djrploss.h"
#include "dicom/dicom.h"
#include "dicom/reader.hpp"

namespace {

void put(DcmDataset *set, const DcmTagKey &tag, const char *value) {
  if (value != nullptr && value[0] != '\0') set->putAndInsertString(tag, value);
}

void put_number(DcmDataset *set, const DcmTagKey &tag, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.10g", value);
  set->putAndInsertString(tag, text);
}

void put_identity(DcmDataset *set, const bf_dicom_write *w) {
  put(set, DCM_SOPClassUID, w->sop_class_uid);
  put(set, DCM_SOPInstanceUID, w->sop_instance_uid);
  put(set, DCM_StudyInstanceUID, w->study_instance_uid);
  put(set, DCM_SeriesInstanceUID, w->series_instance_uid);
  put(set, DCM_Modality, w->modality);
  put(set, DCM_Manufacturer, w->manufacturer);
  put(set, DCM_PatientID, w->patient_id);
  put(set, DCM_PatientName, w->patient_name);
  put(set, DCM_PatientAge, w->age);
  put(set, DCM_ImageLaterality, w->laterality);
  put(set, DCM_ViewPosition, w->view);
  put(set, DCM_ImageType, "ORIGINAL\\PRIMARY");
}

void put_pixels(DcmDataset *set, const bf_dicom_write *w) {
  bool wide = w->bits_stored > 8;
  size_t n = static_cast<size_t>(w->rows) * static_cast<size_t>(w->columns);
  set->putAndInsertUint16(DCM_SamplesPerPixel, 1);
  put(set, DCM_PhotometricInterpretation, w->monochrome1 ? "MONOCHROME1" : "MONOCHROME2");
  set->putAndInsertUint16(DCM_Rows, static_cast<Uint16>(w->rows));
  set->putAndInsertUint16(DCM_Columns, static_cast<Uint16>(w->columns));
  set->putAndInsertUint16(DCM_BitsAllocated, wide ? 16 : 8);
  set->putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(w->bits_stored));
  set->putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(w->bits_stored - 1));
  set->putAndInsertUint16(DCM_PixelRepresentation, w->is_signed ? 1 : 0);
  if (wide) {
    set->putAndInsertUint16Array(DCM_PixelData, w->pixels, static_cast<unsigned long>(n));
    return;
  }
  std::vector<Uint8> bytes(n + (n & 1));
  for (size_t i = 0; i < n; i++) bytes[i] = static_cast<Uint8>(w->pixels[i]);
  set->putAndInsertUint8Array(DCM_PixelData, bytes.data(), static_cast<unsigned long>(bytes.size()));
}

/* A stream of one frame as encapsulated pixel data, its fragment made even with a zero (PS3.5 A.4). */
OFCondition put_stream(DcmDataset *set, E_TransferSyntax syntax, std::vector<Uint8> *stream) {
  DcmElement *element = nullptr;
  OFCondition result = set->findAndGetElement(DCM_PixelData, element);
  DcmPixelData *pixels = result.good() ? dynamic_cast<DcmPixelData *>(element) : nullptr;
  if (pixels == nullptr) return EC_CannotChangeRepresentation;
  std::unique_ptr<DcmPixelSequence> sequence(new DcmPixelSequence(DcmTag(DCM_PixelData, EVR_OB)));
  DcmOffsetList offsets;
  if (stream->size() % 2) stream->push_back(0);
  sequence->insert(new DcmPixelItem(DcmTag(DCM_Item, EVR_OB)));
  result = sequence->storeCompressedFrame(offsets, stream->data(), static_cast<Uint32>(stream->size()), 0);
  if (result.good()) pixels->putOriginalRepresentation(syntax, nullptr, sequence.release());
  return result;
}

typedef bf_status (*stream_encoder)(void **data, size_t *size, const uint16_t *samples, int32_t rows, int32_t columns,
                                    int bits, bool lossless, bf_error *err);

OFCondition encode_stream(DcmDataset *set, E_TransferSyntax syntax, const bf_dicom_write *w, bool lossless,
                          stream_encoder encode) {
  void *data = nullptr;
  size_t size = 0;
  bf_error err = {};
  if (encode(&data, &size, w->pixels, w->rows, w->columns, w->bits_stored, lossless, &err) != BF_OK)
    return makeOFCondition(OFM_dcmdata, 18, OF_error, err.message);
  std::unique_ptr<void, void (*)(void *)> owner(data, bf_free);
  std::vector<Uint8> stream(static_cast<Uint8 *>(data), static_cast<Uint8 *>(data) + size);
  return put_stream(set, syntax, &stream);
}

/* The byte that makes a JPEG stream's fragment even is what lay in the encoder's memory: the same picture would not
 * give the same file. */
void clear_padding(DcmDataset *set, E_TransferSyntax syntax, const DcmRepresentationParameter *parameter) {
  DcmElement *element = nullptr;
  DcmPixelSequence *sequence = nullptr;
  DcmPixelItem *item = nullptr;
  Uint8 *bytes = nullptr;
  if (set->findAndGetElement(DCM_PixelData, element).bad()) return;
  DcmPixelData *pixels = dynamic_cast<DcmPixelData *>(element);
  if (pixels == nullptr || pixels->getEncapsulatedRepresentation(syntax, parameter, sequence).bad() ||
      sequence == nullptr || sequence->getItem(item, sequence->card() - 1).bad() || item->getUint8Array(bytes).bad())
    return;
  Uint32 n = item->getLength();
  if (n >= 3 && bytes[n - 3] == 0xff && bytes[n - 2] == 0xd9) bytes[n - 1] = 0;
}

OFCondition encode_jpeg(DcmDataset *set, E_TransferSyntax syntax) {
  DJ_RPLossless lossless;
  DJ_RPLossy lossy(90);
  bool whole = syntax == EXS_JPEGProcess14 || syntax == EXS_JPEGProcess14SV1;
  const DcmRepresentationParameter *parameter = whole ? static_cast<DcmRepresentationParameter *>(&lossless) : &lossy;
  OFCondition result = set->chooseRepresentation(syntax, parameter);
  if (result.good()) clear_padding(set, syntax, parameter);
  return result;
}

OFCondition encode(DcmDataset *set, const bf_dicom_write *w, E_TransferSyntax syntax) {
  switch (syntax) {
    case EXS_JPEGLSLossless: return encode_stream(set, syntax, w, true, bf_jpegls_encode);
    case EXS_JPEGLSLossy: return encode_stream(set, syntax, w, false, bf_jpegls_encode);
    case EXS_JPEG2000LosslessOnly: return encode_stream(set, syntax, w, true, bf_jpeg2000_encode);
    case EXS_JPEG2000: return encode_stream(set, syntax, w, false, bf_jpeg2000_encode);
    case EXS_JPEGProcess1:
    case EXS_JPEGProcess2_4:
    case EXS_JPEGProcess6_8:
    case EXS_JPEGProcess10_12:
    case EXS_JPEGProcess14:
    case EXS_JPEGProcess14SV1: return encode_jpeg(set, syntax);
    default: return set->chooseRepresentation(syntax, nullptr);
  }
}

bf_status write(const char *path, const bf_dicom_write *w, bf_error *err) {
  DcmFileFormat file;
  DcmDataset *set = file.getDataset();
  E_TransferSyntax syntax = DcmXfer(w->transfer_syntax_uid).getXfer();
  if (syntax == EXS_Unknown)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: transfer syntax %s is not known", path, w->transfer_syntax_uid);
  put_identity(set, w);
  put_pixels(set, w);
  if (w->slope != 1 || w->intercept != 0) {
    put_number(set, DCM_RescaleSlope, w->slope);
    put_number(set, DCM_RescaleIntercept, w->intercept);
  }
  if (w->window_width > 0) {
    put_number(set, DCM_WindowCenter, w->window_center);
    put_number(set, DCM_WindowWidth, w->window_width);
  }
  if (w->spacing_row > 0) {
    char text[64];
    snprintf(text, sizeof text, "%.8g\\%.8g", w->spacing_row, w->spacing_column);
    put(set, DCM_PixelSpacing, text);
  }
  OFCondition result = encode(set, w, syntax);
  if (result.good()) result = file.saveFile(path, syntax);
  return result.good() ? BF_OK : bf_fail(err, BF_E_IO, "%s: cannot write: %s", path, result.text());
}

}  // namespace

extern "C" bf_status bf_dicom_write_image(const char *path, const bf_dicom_write *what, bf_error *err) {
  try {
    return write(path, what, err);
  } catch (const std::bad_alloc &) {
    return bf_fail(err, BF_E_MEMORY, "%s: no memory to write it", path);
  } catch (...) {
    return bf_fail(err, BF_E_IO, "%s: cannot be written", path);
  }
}
