// The header: attributes to bf_image, each against its limit. Values in functional groups of enhanced objects (PS3.3
// C.7.6.16) are looked up in the shared group, then in that of the frame.
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/memory.h"
#include "dicom/coarse.h"
#include "dicom/reader.hpp"

/* A tag at the top, or in the first item of `sequence` within the shared functional groups or those of the frame. */
DcmItem *bf_reader_holder(DcmDataset *set, const DcmTagKey &sequence, const DcmTagKey &tag, int frame) {
  if (set->tagExistsWithValue(tag)) return set;
  const struct {
    DcmTagKey group;
    long item;
  } places[] = {{DCM_SharedFunctionalGroupsSequence, 0}, {DCM_PerFrameFunctionalGroupsSequence, frame}};
  for (const auto &place : places) {
    DcmItem *item = nullptr, *inner = nullptr;
    if (set->findAndGetSequenceItem(place.group, item, place.item).good() &&
        item->findAndGetSequenceItem(sequence, inner, 0).good() && inner->tagExistsWithValue(tag))
      return inner;
  }
  return nullptr;
}

/* Identifiers and code strings are ASCII (PS3.5 6.2); what a broken writer put in besides becomes '?'. */
void bf_reader_text(char *out, size_t capacity, DcmItem *item, const DcmTagKey &tag) {
  OFString value;
  out[0] = '\0';
  if (item->findAndGetOFString(tag, value).good()) snprintf(out, capacity, "%s", value.c_str());
  for (char *c = out; *c != '\0'; c++)
    if (*c < 32 || *c > 126) *c = '?';
}

namespace {

const int32_t least_side = 1, most_side = 32768, most_frames = 20000;
const int64_t most_frame_bytes = INT64_C(1) << 30;

bool number(double *out, DcmItem *item, const DcmTagKey &tag, unsigned long position = 0) {
  Float64 value;
  if (item == nullptr || item->findAndGetFloat64(tag, value, position).bad() || !std::isfinite(value)) return false;
  *out = value;
  return true;
}

/* A defined term of PS3.3 C.7.3.1.1.1 is of capitals and digits; whatever else stands in this place is not kept. */
void read_modality(bf_image *image, DcmDataset *set) {
  bf_reader_text(image->modality, sizeof image->modality, set, DCM_Modality);
  for (const char *c = image->modality; *c != '\0'; c++)
    if ((*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9') && *c != '_') {
      image->modality[0] = '\0';
      return;
    }
}

/* Before anything is handed on: neither the age nor a date leaves this process. */
void read_origin(bf_image *image, DcmDataset *set) {
  OFString maker, age, birth, date;
  set->findAndGetOFString(DCM_Manufacturer, maker);
  set->findAndGetOFString(DCM_PatientAge, age);
  set->findAndGetOFString(DCM_PatientBirthDate, birth);
  if (set->findAndGetOFString(DCM_StudyDate, date).bad() || date.empty())
    set->findAndGetOFString(DCM_ContentDate, date);
  bf_coarse_name(image->manufacturer, maker.c_str());
  bf_coarse_age(image->age_group, age.c_str(), birth.c_str(), date.c_str());
}

int32_t whole(DcmItem *item, const DcmTagKey &tag, int32_t absent) {
  Uint16 value;
  return item->findAndGetUint16(tag, value).good() ? value : absent;
}

/* Number of Frames is text: 1 where absent, 0 where it is no whole number. */
int32_t frames_of(DcmDataset *set) {
  OFString value;
  char *end = nullptr;
  if (set->findAndGetOFString(DCM_NumberOfFrames, value).bad() || value.empty()) return 1;
  long frames = strtol(value.c_str(), &end, 10);
  while (*end == ' ') end++;
  return *end != '\0' || frames < 0 ? 0 : frames > INT32_MAX ? INT32_MAX : static_cast<int32_t>(frames);
}

bf_photometric photometric_of(const char *name) {
  static const struct {
    const char *name;
    bf_photometric value;
  } known[] = {{"MONOCHROME1", BF_MONOCHROME1},     {"MONOCHROME2", BF_MONOCHROME2}, {"RGB", BF_RGB},
               {"PALETTE COLOR", BF_PALETTE},       {"YBR_FULL", BF_YBR_FULL},       {"YBR_FULL_422", BF_YBR_FULL_422},
               {"YBR_PARTIAL_422", BF_YBR_PARTIAL}, {"YBR_ICT", BF_YBR_ICT},         {"YBR_RCT", BF_YBR_RCT}};
  for (const auto &k : known)
    if (strcmp(k.name, name) == 0) return k.value;
  return BF_PHOTOMETRIC_OTHER;
}

bool is_width(const bf_image *image, double width) {
  return image->voi_function == BF_VOI_LINEAR ? width >= 1 : width > 0;
}

/* All windows up to the first that cannot be; the first one is in use. */
void read_window(bf_image *image, DcmDataset *set, int frame) {
  DcmItem *item = bf_reader_holder(set, DCM_FrameVOILUTSequence, DCM_WindowCenter, frame);
  double center = 0, width = 0;
  char function[32] = "";
  image->has_window = false;
  image->window_count = 0;
  if (item == nullptr) return;
  bf_reader_text(function, sizeof function, item, DCM_VOILUTFunction);
  image->voi_function = strcmp(function, "SIGMOID") == 0        ? BF_VOI_SIGMOID
                        : strcmp(function, "LINEAR_EXACT") == 0 ? BF_VOI_LINEAR_EXACT
                                                                : BF_VOI_LINEAR;
  for (int i = 0; i < BF_WINDOWS_MAX; i++) {
    if (!number(&center, item, DCM_WindowCenter, static_cast<unsigned long>(i)) ||
        !number(&width, item, DCM_WindowWidth, static_cast<unsigned long>(i)) || !is_width(image, width))
      break;
    image->window_centers[i] = center;
    image->window_widths[i] = width;
    image->window_count++;
  }
  image->has_window = image->window_count > 0;
  if (!image->has_window) return;
  image->window_center = image->window_centers[0];
  image->window_width = image->window_widths[0];
}

void read_rescale(bf_image *image, DcmDataset *set, int frame) {
  DcmItem *item = bf_reader_holder(set, DCM_PixelValueTransformationSequence, DCM_RescaleSlope, frame);
  double slope = 1, intercept = 0;
  image->slope = 1;
  image->intercept = 0;
  if (item != nullptr && number(&slope, item, DCM_RescaleSlope) && slope != 0) {
    number(&intercept, item, DCM_RescaleIntercept);
    image->slope = slope;
    image->intercept = intercept;
  }
}

void read_spacing(bf_image *image, DcmDataset *set, int frame) {
  DcmItem *item = bf_reader_holder(set, DCM_PixelMeasuresSequence, DCM_PixelSpacing, frame), *region = nullptr,
          *second = nullptr;
  DcmTagKey tag = DCM_PixelSpacing;
  if (item == nullptr && set->tagExistsWithValue(DCM_ImagerPixelSpacing)) item = set, tag = DCM_ImagerPixelSpacing;
  if (item != nullptr && number(&image->spacing_row, item, tag, 0) && number(&image->spacing_column, item, tag, 1)) {
    if (image->spacing_row <= 0 || image->spacing_column <= 0) image->spacing_row = image->spacing_column = 0;
    return;
  }
  image->spacing_row = image->spacing_column = 0;
  /* Ultrasound regions (PS3.3 C.8.5.5): one region in centimetres (unit 3). */
  if (set->findAndGetSequenceItem(DCM_SequenceOfUltrasoundRegions, region, 0).bad() ||
      set->findAndGetSequenceItem(DCM_SequenceOfUltrasoundRegions, second, 1).good())
    return;
  double x = 0, y = 0;
  if (whole(region, DCM_PhysicalUnitsXDirection, 0) != 3 || whole(region, DCM_PhysicalUnitsYDirection, 0) != 3) return;
  if (!number(&x, region, DCM_PhysicalDeltaX) || !number(&y, region, DCM_PhysicalDeltaY) || x == 0 || y == 0) return;
  image->spacing_row = std::fabs(y) * 10;
  image->spacing_column = std::fabs(x) * 10;
}

void read_padding(bf_image *image, DcmDataset *set) {
  Uint16 low = 0, high = 0;
  DcmElement *element = nullptr;
  if (set->findAndGetElement(DCM_PixelPaddingValue, element).bad()) return;
  Sint16 value = 0;
  if (element->getUint16(low).bad()) {
    if (element->getSint16(value).bad()) return;
    low = static_cast<Uint16>(value);
  }
  high = low;
  if (set->findAndGetElement(DCM_PixelPaddingRangeLimit, element).good() && element->getUint16(high).bad() &&
      element->getSint16(value).good())
    high = static_cast<Uint16>(value);
  image->has_padding = true;
  image->padding_low = image->is_signed ? static_cast<Sint16>(low) : low;
  image->padding_high = image->is_signed ? static_cast<Sint16>(high) : high;
}

void read_identity(bf_reader *reader, DcmDataset *set) {
  OFString id, issuer;
  if (set->findAndGetOFString(DCM_PatientID, id).bad() || id.empty()) return;
  set->findAndGetOFString(DCM_IssuerOfPatientID, issuer);
  reader->identity = std::string(id.c_str()) + "\\" + issuer.c_str();
}

/* Pixels of one bit come out as bytes. */
void take_single_bits(bf_reader *reader) {
  bf_image *image = &reader->image;
  if (image->bits_allocated != 1 || image->samples != 1) return;
  image->bits_allocated = 8;
  image->bits_stored = 1;
  image->high_bit = 0;
  if (!reader->encapsulated) reader->packing = BF_SINGLE_BITS;
}

bf_status check_shape(bf_image *image, const char *path, bf_error *err) {
  if (image->rows < least_side || image->columns < least_side || image->rows > most_side || image->columns > most_side)
    return bf_fail(err, image->rows < 1 || image->columns < 1 ? BF_E_FORMAT : BF_E_LIMIT,
                   "%s: Rows (0028,0010) %d, Columns (0028,0011) %d; from %d to %d are handled", path, image->rows,
                   image->columns, least_side, most_side);
  if (image->frames < 1 || image->frames > most_frames)
    return bf_fail(err, image->frames < 1 ? BF_E_FORMAT : BF_E_LIMIT,
                   "%s: NumberOfFrames (0028,0008) %d; from 1 to %d are handled", path, image->frames, most_frames);
  if (image->samples != 1 && image->samples != 3)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: SamplesPerPixel (0028,0002) %d; 1 and 3 are handled", path,
                   image->samples);
  if (image->bits_allocated != 8 && image->bits_allocated != 16 && image->bits_allocated != 32)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: BitsAllocated (0028,0100) %d; 1, 8, 16 and 32 are handled", path,
                   image->bits_allocated);
  if (image->bits_stored < 1 || image->bits_stored > image->bits_allocated ||
      image->high_bit < image->bits_stored - 1 || image->high_bit >= image->bits_allocated)
    return bf_fail(err, BF_E_FORMAT,
                   "%s: BitsStored (0028,0101) %d and HighBit (0028,0102) %d do not fit %d allocated bits", path,
                   image->bits_stored, image->high_bit, image->bits_allocated);
  bool colour =
      image->photometric != BF_MONOCHROME1 && image->photometric != BF_MONOCHROME2 && image->photometric != BF_PALETTE;
  if (image->photometric == BF_PHOTOMETRIC_OTHER)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: PhotometricInterpretation (0028,0004) '%s' is not handled", path,
                   image->photometric_name);
  if (colour != (image->samples == 3))
    return bf_fail(err, BF_E_FORMAT, "%s: PhotometricInterpretation '%s' with %d samples", path,
                   image->photometric_name, image->samples);
  int64_t bytes = static_cast<int64_t>(image->rows) * image->columns * image->samples * (image->bits_allocated / 8);
  if (bytes > most_frame_bytes)
    return bf_fail(err, BF_E_LIMIT, "%s: one frame has %lld bytes, more than the limit of %lld", path,
                   static_cast<long long>(bytes), static_cast<long long>(most_frame_bytes));
  image->frame_bytes = static_cast<size_t>(bytes);
  return BF_OK;
}

/* The class of the object: by the data set, or by the meta header where directories have it. */
OFString class_of(bf_reader *reader) {
  OFString uid;
  if (reader->file.getDataset()->findAndGetOFString(DCM_SOPClassUID, uid).bad() || uid.empty())
    reader->file.getMetaInfo()->findAndGetOFString(DCM_MediaStorageSOPClassUID, uid);
  return uid;
}

/* Segmentations have pixels that are labels, and are read as such (segmentation.h). */
bf_status check_kind(bf_reader *reader, bf_error *err) {
  static const char label_map[] = "1.2.840.10008.5.1.4.1.1.66.7";
  OFString uid = class_of(reader);
  const char *path = reader->path.c_str(), *name = uid == label_map ? "LabelMapSegmentationStorage"
                                                   : uid.empty()    ? "no SOP class"
                                                                    : dcmFindNameOfUID(uid.c_str());
  if (name == nullptr) name = reader->image.sop_class_uid[0] ? reader->image.sop_class_uid : "an unknown SOP class";
  if (uid == UID_SegmentationStorage || uid == label_map)
    return bf_fail(err, BF_E_NO_IMAGE, "%s: is no image but a segmentation (%s): give it as a label", path, name);
  if (uid == UID_RTStructureSetStorage || strncmp(uid.c_str(), "1.2.840.10008.5.1.4.1.1.88.", 27) == 0)
    return bf_fail(err, BF_E_NO_IMAGE, "%s: is no image (%s): give it as a label where it marks lesions", path, name);
  if (!reader->file.getDataset()->tagExists(DCM_PixelData))
    return bf_fail(err, BF_E_NO_IMAGE, "%s: has no pixel data (%s)", path, name);
  return BF_OK;
}

}  // namespace

bf_status bf_reader_frame(bf_reader *reader, int frame, bf_error *err) {
  DcmDataset *set = reader->file.getDataset();
  read_rescale(&reader->image, set, frame);
  read_window(&reader->image, set, frame);
  read_spacing(&reader->image, set, frame);
  double slope = reader->image.slope, intercept = reader->image.intercept;
  if (std::fabs(slope) <= BF_RESCALE_MAX && std::fabs(intercept) <= BF_RESCALE_MAX) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "%s: RescaleSlope (0028,1053) %g and RescaleIntercept (0028,1052) %g are no scale",
                 reader->path.c_str(), slope, intercept);
}

bf_status bf_reader_header(bf_reader *reader, bf_error *err) {
  DcmDataset *set = reader->file.getDataset();
  bf_image *image = &reader->image;
  const char *path = reader->path.c_str();
  char shape[32];
  bf_image_init(image);
  bf_reader_text(image->sop_class_uid, sizeof image->sop_class_uid, set, DCM_SOPClassUID);
  bf_reader_text(image->sop_instance_uid, sizeof image->sop_instance_uid, set, DCM_SOPInstanceUID);
  bf_reader_text(image->series_instance_uid, sizeof image->series_instance_uid, set, DCM_SeriesInstanceUID);
  bf_reader_text(image->study_instance_uid, sizeof image->study_instance_uid, set, DCM_StudyInstanceUID);
  read_modality(image, set);
  read_origin(image, set);
  bf_reader_text(image->photometric_name, sizeof image->photometric_name, set, DCM_PhotometricInterpretation);
  bf_reader_place(image, set);
  bf_status syntax = bf_reader_check_syntax(reader, err), status = check_kind(reader, err);
  if (status == BF_OK) status = syntax;
  if (status != BF_OK) return status;
  image->photometric = photometric_of(image->photometric_name);
  image->rows = whole(set, DCM_Rows, 0);
  image->columns = whole(set, DCM_Columns, 0);
  image->samples = whole(set, DCM_SamplesPerPixel, 1);
  image->bits_allocated = whole(set, DCM_BitsAllocated, 0);
  image->bits_stored = whole(set, DCM_BitsStored, image->bits_allocated);
  image->high_bit = whole(set, DCM_HighBit, image->bits_stored - 1);
  image->is_signed = whole(set, DCM_PixelRepresentation, 0) == 1;
  image->planar = image->samples == 3 && whole(set, DCM_PlanarConfiguration, 0) == 1;
  image->frames = frames_of(set);
  take_single_bits(reader);
  status = check_shape(image, path, err);
  if (status != BF_OK) return status;
  bf_reader_text(shape, sizeof shape, set, DCM_PresentationLUTShape);
  image->presentation_inverse = strcmp(shape, "INVERSE") == 0 && image->photometric == BF_MONOCHROME2;
  status = bf_reader_frame(reader, 0, err);
  if (status != BF_OK) return status;
  read_padding(image, set);
  read_identity(reader, set);
  status = bf_reader_tables(image, set, err);
  return status == BF_OK ? BF_OK : bf_error_prefix(err, "%s", path);
}
