/* The headers of a job's files side by side, for the rules. Private to the catalog. */
#ifndef BF_DATA_CATALOG_LOOK_H
#define BF_DATA_CATALOG_LOOK_H

#include "data/catalog.h"
#include "data/string_map.h"
#include "image/image.h"

typedef enum bf_look_kind {
  BF_LOOK_OTHER,
  BF_LOOK_FOR_PROCESSING, /* of digital radiography and mammography (PS3.3 A.26, A.27) */
  BF_LOOK_FOR_PRESENTATION,
  BF_LOOK_SECONDARY_CAPTURE /* PS3.3 A.8 */
} bf_look_kind;

typedef struct bf_look {
  const char *sop;       /* SOP Instance UID, borrowed of sops; NULL where there is none */
  char *source;          /* SOP Instance UID of what it was made from, owned; NULL where it names none */
  int64_t study, series; /* numbers, from 0; -1 unknown */
  bf_look_kind kind;
  char modality[17], view[17], laterality[2];
  bool derived, localizer, has_place;
  bool named;
  int32_t rows, columns, frames, instance;
  double spacing[2], position[3], normal[3];
} bf_look;

typedef struct bf_looks {
  bf_look *looks;
  int64_t count, studies, series;
  const char *const *paths;
  bf_catalog_file *files;
  bf_string_map sops; /* SOP Instance UID -> the first file that has it */
  const char *rule;   /* that is being asked */
} bf_looks;

/* Whether the file is still taken. */
bool bf_looks_takes(const bf_looks *all, int64_t file);
bool bf_looks_is_volumetric(const bf_look *look); /* CT, MR, PET */
double bf_looks_product(const double a[3], const double b[3]);
/* Leaves the file out, unless it is named. other: the file that it gives way to, or -1. */
bf_status bf_looks_leave(bf_looks *all, int64_t file, int64_t other, const char *why, bf_error *err);

/* A rule looks at all and leaves out what it is about. Errors: BF_E_MEMORY. */
typedef struct bf_rule {
  const char *name;
  bf_status (*apply)(bf_looks *all, bf_error *err);
} bf_rule;

#define RULE(name) bf_status bf_rule_##name(bf_looks *all, bf_error *err);
#include "data/rules.def"
#undef RULE

/* Sorts taken slices to volumes: files[].volume, and place[i] = {of the first file of its series, rank there}. */
typedef struct bf_place {
  int64_t anchor, rank, file;
} bf_place;
bf_status bf_looks_order(bf_place *places, int64_t *volumes, bf_looks *all, bf_error *err);

#endif
