/* Scored images in memory and what labels say of them, for tests of figures. Header-only; data_support.h's folder. */
#ifndef BF_TESTS_EVALUATION_SUPPORT_H
#define BF_TESTS_EVALUATION_SUPPORT_H

#include "labels_support.h"

#include <math.h>

#include "base/log.h"
#include "evaluation/evaluation.h"
#include "store/scores.h"

enum { side = 100 }; /* of every image, pixels */

static inline bf_score_row scored(const char *uid, const char *study, float probability) {
  bf_score_row r = {.file = "somewhere.dcm",
                    .modality = "MG",
                    .seen = -1,
                    .rows = side,
                    .columns = side,
                    .message = "",
                    .malignant_probability = probability,
                    .malignant_logit = logf(probability / (1 - probability))};
  snprintf(r.sop_instance_uid, sizeof r.sop_instance_uid, "%s", uid);
  snprintf(r.study_instance_uid, sizeof r.study_instance_uid, "%s", study);
  return r;
}

static inline bf_scores held(bf_score_row *rows, int64_t count) { return (bf_scores){.count = count, .rows = rows}; }

/* Says nothing but errors, and makes the labels that a test fills. */
static int begin_quietly(void **state) {
  bf_log_set_level(BF_LOG_ERROR);
  return begin(state);
}

/* Rows and labels that outlive the cases; labels are read from a text as a file has it. */
static inline bf_cases cases_of(bf_scores *scores, const char *images) {
  bf_cases c;
  assert_ok(bf_labels_read(labels, write_text("images.csv", images), err));
  assert_ok(bf_cases_of_labels(&c, scores, labels, "scores.h5", err));
  return c;
}

/* The figures of cases, which are taken over, with 200 rounds. */
static inline bf_evaluation evaluated(bf_cases cases, const char *threshold) {
  bf_evaluation e;
  const bf_evaluation_options o = {.scores = "scores.h5", .threshold = threshold, .rounds = 200};
  assert_ok(bf_evaluation_create(&e, &cases, &o, err));
  return e;
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, begin_quietly, end)

#endif
