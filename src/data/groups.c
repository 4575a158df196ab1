/* Rows united step by step; each step only adds. */
#include "data/groups.h"

#include <stdlib.h>

#include "base/memory.h"
#include "data/string_map.h"

/* Rows that belong together point to an earlier one of them; the first points to itself. */
static int64_t first_of(int64_t *first, int64_t row) {
  while (first[row] != row) row = first[row] = first[first[row]];
  return row;
}

static void unite(int64_t *first, int64_t a, int64_t b) {
  a = first_of(first, a), b = first_of(first, b);
  if (a < b)
    first[b] = a;
  else
    first[a] = b;
}

static int64_t patient_of(const bf_owner *o) { return o->patient; }
static int64_t study_of(const bf_owner *o) { return o->study; }
static int64_t said_of(const bf_owner *o) { return o->said; }

/* Numbers are below `rows`, because each was given to the first row that has it. last: [rows], scratch. */
static void unite_by(int64_t (*number_of)(const bf_owner *), int64_t *first, int64_t *last, const bf_owner *owners,
                     int64_t rows) {
  for (int64_t i = 0; i < rows; i++) last[i] = -1;
  for (int64_t i = 0; i < rows; i++) {
    int64_t number = number_of(&owners[i]);
    if (number < 0) continue;
    if (last[number] >= 0) unite(first, last[number], i);
    last[number] = i;
  }
}

bf_status bf_groups_make(int64_t *group, int64_t *count, const bf_owner *owners, int64_t rows,
                         const bf_near_pair *pairs, int64_t pair_count, bf_error *err) {
  int64_t *first = bf_alloc((size_t)rows, sizeof *first), *last = bf_alloc((size_t)rows, sizeof *last);
  bf_status status =
      first && last ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to group %lld images", (long long)rows);
  *count = 0;
  if (status == BF_OK) {
    for (int64_t i = 0; i < rows; i++) first[i] = i;
    unite_by(patient_of, first, last, owners, rows);
    unite_by(study_of, first, last, owners, rows);
    unite_by(said_of, first, last, owners, rows);
    for (int64_t i = 0; i < pair_count; i++) unite(first, pairs[i].a, pairs[i].b);
    for (int64_t i = 0; i < rows; i++) {
      int64_t leader = first_of(first, i);
      group[i] = leader == i ? (*count)++ : group[leader];
    }
  }
  bf_free(first);
  bf_free(last);
  return status;
}

bf_status bf_owners_of(bf_owner *owners, const bf_dataset *data, bf_error *err) {
  bf_string_map patients = {0}, studies = {0};
  bf_status status = BF_OK;
  for (int64_t i = 0; i < bf_dataset_count(data) && status == BF_OK; i++) {
    const bf_record *r = bf_dataset_record(data, i);
    owners[i].said = -1;
    status = bf_string_map_number(&owners[i].patient, &patients, r->patient, err);
    if (status == BF_OK) status = bf_string_map_number(&owners[i].study, &studies, r->study_instance_uid, err);
  }
  bf_string_map_clear(&patients);
  bf_string_map_clear(&studies);
  return status;
}

typedef struct member {
  int64_t group, row;
} member;

static int by_group(const void *a, const void *b) {
  const member *x = a, *y = b;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* Groups of a file are numbers that it chose: each becomes its first row. */
static bf_status take_groups(bf_owner *owners, const bf_dataset *data, bf_error *err) {
  int64_t rows = bf_dataset_count(data);
  member *members = bf_alloc((size_t)rows, sizeof *members);
  if (members == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to group %lld images", (long long)rows);
  for (int64_t i = 0; i < rows; i++) members[i] = (member){bf_dataset_record(data, i)->group, i};
  qsort(members, (size_t)rows, sizeof *members, by_group);
  for (int64_t i = 0, first = 0; i < rows; i++) {
    if (members[i].group != members[first].group) first = i;
    owners[members[i].row] = (bf_owner){members[first].row, -1, -1};
  }
  bf_free(members);
  return BF_OK;
}

bf_status bf_groups_of(int64_t *group, int64_t *count, const bf_dataset *data, bf_error *err) {
  int64_t rows = bf_dataset_count(data);
  bf_owner *owners = bf_alloc((size_t)rows, sizeof *owners);
  if (owners == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to group %lld images", (long long)rows);
  bf_status status = bf_dataset_has_groups(data) ? take_groups(owners, data, err) : bf_owners_of(owners, data, err);
  if (status == BF_OK) status = bf_groups_make(group, count, owners, rows, NULL, 0, err);
  bf_free(owners);
  return status;
}
