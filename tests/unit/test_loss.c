/* Losses of one number or one box against values worked out by hand, the papers' formulas, and differences. */
#include "net_support.h"
#include "nn/loss.h"

#include <float.h>

/* Within a few roundings of doubles, for numbers of order one. */
static void check_near(double found, double expected) {
  if (!(fabs(found - expected) <= 1e-14 * (1 + fabs(expected)))) fail_msg("%.17g instead of %.17g", found, expected);
}

/* ---- of one logit ---- */

typedef double logit_loss(double *slope, double z, double target);

/* Central differences: the error is near 1e-10 for these losses, whose third derivatives are below 1. */
static void check_logit_slopes(logit_loss *loss) {
  for (double z = -20; z <= 20; z += 0.37)
    for (double target = 0; target <= 1; target += 0.125) {
      double slope, unused, step = 0x1p-16;
      double value = loss(&slope, z, target);
      double difference = (loss(&unused, z + step, target) - loss(&unused, z - step, target)) / (2 * step);
      assert_true(value >= 0);
      if (!(fabs(slope - difference) < 1e-9))
        fail_msg("at %g, %g: slope %.12g, difference %.12g", z, target, slope, difference);
    }
}

static void test_bce_by_hand(void **unused) {
  (void)unused;
  static const struct {
    double z, target, loss, slope;
  } known[] = {
      {0, 0.3, 0.69314718055994531, 0.2}, /* log 2 */
      {2, 1, 0.12692801104297252, -0.11920292202211757},
      {-3, 0.25, 0.79858735157374203, -0.20257412682243321},
      {5, 0, 5.0067153484891183, 0.99330714907571516},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double slope;
    check_near(bf_loss_bce(&slope, known[i].z, known[i].target), known[i].loss);
    check_near(slope, known[i].slope);
  }
}

static void test_bce_slopes(void **unused) {
  (void)unused;
  check_logit_slopes(bf_loss_bce);
}

/* Turning the question over changes nothing but the slope's sign. */
static void test_bce_symmetry(void **unused) {
  (void)unused;
  for (double z = -30; z <= 30; z += 0.61)
    for (double target = 0; target <= 1; target += 0.25) {
      double slope, turned;
      double loss = bf_loss_bce(&slope, z, target);
      check_near(bf_loss_bce(&turned, -z, 1 - target), loss);
      check_near(turned, -slope);
    }
}

/* The best logit for a target is log(target / (1 - target)), where the loss is the target's entropy. */
static void test_bce_minimum(void **unused) {
  (void)unused;
  for (double target = 0.05; target < 1; target += 0.05) {
    double slope;
    double loss = bf_loss_bce(&slope, log(target / (1 - target)), target);
    check_near(loss, -target * log(target) - (1 - target) * log(1 - target));
    check_near(slope, 0);
  }
}

static void test_bce_extremes(void **unused) {
  (void)unused;
  static const double sizes[] = {80, 1e4, 1e300};
  for (int i = 0; i < 3; i++) {
    double slope, z = sizes[i];
    assert_true(bf_loss_bce(&slope, z, 0) == z && slope == 1);
    assert_true(bf_loss_bce(&slope, -z, 1) == z && slope == -1);
    assert_true(bf_loss_bce(&slope, z, 1) >= 0 && bf_loss_bce(&slope, z, 1) < 1e-30 && fabs(slope) < 1e-30);
    assert_true(bf_loss_bce(&slope, -z, 0) >= 0 && bf_loss_bce(&slope, -z, 0) < 1e-30 && fabs(slope) < 1e-30);
    assert_true(bf_loss_bce(&slope, z, 0.5) == z / 2 && slope == 0.5);
  }
}

/* ---- of a centre map ---- */

static void test_centre_by_hand(void **unused) {
  (void)unused;
  double slope, quarter = 0.17328679513998633; /* log 2 / 4 */
  check_near(bf_loss_centre(&slope, 0, 1), quarter);
  check_near(slope, -quarter - 0.125);
  check_near(bf_loss_centre(&slope, 0, 0), quarter);
  check_near(slope, quarter + 0.125);
  check_near(bf_loss_centre(&slope, 0, 0.5), quarter / 16);
  check_near(slope, (quarter + 0.125) / 16);
}

/* Law, Deng 2018, equation 1, with alpha 2 and beta 4, as it stands in the paper. */
static double paper_centre(double z, double target) {
  double p = 1 / (1 + exp(-z));
  if (target == 1) return -pow(1 - p, 2) * log(p);
  return -pow(1 - target, 4) * pow(p, 2) * log(1 - p);
}

static void test_centre_is_the_papers(void **unused) {
  (void)unused;
  for (double z = -6; z <= 6; z += 0.43)
    for (double target = 0; target <= 1; target += 0.125) {
      double slope;
      check_near(bf_loss_centre(&slope, z, target), paper_centre(z, target));
      assert_true(target == 1 ? slope < 0 : slope > 0);
    }
}

static void test_centre_slopes(void **unused) {
  (void)unused;
  check_logit_slopes(bf_loss_centre);
}

static void test_centre_symmetry(void **unused) {
  (void)unused;
  for (double z = -30; z <= 30; z += 0.61) {
    double slope, turned;
    double loss = bf_loss_centre(&slope, z, 1);
    check_near(bf_loss_centre(&turned, -z, 0), loss);
    check_near(turned, -slope);
  }
}

/* The nearer to a centre, the smaller the penalty of heat; just beside it there is none. */
static void test_centre_surroundings(void **unused) {
  (void)unused;
  double slope, last = INFINITY;
  for (double target = 0; target < 1; target += 0.0625) {
    double loss = bf_loss_centre(&slope, 1.5, target);
    assert_true(loss < last);
    last = loss;
  }
  assert_true(bf_loss_centre(&slope, 1.5, 1 - 1e-6) < 1e-20);
}

static void test_centre_extremes(void **unused) {
  (void)unused;
  static const double sizes[] = {80, 1e4, 1e300};
  for (int i = 0; i < 3; i++) {
    double slope, z = sizes[i];
    check_near(bf_loss_centre(&slope, -z, 1) / z, 1);
    check_near(slope, -1);
    check_near(bf_loss_centre(&slope, z, 0) / z, 1);
    check_near(slope, 1);
    check_near(bf_loss_centre(&slope, z, 0.5) / z, 1.0 / 16);
    check_near(slope, 1.0 / 16);
    assert_true(fabs(bf_loss_centre(&slope, z, 1)) < 1e-30 && fabs(slope) < 1e-30);
    assert_true(fabs(bf_loss_centre(&slope, -z, 0)) < 1e-30 && fabs(slope) < 1e-30);
  }
}

/* ---- of boxes ---- */

typedef struct known_boxes {
  double predicted[4], target[4], loss, iou; /* left, top, right, bottom */
} known_boxes;

static const known_boxes known[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, 0, 1},                        /* the same */
    {{1, 1, 1, 1}, {1, 1, 3, 1}, 0.5, 0.5},                    /* half of it */
    {{1, 1, 1, 1}, {2, 2, 2, 2}, 0.75, 0.25},                  /* inside */
    {{2, 2, 2, 2}, {1, 1, 1, 1}, 0.75, 0.25},                  /* around */
    {{1, 1, 1, 1}, {0, 0, 2, 2}, 68.0 / 63, 1.0 / 7},          /* corners overlap: common 1, together 7, cover 9 */
    {{1, 1, 1, 1}, {-3, 1, 5, 1}, 4.0 / 3, 0},                 /* apart to the right: together 8, cover 12 */
    {{1, 1, 1, 1}, {1, 5, 1, -3}, 4.0 / 3, 0},                 /* apart upwards */
    {{1, 1, 1, 1}, {-3, -3, 5, 5}, 2 - 8.0 / 36, 0},           /* apart both ways */
    {{1, 1, 1, 1}, {-1, 1, 3, 1}, 1, 0},                       /* touching: the cover holds nothing else */
    {{2, 1, 2, 1}, {1, 2, 1, 2}, 1 - 1.0 / 3 + 0.25, 1.0 / 3}, /* a cross: common 4, together 12, cover 16 */
};
enum { known_count = sizeof known / sizeof known[0] };

static void test_giou_by_hand(void **unused) {
  (void)unused;
  for (int i = 0; i < known_count; i++) {
    double slope[4], iou;
    check_near(bf_loss_giou(slope, &iou, known[i].predicted, known[i].target), known[i].loss);
    check_near(iou, known[i].iou);
  }
}

/* Pulls towards a box that it does not meet: the near side goes out, the far one comes in, the others stay put. */
static void test_giou_slopes_of_boxes_apart(void **unused) {
  (void)unused;
  static const double predicted[4] = {1, 1, 1, 1}, target[4] = {-3, 1, 5, 1};
  double slope[4], iou;
  bf_loss_giou(slope, &iou, predicted, target);
  check_near(slope[2], -2.0 / 12); /* together and with it 2 a unit more, the cover stays at 12 */
  check_near(slope[0], -(2.0 * 12 - 8 * 2) / 144);
  assert_true(iou == 0);
}

/* The i-th of a family of boxes that overlap in every way; predicted sides are positive, true ones need not be. */
static void draw(double predicted[4], double target[4], int i) {
  double reach = 1 + 2 * (net_noise(3, (uint64_t)i) + 1);
  for (int k = 0; k < 4; k++) {
    predicted[k] = exp(1.5 * net_noise(4, (uint64_t)(4 * i + k)));
    target[k] = predicted[k] * exp(net_noise(5, (uint64_t)(4 * i + k)));
  }
  for (int k = 0; k < 2 && i % 3 != 0; k++) { /* the true box moved off */
    double shift = reach * net_noise(6, (uint64_t)(2 * i + k));
    target[k] -= shift;
    target[k + 2] += shift;
  }
}

/* 1 - GIoU from the corners, as in the paper's algorithm. */
static double corners_loss(double *iou, const double p[4], const double t[4]) {
  double width = fmin(p[2], t[2]) - fmax(-p[0], -t[0]), height = fmin(p[3], t[3]) - fmax(-p[1], -t[1]);
  double common = width > 0 && height > 0 ? width * height : 0;
  double both = (p[0] + p[2]) * (p[1] + p[3]) + (t[0] + t[2]) * (t[1] + t[3]) - common;
  double cover = (fmax(p[2], t[2]) - fmin(-p[0], -t[0])) * (fmax(p[3], t[3]) - fmin(-p[1], -t[1]));
  *iou = common / both;
  return 1 - *iou + (cover - both) / cover;
}

enum { draws = 2000 };

static void test_giou_from_corners(void **unused) {
  (void)unused;
  int apart = 0, close = 0;
  for (int i = 0; i < draws; i++) {
    double predicted[4], target[4], slope[4], iou, expected;
    draw(predicted, target, i);
    double loss = bf_loss_giou(slope, &iou, predicted, target);
    check_near(loss, corners_loss(&expected, predicted, target));
    check_near(iou, expected);
    assert_true(loss >= 0 && loss < 2 && iou >= 0 && iou <= 1);
    apart += iou == 0;
    close += iou > 0.3;
  }
  assert_true(apart > draws / 10 && close > draws / 10);
}

/* Where two edges or corners meet within the step, the slopes to both sides disagree and the place is skipped. */
static bool check_side(const double predicted[4], const double target[4], int side) {
  double slope[4], unused[4], iou, moved[4], step = 0x1p-20;
  double middle = bf_loss_giou(slope, &iou, predicted, target);
  memcpy(moved, predicted, sizeof moved);
  moved[side] = predicted[side] + step;
  double right = (bf_loss_giou(unused, &iou, moved, target) - middle) / step;
  moved[side] = predicted[side] - step;
  double left = (middle - bf_loss_giou(unused, &iou, moved, target)) / step;
  if (fabs(left - right) > 1e-3) return false;
  double difference = (left + right) / 2;
  if (!(fabs(difference - slope[side]) < 1e-8))
    fail_msg("side %d: slope %.12g, difference %.12g", side, slope[side], difference);
  return true;
}

static void test_giou_slopes(void **unused) {
  (void)unused;
  int checked = 0;
  for (int i = 0; i < draws; i++) {
    double predicted[4], target[4];
    draw(predicted, target, i);
    for (int side = 0; side < 4; side++) checked += check_side(predicted, target, side);
  }
  assert_true(checked > 4 * draws * 99 / 100);
}

/* Which of two boxes is the predicted one does not matter to the loss. */
static void test_giou_exchange(void **unused) {
  (void)unused;
  for (int i = 0; i < draws; i += 3) { /* those with the point inside both */
    double predicted[4], target[4], slope[4], iou[2];
    draw(predicted, target, i);
    double loss = bf_loss_giou(slope, &iou[0], predicted, target);
    check_near(bf_loss_giou(slope, &iou[1], target, predicted), loss);
    check_near(iou[1], iou[0]);
  }
}

static void check_turned(int i, const int order[4]) {
  double predicted[4], target[4], p[4], t[4], slope[4], turned[4], iou[2];
  draw(predicted, target, i);
  for (int k = 0; k < 4; k++) p[k] = predicted[order[k]], t[k] = target[order[k]];
  double loss = bf_loss_giou(slope, &iou[0], predicted, target);
  check_near(bf_loss_giou(turned, &iou[1], p, t), loss);
  check_near(iou[1], iou[0]);
  for (int k = 0; k < 4; k++) check_near(turned[k], slope[order[k]]);
}

/* A mirror, either way, and a turn by the diagonal. */
static void test_giou_mirrors(void **unused) {
  (void)unused;
  static const int orders[][4] = {{2, 1, 0, 3}, {0, 3, 2, 1}, {1, 0, 3, 2}};
  for (int i = 0; i < 3 * draws; i++) check_turned(i / 3, orders[i % 3]);
}

/* No size or place is special: the unit and the point that distances are measured from do not matter. */
static void test_giou_unit_and_point(void **unused) {
  (void)unused;
  for (int i = 0; i < draws; i++) {
    double predicted[4], target[4], p[4], t[4], slope[4], other[4], iou;
    draw(predicted, target, i);
    double loss = bf_loss_giou(slope, &iou, predicted, target);
    for (int k = 0; k < 4; k++) p[k] = 8 * predicted[k], t[k] = 8 * target[k];
    assert_true(bf_loss_giou(other, &iou, p, t) == loss);
    for (int k = 0; k < 4; k++) assert_true(8 * other[k] == slope[k]);
    double shift[4] = {0.3, -0.2, -0.3, 0.2};
    for (int k = 0; k < 4; k++) p[k] = predicted[k] + shift[k], t[k] = target[k] + shift[k];
    if (fmin(fmin(p[0], p[1]), fmin(p[2], p[3])) <= 0) continue;
    check_near(bf_loss_giou(other, &iou, p, t), loss);
  }
}

/* The farther away, the worse, up to 2. */
static void test_giou_far_apart(void **unused) {
  (void)unused;
  static const double predicted[4] = {1, 1, 1, 1};
  double last = 1;
  for (double far = 3; far < 1e6; far *= 2) {
    double target[4] = {-far, -far, far + 2, far + 2}, slope[4], iou;
    double loss = bf_loss_giou(slope, &iou, predicted, target);
    assert_true(loss > last && loss < 2 && iou == 0);
    for (int k = 0; k < 4; k++) assert_true(isfinite(slope[k]));
    last = loss;
  }
  assert_true(last > 2 - 1e-9);
}

/* The smallest and largest sides that the head can say, and true boxes without an area. */
static void test_giou_extremes(void **unused) {
  (void)unused;
  static const double sides[] = {0.0024787521766663585 /* exp -6 */, 1, 403.42879349273512 /* exp 6 */};
  static const double targets[][4] = {
      {0, 0, 0, 0}, {0.5, 0, 0.5, 0}, {-1e5, 3, 1e5, 3}, {1e5, 1e5, 1e5, 1e5}, {0, 1e-4, 1e-4, 0}};
  for (int i = 0; i < 81; i++)
    for (size_t j = 0; j < sizeof targets / sizeof targets[0]; j++) {
      double predicted[4] = {sides[i % 3], sides[i / 3 % 3], sides[i / 9 % 3], sides[i / 27]}, slope[4], iou;
      double loss = bf_loss_giou(slope, &iou, predicted, targets[j]);
      assert_true(loss >= 0 && loss <= 2 && iou >= 0 && iou <= 1);
      for (int k = 0; k < 4; k++) assert_true(isfinite(slope[k]));
    }
}

/* Nothing at all on both sides is no division by 0. */
static void test_giou_of_nothing(void **unused) {
  (void)unused;
  static const double nothing[4] = {0, 0, 0, 0};
  double slope[4], iou;
  double loss = bf_loss_giou(slope, &iou, nothing, nothing);
  assert_true(loss >= 0 && loss <= 2 && iou == 0);
  for (int k = 0; k < 4; k++) assert_true(isfinite(slope[k]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bce_by_hand),
      cmocka_unit_test(test_bce_slopes),
      cmocka_unit_test(test_bce_symmetry),
      cmocka_unit_test(test_bce_minimum),
      cmocka_unit_test(test_bce_extremes),
      cmocka_unit_test(test_centre_by_hand),
      cmocka_unit_test(test_centre_is_the_papers),
      cmocka_unit_test(test_centre_slopes),
      cmocka_unit_test(test_centre_symmetry),
      cmocka_unit_test(test_centre_surroundings),
      cmocka_unit_test(test_centre_extremes),
      cmocka_unit_test(test_giou_by_hand),
      cmocka_unit_test(test_giou_slopes_of_boxes_apart),
      cmocka_unit_test(test_giou_from_corners),
      cmocka_unit_test(test_giou_slopes),
      cmocka_unit_test(test_giou_exchange),
      cmocka_unit_test(test_giou_mirrors),
      cmocka_unit_test(test_giou_unit_and_point),
      cmocka_unit_test(test_giou_far_apart),
      cmocka_unit_test(test_giou_extremes),
      cmocka_unit_test(test_giou_of_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
