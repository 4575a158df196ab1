// Objects that mark lesions, on DCMTK's data level: segmentations here, outlines in regions.cpp. Of segmentations: Its
// module for them (dcmseg) demands a complete object and holds every frame in memory; a mask needs a few attributes,
// and one frame at a time.
#include "dicom/segmentation_reader.h"

#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "dicom/reader.hpp"
#include "dicom/references.hpp"
#include "dicom/regions.hpp"
#include "image/mask.h"

#define LABEL_MAP_CLASS "1.2.840.10008.5.1.4.1.1.66.7"

struct bf_segmentation_reader {
  bf_reader reader; /* image: the shape of one frame */
  bool binary = false, label_map = false, outlines = false;
  unsigned threshold = 1; /* lesion from this value on */
  int32_t padding = 0;    /* of a label map: no lesion, as 0 is none */
  std::vector<bf_segmentation_image> images;
  std::vector<std::vector<int>> frames; /* of the segmentation, or regions, for each image */
  std::vector<bf_region> regions;
  int32_t passed = 0;
};

namespace {

const int32_t most_frames = BF_SEGMENTATION_FRAMES_MAX;

int32_t whole(DcmItem *item, const DcmTagKey &tag, int32_t absent) {
  Uint16 value;
  return item->findAndGetUint16(tag, value).good() ? value : absent;
}

/* ---- what kind ---- */

enum class kind { segmentation, structures, report };

bf_status check_class(kind *out, DcmDataset *set, const char *path, bf_error *err) {
  OFString uid = bf_item_text(set, DCM_SOPClassUID), type = bf_item_text(set, DCM_SegmentationType);
  *out = kind::segmentation;
  if (uid == UID_RTStructureSetStorage) return *out = kind::structures, BF_OK;
  /* PS3.4 B.5: the classes of structured reports. */
  if (strncmp(uid.c_str(), "1.2.840.10008.5.1.4.1.1.88.", 27) == 0) return *out = kind::report, BF_OK;
  if (uid != UID_SegmentationStorage && uid != LABEL_MAP_CLASS)
    return bf_fail(
        err, BF_E_FORMAT,
        "%s: is DICOM, and no object that marks lesions (SOPClassUID (0008,0016) is '%.64s'); label files are "
        "CSV, JSON, folders of PNG masks, and DICOM Segmentations, RT Structure Sets and structured reports",
        path, uid.c_str());
  if (type == "BINARY" || type == "FRACTIONAL" || type == "LABELMAP") return BF_OK;
  return bf_fail(err, BF_E_UNSUPPORTED,
                 "%s: SegmentationType (0062,0001) is '%.16s'; BINARY, FRACTIONAL and LABELMAP are handled", path,
                 type.c_str());
}

bf_status read_shape(bf_segmentation_reader *s, DcmDataset *set, const char *path, bf_error *err) {
  bf_image *image = &s->reader.image;
  Sint32 frames = 1;
  if (set->tagExistsWithValue(DCM_NumberOfFrames) && set->findAndGetSint32(DCM_NumberOfFrames, frames).bad())
    frames = 0;
  image->rows = whole(set, DCM_Rows, 0);
  image->columns = whole(set, DCM_Columns, 0);
  image->frames = frames;
  image->samples = whole(set, DCM_SamplesPerPixel, 1);
  image->bits_allocated = image->bits_stored = whole(set, DCM_BitsAllocated, 0);
  image->high_bit = image->bits_allocated - 1;
  image->photometric = BF_MONOCHROME2;
  if (!bf_mask_size_good(image->rows, image->columns))
    return bf_fail(err, BF_E_LIMIT,
                   "%s: Rows (0028,0010) %d, Columns (0028,0011) %d are outside of 1 x 1 to %lld pixels", path,
                   image->rows, image->columns, static_cast<long long>(BF_MASK_MAX_PIXELS));
  if (frames < 1 || frames > most_frames)
    return bf_fail(err, frames < 1 ? BF_E_FORMAT : BF_E_LIMIT,
                   "%s: NumberOfFrames (0028,0008) %d; from 1 to %d are handled", path, frames, most_frames);
  bool deep = s->label_map && image->bits_allocated == 16;
  if (image->samples != 1 || (image->bits_allocated != (s->binary ? 1 : 8) && !deep))
    return bf_fail(err, BF_E_FORMAT,
                   "%s: SamplesPerPixel (0028,0002) %d, BitsAllocated (0028,0100) %d; %s has 1 and %s", path,
                   image->samples, image->bits_allocated,
                   s->binary      ? "BINARY"
                   : s->label_map ? "LABELMAP"
                                  : "FRACTIONAL",
                   s->binary      ? "1"
                   : s->label_map ? "8 or 16"
                                  : "8");
  image->frame_bytes = static_cast<size_t>(image->rows) * static_cast<size_t>(image->columns) * (deep ? 2 : 1);
  if (s->binary) {
    image->bits_allocated = 8;
    image->bits_stored = 1;
    image->high_bit = 0;
    s->reader.packing = BF_SINGLE_BITS;
  }
  return BF_OK;
}

bf_status check_pixels(bf_segmentation_reader *s, DcmDataset *set, const char *path, bf_error *err) {
  if (!set->tagExists(DCM_PixelData)) return bf_fail(err, BF_E_FORMAT, "%s: has no pixel data (7FE0,0010)", path);
  if (s->binary && s->reader.encapsulated)
    return bf_fail(err, BF_E_UNSUPPORTED, "%s: compressed BINARY frames (%s) are not handled; store it uncompressed",
                   path, DcmXfer(s->reader.syntax.c_str()).getXferName());
  return bf_reader_check_length(&s->reader, err);
}

bf_status read_segmentation(bf_segmentation_reader *s, DcmDataset *set, const char *path, bf_error *err) {
  OFString type = bf_item_text(set, DCM_SegmentationType);
  s->binary = type == "BINARY";
  s->label_map = type == "LABELMAP";
  s->padding = whole(set, DCM_PixelPaddingValue, 0);
  int32_t most = whole(set, DCM_MaximumFractionalValue, 255);
  if (type == "FRACTIONAL" && (most < 1 || most > 255))
    return bf_fail(err, BF_E_FORMAT, "%s: MaximumFractionalValue (0062,000E) %d; from 1 to 255 can be", path, most);
  if (type == "FRACTIONAL") s->threshold = static_cast<unsigned>(most + 1) / 2;
  bf_status status = read_shape(s, set, path, err);
  return status == BF_OK ? check_pixels(s, set, path, err) : status;
}

/* ---- which frame was drawn on which image ---- */

typedef std::pair<std::string, int32_t> target;

/* The images and frames that one Source Image Sequence item names. */
bf_status read_source(std::vector<target> *out, DcmItem *item, const char *path, int frame, bf_error *err) {
  OFString uid = bf_item_text(item, DCM_ReferencedSOPInstanceUID),
           kept = bf_item_text(item, DCM_SpatialLocationsPreserved);
  if (!bf_is_uid(uid))
    return bf_fail(err, BF_E_FORMAT,
                   "%s: frame %d names its image by ReferencedSOPInstanceUID (0008,1155) '%.70s', which is no UID",
                   path, frame + 1, uid.c_str());
  if (kept == "NO" || kept == "REORIENTED_ONLY")
    return bf_fail(err, BF_E_UNSUPPORTED,
                   "%s: frame %d: SpatialLocationsPreserved (0028,135A) is %s: its pixels do not lie over those of the "
                   "image; export it in the image's own geometry",
                   path, frame + 1, kept.c_str());
  const std::vector<int32_t> numbers = bf_frame_numbers(item);
  if (numbers.empty()) out->push_back({uid.c_str(), -1});
  for (int32_t number : numbers) {
    if (number < 0)
      return bf_fail(err, BF_E_FORMAT, "%s: frame %d: ReferencedFrameNumber (0008,1160) is no number from 1 on", path,
                     frame + 1);
    out->push_back({uid.c_str(), number});
  }
  return BF_OK;
}

/* Of the frame's own functional groups, or of the shared ones; none where `groups` has none. */
bf_status read_sources(std::vector<target> *out, DcmItem *groups, const char *path, int frame, bf_error *err) {
  DcmSequenceOfItems *derivations = nullptr, *sources = nullptr;
  bf_status status = BF_OK;
  if (groups == nullptr || groups->findAndGetSequence(DCM_DerivationImageSequence, derivations).bad()) return BF_OK;
  for (DcmObject *d = derivations->nextInContainer(nullptr); d != nullptr && status == BF_OK;
       d = derivations->nextInContainer(d)) {
    if (static_cast<DcmItem *>(d)->findAndGetSequence(DCM_SourceImageSequence, sources).bad()) continue;
    for (DcmObject *source = sources->nextInContainer(nullptr); source != nullptr && status == BF_OK;
         source = sources->nextInContainer(source))
      status = read_source(out, static_cast<DcmItem *>(source), path, frame, err);
  }
  return status;
}

/* An entry each for what is malignant, benign and neither. */
typedef std::map<std::pair<target, int>, size_t> known_entries;

void note(bf_segmentation_reader *s, known_entries *known, const target &where, int8_t malignant, int frame) {
  auto found = known->find({where, malignant});
  if (found == known->end()) {
    bf_segmentation_image image = {};
    snprintf(image.sop_instance_uid, sizeof image.sop_instance_uid, "%s", where.first.c_str());
    image.frame = where.second;
    image.malignant = malignant;
    s->images.push_back(image);
    s->frames.emplace_back();
    found = known->insert({{where, malignant}, s->images.size() - 1}).first;
  }
  s->frames[found->second].push_back(frame);
}

bf_status take_frame(bf_segmentation_reader *s, known_entries *known, DcmItem *own, DcmItem *shared, int frame,
                     bf_error *err) {
  std::vector<target> sources;
  const char *path = s->reader.path.c_str();
  bf_status status = read_sources(&sources, own, path, frame, err);
  if (status == BF_OK && sources.empty()) status = read_sources(&sources, shared, path, frame, err);
  if (status != BF_OK) return status;
  for (const target &source : sources)
    if (source != sources[0])
      return bf_fail(err, BF_E_UNSUPPORTED,
                     "%s: frame %d was drawn on several images (Source Image Sequence (0008,2112)): which of them its "
                     "pixels belong to is not said; export one image a frame",
                     path, frame + 1);
  if (!sources.empty()) {
    note(s, known, sources[0], -2, frame);
    return BF_OK;
  }
  return bf_fail(
      err, BF_E_FORMAT,
      "%s: frame %d does not say which image it was drawn on (Derivation Image Sequence (0008,9124) with Source "
      "Image Sequence (0008,2112)); give the masks as PNG files instead",
      path, frame + 1);
}

bf_status read_frames(bf_segmentation_reader *s, bf_error *err) {
  DcmDataset *set = s->reader.file.getDataset();
  DcmItem *shared = nullptr;
  DcmSequenceOfItems *groups = nullptr;
  known_entries known;
  bf_status status = BF_OK;
  if (set->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared, 0).bad()) shared = nullptr;
  if (set->findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, groups).bad()) groups = nullptr;
  DcmObject *own = groups != nullptr ? groups->nextInContainer(nullptr) : nullptr;
  for (int frame = 0; frame < s->reader.image.frames && status == BF_OK; frame++) {
    status = take_frame(s, &known, static_cast<DcmItem *>(own), shared, frame, err);
    if (own != nullptr) own = groups->nextInContainer(own);
  }
  return status;
}

void note_regions(bf_segmentation_reader *s) {
  known_entries known;
  for (size_t i = 0; i < s->regions.size(); i++)
    note(s, &known, {s->regions[i].uid, s->regions[i].frame}, s->regions[i].malignant, static_cast<int>(i));
}

bf_status read_all(bf_segmentation_reader *s, bf_error *err) {
  DcmDataset *set = s->reader.file.getDataset();
  const char *path = s->reader.path.c_str();
  kind what;
  bf_status status = check_class(&what, set, path, err);
  if (status != BF_OK) return status;
  if (what == kind::segmentation) {
    status = bf_reader_check_syntax(&s->reader, err);
    if (status == BF_OK) status = read_segmentation(s, set, path, err);
    return status == BF_OK ? read_frames(s, err) : status;
  }
  s->outlines = true;
  status = what == kind::structures ? bf_regions_of_structures(&s->regions, &s->passed, set, path, err)
                                    : bf_regions_of_report(&s->regions, &s->passed, set, path, err);
  if (status == BF_OK) note_regions(s);
  return status;
}

/* ---- pixels ---- */

bool is_lesion(const bf_segmentation_reader *s, const std::vector<Uint8> &values, size_t i) {
  if (!s->label_map) return values[i] >= s->threshold;
  Uint16 value = values[s->reader.image.bits_allocated == 8 ? i : 2 * i];
  if (s->reader.image.bits_allocated != 8) memcpy(&value, values.data() + 2 * i, sizeof value);
  return value != 0 && value != s->padding;
}

bf_status add_frame(uint8_t *mask, bf_segmentation_reader *s, int frame, bf_error *err) {
  const bf_image *image = &s->reader.image;
  std::vector<Uint8> values(image->frame_bytes);
  bf_status status = bf_reader_decode(&s->reader, frame, values.data(), err);
  if (status != BF_OK) return status;
  size_t i = 0;
  for (int32_t y = 0; y < image->rows; y++)
    for (int32_t x = 0; x < image->columns; x++)
      if (is_lesion(s, values, i++)) bf_mask_set(mask, image->columns, x, y);
  return BF_OK;
}

bf_status add_drawn(uint8_t *mask, bf_segmentation_reader *s, int which, int32_t rows, int32_t columns,
                    const bf_segmentation_place *place, bf_error *err) {
  if (!s->outlines) return add_frame(mask, s, which, err);
  return bf_region_draw(mask, s->regions[static_cast<size_t>(which)], place, rows, columns, s->reader.path.c_str(),
                        err);
}

bf_status add(uint8_t *mask, bf_segmentation_reader *s, const bf_segmentation_image *entry, int32_t rows,
              int32_t columns, const bf_segmentation_place *place, bf_error *err) {
  const bf_image *image = &s->reader.image;
  if (!s->outlines && (image->rows != rows || image->columns != columns))
    return bf_fail(err, BF_E_FORMAT, "%s: the mask has %d columns and %d rows, the image %d columns and %d rows",
                   s->reader.path.c_str(), image->columns, image->rows, columns, rows);
  bf_status status = BF_OK;
  for (size_t i = 0; i < s->images.size(); i++) {
    const bf_segmentation_image &one = s->images[i];
    if (one.frame != entry->frame || one.malignant != entry->malignant ||
        strncmp(one.sop_instance_uid, entry->sop_instance_uid, sizeof one.sop_instance_uid) != 0)
      continue;
    for (size_t k = 0; k < s->frames[i].size() && status == BF_OK; k++)
      status = add_drawn(mask, s, s->frames[i][k], rows, columns, place, err);
  }
  return status;
}

bf_status open(bf_segmentation_reader **out, int file, int64_t size, const char *path, bf_error *err) {
  std::unique_ptr<bf_segmentation_reader> s(new bf_segmentation_reader);
  bf_image_init(&s->reader.image);
  bf_status status = bf_reader_load(&s->reader, file, size, path, err);
  if (status == BF_OK) status = read_all(s.get(), err);
  if (status == BF_OK) *out = s.release();
  return status;
}

}  // namespace

extern "C" bf_status bf_segmentation_reader_open(bf_segmentation_reader **out, int file, int64_t size, const char *path,
                                                 bf_error *err) {
  *out = nullptr;
  return bf_reader_guarded(path, err, [&] { return open(out, file, size, path, err); });
}

extern "C" void bf_segmentation_reader_close(bf_segmentation_reader *s) {
  try {
    delete s;
  } catch (...) { /* nothing is left to free */
  }
}

extern "C" int32_t bf_segmentation_reader_count(const bf_segmentation_reader *s) {
  return static_cast<int32_t>(s->images.size());
}

extern "C" const bf_segmentation_image *bf_segmentation_reader_at(const bf_segmentation_reader *s, int32_t index) {
  return &s->images[static_cast<size_t>(index)];
}

extern "C" int32_t bf_segmentation_reader_passed(const bf_segmentation_reader *s) { return s->passed; }

extern "C" bf_status bf_segmentation_reader_add(uint8_t *mask, bf_segmentation_reader *s,
                                                const bf_segmentation_image *entry, int32_t rows, int32_t columns,
                                                const bf_segmentation_place *place, bf_error *err) {
  return bf_reader_guarded(s->reader.path.c_str(), err, [&] { return add(mask, s, entry, rows, columns, place, err); });
}
