// What an image is among the others of its study: of which side and view, made from which other, where it lies.
#include <cmath>
#include <cstring>

#include "dicom/reader.hpp"

namespace {

OFString value_of(DcmItem *item, const DcmTagKey &tag, unsigned long position = 0) {
  OFString value;
  if (item == nullptr || item->findAndGetOFString(tag, value, position).bad()) value.clear();
  return value;
}

/* The words of PS3.3 C.8.11.7 (View Position), and of CID 4014 by their codes (SNOMED CT, and SRT before it). Free
 * text in this place is nobody's business. */
const struct {
  const char *word, *sct, *srt;
} views[] = {{"CC", "399162004", "R-10242"},
             {"MLO", "399368009", "R-10226"},
             {"ML", "399260004", "R-10224"},
             {"LM", "399352003", "R-10228"},
             {"LMO", "399099002", "R-10230"},
             {"FB", "399196006", "R-10244"},
             {"XCCL", "399192008", "R-1024A"},
             {"XCCM", "399101009", "R-1024B"},
             {"SIO", "399188001", "R-102D0"},
             {"ISO", "441555000", "R-40AAA"},
             {"XCC", "", ""},
             {"CV", "", ""},
             {"AT", "", ""},
             {"AP", "", ""},
             {"PA", "", ""},
             {"LL", "", ""},
             {"RL", "", ""},
             {"LLD", "", ""},
             {"LLO", "", ""},
             {"RLD", "", ""},
             {"RLO", "", ""}};

const char *view_of(DcmDataset *set) {
  OFString word = value_of(set, DCM_ViewPosition);
  DcmItem *item = nullptr;
  OFString code =
      set->findAndGetSequenceItem(DCM_ViewCodeSequence, item, 0).good() ? value_of(item, DCM_CodeValue) : OFString();
  for (const auto &view : views)
    if (word == view.word) return view.word;
  for (const auto &view : views)
    if (view.sct[0] != '\0' && (code == view.sct || code == view.srt)) return view.word;
  return "";
}

/* Enhanced objects, such as tomosynthesis, say it of frames (PS3.3 C.7.6.16.2.8); the first one speaks for all. */
const char *side_of(DcmDataset *set) {
  OFString side = value_of(set, set->tagExistsWithValue(DCM_ImageLaterality) ? DCM_ImageLaterality : DCM_Laterality);
  if (side.empty())
    side = value_of(bf_reader_holder(set, DCM_FrameAnatomySequence, DCM_FrameLaterality, 0), DCM_FrameLaterality);
  return side == "L" ? "L" : side == "R" ? "R" : "";
}

/* The first value that begins with a letter of PS3.3 C.7.6.1.1.1. */
char row_of(DcmDataset *set) {
  OFString towards = value_of(set, DCM_PatientOrientation);
  return !towards.empty() && strchr("APLRHF", towards[0]) != nullptr ? towards[0] : '\0';
}

void read_kind(bf_image *image, DcmDataset *set) {
  OFString value;
  image->derived = value_of(set, DCM_ImageType) == "DERIVED";
  image->localizer = false;
  for (unsigned long i = 2; i < 8 && set->findAndGetOFString(DCM_ImageType, value, i).good(); i++)
    image->localizer = image->localizer || value == "LOCALIZER";
}

/* PS3.3 C.7.6.1.1.4; in enhanced objects in the derivation of the first frame. */
void read_source(bf_image *image, DcmDataset *set) {
  DcmItem *item = nullptr, *group = nullptr, *derivation = nullptr;
  image->source_uid[0] = '\0';
  if (set->findAndGetSequenceItem(DCM_SourceImageSequence, item, 0).bad() &&
      (set->findAndGetSequenceItem(DCM_PerFrameFunctionalGroupsSequence, group, 0).bad() ||
       group->findAndGetSequenceItem(DCM_DerivationImageSequence, derivation, 0).bad() ||
       derivation->findAndGetSequenceItem(DCM_SourceImageSequence, item, 0).bad()))
    return;
  bf_reader_text(image->source_uid, sizeof image->source_uid, item, DCM_ReferencedSOPInstanceUID);
}

bool numbers(double *out, unsigned long count, DcmItem *item, const DcmTagKey &tag) {
  for (unsigned long i = 0; i < count; i++)
    if (item == nullptr || item->findAndGetFloat64(tag, out[i], i).bad() || !std::isfinite(out[i]) ||
        std::fabs(out[i]) > 1e6)
      return false;
  return true;
}

double product(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

void read_place(bf_image *image, DcmDataset *set) {
  DcmItem *at = bf_reader_holder(set, DCM_PlanePositionSequence, DCM_ImagePositionPatient, 0),
          *how = bf_reader_holder(set, DCM_PlaneOrientationSequence, DCM_ImageOrientationPatient, 0);
  double directions[6];
  image->has_place = numbers(image->position, 3, at, DCM_ImagePositionPatient) &&
                     numbers(directions, 6, how, DCM_ImageOrientationPatient);
  if (!image->has_place) return;
  memcpy(image->row_direction, directions, sizeof image->row_direction);
  memcpy(image->column_direction, directions + 3, sizeof image->column_direction);
  /* Unit vectors at right angles, or nothing that planes could be compared by. */
  image->has_place = std::fabs(product(directions, directions) - 1) < 0.01 &&
                     std::fabs(product(directions + 3, directions + 3) - 1) < 0.01 &&
                     std::fabs(product(directions, directions + 3)) < 0.01;
}

}  // namespace

void bf_reader_place(bf_image *image, DcmDataset *set) {
  Sint32 instance = 0;
  snprintf(image->view, sizeof image->view, "%s", view_of(set));
  snprintf(image->laterality, sizeof image->laterality, "%s", side_of(set));
  image->row_towards = row_of(set);
  image->instance = set->findAndGetSint32(DCM_InstanceNumber, instance).good() ? instance : 0;
  read_kind(image, set);
  read_source(image, set);
  read_place(image, set);
}
