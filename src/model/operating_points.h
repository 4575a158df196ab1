/* Thresholds on the malignant probability that a model carries, each with the rule that it was chosen by. One of them
 * is the model's own, at and above which an image is called malignant; the others are for whoever weighs errors
 * otherwise. */
#ifndef BF_MODEL_OPERATING_POINTS_H
#define BF_MODEL_OPERATING_POINTS_H

#include <stdbool.h>

#include "bifocal/status.h"

enum { BF_OPERATING_POINTS_MAX = 16 };

typedef enum bf_operating_kind {
  BF_POINT_YOUDEN,      /* largest sensitivity + specificity (Youden 1950) */
  BF_POINT_SENSITIVITY, /* the highest threshold of at least this sensitivity */
  BF_POINT_SPECIFICITY  /* the lowest threshold of at least this specificity */
} bf_operating_kind;

typedef struct bf_operating_point {
  bf_operating_kind kind;
  double target;                   /* of the sensitivity or specificity, above 0, to 1; of Youden's 0 */
  double threshold;                /* 0 to 1, of the calibrated probability */
  double sensitivity, specificity; /* as measured where it was chosen, 0 to 1; NaN: unknown */
} bf_operating_point;

/* Zeroed: none. */
typedef struct bf_operating_points {
  bf_operating_point at[BF_OPERATING_POINTS_MAX];
  int count;
  int chosen; /* index of the model's own; `count` where none is */
} bf_operating_points;

/* "youden", "sensitivity 0.9". */
enum { BF_OPERATING_NAME = 32 };
void bf_operating_point_name(char name[BF_OPERATING_NAME], const bf_operating_point *point);
/* The index of the point of this kind and target, or -1. */
int bf_operating_points_find(const bf_operating_points *points, bf_operating_kind kind, double target);
/* Puts a point behind the others; one of its kind and target that is there, a threshold that is NaN or outside of 0 to
 * 1, and more than there is room for are left out. The chosen one stays what it was. */
void bf_operating_points_add(bf_operating_points *points, bf_operating_point point);
/* NaN where none is chosen. */
double bf_operating_points_threshold(const bf_operating_points *points);
/* Each kind and target that any of `count` lists has, with the mean of their thresholds; what was measured is unknown.
 * Chosen is what the first one that has a choice chose. */
bf_operating_points bf_operating_points_mean(const bf_operating_points *lists, int count);

/* A JSON list of {"name", "rule" ("youden", "sensitivity" or "specificity"), "target" (null of Youden's), "threshold",
 * "sensitivity", "specificity", "chosen"}. Freed with bf_free; NULL when memory is short. */
char *bf_operating_points_write(const bf_operating_points *points);
/* From such a text. BF_E_FORMAT where it is none, a number cannot be, or several are chosen. */
bf_status bf_operating_points_read(bf_operating_points *points, const char *text, bf_error *err);

#endif
