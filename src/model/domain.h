/* What images a model was trained on: which kinds, how many, of what size. It travels in the model's metadata, so that
 * scoring can tell an image of another kind, and a reader what the figures were measured on. Rules here judge what a
 * header says; what the pixels show is the caller's. */
#ifndef BF_MODEL_DOMAIN_H
#define BF_MODEL_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

enum { BF_DOMAIN_KINDS = 32, BF_DOMAIN_WORD = 33, BF_DOMAIN_TEXT = 400 };

/* Images of each word, such as "US" or "MONOCHROME2"; in the order of the words. */
typedef struct bf_domain_kinds {
  int count;
  struct {
    char word[BF_DOMAIN_WORD];
    int64_t images;
  } kind[BF_DOMAIN_KINDS];
} bf_domain_kinds;

typedef struct bf_domain_range {
  double low, high; /* both 0: nothing is known */
} bf_domain_range;

/* Zeroed: nothing is known. */
typedef struct bf_domain {
  int64_t images;            /* frames; 0: nothing is known */
  int64_t studies, patients; /* 0: not known */
  /* Modality (0008,0060), Photometric Interpretation (0028,0004). Their images may be fewer than `images`, where a
   * dataset does not say it of all. */
  bf_domain_kinds modality, photometric;
  /* (0008,0070), cleaned; a fact for the reader: no rule asks for it. The makers beyond BF_DOMAIN_KINDS are not there.
   */
  bf_domain_kinds manufacturer;
  bf_domain_range rows, columns, shorter, longer; /* of the original images, pixels; shorter and longer side of each */
  bf_domain_range spacing;                        /* mm between rows and between columns, where known */
} bf_domain;

/* What the rules want to know of an image. Texts are borrowed. */
typedef struct bf_domain_image {
  const char *modality, *photometric; /* "" unknown */
  int32_t rows, columns;
  double spacing_row, spacing_column; /* mm; 0 unknown */
  const char *manufacturer;           /* NULL or "" unknown */
} bf_domain_image;

/* Counts one image; studies and patients are the caller's to count. */
void bf_domain_add(bf_domain *domain, const bf_domain_image *image);
/* The union of both: every kind of either, the wider ranges. Counts are the larger of the two, because the members of a
 * cross-validation share most of their images: "at least so many". Where one is not known, neither is the union. */
void bf_domain_join(bf_domain *domain, const bf_domain *other);

/* How the image differs from those of the domain, in words that say what the model saw: "modality MG: the model was
 * trained on US alone". "" and false where it does not differ, or nothing is known.
 * - modality: none of those seen.
 * - colour: neither of MONOCHROME1 and 2, which are the same picture once turned over, and colour where only those were
 *   seen, or the other way round. RGB, YBR and palettes are one kind: all end as the same luminance.
 * - size: the shorter or the longer side below half the smallest, or above twice the largest seen.
 * A kind is judged only where the dataset said it of every image. */
bool bf_domain_differs(char text[BF_DOMAIN_TEXT], const bf_domain *domain, const bf_domain_image *image);

/* "US 30, MG 12"; "unknown" for none. */
void bf_domain_kinds_text(char *text, int capacity, const bf_domain_kinds *kinds);

/* JSON; freed with bf_free, NULL when memory is short. */
char *bf_domain_write(const bf_domain *domain);
/* BF_E_FORMAT where the text is none, or a number in it cannot be. *out is zeroed then. */
bf_status bf_domain_read(bf_domain *out, const char *text, bf_error *err);

#endif
