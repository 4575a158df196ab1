/* Which cases say most of a model: its worst mistakes first, for pictures of them. */
#ifndef BF_EVALUATION_TELLING_H
#define BF_EVALUATION_TELLING_H

#include "evaluation/cases.h"

/* In the order in which cases are shown. */
typedef enum bf_telling_rank {
  BF_TELLING_MISSED,        /* malignant, called benign */
  BF_TELLING_FALSE_ALARM,   /* benign, called malignant */
  BF_TELLING_LESION_MISSED, /* some lesion has no shown box that hits it, or reaches IoU 0.1 */
  BF_TELLING_BOX_INEXACT,   /* some lesion is not hit */
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
  int truths, hits, touched; /* labelled lesions; those that a shown box hits, each box one at most; those that are
                              * hit or have a shown box of IoU 0.1 or more */
  double best_iou;           /* of any box; NaN without a labelled lesion */
} bf_telling;

/* The lowest score at which no more than one false box an image stands, as in FROC; infinity when not even one box may
 * be shown; 0.5 without lesions. */
bf_status bf_telling_shown_at(double *score, const bf_cases *cases, bf_hit_rule rule, bf_error *err);

typedef struct bf_telling_how {
  double called_at; /* malignant at and above */
  double shown_at;  /* boxes at and above count */
  bf_hit_rule rule; /* what a hit is; matched as for FROC (bf_metrics_match) */
} bf_telling_how;
/* *out: owned, cases->count of them; bf_free, also after a failure. */
bf_status bf_telling_make(bf_telling **out, const bf_cases *cases, const bf_telling_how *how, bf_error *err);

/* Moves to the front `most` of them that are of all kinds: of each rank its worst, the more of those that come first;
 * in the order of ranks as before. What is left of the room goes to the first that are left. */
void bf_telling_mix(bf_telling *all, int64_t count, int most);

#endif
