// How objects name the images and frames that they speak of (PS3.3 10.8, table 10-3). Private to the room.
#ifndef BF_DICOM_REFERENCES_HPP
#define BF_DICOM_REFERENCES_HPP

#include <cstdint>
#include <vector>

#include "dicom/reader.hpp"

/* The first value of a text; "" where there is none. */
OFString bf_item_text(DcmItem *item, const DcmTagKey &tag);
/* Digits and dots, at most 64 (PS3.5 9.1). */
bool bf_is_uid(const OFString &uid);
/* Referenced Frame Number, from 0 on; -1 for what is no number from 1 on. Empty: the whole image. Time grows with its
 * length: DCMTK parses the list from its start for each number that is asked for, so all are asked for at once. */
std::vector<int32_t> bf_frame_numbers(DcmItem *item);

#endif
