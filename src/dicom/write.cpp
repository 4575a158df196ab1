// Writing of image files for `phantom`.
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "dcmtk/dcmjpeg/djrplol.h"
#include "dcmtk/dcmjpls/djrparam.h"
#include "dicom/handle.hpp"

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
  put(set, DCM_PatientID, w->patient_id);
  put(set, DCM_PatientName, w->patient_name);
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

OFCondition encode(DcmDataset *set, E_TransferSyntax syntax) {
  DJ_RPLossless lossless;
  DJLSRepresentationParameter jpegls(0, OFTrue);
  if (syntax == EXS_JPEGProcess14SV1) return set->chooseRepresentation(syntax, &lossless);
  if (syntax == EXS_JPEGLSLossless) return set->chooseRepresentation(syntax, &jpegls);
  return set->chooseRepresentation(syntax, nullptr);
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
  OFCondition result = encode(set, syntax);
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
