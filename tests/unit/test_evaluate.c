/* Evaluation from files to figures: known numbers by hand, what is not defined, and what takes no part. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/evaluate.h"
#include "bifocal/export.h"
#include "bifocal/ingest.h"
#include "png_support.h"
#include "store/scores.h"

static char folder[64], scores_path[128], images_path[128], boxes_path[128], report[128];

static int set_up(void **state) {
  (void)state;
  bf_log_set_level(BF_LOG_ERROR);
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(scores_path, sizeof scores_path, "%s/scores.h5", folder);
  snprintf(images_path, sizeof images_path, "%s/images.csv", folder);
  snprintf(boxes_path, sizeof boxes_path, "%s/boxes.csv", folder);
  snprintf(report, sizeof report, "%s/report", folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  char command[160];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

static void write_text(const char *path, const char *text) {
  bf_error err = {0};
  assert_int_equal(bf_file_write(path, text, strlen(text), &err), BF_OK);
}

static bf_score_row row(const char *uid, float probability, const bf_found_box *boxes, int count) {
  bf_score_row r = {.file = "somewhere.dcm",
                    .modality = "US",
                    .rows = 100,
                    .columns = 100,
                    .message = "",
                    .malignant_probability = probability,
                    .malignant_logit = logf(probability / (1 - probability)),
                    .box_count = count,
                    .boxes = boxes};
  strcpy(r.sop_instance_uid, uid);
  strcpy(r.study_instance_uid, "1.9");
  return r;
}

static void publish(const bf_score_row *rows, int64_t count, const char *extra) {
  bf_error err = {0};
  bf_scores_notes notes = {"abc", "epochs: 1\n", "maximum", extra, NULL};
  if (bf_scores_publish(scores_path, rows, count, &notes, &err) != BF_OK) fail_msg("%s", err.message);
}

/* Two malignant, three benign, one failed, one of unknown class, one that nobody speaks of. */
static void publish_example(const char *extra) {
  static const bf_found_box a[] = {{10, 10, 30, 30, 0.9f}, {60, 60, 80, 80, 0.4f}}, b[] = {{0, 0, 10, 10, 0.8f}},
                            c[] = {{12, 10, 32, 30, 0.7f}};
  bf_score_row rows[] = {row("1.1", 0.9f, a, 2), row("1.2", 0.4f, b, 1),    row("1.3", 0.5f, NULL, 0),
                         row("1.4", 0.1f, c, 1), row("1.5", 0.2f, NULL, 0), row("1.6", 0.9f, NULL, 0),
                         row("1.7", 0.7f, b, 1), row("1.8", 0.5f, b, 1)};
  rows[5].status = BF_ROW_DAMAGED;
  rows[5].message = "cut";
  rows[5].malignant_probability = rows[5].malignant_logit = NAN;
  publish(rows, 8, extra);
  write_text(images_path,
             "SOPInstanceUID,pathology\n1.1,malignant\n1.2,malignant\n1.3,benign\n1.4,benign\n1.5,benign\n1.6,"
             "malignant\n1.7,\n1.99,benign\n");
  /* 1.1 has two lesions, one of them not found; 1.4's is hit at IoU 0.818; 1.5 has none; of the others nothing is
   * known. */
  write_text(boxes_path,
             "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,10,10,30,30\n1.1,0,90,5,99\n1.4,10,10,30,30\n1.5,,,,\n");
}

static json_t *evaluate(bf_evaluate_options o) {
  const char *const labels[] = {images_path, boxes_path};
  char *text;
  bf_error err = {0};
  o.scores = scores_path;
  o.labels = labels;
  if (o.label_count == 0) o.label_count = 2;
  o.json = true;
  if (bf_evaluate(&text, &o, &err) != BF_OK) fail_msg("%s", err.message);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  bf_text_free(text);
  return root;
}

static const json_t *at(const json_t *root, const char *a, const char *b) {
  return json_object_get(json_object_get(root, a), b);
}

static void expect(const json_t *root, const char *a, const char *b, double value) {
  const json_t *found = at(root, a, b);
  if (!json_is_number(found) || fabs(json_number_value(found) - value) > 1e-6)
    fail_msg("%s.%s is %g, %g is due", a, b, json_number_value(found), value);
}

static void expect_null(const json_t *root, const char *a, const char *b) {
  if (!json_is_null(at(root, a, b))) fail_msg("%s.%s is not null", a, b);
}

static void figures_by_hand(void **state) {
  (void)state;
  publish_example("{\"threshold\": 0.45, \"threshold_rule\": \"so\"}");
  json_t *r = evaluate((bf_evaluate_options){0});
  const char *c = "classification", *l = "localization";
  expect(r, c, "n", 5);
  expect(r, c, "positives", 2);
  expect(r, c, "n_unknown", 1);
  expect(r, c, "auc", 5.0 / 6); /* of six pairs only 0.4 < 0.5 is wrong */
  expect(r, c, "sensitivity", 0.5);
  expect(r, c, "specificity", 2.0 / 3);
  expect(r, c, "threshold", 0.45);
  expect(r, c, "prevalence", 0.4);
  expect(r, c, "brier", (0.01 + 0.36 + 0.25 + 0.01 + 0.04) / 5);
  expect(r, c, "log_loss", -(log(0.9) + log(0.4) + log(0.5) + log(0.9) + log(0.8)) / 5);
  assert_int_equal(json_array_size(at(r, c, "auc_ci")), 2);
  assert_string_equal(json_string_value(at(r, c, "threshold_from")), "scores");
  expect(r, l, "images", 3);
  expect(r, l, "lesions", 3);
  expect(r, l, "boxes", 3);
  expect(r, l, "images_without_lesions", 1);
  expect(r, l, "n_unknown", 3);
  expect(r, l, "mean_best_iou", (1 + 0 + 360.0 / 440) / 3);
  const json_t *froc = at(r, l, "froc");
  assert_true(fabs(json_number_value(json_object_get(froc, "0.25")) - 2.0 / 3) < 1e-9);
  assert_true(fabs(json_number_value(json_object_get(froc, "4")) - 2.0 / 3) < 1e-9);
  assert_int_equal(json_object_size(froc), 5);
  expect(r, "rows", "total", 8);
  expect(r, "rows", "failed", 1);
  expect(r, "rows", "unlabelled", 1);
  expect(r, "rows", "labels_unmatched", 2); /* 1.99, and 1.6, whose only row failed */
  assert_int_equal(json_integer_value(json_object_get(at(r, "rows", "failed_by_status"), "damaged")), 1);
  assert_string_equal(json_string_value(json_object_get(r, "model_sha256")), "abc");
  json_decref(r);
}

/* As ingest takes them: a box that reaches out by a pixel is cut, by more it is none, and its image's lesions are
 * unknown. */
static void boxes_outside(void **state) {
  (void)state;
  static const bf_found_box a[] = {{90, 90, 100, 100, 0.9f}};
  bf_score_row rows[] = {row("1.1", 0.9f, a, 1), row("1.2", 0.4f, a, 1)};
  publish(rows, 2, NULL);
  write_text(images_path, "SOPInstanceUID,pathology\n1.1,malignant\n1.2,benign\n");
  write_text(boxes_path, "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,90,90,101,101\n1.2,90,90,120,100\n");
  json_t *r = evaluate((bf_evaluate_options){0});
  expect(r, "localization", "images", 1);
  expect(r, "localization", "lesions", 1);
  expect(r, "localization", "mean_best_iou", 1);
  expect(r, "localization", "n_unknown", 1);
  expect(r, "localization", "n_unfit", 1);
  json_decref(r);
}

/* An image that could not be scored is an image all the same: of two that answer to one name neither is meant. */
static void failed_rows_claim_labels(void **state) {
  (void)state;
  bf_score_row rows[] = {row("1.1", 0.9f, NULL, 0), row("1.2", 0.4f, NULL, 0), row("1.3", 0.4f, NULL, 0)};
  rows[0].file = "a/x.dcm";
  rows[1].file = "b/x.dcm";
  rows[2].file = "b/y.dcm";
  rows[1].status = BF_ROW_DAMAGED;
  rows[1].message = "cut";
  rows[1].malignant_probability = rows[1].malignant_logit = NAN;
  publish(rows, 3, NULL);
  write_text(images_path, "study_id,image_id,breast_birads,split\ns,x,BI-RADS 5,test\ns,y,BI-RADS 1,test\n");
  json_t *r = evaluate((bf_evaluate_options){.label_count = 1});
  expect(r, "classification", "n", 1);
  expect(r, "classification", "positives", 0);
  expect(r, "rows", "unlabelled", 1);
  json_decref(r);
}

static void a_threshold_of_the_users_own(void **state) {
  (void)state;
  publish_example("{\"threshold\": 0.45}");
  json_t *r = evaluate((bf_evaluate_options){.threshold = "0.4"});
  /* Probabilities are float32: 0.4f is a little above 0.4. */
  expect(r, "classification", "sensitivity", 1);
  assert_string_equal(json_string_value(at(r, "classification", "threshold_from")), "option");
  json_decref(r);
  static const char *const bad[] = {"", "x", "1.5", "-1", "nan", "0.5x"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const char *const labels[] = {images_path};
    bf_evaluate_options o = {.scores = scores_path, .labels = labels, .label_count = 1, .threshold = bad[i]};
    bf_error err = {0};
    char *text;
    assert_int_equal(bf_evaluate(&text, &o, &err), BF_E_ARGUMENT);
    assert_non_null(strstr(err.message, "--threshold: '"));
  }
}

static void without_a_threshold(void **state) {
  (void)state;
  static const char *const extras[] = {NULL, "{}", "{\"threshold\": null}", "no json"};
  for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
    publish_example(extras[i]);
    json_t *r = evaluate((bf_evaluate_options){0});
    expect_null(r, "classification", "threshold");
    expect_null(r, "classification", "sensitivity");
    expect_null(r, "classification", "specificity");
    expect_null(r, "classification", "sensitivity_ci");
    expect_null(r, "classification", "true_positives");
    expect(r, "classification", "auc", 5.0 / 6);
    json_decref(r);
  }
}

static void hit_rules(void **state) {
  (void)state;
  static const bf_found_box near[] = {
      {15, 15, 35, 35, 0.9f}}; /* IoU 225 / 575 = 0.391 with the lesion; its centre is inside */
  bf_score_row r = row("1.1", 0.5f, near, 1);
  publish(&r, 1, NULL);
  write_text(images_path, "SOPInstanceUID,pathology\n1.1,benign\n");
  write_text(boxes_path, "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,10,10,30,30\n");
  static const struct {
    const char *rule;
    double found;
  } cases[] = {{NULL, 0}, {"iou50", 0}, {"iou10", 1}, {"centre", 1}, {"iou75", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    json_t *root = evaluate((bf_evaluate_options){.hit = cases[i].rule});
    assert_true(json_number_value(json_object_get(at(root, "localization", "froc"), "1")) == cases[i].found);
    expect(root, "localization", "ap50", 0);
    expect(root, "localization", "ap10", 1);
    assert_string_equal(json_string_value(at(root, "localization", "hit")), cases[i].rule ? cases[i].rule : "iou50");
    json_decref(root);
  }
  const char *const labels[] = {images_path};
  bf_evaluate_options o = {.scores = scores_path, .labels = labels, .label_count = 1, .hit = "iou51"};
  bf_error err = {0};
  char *text;
  assert_int_equal(bf_evaluate(&text, &o, &err), BF_E_ARGUMENT);
}

static void not_defined_is_null_and_said(void **state) {
  (void)state;
  bf_score_row rows[] = {row("1.1", 0.9f, NULL, 0), row("1.2", 0.4f, NULL, 0)};
  publish(rows, 2, "{\"threshold\": 0.5}");
  write_text(images_path, "SOPInstanceUID,pathology\n1.1,benign\n1.2,benign\n");
  write_text(boxes_path, "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,,,,\n");
  json_t *r = evaluate((bf_evaluate_options){0});
  expect_null(r, "classification", "auc");
  expect_null(r, "classification", "auc_ci");
  expect_null(r, "classification", "sensitivity");
  expect(r, "classification", "specificity", 0.5);
  expect_null(r, "localization", "ap50");
  expect_null(r, "localization", "mean_best_iou");
  assert_true(json_is_null(json_object_get(at(r, "localization", "froc"), "1")));
  expect(r, "localization", "images", 1);
  json_decref(r);
  const char *const labels[] = {images_path};
  bf_evaluate_options o = {.scores = scores_path, .labels = labels, .label_count = 1};
  bf_error err = {0};
  char *text;
  assert_int_equal(bf_evaluate(&text, &o, &err), BF_OK);
  assert_non_null(strstr(text, "area under the ROC curve (DeLong)             not defined"));
  assert_null(strstr(text, " nan"));
  bf_text_free(text);
}

static void nobody_speaks_of_the_rows(void **state) {
  (void)state;
  publish_example(NULL);
  write_text(images_path, "SOPInstanceUID,pathology\n2.1,benign\n");
  const char *const labels[] = {images_path};
  bf_evaluate_options o = {.scores = scores_path, .labels = labels, .label_count = 1};
  bf_error err = {0};
  char *text;
  assert_int_equal(bf_evaluate(&text, &o, &err), BF_E_NOT_FOUND);
  assert_non_null(strstr(err.message, "none of its 7 good rows is spoken of"));
  o.label_count = 0;
  assert_int_equal(bf_evaluate(&text, &o, &err), BF_E_ARGUMENT);
  o.label_count = 1;
  o.scores = images_path;
  assert_int_equal(bf_evaluate(&text, &o, &err), BF_E_FORMAT);
  assert_null(text);
}

static void the_report_has_curves(void **state) {
  (void)state;
  char path[200], *text;
  size_t size;
  bf_error err = {0};
  publish_example("{\"threshold\": 0.45}");
  json_t *r = evaluate((bf_evaluate_options){.report = report});
  snprintf(path, sizeof path, "%s/metrics.json", report);
  assert_int_equal(bf_file_read(&text, &size, path, 1 << 20, &err), BF_OK);
  json_t *again = json_loads(text, 0, NULL);
  assert_true(json_equal(r, again));
  json_decref(again);
  json_decref(r);
  bf_free(text);
  snprintf(path, sizeof path, "%s/roc.csv", report);
  assert_int_equal(bf_file_read(&text, &size, path, 1 << 20, &err), BF_OK);
  assert_non_null(strstr(text, "threshold,sensitivity,specificity\ninf,0,1\n0.899999976,0.5,1\n"));
  bf_free(text);
  snprintf(path, sizeof path, "%s/froc.csv", report);
  assert_int_equal(bf_file_read(&text, &size, path, 1 << 20, &err), BF_OK);
  assert_string_equal(
      text,
      "threshold,false_positives_per_image,sensitivity\n0.899999976,0,0.333333333\n0.699999988,0,0.666666667\n"
      "0.400000006,0.333333333,0.666666667\n");
  bf_free(text);
}

static void exports(void **state) {
  (void)state;
  char path[200], *text;
  size_t size;
  bf_error err = {0};
  publish_example(NULL);
  bf_export_options o = {.scores = scores_path, .format = "csv", .output = report};
  assert_int_equal(bf_export(&text, &o, &err), BF_OK);
  assert_non_null(strstr(text, "8 rows as csv"));
  bf_text_free(text);
  snprintf(path, sizeof path, "%s/images.csv", report);
  assert_int_equal(bf_file_read(&text, &size, path, 1 << 20, &err), BF_OK);
  assert_non_null(
      strstr(text, "\r\n5,\"somewhere.dcm\",\"1.6\",\"\",\"1.9\",0,100,100,\"US\",\"damaged\",\"cut\",,,0,\"\","));
  bf_free(text);
  o.format = "cvs";
  assert_int_equal(bf_export(&text, &o, &err), BF_E_ARGUMENT);
  o.format = NULL;
  assert_int_equal(bf_export(&text, &o, &err), BF_E_ARGUMENT);
  assert_string_equal(err.message, "--format is missing; there are csv, json, overlay, hdf5, sheet");
  o.format = "sheet"; /* none of its pictures exists */
  assert_int_equal(bf_export(&text, &o, &err), BF_E_NOT_FOUND);
  assert_non_null(strstr(err.message, "none of its pictures can be read"));
  snprintf(path, sizeof path, "%s/sheet.png", report);
  assert_int_not_equal(access(path, F_OK), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
/* Two copies of one image; the second one's path brings lesions into the label that the first one already has. */
static void lesions_that_join_late(void **state) {
  (void)state;
  enum { many = 300 };
  char second[160], *more = malloc(many * 200 + 100);
  bf_error err = {0};
  bf_score_row rows[2] = {row("1.1", 0.9f, NULL, 0), row("1.1", 0.8f, NULL, 0)};
  snprintf(second, sizeof second, "%s/second.dcm", folder);
  rows[1].file = second;
  publish(rows, 2, NULL);
  write_text(images_path, "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,1,1,5,5\n");
  int used = sprintf(more, "file,xmin,ymin,xmax,ymax\n");
  for (int i = 0; i < many; i++) used += sprintf(more + used, "%s,%g,10,%g,20\n", second, i / 4.0, i / 4.0 + 4);
  write_text(boxes_path, more);
  free(more);
  const char *const labels[] = {images_path, boxes_path};
  bf_evaluate_options o = {.scores = scores_path, .labels = labels, .label_count = 2, .json = true};
  char *text;
  if (bf_evaluate(&text, &o, &err) != BF_OK) fail_msg("%s", err.message);
  json_t *root = json_loads(text, 0, NULL);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "localization"), "lesions")),
                   2 * (many + 1));
  json_decref(root);
  bf_text_free(text);
}

/* A folder of masks takes the place of the file of boxes. */
static void masks_for_boxes(void) {
  bf_error err = {0};
  snprintf(boxes_path, sizeof boxes_path, "%s/masks", folder);
  assert_int_equal(bf_make_folders(boxes_path, &err), BF_OK);
}

static void write_mask(const char *uid, const uint8_t *mask, int rows) {
  char path[192];
  snprintf(path, sizeof path, "%s/%s.png", boxes_path, uid);
  png_put_mask(path, mask, rows, 100);
}

/* Drawn where a row says that there is nothing: unknown, as for ingest. */
static void masks_against_clean_rows(void **state) {
  (void)state;
  uint8_t mask[13 * 100] = {0};
  publish_example(NULL);
  write_text(images_path, "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.4,,,,\n1.5,,,,\n");
  masks_for_boxes();
  write_mask("1.5", mask, 100);
  mask_box(mask, 100, 10, 10, 30, 30);
  write_mask("1.4", mask, 100);
  json_t *r = evaluate((bf_evaluate_options){0});
  expect(r, "localization", "images", 1);
  expect(r, "localization", "n_unknown", 1);
  json_decref(r);
}

/* A folder of masks in place of boxes: the same lesions, the same figures. A mask of another size leaves its row's
 * lesions unknown. */
static void lesions_from_masks(void **state) {
  (void)state;
  uint8_t mask[13 * 100] = {0};
  publish_example(NULL);
  masks_for_boxes();
  write_mask("1.5", mask, 100);
  mask_box(mask, 100, 10, 10, 30, 30);
  write_mask("1.4", mask, 100);
  write_mask("1.3", mask, 99);
  mask_box(mask, 100, 0, 90, 5, 99);
  write_mask("1.1", mask, 100);
  json_t *r = evaluate((bf_evaluate_options){0});
  const char *l = "localization";
  expect(r, l, "images", 3);
  expect(r, l, "lesions", 3);
  expect(r, l, "boxes", 3);
  expect(r, l, "images_without_lesions", 1);
  expect(r, l, "n_unknown", 3);
  expect(r, "rows", "masks_unfit", 1);
  json_t *boxes = json_deep_copy(json_object_get(r, l));
  json_decref(r);
  snprintf(boxes_path, sizeof boxes_path, "%s/boxes.csv", folder);
  publish_example(NULL);
  r = evaluate((bf_evaluate_options){0});
  assert_true(json_equal(boxes, json_object_get(r, l)));
  json_decref(boxes);
  json_decref(r);
}

static char *words_of(bf_evaluate_options o) {
  const char *const labels[] = {images_path, boxes_path};
  char *text;
  bf_error err = {0};
  o.scores = scores_path;
  o.labels = labels;
  o.label_count = 2;
  if (bf_evaluate(&text, &o, &err) != BF_OK) fail_msg("%s", err.message);
  return text;
}

/* Sixty images of twenty patients, some without lesions, against themselves turned about. */
static void threads_change_no_bit(void **state) {
  (void)state;
  enum { many = 60 };
  static bf_found_box boxes[many];
  bf_score_row rows[many];
  char other[160], images[4096], lesions[4096];
  int used = sprintf(images, "SOPInstanceUID,PatientID,pathology\n"),
      more = sprintf(lesions, "SOPInstanceUID,xmin,ymin,xmax,ymax\n");
  for (int turn = 1; turn >= 0; turn--) {
    for (int i = 0; i < many; i++) {
      char uid[16];
      snprintf(uid, sizeof uid, "1.%d", i);
      boxes[i] = (bf_found_box){10, 10, 30, (float)(11 + i % 20), (float)((i * 31) % many) / many};
      rows[i] = row(uid, (float)(1 + (turn ? many - i : i) * 7 % many) / (many + 2), &boxes[i], 1);
      snprintf(rows[i].study_instance_uid, sizeof rows[i].study_instance_uid, "2.%d", i / 3);
      snprintf(rows[i].laterality, sizeof rows[i].laterality, "%s", i % 2 ? "L" : "R");
      used += turn ? sprintf(images + used, "%s,P%d,%s\n", uid, i / 3, i % 5 < 2 ? "malignant" : "benign") : 0;
      more += turn ? sprintf(lesions + more, i % 4 ? "%s,10,10,30,30\n" : "%s,,,,\n", uid) : 0;
    }
    publish(rows, many, "{\"threshold\": 0.5}");
    snprintf(other, sizeof other, "%s/other.h5", folder);
    if (turn) assert_int_equal(rename(scores_path, other), 0);
  }
  write_text(images_path, images);
  write_text(boxes_path, lesions);
  char *one = words_of((bf_evaluate_options){.json = true, .against = other, .threads = 1});
  for (int threads = 2; threads < 4; threads++) {
    char *more_of = words_of((bf_evaluate_options){.json = true, .against = other, .threads = threads});
    assert_string_equal(one, more_of);
    bf_text_free(more_of);
  }
  char *another = words_of((bf_evaluate_options){.json = true, .against = other, .threads = 1, .seed = 1});
  assert_string_not_equal(one, another); /* a seed changes intervals */
  bf_text_free(another);
  bf_text_free(one);
}

static void rounds_that_say_nothing(void **state) {
  (void)state;
  static const int bad[] = {-1, 1, 99, 1000001};
  publish_example(NULL);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const char *const labels[] = {images_path};
    bf_evaluate_options o = {.scores = scores_path, .labels = labels, .label_count = 1, .rounds = bad[i]};
    bf_error err = {0};
    char *text;
    assert_int_equal(bf_evaluate(&text, &o, &err), BF_E_ARGUMENT);
    assert_non_null(strstr(err.message, "--rounds: must be 100 to 1000000"));
  }
  json_t *r = evaluate((bf_evaluate_options){.rounds = 100});
  expect(r, "bootstrap", "rounds", 100);
  json_decref(r);
  r = evaluate((bf_evaluate_options){0});
  expect(r, "bootstrap", "rounds", BF_EVALUATE_ROUNDS);
  json_decref(r);
}

/* Names of points are cut between two characters, and are JSON all the same. */
static void points_with_long_names(void **state) {
  (void)state;
  publish_example(
      "{\"threshold\": 0.45, \"operating_points\": [{\"name\": \"0123456789012345678901234567890\\u00e4\", "
      "\"threshold\": 0.3}, {\"name\": \"\\u001b[2J\", \"threshold\": 0.45}]}");
  json_t *r = evaluate((bf_evaluate_options){0});
  const json_t *list = at(r, "classification", "operating_points");
  assert_int_equal(json_array_size(list), 2);
  assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")),
                      "0123456789012345678901234567890");
  assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "name")), "?[2J");
  json_decref(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(threads_change_no_bit),
      CASE(rounds_that_say_nothing),
      CASE(points_with_long_names),
      CASE(lesions_that_join_late),
      CASE(lesions_from_masks),
      CASE(masks_against_clean_rows),
      CASE(figures_by_hand),
      CASE(boxes_outside),
      CASE(failed_rows_claim_labels),
      CASE(a_threshold_of_the_users_own),
      CASE(without_a_threshold),
      CASE(hit_rules),
      CASE(not_defined_is_null_and_said),
      CASE(nobody_speaks_of_the_rows),
      CASE(the_report_has_curves),
      CASE(exports),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
