/* One picture as it was stored, and all that was said about it: filled once by the DICOM shim, so that nothing
 * downstream asks DICOM again. Plain C, no file access. */
#ifndef BF_IMAGE_IMAGE_H
#define BF_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BF_UID_MAX 65
#define BF_WINDOWS_MAX 8
#define BF_RESCALE_MAX 1e12 /* of slope and intercept: what values become stays far within a double */

typedef enum bf_photometric {
  BF_MONOCHROME1,
  BF_MONOCHROME2,
  BF_RGB,
  BF_PALETTE,
  BF_YBR_FULL,
  BF_YBR_FULL_422,
  BF_YBR_PARTIAL,
  BF_YBR_ICT,
  BF_YBR_RCT,
  BF_PHOTOMETRIC_OTHER
} bf_photometric;

typedef enum bf_voi_function { BF_VOI_LINEAR, BF_VOI_LINEAR_EXACT, BF_VOI_SIGMOID } bf_voi_function;

/* DICOM PS3.3 C.11.1 and C.11.2: a table from input value to output. */
typedef struct bf_lut {
  int32_t first;    /* first input value mapped */
  int32_t count;    /* entries; 0: no table */
  int32_t bits;     /* of an entry */
  uint16_t *values; /* owned by the image */
} bf_lut;

typedef struct bf_image {
  char sop_class_uid[BF_UID_MAX], sop_instance_uid[BF_UID_MAX], series_instance_uid[BF_UID_MAX],
      study_instance_uid[BF_UID_MAX], transfer_syntax_uid[BF_UID_MAX];
  char modality[17];     /* (0008,0060) */
  char manufacturer[33]; /* (0008,0070): letters, digits, blanks and . , & ( ) / -; "" unknown */
  char age_group[17];    /* of the patient: "40-49", "90+"; "" unknown */
  char photometric_name[17];
  bf_photometric photometric;
  int32_t rows, columns, frames, samples;
  int32_t bits_allocated, bits_stored, high_bit;
  bool is_signed;
  bool planar; /* decoded pixels are colour-by-plane */
  bool has_padding;
  int32_t padding_low, padding_high; /* stored values of Pixel Padding Value and Range Limit */
  double slope, intercept;           /* modality rescale; 1 and 0 where absent */
  bf_lut modality_lut;
  bool has_window;
  double window_center, window_width; /* the first VOI window, in rescaled units */
  int32_t window_count;               /* of windows, those beyond BF_WINDOWS_MAX not counted */
  double window_centers[BF_WINDOWS_MAX], window_widths[BF_WINDOWS_MAX];
  bf_voi_function voi_function;
  bf_lut voi_lut;
  bf_lut palette[3];                  /* PALETTE COLOR, red green blue */
  bool presentation_inverse;          /* Presentation LUT Shape INVERSE */
  double spacing_row, spacing_column; /* mm between rows and between columns; 0 where unknown */
  char laterality[2], view[17];       /* "L", "R" or ""; "CC", "MLO", ... of PS3.3 C.8.11.7, "" where it is none */
  char row_towards;                   /* where rows lead: 'A' anterior, 'P' posterior, ... (0020,0020); 0 unknown */
  bool derived, localizer;            /* Image Type (0008,0008): DERIVED first, LOCALIZER third or later */
  char source_uid[BF_UID_MAX];        /* SOP Instance UID of the first image that it was made from; "" unknown */
  int32_t instance;                   /* Instance Number; 0 unknown */
  /* PS3.3 C.7.6.2: of the first frame, mm; unit vectors along a row and along a column. */
  bool has_place;
  double position[3], row_direction[3], column_direction[3];
  char patient_key[65]; /* keyed hash of Patient ID (and issuer), hexadecimal; "" where absent */
  size_t frame_bytes;   /* of one decoded frame: rows*columns*samples*(bits_allocated/8), at least 1 byte a sample */
} bf_image;

void bf_image_init(bf_image *image);
/* Frees the tables; accepts a zeroed image. */
void bf_image_clear(bf_image *image);

/* All that is said of it but the tables: needs no clearing. */
bf_image bf_image_without_tables(const bf_image *image);

/* Stored value (sign extended, masked to bits_stored) of sample `i` of a decoded frame laid out as image says. */
int64_t bf_image_stored(const bf_image *image, const void *pixels, int64_t i);

/* Makes the number-th window, from 1, the one that is used; where there is no such, nothing changes. */
void bf_image_choose_window(bf_image *image, int number);

/* Smallest, largest and mean stored value of a decoded frame. */
void bf_image_range(const bf_image *image, const void *pixels, double *low, double *high, double *mean);

/* How grey levels are chosen where the file has no VOI window or table. */
typedef enum bf_tone { BF_TONE_FILE, BF_TONE_RANGE } bf_tone;

/* Tone-maps a decoded frame to luminance 0..1, [rows*columns] floats: modality rescale or table, VOI table or window
 * (PS3.3 C.11.2.1.2; where absent, the range of the values that are not padding), MONOCHROME1 and inverse shapes
 * turned over once, colour to luminance (ITU-R BT.601). Padding pixels become 0 (black). RGB and YBR input is as
 * decoded by the shim (RGB unless photometric says YBR). */
bf_status bf_image_tone(float *dst, const bf_image *image, const void *pixels, bf_tone tone, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
