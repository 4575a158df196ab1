/* Found boxes against lesions: small cases worked by hand under COCO's rules, and random ones against the plainest
 * loops; what is not defined is NaN. */
#include "metrics/drawn.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "metrics_support.h"

static bf_matching match_at(const bf_hit_image *images, int64_t count, bf_hit_test test) {
  bf_pairing *pairing;
  bf_matching m;
  bf_error err = {0};
  assert_int_equal(bf_pairing_create(&pairing, images, count, &err), BF_OK);
  assert_int_equal(bf_metrics_match_pairing(&m, pairing, test, &err), BF_OK);
  bf_pairing_destroy(pairing);
  return m;
}

static bf_matching match_iou(const bf_hit_image *images, int64_t count, double least) {
  return match_at(images, count, (bf_hit_test){BF_HIT_BY_IOU, least});
}

/* Two images, three lesions; found boxes by falling score: hit, false, hit twice (so false), hit. */
static const bf_hit_box three_truths[] = {{0, 0, 10, 10, 0}, {20, 20, 30, 30, 0}, {5, 5, 9, 9, 0}};
static const bf_hit_box four_found[] = {
    {0, 0, 10, 9, 0.9}, {40, 40, 50, 50, 0.8}, {1, 0, 10, 10, 0.7}, {5, 5, 9, 8, 0.6}};
static const bf_hit_image two_images[] = {{three_truths, four_found, 2, 3}, {three_truths + 2, four_found + 3, 1, 1}};

static void lesions_by_hand(void **state) {
  (void)state;
  bf_matching m;
  bf_error err = {0};
  double best[3];
  assert_int_equal(bf_metrics_match(&m, two_images, 2, BF_HIT_IOU50, &err), BF_OK);
  assert_int_equal(m.lesions, 3);
  assert_true(near(bf_metrics_froc(&m, 0.25), 1.0 / 3) && near(bf_metrics_froc(&m, 0.5), 1.0 / 3));
  assert_true(near(bf_metrics_froc(&m, 1), 2.0 / 3) && near(bf_metrics_froc(&m, 8), 2.0 / 3));
  assert_near(bf_metrics_cpm(&m), (3 * 1.0 / 3 + 4 * 2.0 / 3) / 7);
  /* Precision 1 up to recall 1/3 (34 of 101 points), 1/2 up to 2/3 (33 more), 0 beyond. */
  assert_near(bf_metrics_box_precision(&m), (34 + 33 * 0.5) / 101);
  bf_metrics_best_iou(best, two_images, 2);
  assert_true(near(best[0], 0.9) && best[1] == 0 && near(best[2], 0.75));
  bf_matching_clear(&m);
}

static void verdicts_say_what_was_hit(void **state) {
  (void)state;
  static const int truth[4] = {0, -1, -1, 0}, found[4] = {0, 1, 2, 0}, image[4] = {0, 0, 0, 1};
  static const double iou[4] = {0.9, 0, 0, 0.75};
  bf_matching m = match_iou(two_images, 2, 0.5);
  assert_int_equal(m.count, 4);
  assert_true(m.lesions_of[0] == 2 && m.lesions_of[1] == 1);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(m.verdicts[i].truth, truth[i]);
    assert_int_equal(m.verdicts[i].found, found[i]);
    assert_int_equal(m.verdicts[i].image, image[i]);
    assert_int_equal(m.verdicts[i].hit, truth[i] >= 0);
    assert_near(m.verdicts[i].iou, iou[i]);
  }
  bf_matching_clear(&m);
}

static void curve_by_hand(void **state) {
  (void)state;
  static const bf_froc_point expected[5] = {
      {INFINITY, 0, 0}, {0.9, 0, 1.0 / 3}, {0.8, 0.5, 1.0 / 3}, {0.7, 1, 1.0 / 3}, {0.6, 1, 2.0 / 3}};
  bf_froc_point points[5];
  bf_matching m = match_iou(two_images, 2, 0.5);
  assert_int_equal(bf_metrics_froc_curve(points, &m), 5);
  for (int i = 0; i < 5; i++) {
    assert_true(points[i].threshold == expected[i].threshold);
    assert_near(points[i].false_positives, expected[i].false_positives);
    assert_near(points[i].sensitivity, expected[i].sensitivity);
  }
  /* Equal scores make one point. */
  for (int64_t i = 0; i < m.count; i++) m.verdicts[i].score = 0.5;
  assert_int_equal(bf_metrics_froc_curve(points, &m), 2);
  assert_true(near(points[1].false_positives, 1) && near(points[1].sensitivity, 2.0 / 3));
  bf_matching_clear(&m);
}

/* Truths A = 0..10 and B = 4..14 of one row of height 10. The best box, 2..12, has IoU 8/12 with both and takes A, the
 * earlier; the second, 0..10, is A itself: it may not have it, and has IoU 6/14 with B. */
static void a_lesion_is_hit_once(void **state) {
  (void)state;
  static const bf_hit_box truths[] = {{0, 0, 10, 10, 0}, {4, 0, 14, 10, 0}};
  static const bf_hit_box found[] = {{0, 0, 10, 10, 0.8}, {2, 0, 12, 10, 0.9}};
  static const bf_hit_image image = {truths, found, 2, 2};
  bf_matching half = match_iou(&image, 1, 0.5), less = match_iou(&image, 1, 0.4);
  assert_true(half.verdicts[0].truth == 0 && half.verdicts[0].found == 1 && !half.verdicts[1].hit);
  assert_near(half.verdicts[0].iou, 8.0 / 12);
  assert_true(less.verdicts[0].truth == 0 && less.verdicts[1].truth == 1);
  assert_near(less.verdicts[1].iou, 6.0 / 14);
  bf_matching_clear(&half);
  bf_matching_clear(&less);
}

/* One image, two lesions of 10 x 10; boxes by score: IoU 0.9 with A, none, 0.6 with B. Up to a test of 0.6: hits at
 * ranks 1 and 3, precision 1 up to recall 1/2 (51 points) and 2/3 beyond (50). From 0.65 to 0.9: B is missed, 51 points
 * of precision 1. At 0.95 nothing is hit. COCO's mean has three tests of the first kind (0.5, 0.55, 0.6), six of the
 * second (0.65 to 0.9) and one of the last. */
static void precisions_by_hand(void **state) {
  (void)state;
  static const bf_hit_box truths[] = {{0, 0, 10, 10, 0}, {20, 0, 30, 10, 0}};
  static const bf_hit_box found[] = {{0, 0, 10, 9, 0.9}, {50, 0, 60, 10, 0.8}, {20, 0, 30, 6, 0.7}};
  static const bf_hit_image image = {truths, found, 2, 3};
  enum { tests = 18 };
  static const uint32_t once[1] = {1};
  double precision[tests + 1], first = (51 + 50 * 2.0 / 3) / 101, second = 51.0 / 101;
  bf_hit_test test[tests];
  bf_pairing *pairing;
  bf_precise d;
  bf_error err = {0};
  assert_int_equal(bf_pairing_create(&pairing, &image, 1, &err), BF_OK);
  for (int k = 0; k < tests; k++) test[k] = (bf_hit_test){BF_HIT_BY_IOU, (10 + 5 * k) / 100.0};
  assert_int_equal(bf_precise_make(&d, pairing, test, tests, 0x3ff00, NULL, 1, &err), BF_OK); /* 0.50 to 0.95 */
  drawn(precision, bf_precise_figures, &d, d.figures, once, 1);
  for (int k = 0; k < tests; k++)
    assert_near(precision[k], test[k].least <= 0.6 ? first : test[k].least <= 0.9 ? second : 0);
  assert_near(precision[tests], (3 * first + 6 * second) / 10);
  bf_precise_clear(&d);
  bf_pairing_destroy(pairing);
}

/* Of three boxes with one score two are right: a threshold takes all or none, and the wrong one counts first. */
static void ties_never_flatter(void **state) {
  (void)state;
  static const bf_hit_box truths[] = {{0, 0, 10, 10, 0}, {20, 0, 30, 10, 0}};
  static const bf_hit_box found[] = {{0, 0, 10, 10, 0.5}, {50, 0, 60, 10, 0.5}, {20, 0, 30, 10, 0.5}};
  static const bf_hit_image images[] = {{truths, found, 2, 3}, {truths, found, 0, 0}};
  bf_matching m = match_iou(images, 2, 0.5);
  assert_true(!m.verdicts[0].hit && m.verdicts[1].hit && m.verdicts[2].hit);
  assert_near(bf_metrics_froc(&m, 0.25), 0);
  assert_near(bf_metrics_froc(&m, 0.5), 1);
  assert_near(bf_metrics_box_precision(&m), 2.0 / 3);
  bf_matching_clear(&m);
}

static void rules_by_name(void **state) {
  (void)state;
  /* Shifted by 4: IoU 6/14. The centre stays inside. By 2.5: 0.6. By 1: 9/11. */
  static const bf_hit_box truth = {0, 0, 10, 10, 0};
  static const double shift[] = {1, 2.5, 4, 4.9, 5}, iou[] = {9.0 / 11, 7.5 / 12.5, 6.0 / 14, 5.1 / 14.9, 1.0 / 3};
  static const bool hit[][4] = {/* iou50, iou10, centre, iou75 */
                                {true, true, true, true},
                                {true, true, true, false},
                                {false, true, true, false},
                                {false, true, true, false},
                                {false, true, false, false}};
  for (int i = 0; i < 5; i++) {
    const bf_hit_box found = {shift[i], 0, 10 + shift[i], 10, 1};
    const bf_hit_image image = {&truth, &found, 1, 1};
    assert_near(bf_metrics_iou(&truth, &found), iou[i]);
    for (int rule = BF_HIT_IOU50; rule <= BF_HIT_IOU75; rule++) {
      bf_matching m = match_at(&image, 1, bf_metrics_hit_test((bf_hit_rule)rule));
      assert_int_equal(m.verdicts[0].hit, hit[i][rule]);
      bf_matching_clear(&m);
    }
  }
}

/* Two lesions about one place. The box about (13, 13) has its centre in both: that of the small one, (12.5, 12.5), is
 * nearer, the large one overlaps it more (IoU 400/1600 against 81/400). A point overlaps nothing and hits by its centre
 * all the same; the second on it finds no lesion free. */
static void nearest_centre(void **state) {
  (void)state;
  static const bf_hit_box truths[] = {{0, 0, 40, 40, 0}, {8, 8, 17, 17, 0}};
  static const bf_hit_box found[] = {{3, 3, 23, 23, 1}, {20, 20, 20, 20, 0.5}, {20, 20, 20, 20, 0.4}};
  static const bf_hit_image image = {truths, found, 2, 3};
  bf_matching centre = match_at(&image, 1, bf_metrics_hit_test(BF_HIT_CENTRE)), overlap = match_iou(&image, 1, 0.01);
  assert_true(centre.verdicts[0].truth == 1 && overlap.verdicts[0].truth == 0);
  assert_true(centre.verdicts[1].truth == 0 && centre.verdicts[1].iou == 0);
  assert_true(!centre.verdicts[2].hit && !overlap.verdicts[1].hit);
  bf_matching_clear(&centre);
  bf_matching_clear(&overlap);
}

/* Lesions 0 and 2 are the group: the hit on 1 goes, false boxes stay. */
static void a_group_of_lesions(void **state) {
  (void)state;
  static const bf_hit_box truths[] = {{0, 0, 10, 10, 0}, {20, 0, 30, 10, 0}, {0, 0, 50, 50, 0}};
  static const bf_hit_box found[] = {
      {20, 0, 30, 10, 0.9}, {60, 0, 70, 10, 0.8}, {0, 0, 10, 10, 0.7}, {60, 60, 70, 70, 0.6}};
  static const bf_hit_image images[] = {{truths, found, 2, 3}, {truths + 2, found + 3, 1, 1}};
  static const uint8_t group[3] = {1, 0, 1}, all[3] = {1, 1, 1}, none[3] = {0, 0, 0};
  bf_matching whole = match_iou(images, 2, 0.5), m;
  bf_error err = {0};
  assert_int_equal(bf_matching_narrow(&m, &whole, group, &err), BF_OK);
  assert_true(m.lesions == 2 && m.images == 2 && m.count == 3 && m.lesions_of[0] == 1 && m.lesions_of[1] == 1);
  assert_near(bf_metrics_froc(&m, 0.4), 0); /* the box of 0.8 is false */
  assert_near(bf_metrics_froc(&m, 0.5), 0.5);
  assert_near(bf_metrics_box_precision(&m), 51 * 0.5 / 101);
  bf_matching_clear(&m);
  assert_int_equal(bf_matching_narrow(&m, &whole, all, &err), BF_OK);
  assert_true(m.count == whole.count && m.lesions == whole.lesions);
  assert_memory_equal(m.verdicts, whole.verdicts, (size_t)m.count * sizeof *m.verdicts);
  bf_matching_clear(&m);
  assert_int_equal(bf_matching_narrow(&m, &whole, none, &err), BF_OK);
  assert_true(m.lesions == 0 && m.count == 2);
  assert_nan(bf_metrics_froc(&m, 1));
  bf_matching_clear(&m);
  bf_matching_clear(&whole);
}

/* Hits: IoU 0.8, centres 1 apart, diagonal 10 root 2; 0.6, 0, 5; 1, 0, 13. */
static void how_well_hits_sit(void **state) {
  (void)state;
  static const bf_hit_box truths[] = {{0, 0, 10, 10, 0}, {20, 0, 23, 4, 0}, {0, 50, 5, 62, 0}};
  static const bf_hit_box found[] = {
      {0, 0, 8, 10, 0.9}, {20.3, 0.5, 22.7, 3.5, 0.8}, {0, 50, 5, 62, 0.7}, {90, 90, 99, 99, 0.99}};
  static const bf_hit_image images[] = {{truths, found, 2, 2}, {truths + 2, found + 2, 1, 2}};
  bf_hit_places p;
  bf_error err = {0};
  bf_matching m = match_iou(images, 2, 0.5);
  assert_int_equal(bf_metrics_hit_places(&p, &m, images, &err), BF_OK);
  assert_int_equal(p.count, 3);
  static const double iou[3] = {0.8, 0.6, 1};
  static const int64_t image[3] = {0, 0, 1};
  for (int k = 0; k < 3; k++) { /* by falling score */
    assert_near(p.iou[k], iou[k]);
    assert_near(p.distance[k], k == 0 ? 1 : 0);
    assert_near(p.relative[k], k == 0 ? 0.1 / sqrt(2) : 0);
    assert_int_equal(p.image[k], image[k]);
  }
  bf_hit_places_clear(&p);
  bf_hit_places_clear(&p);
  bf_matching_clear(&m);
  m = match_iou(images, 0, 0.5);
  assert_int_equal(bf_metrics_hit_places(&p, &m, images, &err), BF_OK);
  assert_int_equal(p.count, 0);
  bf_hit_places_clear(&p);
  bf_matching_clear(&m);
}

static void nothing_to_match(void **state) {
  (void)state;
  const bf_hit_image no_lesions = {NULL, four_found, 0, 3}, no_boxes = {three_truths, NULL, 2, 0};
  bf_froc_point points[4];
  double best[2];
  for (int k = 0; k < 2; k++) { /* boxes without lesions; no images */
    bf_matching m = match_iou(&no_lesions, 1 - k, 0.5);
    assert_nan(bf_metrics_froc(&m, 1));
    assert_nan(bf_metrics_cpm(&m));
    assert_nan(bf_metrics_box_precision(&m));
    assert_int_equal(bf_metrics_froc_curve(points, &m), 0);
    bf_matching_clear(&m);
  }
  bf_matching m = match_iou(&no_boxes, 1, 0.5);
  assert_true(bf_metrics_froc(&m, 1) == 0 && bf_metrics_cpm(&m) == 0 && bf_metrics_box_precision(&m) == 0);
  bf_metrics_best_iou(best, &no_boxes, 1);
  assert_true(best[0] == 0 && best[1] == 0);
  assert_int_equal(bf_metrics_froc_curve(points, &m), 1);
  bf_matching_clear(&m);
  bf_matching_clear(&m);
  bf_pairing_destroy(NULL);
}

/* Infinite scores, of both signs, stand at the ends like others. */
static void infinite_scores(void **state) {
  (void)state;
  bf_hit_box found[4];
  memcpy(found, four_found, sizeof found);
  found[0].score = INFINITY;
  found[3].score = -INFINITY;
  const bf_hit_image images[] = {{three_truths, found, 2, 3}, {three_truths + 2, found + 3, 1, 1}};
  bf_matching m = match_iou(images, 2, 0.5);
  assert_near(bf_metrics_froc(&m, 0.5), 1.0 / 3);
  assert_near(bf_metrics_froc(&m, 1), 2.0 / 3);
  bf_matching_clear(&m);
}

/* ---- random boxes, image by image ---- */

enum { images_most = 12, boxes_most = 6 };

typedef struct scene {
  bf_hit_box truths[images_most][boxes_most], found[images_most][boxes_most];
  bf_hit_image images[images_most];
  int count;
} scene;

static bf_hit_box random_box(bf_rng *rng) {
  double x = (double)bf_rng_below(rng, 12), y = (double)bf_rng_below(rng, 12);
  return (bf_hit_box){x, y, x + 1 + (double)bf_rng_below(rng, 12), y + 1 + (double)bf_rng_below(rng, 12),
                      (double)bf_rng_below(rng, 30) / 30};
}

static void draw_scene(scene *s, bf_rng *rng) {
  s->count = 1 + (int)bf_rng_below(rng, images_most - 1);
  for (int i = 0; i < s->count; i++) {
    s->images[i] = (bf_hit_image){s->truths[i], s->found[i], (int)bf_rng_below(rng, boxes_most),
                                  (int)bf_rng_below(rng, boxes_most)};
    for (int k = 0; k < boxes_most; k++) s->truths[i][k] = random_box(rng), s->found[i][k] = random_box(rng);
  }
}

/* Takes the image's boxes one by one, always the best that is left, against every free lesion. hit[k]: of found box k.
 */
static void match_plainly(int *hit, const bf_hit_image *image, double least) {
  bool taken[boxes_most] = {false}, done[boxes_most] = {false};
  for (int round = 0; round < image->found_count; round++) {
    int best = -1, truth = -1;
    for (int k = 0; k < image->found_count; k++)
      if (!done[k] && (best < 0 || image->found[k].score > image->found[best].score)) best = k;
    for (int t = 0; t < image->truth_count; t++) {
      double iou = bf_metrics_iou(&image->found[best], &image->truths[t]);
      if (taken[t] || iou < least) continue;
      if (truth < 0 || iou > bf_metrics_iou(&image->found[best], &image->truths[truth])) truth = t;
    }
    done[best] = true;
    if (truth >= 0) taken[truth] = true;
    hit[best] = truth;
  }
}

static void as_image_by_image(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(21, 0, 0);
  int hits = 0;
  static scene s;
  for (int round = 0; round < 600; round++) {
    draw_scene(&s, &rng);
    double least = 0.05 + 0.6 * bf_rng_uniform(&rng);
    int hit[images_most][boxes_most];
    bf_matching m = match_iou(s.images, s.count, least);
    int64_t expected = 0;
    for (int i = 0; i < s.count; i++) {
      match_plainly(hit[i], &s.images[i], least);
      expected += s.images[i].found_count;
    }
    assert_int_equal(m.count, expected);
    for (int64_t i = 0; i < m.count; i++) {
      const bf_verdict *v = &m.verdicts[i];
      assert_int_equal(v->truth, hit[v->image][v->found]);
      assert_int_equal(v->hit, v->truth >= 0);
      hits += v->hit;
      if (i == 0) continue;
      assert_true(v[-1].score > v->score || (v[-1].score == v->score && v[-1].hit <= v->hit));
    }
    bf_matching_clear(&m);
  }
  assert_true(hits > 300);
}

/* Precision and recall at every score from their definitions, then COCO's 101 points: at each recall the best precision
 * of those that reach it. */
static double precision_plainly(const bf_matching *m) {
  double sum = 0;
  for (int k = 0; k <= 100; k++) {
    double best = 0;
    for (int64_t i = 0; i < m->count; i++) {
      int64_t hits = 0, called = 0;
      for (int64_t j = 0; j < m->count; j++)
        if (m->verdicts[j].score >= m->verdicts[i].score) called++, hits += m->verdicts[j].hit;
      if (100 * hits >= k * m->lesions) best = fmax(best, (double)hits / (double)called);
    }
    sum += best;
  }
  return sum / 101;
}

static void precision_from_its_definition(void **state) {
  (void)state;
  bf_rng rng = bf_rng_make(22, 0, 0);
  static scene s;
  for (int round = 0; round < 100; round++) {
    draw_scene(&s, &rng);
    bf_matching m = match_iou(s.images, s.count, 0.3);
    if (m.lesions > 0) assert_near(bf_metrics_box_precision(&m), precision_plainly(&m));
    bf_matching_clear(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lesions_by_hand),    cmocka_unit_test(verdicts_say_what_was_hit),
      cmocka_unit_test(curve_by_hand),      cmocka_unit_test(a_lesion_is_hit_once),
      cmocka_unit_test(precisions_by_hand), cmocka_unit_test(ties_never_flatter),
      cmocka_unit_test(rules_by_name),      cmocka_unit_test(nearest_centre),
      cmocka_unit_test(a_group_of_lesions), cmocka_unit_test(how_well_hits_sit),
      cmocka_unit_test(nothing_to_match),   cmocka_unit_test(infinite_scores),
      cmocka_unit_test(as_image_by_image),  cmocka_unit_test(precision_from_its_definition),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
