/* For tests of label files: empty labels for each test. */
#ifndef BF_TESTS_LABELS_SUPPORT_H
#define BF_TESTS_LABELS_SUPPORT_H

#include "data_support.h"

#include "data/labels.h"

static bf_labels *labels;

static int begin(void **state) {
  (void)state;
  return bf_labels_create(&labels, NULL);
}

static int end(void **state) {
  (void)state;
  bf_labels_destroy(labels);
  return 0;
}

/* The label of an image; NULL when nobody speaks of it. */
static inline bf_label *label_of(bf_labels *all, const bf_subject *subject) {
  bf_label *label = NULL;
  assert_ok(bf_labels_match(&label, all, subject, err));
  return label;
}

#endif
