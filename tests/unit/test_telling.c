/* Which cases are shown first. */
#include "evaluation_support.h"

#include "base/memory.h"
#include "evaluation/telling.h"

enum { most = 16 };

static bf_score_row rows[most];
static bf_scores scores;
static bf_hit_box drawn[most], found[most];

/* A case with one lesion of 20 x 20 pixels and one found box that begins `off` pixels beside it; off < 0: no lesion. */
static void put(bf_cases *c, double probability, int malignant, int off, double score) {
  int i = (int)c->count++;
  drawn[i] = (bf_hit_box){10, 10, 30, 30, 0};
  found[i] = (bf_hit_box){10 + off, 10, 30 + off, 30, score};
  c->items[i] = (bf_case){.row = i,
                          .probability = probability,
                          .rank = probability,
                          .malignant = (int8_t)malignant,
                          .lesions_known = true,
                          .boxes = {&drawn[i], &found[i], off >= 0, 1}};
}

static bf_cases none(void) {
  static bf_case items[most];
  scores = held(rows, most);
  return (bf_cases){.scores = &scores, .items = items};
}

static void in_their_order(void **state) {
  (void)state;
  bf_cases c = none();
  bf_telling *t;
  put(&c, 0.1, 0, -1, 0.9);  /* 0 benign, right */
  put(&c, 0.9, 1, 0, 0.9);   /* 1 malignant, right */
  put(&c, 0.9, 1, 8, 0.9);   /* 2 box inexact: IoU 12/28 */
  put(&c, 0.2, 0, 8, 0.9);   /* 3 box inexact, benign */
  put(&c, 0.9, 1, 19, 0.9);  /* 4 lesion missed: IoU 1/39 */
  put(&c, 0.9, 1, 0, 0.2);   /* 5 lesion missed: its box is not shown */
  put(&c, 0.6, 0, -1, 0.9);  /* 6 false alarm */
  put(&c, 0.8, 0, -1, 0.9);  /* 7 false alarm, worse */
  put(&c, 0.4, 1, 0, 0.9);   /* 8 missed */
  put(&c, 0.3, 1, 19, 0.9);  /* 9 missed, worse */
  put(&c, 0.4, 1, 0, 0.9);   /* 10 missed, as bad as 8 */
  put(&c, NAN, 1, -1, 0.9);  /* 11 no answer */
  put(&c, 0.7, -1, -1, 0.9); /* 12 of unknown class */
  static const struct {
    int64_t row;
    bf_telling_rank rank;
  } due[] = {{9, BF_TELLING_MISSED},        {8, BF_TELLING_MISSED},      {10, BF_TELLING_MISSED},
             {7, BF_TELLING_FALSE_ALARM},   {6, BF_TELLING_FALSE_ALARM}, {4, BF_TELLING_LESION_MISSED},
             {5, BF_TELLING_LESION_MISSED}, {2, BF_TELLING_BOX_INEXACT}, {3, BF_TELLING_BOX_INEXACT},
             {1, BF_TELLING_MALIGNANT},     {0, BF_TELLING_BENIGN},      {12, BF_TELLING_UNKNOWN},
             {11, BF_TELLING_UNKNOWN}};
  const bf_telling_how how = {0.5, 0.5, BF_HIT_IOU50};
  assert_ok(bf_telling_make(&t, &c, &how, err));
  for (int i = 0; i < 13; i++) {
    if (t[i].one->row != due[i].row || t[i].rank != due[i].rank)
      fail_msg("place %d: row %d of rank %d", i, (int)t[i].one->row, t[i].rank);
  }
  assert_int_equal(t[6].hits, 0);
  assert_true(t[6].best_iou == 1); /* of boxes that are not shown, too */
  assert_int_equal(t[7].touched, 1);
  assert_true(isnan(t[10].best_iou));
  assert_string_equal(bf_telling_words(t[0].rank), "missed");
  bf_free(t);
}

static void expect_shown_at(const bf_cases *c, double score) {
  double found_at;
  assert_ok(bf_telling_shown_at(&found_at, c, BF_HIT_IOU50, err));
  if (found_at != score) fail_msg("boxes are shown from %g on, %g is due", found_at, score);
}

/* No more false boxes than images; equal scores are shown together or not at all. */
static void boxes_that_are_shown(void **state) {
  (void)state;
  bf_cases c = none();
  expect_shown_at(&c, 0.5);
  put(&c, 0.9, 1, 0, 0.9);
  expect_shown_at(&c, 0.9);
  found[1] = (bf_hit_box){50, 50, 60, 60, 0.6};
  c.items[0].boxes.found_count = 2; /* one false box in one image may be */
  expect_shown_at(&c, 0.6);
  c.items[0].boxes.found_count = 1;
  put(&c, 0.9, 1, -1, 0.8);
  put(&c, 0.9, 1, -1, 0.8);
  put(&c, 0.9, 1, -1, 0.7);
  expect_shown_at(&c, 0.7);
  c.items[0].boxes.found = found; /* four boxes of the first image: with the others five false ones in four images */
  c.items[0].boxes.found_count = 4;
  found[1] = (bf_hit_box){50, 50, 60, 60, 0.8};
  found[2] = (bf_hit_box){50, 50, 60, 60, 0.8};
  found[3] = (bf_hit_box){50, 50, 60, 60, 0.7};
  c.items[1].boxes.found_count = 2;
  expect_shown_at(&c, 0.9);
  drawn[0] = (bf_hit_box){80, 80, 90, 90, 0};
  c.count = 1;
  found[0].score = found[1].score = found[2].score = found[3].score = 0.8;
  expect_shown_at(&c, INFINITY);
}

/* Lesions that are told to be found are as many as FROC counts at one false box an image, whatever a hit is. */
static void found_as_froc_says(void **state) {
  (void)state;
  static const bf_hit_rule rules[] = {BF_HIT_IOU50, BF_HIT_IOU10, BF_HIT_CENTRE, BF_HIT_IOU75};
  static const int due[] = {2, 5, 4, 1};
  bf_cases c = none();
  put(&c, 0.9, 1, 0, 0.9);
  put(&c, 0.9, 1, 6, 0.8);  /* IoU 14/26 */
  put(&c, 0.9, 1, 8, 0.8);  /* IoU 12/28 */
  put(&c, 0.9, 1, 12, 0.7); /* IoU 8/32, its centre beside the lesion */
  put(&c, 0.9, 1, 0, 0.6);
  found[4] = (bf_hit_box){18, 18, 22, 22, 0.6}; /* IoU 16/400, its centre in the lesion */
  put(&c, 0.9, 1, 0, 0.6);
  drawn[6] = (bf_hit_box){10, 12, 30, 32, 0}; /* a second lesion, which the same box cannot hit, too */
  c.items[5].boxes = (bf_hit_image){&drawn[5], &found[5], 2, 1};
  found[5] = (bf_hit_box){10, 22, 30, 42, 0.6}; /* IoU 8/32 and 10/30 */
  for (int r = 0; r < 4; r++) {
    bf_hit_image images[6];
    bf_matching m;
    bf_telling *t;
    bf_telling_how how = {0.5, 0.5, rules[r]};
    int hits = 0;
    for (int i = 0; i < 6; i++) images[i] = c.items[i].boxes;
    assert_ok(bf_metrics_match(&m, images, 6, rules[r], err));
    assert_ok(bf_telling_shown_at(&how.shown_at, &c, rules[r], err));
    assert_ok(bf_telling_make(&t, &c, &how, err));
    for (int i = 0; i < 6; i++) {
      hits += t[i].hits;
      assert_true(t[i].hits <= t[i].touched && t[i].touched <= t[i].truths);
    }
    assert_true(fabs(bf_metrics_froc(&m, 1) * 7 - hits) < 1e-9);
    if (hits != due[r]) fail_msg("rule %d: %d lesions are found, %d are due", r, hits, due[r]);
    bf_matching_clear(&m);
    bf_free(t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {FOLDER_TEST(in_their_order), FOLDER_TEST(boxes_that_are_shown),
                                     FOLDER_TEST(found_as_froc_says)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
