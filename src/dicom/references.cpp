#include "dicom/references.hpp"

#include <cstdlib>
#include <cstring>

OFString bf_item_text(DcmItem *item, const DcmTagKey &tag) {
  OFString value;
  item->findAndGetOFString(tag, value);
  return value;
}

bool bf_is_uid(const OFString &uid) {
  return !uid.empty() && uid.length() <= 64 && strspn(uid.c_str(), "0123456789.") == uid.length();
}

namespace {

/* end: of the number's text; DCMTK has left its blanks out. */
int32_t frame_of(const char *start, const char *end) {
  char *stop = nullptr;
  long number = std::strtol(start, &stop, 10);
  return stop == end && number >= 1 && number <= INT32_MAX ? static_cast<int32_t>(number - 1) : -1;
}

}  // namespace

std::vector<int32_t> bf_frame_numbers(DcmItem *item) {
  std::vector<int32_t> out;
  OFString list;
  if (item->findAndGetOFStringArray(DCM_ReferencedFrameNumber, list).bad() || list.empty()) return out;
  for (const char *start = list.c_str();;) {
    const char *end = start + strcspn(start, "\\");
    out.push_back(frame_of(start, end));
    if (*end == '\0') return out;
    start = end + 1;
  }
}
