// Look-up tables (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5): modality, VOI, palette.
#include <cstring>

#include "base/memory.h"
#include "dicom/palette.h"
#include "dicom/reader.hpp"

namespace {

/* Entries, first value and bits, PS3.3 C.11.1.1. */
struct descriptor {
  uint32_t entries = 0; /* 0: no table */
  int32_t first = 0;
  int bits = 0;
};

bf_status read_descriptor(descriptor *out, DcmItem *item, const DcmTagKey &tag, bool is_signed, bf_error *err) {
  DcmElement *element = nullptr;
  Uint16 values[3];
  if (item->findAndGetElement(tag, element).bad()) return BF_OK;
  /* The first value has the sign of the pixels; the other two are unsigned, whatever the element's type. */
  for (unsigned long k = 0; k < 3; k++) {
    Sint16 wide = 0;
    if (element->getUint16(values[k], k).good()) continue;
    if (element->getSint16(wide, k).bad())
      return bf_fail(err, BF_E_FORMAT, "the table's descriptor %s cannot be read", DcmTag(tag).getTagName());
    values[k] = static_cast<Uint16>(wide);
  }
  out->entries = values[0] == 0 ? 65536 : values[0];
  out->first = is_signed ? static_cast<Sint16>(values[1]) : values[1];
  out->bits = values[2];
  if (out->bits >= 8 && out->bits <= 16) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "the table's descriptor %s says %d bits an entry; from 8 to 16 can be",
                 DcmTag(tag).getTagName(), out->bits);
}

bf_status make_room(bf_lut *out, const descriptor &d, bf_error *err) {
  out->values = static_cast<uint16_t *>(bf_alloc(d.entries, sizeof(uint16_t)));
  if (out->values == nullptr) return bf_fail(err, BF_E_MEMORY, "no memory for a table");
  out->count = static_cast<int32_t>(d.entries);
  out->first = d.first;
  out->bits = d.bits;
  return BF_OK;
}

bf_status words_of(const Uint16 **words, unsigned long *count, DcmItem *item, const DcmTagKey &tag, bf_error *err) {
  if (item->findAndGetUint16Array(tag, *words, count).good() && *words != nullptr) return BF_OK;
  return bf_fail(err, BF_E_FORMAT, "the table %s cannot be read", DcmTag(tag).getTagName());
}

bf_status read_table(bf_lut *out, DcmItem *item, const DcmTagKey &descriptor_tag, const DcmTagKey &data, bool is_signed,
                     bf_error *err) {
  descriptor d;
  const Uint16 *words = nullptr;
  unsigned long length = 0;
  bf_status status = read_descriptor(&d, item, descriptor_tag, is_signed, err);
  if (status != BF_OK || d.entries == 0) return status;
  status = words_of(&words, &length, item, data, err);
  if (status != BF_OK) return status;
  bool packed = length < d.entries && length * 2 >= d.entries; /* two 8-bit entries in a word */
  if (length < d.entries && !packed)
    return bf_fail(err, BF_E_FORMAT, "the table %s is shorter than it says: %lu of %u entries",
                   DcmTag(data).getTagName(), length, d.entries);
  status = make_room(out, d, err);
  if (status != BF_OK) return status;
  for (uint32_t i = 0; i < d.entries; i++) out->values[i] = packed ? (words[i / 2] >> (i % 2 * 8)) & 255 : words[i];
  return BF_OK;
}

bf_status read_segmented(bf_lut *out, DcmItem *item, const DcmTagKey &descriptor_tag, const DcmTagKey &data,
                         bool is_signed, bf_error *err) {
  descriptor d;
  const Uint16 *words = nullptr;
  unsigned long length = 0;
  bf_status status = read_descriptor(&d, item, descriptor_tag, is_signed, err);
  if (status != BF_OK || d.entries == 0) return status;
  status = words_of(&words, &length, item, data, err);
  if (status == BF_OK) status = make_room(out, d, err);
  if (status != BF_OK) return status;
  std::vector<uint8_t> bytes(2 * static_cast<size_t>(length));
  for (unsigned long i = 0; i < length; i++) {
    bytes[2 * i] = static_cast<uint8_t>(words[i]);
    bytes[2 * i + 1] = static_cast<uint8_t>(words[i] >> 8);
  }
  return bf_palette_write_out(out->values, d.entries, bytes.data(), bytes.size(), d.bits, err);
}

bf_status read_palette(bf_image *image, DcmDataset *set, bf_error *err) {
  static const struct {
    DcmTagKey descriptor, table, segments;
  } colours[] = {{DCM_RedPaletteColorLookupTableDescriptor, DCM_RedPaletteColorLookupTableData,
                  DCM_SegmentedRedPaletteColorLookupTableData},
                 {DCM_GreenPaletteColorLookupTableDescriptor, DCM_GreenPaletteColorLookupTableData,
                  DCM_SegmentedGreenPaletteColorLookupTableData},
                 {DCM_BluePaletteColorLookupTableDescriptor, DCM_BluePaletteColorLookupTableData,
                  DCM_SegmentedBluePaletteColorLookupTableData}};
  bf_status status = BF_OK;
  for (int k = 0; k < 3 && status == BF_OK; k++) {
    bf_lut *out = &image->palette[k];
    bool segmented = !set->tagExistsWithValue(colours[k].table) && set->tagExistsWithValue(colours[k].segments);
    status = segmented ? read_segmented(out, set, colours[k].descriptor, colours[k].segments, image->is_signed, err)
                       : read_table(out, set, colours[k].descriptor, colours[k].table, image->is_signed, err);
    if (status == BF_OK && out->count == 0)
      status = bf_fail(err, BF_E_FORMAT, "PALETTE COLOR without its tables (0028,1201..1203)");
  }
  return status;
}

}  // namespace

bf_status bf_reader_tables(bf_image *image, DcmDataset *set, bf_error *err) {
  DcmItem *item = nullptr;
  bf_status status = BF_OK;
  if (set->findAndGetSequenceItem(DCM_ModalityLUTSequence, item, 0).good())
    status = read_table(&image->modality_lut, item, DCM_LUTDescriptor, DCM_LUTData, image->is_signed, err);
  if (status == BF_OK && set->findAndGetSequenceItem(DCM_VOILUTSequence, item, 0).good())
    status = read_table(&image->voi_lut, item, DCM_LUTDescriptor, DCM_LUTData, image->is_signed || image->intercept < 0,
                        err);
  return status == BF_OK && image->photometric == BF_PALETTE ? read_palette(image, set, err) : status;
}
