/* Segmented palette tables (PS3.3 C.7.9.2) written out. */
#ifndef BF_DICOM_PALETTE_H
#define BF_DICOM_PALETTE_H

#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dst[count] from `size` bytes of little endian segments whose values have 8 or 16 bits. Segments that give more or
 * fewer values than count, lie outside of the data, or copy segments that copy: BF_E_FORMAT. */
bf_status bf_palette_write_out(uint16_t *dst, size_t count, const uint8_t *data, size_t size, int bits, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
