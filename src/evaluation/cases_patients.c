/* Whose cases are whose: whatever two of them share joins them. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "evaluation/cases_make.h"

typedef struct claim {
  const char *text;
  int64_t at; /* case */
} claim;

static int by_text(const void *a, const void *b) {
  const claim *x = a, *y = b;
  int order = strcmp(x->text, y->text);
  return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int64_t root_of(int64_t *parent, int64_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

/* The earlier case stays the root, so that patients are numbered in the order of the rows. */
static void join(int64_t *parent, int64_t a, int64_t b) {
  int64_t x = root_of(parent, a), y = root_of(parent, b);
  if (x < y)
    parent[y] = x;
  else
    parent[x] = y;
}

static void join_equal(int64_t *parent, claim *claims, int64_t n) {
  qsort(claims, (size_t)n, sizeof *claims, by_text);
  for (int64_t i = 1; i < n; i++)
    if (strcmp(claims[i - 1].text, claims[i].text) == 0) join(parent, claims[i - 1].at, claims[i].at);
}

enum source { SAID, PATIENT, STUDY, SOURCES };

static const char *text_of(const bf_cases *c, int64_t i, enum source source) {
  const bf_score_row *row = bf_case_row(c, &c->items[i]);
  const char *text = source == SAID ? c->items[i].said : source == PATIENT ? row->patient : row->study_instance_uid;
  return text != NULL && text[0] != '\0' ? text : NULL;
}

bf_status bf_cases_number_patients(bf_cases *c, bf_error *err) {
  int64_t *parent = bf_alloc((size_t)c->count, sizeof *parent);
  claim *claims = bf_alloc((size_t)c->count, sizeof *claims);
  bf_status status = parent != NULL && claims != NULL
                         ? BF_OK
                         : bf_fail(err, BF_E_MEMORY, "no memory for %lld patients", (long long)c->count);
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) parent[i] = i;
  for (int source = 0; source < SOURCES && status == BF_OK; source++) {
    int64_t n = 0;
    for (int64_t i = 0; i < c->count; i++) {
      const char *text = text_of(c, i, source);
      if (text != NULL) claims[n++] = (claim){text, i};
    }
    join_equal(parent, claims, n);
  }
  c->patients_known = true;
  for (int64_t i = 0; i < c->count && status == BF_OK; i++) {
    int64_t root = root_of(parent, i);
    c->items[i].patient = root == i ? c->patients++ : c->items[root].patient;
    if (text_of(c, i, SAID) == NULL && text_of(c, i, PATIENT) == NULL) c->patients_known = false;
  }
  bf_free(parent);
  bf_free(claims);
  return status;
}
