/* Which cases say most of a model: its worst mistakes first, for pictures of them. */
#ifndef BF_EVALUATION_TELLING_H
#define BF_EVALUATION_TELLING_H

#include "evaluation/cases.h"

/* In the order in which cases are shown. */
typedef enum bf_telling_rank {
  BF_TELLING_MISSED,        /* malignant, called benign */
  BF_TELLING_FALSE_ALARM,   /* benign, called malignant */
  BF_TELLING_LESION_MISSED, /* no shown box reaches IoU 0.1 with some lesion */
  BF_TELLING_BOX_INEXACT,   /* nor 0.5 */
  BF_TELLING_MALIGNANT,     /* right */
  BF_TELLING_BENIGN,        /* right */
  BF_TELLING_UNKNOWN,
  BF_TELLING_RANKS
} bf_telling_rank;

const char *bf_telling_words(bf_telling_rank rank); /* "missed", "false alarm", ..., "right", "" */

typedef struct bf_telling {
  const bf_case *one;
  bf_telling_rank rank;
  double badness;            /* within its rank, the worst first */
  int truths, hits, touched; /* labelled lesions; those with a shown box of IoU 0.5 or more, of 0.1 or more */
  double best_iou;           /* of any box; NaN without a labelled lesion */
} bf_telling;

/* The lowest score at which no more than one false box an image stands, as in FROC; infinity when not even one box may
 * be shown; 0.5 without lesions. */
bf_status bf_telling_shown_at(double *score, const bf_cases *cases, bf_hit_rule rule, bf_error *err);
/* *out: owned, cases->count of them. called_at: malignant at and above; shown_at: boxes that count. */
bf_status bf_telling_make(bf_telling **out, const bf_cases *cases, double called_at, double shown_at, bf_error *err);

/* Moves to the front `most` of them that are of all kinds: of each rank its worst, the more of those that come first;
 * in the order of ranks as before. What is left of the room goes to the first that are left. */
void bf_telling_mix(bf_telling *all, int64_t count, int most);

#endif
