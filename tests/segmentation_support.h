/* DICOM Segmentation objects for tests, small and made byte by byte. dicom_support.h's buffers hold 64 KiB. */
#ifndef BF_TESTS_SEGMENTATION_SUPPORT_H
#define BF_TESTS_SEGMENTATION_SUPPORT_H

#include "dicom_support.h"

/* One frame and the image that it was drawn on. */
typedef struct seg_frame {
  const char *uid;        /* NULL: says none */
  int number;             /* ReferencedFrameNumber, from 1; 0: none */
  const char *second_uid; /* another source image, or NULL */
  const char *preserved;  /* SpatialLocationsPreserved, or NULL */
  const uint8_t *pixels;  /* rows * columns values: 0 or 1, or a fraction */
} seg_frame;

typedef struct seg_object {
  const char *sop_class;                /* NULL: Segmentation Storage */
  const char *syntax;                   /* NULL: explicit little endian */
  const char *type;                     /* BINARY, FRACTIONAL, ... */
  int rows, columns, frame_count, most; /* most: MaximumFractionalValue */
  const seg_frame *frames;
  size_t left_away; /* bytes of the pixel data that the file lacks */
  bool shared;      /* the first frame's source stands in the shared groups */
} seg_object;

static inline void seg_source(bytes *out, const char *uid, const seg_frame *f) {
  char number[16];
  out->size = 0;
  if (f->preserved != NULL) put_text(out, 0x0028135a, "CS", f->preserved);
  bytes *item = malloc(sizeof *item);
  if (item == NULL) abort();
  item->size = 0;
  put_text(item, 0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.6.1");
  put_text(item, 0x00081155, "UI", uid);
  snprintf(number, sizeof number, "%d", f->number);
  if (f->number != 0) put_text(item, 0x00081160, "IS", number);
  put_raw(item, out->data, out->size);
  *out = *item;
  free(item);
}

/* The functional groups of a frame: a Derivation Image Sequence with its source images. */
static inline void seg_groups(bytes *out, const seg_frame *f) {
  bytes *sources = malloc(2 * sizeof *sources), *derivation = malloc(sizeof *derivation);
  if (sources == NULL || derivation == NULL) abort();
  out->size = derivation->size = 0;
  seg_source(&sources[0], f->uid, f);
  if (f->second_uid != NULL) seg_source(&sources[1], f->second_uid, f);
  put_sequence(derivation, 0x00082112, sources, f->second_uid != NULL ? 2 : 1);
  put_sequence(out, 0x00089124, derivation, 1);
  free(sources);
  free(derivation);
}

/* Frames of one bit follow each other without a gap, the first pixel in the lowest bit. */
static inline void seg_pixels(bytes *out, const seg_object *s) {
  int pixels = s->rows * s->columns;
  out->size = 0;
  for (int k = 0; k < s->frame_count; k++)
    for (int i = 0; i < pixels; i++) {
      size_t at = (size_t)k * (size_t)pixels + (size_t)i;
      if (strcmp(s->type, "BINARY") != 0) {
        put_raw(out, &s->frames[k].pixels[i], 1);
      } else {
        if (at % 8 == 0) put_raw(out, "", 1);
        out->data[at / 8] |= (unsigned char)(s->frames[k].pixels[i] << at % 8);
      }
    }
  out->size -= s->left_away;
}

static inline void seg_make(bytes *b, const seg_object *s) {
  bytes *groups = calloc((size_t)s->frame_count, sizeof *groups), *pixels = malloc(sizeof *pixels);
  if (groups == NULL || pixels == NULL) abort();
  put_start(b, s->syntax != NULL ? s->syntax : "1.2.840.10008.1.2.1");
  put_text(b, 0x00080016, "UI", s->sop_class != NULL ? s->sop_class : "1.2.840.10008.5.1.4.1.1.66.4");
  put_text(b, 0x00080018, "UI", "1.2.3.4");
  put_text(b, 0x00080060, "CS", "SEG");
  put_text(b, 0x00100010, "PN", "CANARY^NAME");
  put_shape(b, 1, "MONOCHROME2", s->frame_count, s->rows, s->columns, strcmp(s->type, "BINARY") == 0 ? 1 : 8, 0);
  put_text(b, 0x00620001, "CS", s->type);
  if (s->most > 0) put_us(b, 0x0062000e, (unsigned)s->most);
  for (int k = 0; k < s->frame_count; k++)
    if (s->frames[k].uid != NULL) seg_groups(&groups[k], &s->frames[k]);
  if (s->shared) put_sequence(b, 0x52009229, groups, 1);
  for (int k = 0; s->shared && k < s->frame_count; k++) groups[k].size = 0;
  put_sequence(b, 0x52009230, groups, s->frame_count);
  seg_pixels(pixels, s);
  put_element(b, 0x7fe00010, "OB", pixels->data, pixels->size);
  free(groups);
  free(pixels);
}

static inline void seg_put(const seg_object *s, const char *path) {
  static bytes b;
  seg_make(&b, s);
  put_file(&b, path);
}

#endif
