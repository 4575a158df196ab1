// Reading outlines; they are filled in regions_draw.cpp.
#include "dicom/regions.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "dicom/references.hpp"

namespace {

const size_t most_corners = 4000000, most_regions = 100000;
const int most_depth = 40, circle_corners = 64;
const double same_point = 1e-3;

/* DCMTK parses a list of texts from its start for each number that is asked for: it is asked for all at once. */
bool all_numbers(std::vector<double> *out, DcmElement *element) {
  unsigned long count = element->getVM();
  if (count > 3 * most_corners) return false;
  if (auto *texts = dynamic_cast<DcmDecimalString *>(element)) {
    OFVector<Float64> values;
    if (texts->getFloat64Vector(values).bad()) return false;
    out->assign(values.begin(), values.end());
    return true;
  }
  Float32 *narrow = nullptr;
  Float64 *wide = nullptr;
  if (element->getFloat32Array(narrow).good() && narrow != nullptr)
    out->assign(narrow, narrow + count);
  else if (element->getFloat64Array(wide).good() && wide != nullptr)
    out->assign(wide, wide + count);
  return !out->empty();
}

/* Of a list of decimal texts or floats; false where one is none, or there are too many. */
bool numbers(std::vector<double> *out, DcmItem *item, const DcmTagKey &tag) {
  DcmElement *element = nullptr;
  if (item->findAndGetElement(tag, element).bad() || !all_numbers(out, element)) return false;
  for (double value : *out)
    if (!(std::fabs(value) <= 1e6)) return false;
  return true;
}

template <typename Function>
bf_status each_item(DcmItem *parent, const DcmTagKey &tag, Function function) {
  DcmSequenceOfItems *items = nullptr;
  bf_status status = BF_OK;
  if (parent->findAndGetSequence(tag, items).bad()) return BF_OK;
  for (DcmObject *item = items->nextInContainer(nullptr); item != nullptr && status == BF_OK;
       item = items->nextInContainer(item))
    status = function(static_cast<DcmItem *>(item));
  return status;
}

bf_status too_many(const char *path, bf_error *err) {
  return bf_fail(err, BF_E_LIMIT, "%s: draws more than %zu regions, or more than %zu corners", path, most_regions,
                 most_corners);
}

struct collection {
  std::vector<bf_region> *regions;
  int32_t *passed;
  const char *path;
  size_t corners = 0;
  int plane = 0;
};

bf_status keep(collection *c, bf_region &&region, bf_error *err) {
  for (const auto &outline : region.outlines) c->corners += outline.size() / 2;
  if (c->corners > most_corners || c->regions->size() >= most_regions) return too_many(c->path, err);
  c->regions->push_back(std::move(region));
  return BF_OK;
}

/* ---- structure sets ---- */

/* Of PS3.3 C.8.8.8.1: what is drawn to be spared, to hold or to measure is no lesion. */
bool is_no_lesion(const OFString &type) {
  static const char *const others[] = {"EXTERNAL",         "AVOIDANCE",        "ORGAN",
                                       "MARKER",           "REGISTRATION",     "ISOCENTER",
                                       "CONTRAST_AGENT",   "CAVITY",           "SUPPORT",
                                       "FIXATION",         "DOSE_REGION",      "CONTROL",
                                       "DOSE_MEASUREMENT", "BRACHY_CHANNEL",   "BRACHY_ACCESSORY",
                                       "BRACHY_SRC_APP",   "BRACHY_CHNL_SHLD", "BOLUS",
                                       "IRRAD_VOLUME",     "TREATED_VOLUME",   "PTV"};
  for (const char *other : others)
    if (type == other) return true;
  return false;
}

/* Numbers of the structures that are no lesions. */
std::vector<Sint32> find_others(DcmDataset *set) {
  std::vector<Sint32> out;
  each_item(set, DCM_RTROIObservationsSequence, [&](DcmItem *item) {
    Sint32 number = 0;
    if (is_no_lesion(bf_item_text(item, DCM_RTROIInterpretedType)) &&
        item->findAndGetSint32(DCM_ReferencedROINumber, number).good())
      out.push_back(number);
    return BF_OK;
  });
  return out;
}

bool find_image(bf_region *region, DcmItem *contour) {
  DcmItem *image = nullptr;
  if (contour->findAndGetSequenceItem(DCM_ContourImageSequence, image, 0).bad() || image == nullptr) return false;
  OFString uid = bf_item_text(image, DCM_ReferencedSOPInstanceUID);
  if (!bf_is_uid(uid)) return false;
  region->uid = uid.c_str();
  const std::vector<int32_t> frames = bf_frame_numbers(image);
  if (!frames.empty()) region->frame = frames[0];
  return true;
}

bf_status read_contour(collection *c, DcmItem *contour, int plane, bf_error *err) {
  bf_region region;
  std::vector<double> corners;
  OFString type = bf_item_text(contour, DCM_ContourGeometricType);
  if ((type != "CLOSED_PLANAR" && type != "CLOSEDPLANAR_XOR") || !find_image(&region, contour)) {
    (*c->passed)++;
    return BF_OK;
  }
  if (!numbers(&corners, contour, DCM_ContourData) || corners.size() % 3 != 0 || corners.size() < 9)
    return bf_fail(err, BF_E_FORMAT,
                   "%s: Contour Data (3006,0050) of a closed contour is no list of three or more points", c->path);
  region.patient = true;
  region.plane = plane;
  region.outlines.push_back(std::move(corners));
  return keep(c, std::move(region), err);
}

/* The contours of a structure on an image are filled together: one inside of another is a hole. Much software writes
 * holes so, whether the contours are said to exclude each other or not; of contours that lie apart it changes nothing.
 */
void join_planes(std::vector<bf_region> *regions) {
  std::map<std::tuple<int, std::string, int32_t>, size_t> places;
  std::vector<bf_region> joined;
  for (bf_region &r : *regions) {
    auto found = places.insert({std::make_tuple(r.plane, r.uid, r.frame), joined.size()});
    if (found.second)
      joined.push_back(std::move(r));
    else
      joined[found.first->second].outlines.push_back(std::move(r.outlines[0]));
  }
  *regions = std::move(joined);
}

/* ---- reports ---- */

struct code {
  const char *scheme, *value;
  int8_t malignant;
};

/* SNOMED CT: malignant; highly suggestive of malignancy (BI-RADS 5); benign; benign
 * finding (BI-RADS 2). */
const code classes[] = {
    {"SCT", "21594007", 1}, {"SCT", "397145000", 1}, {"SCT", "30807003", 0}, {"SCT", "397141009", 0}};

bool is_code(DcmItem *item, const DcmTagKey &sequence, const char *value) {
  DcmItem *coded = nullptr;
  return item->findAndGetSequenceItem(sequence, coded, 0).good() && coded != nullptr &&
         bf_item_text(coded, DCM_CodeValue) == value;
}

/* Of a group: what one of its coded values says of the finding. */
int8_t class_of(DcmItem *group) {
  int8_t found = -2;
  each_item(group, DCM_ContentSequence, [&](DcmItem *item) {
    DcmItem *coded = nullptr;
    if (bf_item_text(item, DCM_ValueType) != "CODE") return BF_OK;
    if (item->findAndGetSequenceItem(DCM_ConceptCodeSequence, coded, 0).bad() || coded == nullptr) return BF_OK;
    OFString value = bf_item_text(coded, DCM_CodeValue), scheme = bf_item_text(coded, DCM_CodingSchemeDesignator);
    for (const code &c : classes)
      if (value == c.value && scheme == c.scheme) found = found == 1 ? static_cast<int8_t>(1) : c.malignant;
    return BF_OK;
  });
  return found;
}

/* The images, and frames of them, that a region was selected from. */
void find_images(std::vector<bf_region> *out, DcmItem *coordinates) {
  each_item(coordinates, DCM_ContentSequence, [&](DcmItem *item) {
    DcmItem *image = nullptr;
    if (bf_item_text(item, DCM_ValueType) != "IMAGE" ||
        item->findAndGetSequenceItem(DCM_ReferencedSOPSequence, image, 0).bad() || image == nullptr)
      return BF_OK;
    bf_region region;
    OFString uid = bf_item_text(image, DCM_ReferencedSOPInstanceUID);
    if (!bf_is_uid(uid)) return BF_OK;
    region.uid = uid.c_str();
    const std::vector<int32_t> frames = bf_frame_numbers(image);
    if (frames.empty()) out->push_back(region);
    for (size_t i = 0; i < frames.size() && i < most_regions; i++) {
      region.frame = frames[i];
      if (region.frame >= 0) out->push_back(region);
    }
    return BF_OK;
  });
}

void add_ellipse(std::vector<double> *out, double x, double y, double ax, double ay, double bx, double by) {
  const double turn = 2 * std::acos(-1.0);
  for (int i = 0; i < circle_corners; i++) {
    double c = std::cos(turn * i / circle_corners), s = std::sin(turn * i / circle_corners);
    out->push_back(x + c * ax + s * bx);
    out->push_back(y + c * ay + s * by);
  }
}

/* An outline in pixels, of what is closed; false: it encloses nothing. */
bool outline_of(std::vector<double> *out, const OFString &type, const std::vector<double> &p) {
  size_t n = p.size();
  if (type == "POLYLINE" && n >= 8 && std::fabs(p[0] - p[n - 2]) < same_point &&
      std::fabs(p[1] - p[n - 1]) < same_point) {
    out->assign(p.begin(), p.end() - 2);
    return true;
  }
  if (type == "CIRCLE" && n == 4) {
    double radius = std::hypot(p[2] - p[0], p[3] - p[1]);
    add_ellipse(out, p[0], p[1], radius, 0, 0, radius);
    return radius > 0;
  }
  if (type == "ELLIPSE" && n == 8) {
    add_ellipse(out, (p[0] + p[2]) / 2, (p[1] + p[3]) / 2, (p[2] - p[0]) / 2, (p[3] - p[1]) / 2, (p[6] - p[4]) / 2,
                (p[7] - p[5]) / 2);
    return true;
  }
  return false;
}

bf_status read_coordinates(collection *c, DcmItem *item, int8_t malignant, bf_error *err) {
  std::vector<double> points, outline;
  std::vector<bf_region> images;
  bf_status status = BF_OK;
  find_images(&images, item);
  /* Coordinates of a whole slide or volume of frames lie on none of them. */
  if (bf_item_text(item, DCM_PixelOriginInterpretation) == "VOLUME") images.clear();
  if (!numbers(&points, item, DCM_GraphicData) || points.size() % 2 != 0)
    return bf_fail(err, BF_E_FORMAT, "%s: Graphic Data (0070,0022) of spatial coordinates is no list of points",
                   c->path);
  if (images.empty() || !outline_of(&outline, bf_item_text(item, DCM_GraphicType), points)) {
    (*c->passed)++;
    return BF_OK;
  }
  for (bf_region &region : images) {
    region.malignant = malignant;
    region.outlines.push_back(outline);
    if (status == BF_OK) status = keep(c, std::move(region), err);
  }
  return status;
}

/* The tree is walked whatever its relations: reports of several templates hold regions in groups of measurements. */
bf_status walk(collection *c, DcmItem *parent, int8_t malignant, int depth, bf_error *err) {
  if (depth > most_depth)
    return bf_fail(err, BF_E_LIMIT, "%s: its content is nested more than %d deep", c->path, most_depth);
  return each_item(parent, DCM_ContentSequence, [&](DcmItem *item) {
    OFString type = bf_item_text(item, DCM_ValueType);
    if (type == "SCOORD") return read_coordinates(c, item, malignant, err);
    if (type == "SCOORD3D") (*c->passed)++;
    bool group = type == "CONTAINER" && is_code(item, DCM_ConceptNameCodeSequence, "125007");
    return walk(c, item, group ? class_of(item) : malignant, depth + 1, err);
  });
}

}  // namespace

bf_status bf_regions_of_structures(std::vector<bf_region> *out, int32_t *passed, DcmDataset *set, const char *path,
                                   bf_error *err) {
  collection c{out, passed, path};
  std::vector<Sint32> others = find_others(set);
  bf_status status = each_item(set, DCM_ROIContourSequence, [&](DcmItem *structure) {
    Sint32 number = 0;
    structure->findAndGetSint32(DCM_ReferencedROINumber, number);
    bool other = std::find(others.begin(), others.end(), number) != others.end();
    c.plane++;
    return each_item(structure, DCM_ContourSequence, [&](DcmItem *contour) {
      if (!other) return read_contour(&c, contour, c.plane, err);
      (*passed)++;
      return BF_OK;
    });
  });
  if (status == BF_OK) join_planes(out);
  return status;
}

bf_status bf_regions_of_report(std::vector<bf_region> *out, int32_t *passed, DcmDataset *set, const char *path,
                               bf_error *err) {
  collection c{out, passed, path};
  return walk(&c, set, -2, 0, err);
}
