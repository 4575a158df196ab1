/* Values of attributes, and cases sorted by them. */
#include "evaluation/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/name.h"
#include "evaluation/range.h"

static const char unknown[] = "unknown";

/* ---- values ---- */

typedef struct value {
  char text[BF_GROUP_NAME_MAX]; /* "": unknown */
  double order;                 /* groups are sorted by it, then by their text */
} value;

/* A text that says "unknown" is as unknown as none. */
static void set_text(value *v, const char *text) {
  bf_name_set(v->text, sizeof v->text, text != NULL && strcmp(text, unknown) != 0 ? text : "");
}

static void modality(value *v, const bf_cases *c, const bf_case *one) { set_text(v, bf_case_row(c, one)->modality); }

static void laterality(value *v, const bf_cases *c, const bf_case *one) {
  set_text(v, bf_case_row(c, one)->laterality);
}

static void view(value *v, const bf_cases *c, const bf_case *one) { set_text(v, bf_case_row(c, one)->view); }

static void manufacturer(value *v, const bf_cases *c, const bf_case *one) {
  set_text(v, bf_case_row(c, one)->manufacturer);
}

/* Decades in their order: "90+" behind "80-89". */
static void age_group(value *v, const bf_cases *c, const bf_case *one) {
  set_text(v, bf_case_row(c, one)->age_group);
  v->order = atoi(v->text);
}

static void set_range(value *v, double at, const double *limits, int count, const char *unit) {
  int range = bf_range_of(at, limits, count);
  v->order = range;
  bf_range_name(v->text, sizeof v->text, limits, count, range, unit);
}

static void image_size(value *v, const bf_cases *c, const bf_case *one) {
  static const double limits[] = {512, 1024, 2048};
  const bf_score_row *row = bf_case_row(c, one);
  int32_t side = row->rows > row->columns ? row->rows : row->columns;
  if (side > 0) set_range(v, side, limits, 3, "pixels");
}

static void class_of(value *v, const bf_cases *c, const bf_case *one) {
  (void)c;
  set_text(v, one->malignant < 0 ? "" : one->malignant ? "malignant" : "benign");
}

static void lesion_count(value *v, const bf_cases *c, const bf_case *one) {
  (void)c;
  if (!one->lesions_known) return;
  int count = one->boxes.truth_count;
  v->order = count > 2 ? 2 : count;
  set_text(v, count == 0 ? "none" : count == 1 ? "one" : "two and more");
}

static const struct {
  const char *name;
  void (*of)(value *v, const bf_cases *cases, const bf_case *one);
} attributes[] = {
    {"modality", modality}, {"manufacturer", manufacturer}, {"age_group", age_group},       {"laterality", laterality},
    {"view", view},         {"image_size", image_size},     {"lesion_count", lesion_count}, {"pathology", class_of},
};

enum { attribute_count = sizeof attributes / sizeof attributes[0] };

const char *bf_attribute_name(int index) {
  return index >= 0 && index < attribute_count ? attributes[index].name : NULL;
}

static int find_attribute(const char *name) {
  for (int i = 0; i < attribute_count; i++)
    if (strcmp(attributes[i].name, name) == 0) return i;
  return -1;
}

bool bf_attribute_is(const char *name) { return find_attribute(name) >= 0; }

void bf_attribute_list(char names[BF_ATTRIBUTE_LIST]) {
  size_t used = 0;
  names[0] = '\0';
  for (int i = 0; i < attribute_count && used < BF_ATTRIBUTE_LIST; i++)
    used += (size_t)snprintf(names + used, BF_ATTRIBUTE_LIST - used, "%s%s", i > 0 ? ", " : "", attributes[i].name);
}

bf_status bf_attribute_check(const char *attribute, int column, bf_error *err) {
  char names[BF_ATTRIBUTE_LIST];
  if (column >= 0 || bf_attribute_is(attribute)) return BF_OK;
  bf_attribute_list(names);
  return bf_fail(err, BF_E_ARGUMENT, "--by %s: no such attribute, and no column of the labels; attributes are %s",
                 attribute, names);
}

/* ---- groups ---- */

typedef struct member {
  value value;
  int64_t at;
  int rest; /* 1 where the group is one of the small ones that are joined */
} member;

/* Unknown last, "other" before it. */
static int same_value(const member *x, const member *y) {
  int a = x->value.text[0] == '\0', b = y->value.text[0] == '\0';
  if (a != b) return a - b;
  if (x->rest != y->rest) return x->rest < y->rest ? -1 : 1;
  if (x->rest) return 0;
  if (x->value.order != y->value.order) return x->value.order < y->value.order ? -1 : 1;
  return strcmp(x->value.text, y->value.text);
}

static int by_value(const void *a, const void *b) {
  const member *x = a, *y = b;
  int order = same_value(x, y);
  return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* The end of the run of equal values that begins at `first`. */
static int64_t run_end(const member *members, int64_t n, int64_t first) {
  int64_t end = first + 1;
  while (end < n && same_value(&members[first], &members[end]) == 0) end++;
  return end;
}

typedef struct run {
  int64_t first, size; /* of the sorted members */
} run;

static int largest_first(const void *a, const void *b) {
  const run *x = a, *y = b;
  if (x->size != y->size) return x->size > y->size ? -1 : 1;
  return (x->first > y->first) - (x->first < y->first);
}

/* Marks the members of groups that are too many: all but the largest. "other" is a group too, and so are the unknown
 * ones, which stay. */
static bf_status join_rest(member *members, int64_t n, bf_error *err) {
  int64_t groups = 0, known = 0;
  for (int64_t i = 0; i < n; i = run_end(members, n, i)) groups++;
  if (groups <= BF_GROUPS_MAX) return BF_OK;
  run *runs = bf_alloc((size_t)groups, sizeof *runs);
  if (runs == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld groups", (long long)groups);
  for (int64_t i = 0, end; i < n && members[i].value.text[0] != '\0'; i = end) {
    end = run_end(members, n, i);
    runs[known++] = (run){i, end - i};
  }
  qsort(runs, (size_t)known, sizeof *runs, largest_first);
  for (int64_t k = BF_GROUPS_MAX - 1 - (groups - known); k < known; k++)
    for (int64_t m = 0; m < runs[k].size; m++) members[runs[k].first + m].rest = 1;
  bf_free(runs);
  qsort(members, (size_t)n, sizeof *members, by_value);
  return BF_OK;
}

static bool is_named(const bf_grouping *g, const char *name) {
  for (int i = 0; i < g->count; i++)
    if (strcmp(g->groups[i].name, name) == 0) return true;
  return false;
}

/* A value may be called "all others": those that are joined, which stand behind it, are then called otherwise. */
static void name_rest(char name[BF_GROUP_NAME_MAX], const bf_grouping *g) {
  snprintf(name, BF_GROUP_NAME_MAX, "all others");
  for (int k = 2; is_named(g, name); k++) snprintf(name, BF_GROUP_NAME_MAX, "all others (%d)", k);
}

static void name_group(char name[BF_GROUP_NAME_MAX], const bf_grouping *g, const member *first) {
  if (first->value.text[0] != '\0' && first->rest)
    name_rest(name, g);
  else
    snprintf(name, BF_GROUP_NAME_MAX, "%s", first->value.text[0] != '\0' ? first->value.text : unknown);
}

static bf_status cut(bf_grouping *g, const member *members, int64_t n, bf_error *err) {
  g->groups = bf_alloc(BF_GROUPS_MAX, sizeof *g->groups);
  g->members = bf_alloc((size_t)n, sizeof *g->members);
  if (g->groups == NULL || g->members == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for groups of %lld", (long long)n);
  for (int64_t i = 0, end; i < n; i = end) {
    end = run_end(members, n, i);
    bf_group *group = &g->groups[g->count];
    name_group(group->name, g, &members[i]);
    g->count++;
    group->members = g->members + i;
    group->count = end - i;
    for (int64_t m = i; m < end; m++) g->members[m] = members[m].at;
  }
  return BF_OK;
}

/* ---- numbers ---- */

/* Plain decimal numbers: strtod also takes hexadecimal, inf and nan. */
static bool read_number(double *out, const char *text) {
  char *end;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && strspn(text, "+-0123456789.eE") == strlen(text) && isfinite(*out);
}

static int rising(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Quartiles of rising numbers, where there are more than stand by themselves. One that would leave a range empty is
 * moved up for the first, and left out else. */
static void choose_limits(bf_grouping *g, const double *numbers, int64_t n) {
  int64_t distinct = n > 0;
  for (int64_t i = 1; i < n; i++) distinct += numbers[i] > numbers[i - 1];
  if (distinct <= BF_NUMBERS_MAX) return;
  for (int64_t k = 1; k <= BF_NUMBER_LIMITS; k++) {
    int64_t at = k * n / (BF_NUMBER_LIMITS + 1);
    while (g->limit_count == 0 && numbers[at] == numbers[0]) at++;
    if (g->limit_count == 0 || numbers[at] > g->limits[g->limit_count - 1]) g->limits[g->limit_count++] = numbers[at];
  }
}

/* Numbers of the members that are known; where one is none, *count is -1. */
static void collect_numbers(double *numbers, int64_t *count, member *members, int64_t n) {
  *count = 0;
  for (int64_t i = 0; i < n; i++) {
    member *m = &members[i];
    if (m->value.text[0] == '\0') continue;
    if (!read_number(&m->value.order, m->value.text)) {
      *count = -1;
      return;
    }
    numbers[(*count)++] = m->value.order;
  }
}

/* Where the column holds numbers alone, members are sorted by them, or by ranges of them. whole: whose ranges are
 * taken; NULL: they are chosen. */
static bf_status order_numbers(bf_grouping *g, member *members, int64_t n, const bf_grouping *whole, bf_error *err) {
  int64_t count;
  double *numbers = bf_alloc((size_t)n, sizeof *numbers);
  if (numbers == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for groups of %lld cases", (long long)n);
  collect_numbers(numbers, &count, members, n);
  if (count >= 0 && whole == NULL) {
    qsort(numbers, (size_t)count, sizeof *numbers, rising);
    choose_limits(g, numbers, count);
  } else if (count >= 0) {
    memcpy(g->limits, whole->limits, sizeof g->limits);
    g->limit_count = whole->limit_count;
  }
  bf_free(numbers);
  for (int64_t i = 0; i < n; i++) {
    value *v = &members[i].value;
    if (count < 0)
      v->order = 0;
    else if (g->limit_count > 0 && v->text[0] != '\0')
      set_range(v, v->order, g->limits, g->limit_count, "");
  }
  return BF_OK;
}

/* ---- all ---- */

static void read_values(member *members, const bf_grouping *g, const char *attribute, const bf_cases *c) {
  int index = g->column < 0 ? find_attribute(attribute) : -1;
  for (int64_t i = 0; i < c->count; i++) {
    members[i].at = i;
    if (index >= 0)
      attributes[index].of(&members[i].value, c, &c->items[i]);
    else
      set_text(&members[i].value, c->items[i].label != NULL ? bf_label_text(c->items[i].label, g->column) : NULL);
  }
}

/* whole: as in order_numbers. */
static bf_status group(bf_grouping *out, const char *attribute, int column, const bf_grouping *whole, const bf_cases *c,
                       bf_error *err) {
  *out = (bf_grouping){.column = column};
  bf_name_set(out->attribute, sizeof out->attribute, attribute);
  bf_status status = bf_attribute_check(attribute, column, err);
  if (status != BF_OK) return status;
  member *members = bf_alloc((size_t)c->count, sizeof *members);
  if (members == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for groups of %lld cases", (long long)c->count);
  read_values(members, out, attribute, c);
  if (column >= 0) status = order_numbers(out, members, c->count, whole, err);
  if (status == BF_OK) {
    qsort(members, (size_t)c->count, sizeof *members, by_value);
    status = join_rest(members, c->count, err);
  }
  if (status == BF_OK) status = cut(out, members, c->count, err);
  bf_free(members);
  if (status != BF_OK) bf_grouping_clear(out);
  return status;
}

bf_status bf_grouping_make(bf_grouping *out, const char *attribute, int column, const bf_cases *c, bf_error *err) {
  return group(out, attribute, column, NULL, c, err);
}

bf_status bf_grouping_like(bf_grouping *out, const bf_grouping *whole, const bf_cases *c, bf_error *err) {
  return group(out, whole->attribute, whole->column, whole, c, err);
}

void bf_grouping_clear(bf_grouping *g) {
  bf_free(g->groups);
  bf_free(g->members);
  *g = (bf_grouping){0};
}
