/* Subgroups of cases: by an attribute that the scores hold of each image, or by a column of the labels. */
#ifndef BF_EVALUATION_GROUPS_H
#define BF_EVALUATION_GROUPS_H

#include "evaluation/cases.h"

enum { BF_GROUP_NAME_MAX = BF_LABEL_TEXT_MAX + 1, BF_GROUPS_MAX = 24, BF_ATTRIBUTES_MAX = 32 };
/* A column that holds numbers alone is sorted by them; where there are more than so many of them, quartiles are the
 * groups. */
enum { BF_NUMBERS_MAX = 12, BF_NUMBER_LIMITS = 3 };

typedef struct bf_group {
  char name[BF_GROUP_NAME_MAX]; /* "unknown" where the attribute is */
  int64_t *members;             /* owned: cases, rising */
  int64_t count;
} bf_group;

typedef struct bf_grouping {
  char attribute[BF_GROUP_NAME_MAX];
  int column;                      /* of the labels; -1: none */
  double limits[BF_NUMBER_LIMITS]; /* of the ranges (range.h) of a column of many numbers */
  int limit_count;                 /* 0: groups are of single values */
  bf_group *groups;                /* owned; in the attribute's order, "unknown" last */
  int count;
  int64_t *members; /* private */
} bf_grouping;

/* Attributes that need no label column, from 0: their names. NULL after the last. */
const char *bf_attribute_name(int index);

bool bf_attribute_is(const char *name);
/* All names, for messages. */
enum { BF_ATTRIBUTE_LIST = 512 };
void bf_attribute_list(char names[BF_ATTRIBUTE_LIST]);
/* Whether there is such an attribute, or it is a column of the labels; BF_E_ARGUMENT names those that there are. */
bf_status bf_attribute_check(const char *attribute, int column, bf_error *err);

/* column: of the labels (bf_labels_keep), where the name is none of the attributes; else -1. Where there are more than
 * BF_GROUPS_MAX groups, the largest stay (of equals those that come first), and all others are one, "all others", or
 * "all others (2)" where a value is called so. Every case is in one group. */
bf_status bf_grouping_make(bf_grouping *out, const char *attribute, int column, const bf_cases *cases, bf_error *err);
/* Some of the cases by the same attribute, numbers by the same ranges. */
bf_status bf_grouping_like(bf_grouping *out, const bf_grouping *whole, const bf_cases *cases, bf_error *err);
void bf_grouping_clear(bf_grouping *grouping);

#endif
