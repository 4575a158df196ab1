/* Option tables: one row an option feeds the config parser, --help and docs. An extension (head, augmentation, ...)
 * brings its table with it, and a struct that the values go to. */
#ifndef BF_BASE_OPTIONS_H
#define BF_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "bifocal/status.h"

typedef enum bf_option_type {
  BF_OPTION_INT,   /* int */
  BF_OPTION_REAL,  /* double */
  BF_OPTION_BOOL,  /* bool: true, false, yes, no, on, off */
  BF_OPTION_TEXT,  /* char[BF_OPTION_TEXT_MAX] */
  BF_OPTION_CHOICE /* int: index into `choices` */
} bf_option_type;

#define BF_OPTION_TEXT_MAX 512

typedef struct bf_option {
  const char *name; /* lower_case, no dots; NULL ends the table */
  bf_option_type type;
  size_t offset;        /* into the struct */
  const char *fallback; /* default, as a user would write it */
  double low, high;     /* inclusive range of INT and REAL */
  const char *choices;  /* CHOICE: "first|second|third" */
  const char *help;     /* one line, with the unit */
} bf_option;

/* Fills the struct with the defaults. A default that its own row refuses is a fault of ours: BF_E_INTERNAL. */
bf_status bf_options_defaults(const bf_option *table, void *options, bf_error *err);
/* Parses `value` for the row called `name`. `where` is put before the name in messages ("augment.rotate."), may be
 * "". Unknown name: BF_E_ARGUMENT with the nearest known one. */
bf_status bf_options_set(const bf_option *table, void *options, const char *where, const char *name, const char *value,
                         bf_error *err);
/* Tables whose options are written PREFIX NAME=VALUE, such as "split.folds=5": the prefix has its dot. */
typedef struct bf_option_section {
  const char *prefix;
  const bf_option *table;
  void *options;
} bf_option_section;

/* Fills all with their defaults, then takes the settings in turn. wanted: what the message says to give where a setting
 * is of none of the sections. */
bf_status bf_option_sections_take(const bf_option_section *sections, int count, const char *const *settings,
                                  int setting_count, const char *wanted, bf_error *err);

/* The row, or NULL. */
const bf_option *bf_options_find(const bf_option *table, const char *name);
/* Only checks that `value` fits the row. */
bf_status bf_option_check(const bf_option *row, const char *where, const char *value, bf_error *err);

/* The candidate with the least edit distance, if near enough to be a slip of the hand; else NULL. */
const char *bf_nearest(const char *word, const char *const *candidates, int count);

#endif
