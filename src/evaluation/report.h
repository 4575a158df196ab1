/* An evaluation, or a training, as one HTML page: the answer first, then curves, a threshold explorer, subgroups, the
 * most telling pictures, what was lost on the way, the model's card and where everything came from. */
#ifndef BF_EVALUATION_REPORT_H
#define BF_EVALUATION_REPORT_H

#include "evaluation/words.h"
#include "image/geometry.h"
#include "page/page.h"

/* A case to look at. */
typedef struct bf_report_picture {
  uint16_t *pixels;        /* owned: [rows*columns], 0 black to 65535 white */
  int columns, rows;       /* of the pixels that boxes are drawn in */
  bf_affine from_original; /* from the original's pixels to these */
  void *png, *heat;        /* PNG files, owned; heat, with alpha, lies over the picture, and may be NULL */
  size_t png_size, heat_size;
} bf_report_picture;

/* Where pictures come from. One that cannot be had is told in `why`. What is owned is freed with bf_free, also after a
 * failure. */
typedef struct bf_report_pictures {
  int most; /* of them are shown */
  /* Fills all of a zeroed picture but the PNG files. */
  bf_status (*look)(bf_report_picture *out, void *source, const bf_case *one, bf_error *why);
  /* The PNG files, their longer side at most `side` pixels; they cover what `pixels` do. */
  bf_status (*encode)(bf_report_picture *picture, void *source, const bf_case *one, int side, bf_error *why);
  void *source;
  const char *heat_name; /* what heat maps show; NULL: there are none */
} bf_report_pictures;

/* Texts are borrowed. Parts that are NULL or 0 are left out. */
typedef struct bf_report {
  const char *title;
  const char *of;                  /* the cases in words: "labelled images", "images of the validation part" */
  const char *note;                /* what must be known of the cases */
  const bf_evaluation *evaluation; /* NULL: a training without a validation part */
  const bf_comparison *comparison;
  const bf_evaluation_source *source;
  const bf_report_pictures *pictures;
  const char *training;      /* metrics.csv of a training */
  const char *card;          /* a model's card, lines of text */
  const char *config;        /* resolved configuration, YAML */
  const char *calibration;   /* how probabilities were made of logits, a sentence */
  const bf_page_bar *losses; /* files or rows that are not in the figures, by reason */
  int loss_count;
  const bf_page_fact *provenance;
  int provenance_count;
} bf_report;

/* Published whole or not at all. */
bf_status bf_report_write(const bf_report *report, const char *path, bf_error *err);

#endif
