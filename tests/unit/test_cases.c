/* Scores joined with what is known of their images: whose they are, which take part, and the same truth from labels and
 * from a dataset. */
#include "evaluation_support.h"

#include <jansson.h>

#include "base/memory.h"
#include "evaluation/words.h"
#include "image/mask.h"
#include "png_support.h"

static void patients_by_any_of_number_and_study(void **state) {
  (void)state;
  bf_score_row rows[] = {scored("1.1", "", 0.1f),   scored("1.2", "s1", 0.2f), scored("1.3", "", 0.3f),
                         scored("1.4", "s2", 0.4f), scored("1.5", "s2", 0.5f), scored("1.6", "", 0.6f),
                         scored("1.7", "s1", 0.7f), scored("1.8", "", 0.8f)};
  bf_scores scores = held(rows, 8);
  /* A: 1, 4, and through study s2 also 5. B: 3, 7, and through s1 also 2. 6 and 8 are their own. */
  bf_cases c = cases_of(&scores,
                        "SOPInstanceUID,PatientID,pathology\n1.1,A,benign\n1.2,,benign\n1.3,B,benign\n1.4,A,\n"
                        "1.5,,benign\n1.6,,benign\n1.7,B,benign\n1.8,,benign\n");
  static const int32_t patient[] = {0, 1, 1, 0, 0, 2, 1, 3};
  assert_int_equal(c.count, 8);
  for (int i = 0; i < 8; i++) assert_int_equal(c.items[i].patient, patient[i]);
  assert_int_equal(c.patients, 4);
  assert_false(c.patients_known);
  bf_cases_clear(&c);
}

static void patients_are_known_when_each_says_whose_it_is(void **state) {
  (void)state;
  bf_score_row rows[] = {scored("1.1", "", 0.1f), scored("1.2", "s", 0.2f), scored("1.3", "s", 0.3f)};
  bf_scores scores = held(rows, 3);
  bf_cases c = cases_of(&scores, "SOPInstanceUID,PatientID,pathology\n1.1,B,benign\n1.2,A,benign\n1.3,A,benign\n");
  assert_true(c.patients_known);
  assert_int_equal(c.patients, 2);
  assert_int_equal(c.items[0].patient, 0);
  assert_int_equal(c.items[2].patient, 1);
  bf_cases_clear(&c);
}

static void which_rows_are_cases(void **state) {
  (void)state;
  bf_score_row rows[] = {scored("1.1", "", 0.1f), scored("1.2", "", NAN),  scored("1.3", "", NAN),
                         scored("1.4", "", 0.4f), scored("1.1", "", 0.5f), scored("1.1", "", 0.6f),
                         scored("1.9", "", 0.7f), scored("1.6", "", NAN)};
  rows[1].status = BF_ROW_DAMAGED;
  rows[2].status = BF_ROW_LEFT_OUT;
  rows[5].frame = 1; /* another frame repeats nothing */
  rows[3].seen = 1;
  rows[7].status = 200; /* of a later version */
  bf_scores scores = held(rows, 8);
  bf_cases c = cases_of(&scores, "SOPInstanceUID,pathology\n1.1,malignant\n1.2,benign\n1.3,benign\n1.4,\n1.5,benign\n");
  static const int64_t row[] = {0, 3, 4, 5};
  assert_int_equal(c.count, 4);
  for (int i = 0; i < 4; i++) assert_int_equal(c.items[i].row, row[i]);
  assert_int_equal(c.items[1].malignant, -1);
  assert_int_equal(c.items[2].malignant, 1);
  assert_int_equal(c.counts.rows, 8);
  assert_int_equal(c.counts.failed, 2);
  assert_int_equal(c.counts.failed_by[BF_ROW_DAMAGED], 1);
  assert_int_equal(c.counts.failed_by[BF_ROW_STATUSES - 1], 1);
  assert_int_equal(c.counts.left_out, 1);
  assert_int_equal(c.counts.repeated, 1);
  assert_int_equal(c.counts.unlabelled, 1);
  assert_int_equal(c.counts.labels_unmatched, 3);
  assert_int_equal(c.counts.seen, 1);
  bf_cases_clear(&c);
}

/* Large logits order what is 1 in every probability, but on one scale or not at all. */
static void ranks_are_of_one_scale(void **state) {
  (void)state;
  bf_score_row rows[] = {scored("1.1", "", 1.0f), scored("1.2", "", 1.0f), scored("1.3", "", NAN)};
  const char *text = "SOPInstanceUID,pathology\n1.1,malignant\n1.2,benign\n1.3,benign\n";
  bf_scores scores = held(rows, 3);
  rows[0].malignant_logit = 40;
  rows[1].malignant_logit = 30;
  bf_cases c = cases_of(&scores, text);
  assert_true(c.items[0].rank == 40 && c.items[1].rank == 30);
  bf_cases_clear(&c);
  rows[1].malignant_logit = INFINITY;
  c = cases_of(&scores, text);
  assert_true(c.items[0].rank == 1 && c.items[1].rank == 1);
  bf_cases_clear(&c);
}

static void scores_without_truth(void **state) {
  (void)state;
  bf_score_row rows[] = {scored("1.1", "s", 0.1f), scored("1.2", "s", 0.2f), scored("1.3", "", 0.3f)};
  rows[0].status = BF_ROW_IO;
  bf_scores scores = held(rows, 3);
  bf_cases c;
  assert_ok(bf_cases_of_scores(&c, &scores, err));
  assert_int_equal(c.count, 2);
  assert_int_equal(c.items[0].row, 1);
  assert_int_equal(c.items[0].malignant, -1);
  assert_false(c.items[0].lesions_known);
  assert_int_equal(c.patients, 2);
  bf_cases_clear(&c);
}

/* ---- a dataset's truth is that of the labels it was made from ---- */

enum { images = 6, mask_room = 13 * side };

/* Image 0: two lesions, found well and not at all. 1: looked at, none, and pixels found there. 2: a lesion, whose found
 * mask is empty. 3: a box without a mask. 4: nothing is known. 5: of unknown class, without lesions. */
static const bf_lesion lesions_of[images][2] = {{{0, 10, 10, 30, 30, -1}, {0, 60, 70, 90, 80, -1}},
                                                {{0}},
                                                {{0, 40, 40, 48, 60, -1}},
                                                {{0, 5, 6, 7, 8, -1}},
                                                {{0}},
                                                {{0}}};
static const int lesion_counts[images] = {2, 0, 1, 1, 0, 0};
static const bool lesions_known[images] = {true, true, true, true, false, true};
static const bool drawn[images] = {true, true, true, false, false, false};
static const int8_t class_of[images] = {1, 0, 1, 0, 0, -1};
static const char *const patient_of[images] = {"p", "q", "p", "r", "q", "s"};

static void draw(uint8_t *mask, int image) {
  memset(mask, 0, mask_room);
  for (int k = 0; k < lesion_counts[image]; k++) {
    const bf_lesion *l = &lesions_of[image][k];
    mask_box(mask, side, (int)l->xmin, (int)l->ymin, (int)l->xmax, (int)l->ymax);
  }
}

static const char *uid_of(int image) {
  static char uids[images][16];
  snprintf(uids[image], sizeof uids[image], "1.%d", image + 1);
  return uids[image];
}

static void publish_scores(void) {
  static const bf_found_box boxes[] = {{11, 10, 30, 30, 0.9f}, {50, 0, 60, 10, 0.8f}, {39, 40, 48, 62, 0.7f}};
  static uint8_t found[images][mask_room];
  bf_score_row rows[images];
  const bf_scores_notes notes = {"", "", "maximum", "{\"threshold\": 0.4}", NULL};
  for (int i = 0; i < images; i++) {
    rows[i] = scored(uid_of(i), i < 2 ? "1.9" : "", 0.15f + 0.13f * (float)i);
    rows[i].boxes = &boxes[i % 3];
    rows[i].box_count = i == 0 ? 2 : i < 4;
    rows[i].mask = found[i];
    memset(found[i], 0, mask_room);
    if (i != 2) mask_box(found[i], side, 12, 10, 32, 30);
  }
  assert_ok(bf_scores_publish(in_folder("scores.h5"), rows, images, &notes, err));
}

static void write_dataset(void) {
  bf_dataset_writer *w;
  static uint16_t pixels[side * side];
  uint8_t mask[mask_room];
  assert_ok(bf_dataset_writer_create(&w, in_folder("data.h5"), err));
  /* Behind one of nobody's concern, and not in the order of the scores. */
  bf_record stray = plain_record("x.dcm", "z", 1, side, side);
  snprintf(stray.sop_instance_uid, sizeof stray.sop_instance_uid, "1.77");
  assert_ok(bf_dataset_append(w, &stray, pixels, NULL, 0, NULL, err));
  for (int i = images - 1; i >= 0; i--) {
    bf_record r = plain_record("somewhere.dcm", patient_of[i], class_of[i], side, side);
    snprintf(r.sop_instance_uid, sizeof r.sop_instance_uid, "%s", uid_of(i));
    r.lesions_known = lesions_known[i];
    draw(mask, i);
    assert_ok(bf_dataset_append(w, &r, pixels, lesions_of[i], lesion_counts[i], drawn[i] ? mask : NULL, err));
  }
  assert_ok(bf_dataset_finish(w, err));
  bf_dataset_writer_destroy(w);
}

static void read_labels(void) {
  FILE *classes = fopen(in_folder("images.csv"), "w"), *boxes = fopen(in_folder("boxes.csv"), "w");
  fprintf(classes, "SOPInstanceUID,PatientID,pathology\n1.77,z,malignant\n");
  fprintf(boxes, "SOPInstanceUID,xmin,ymin,xmax,ymax\n");
  assert_ok(bf_make_folders(in_folder("masks"), err));
  for (int i = 0; i < images; i++) {
    char name[64];
    uint8_t mask[mask_room];
    fprintf(classes, "%s,%s,%s\n", uid_of(i), patient_of[i],
            class_of[i] < 0 ? ""
            : class_of[i]   ? "malignant"
                            : "benign");
    for (int k = 0; k < lesion_counts[i]; k++) {
      const bf_lesion *l = &lesions_of[i][k];
      fprintf(boxes, "%s,%g,%g,%g,%g\n", uid_of(i), (double)l->xmin, (double)l->ymin, (double)l->xmax, (double)l->ymax);
    }
    if (lesions_known[i] && lesion_counts[i] == 0) fprintf(boxes, "%s,,,,\n", uid_of(i));
    snprintf(name, sizeof name, "masks/%s.png", uid_of(i));
    draw(mask, i);
    if (drawn[i]) png_put_mask(in_folder(name), mask, side, side);
  }
  assert_int_equal(fclose(classes) | fclose(boxes), 0);
  assert_ok(bf_labels_read(labels, in_folder("images.csv"), err));
  assert_ok(bf_labels_read(labels, in_folder("boxes.csv"), err));
  assert_ok(bf_labels_read(labels, in_folder("masks"), err));
}

static void expect_same_case(const bf_case *a, const bf_case *b) {
  assert_int_equal(a->row, b->row);
  assert_int_equal(a->malignant, b->malignant);
  assert_int_equal(a->patient, b->patient);
  assert_true(a->lesions_known == b->lesions_known && a->outlined == b->outlined);
  assert_true(a->found_anything == b->found_anything);
  assert_true(isnan(a->dice) ? isnan(b->dice) && isnan(b->iou) : a->dice == b->dice && a->iou == b->iou);
  assert_int_equal(a->boxes.truth_count, b->boxes.truth_count);
  assert_int_equal(a->boxes.found_count, b->boxes.found_count);
  if (a->boxes.truth_count > 0)
    assert_memory_equal(a->boxes.truths, b->boxes.truths, sizeof(bf_hit_box) * (size_t)a->boxes.truth_count);
  if (a->boxes.found_count > 0)
    assert_memory_equal(a->boxes.found, b->boxes.found, sizeof(bf_hit_box) * (size_t)a->boxes.found_count);
}

static char *words_of(bf_cases cases) {
  const bf_evaluation_source source = {.scores = "scores.h5"};
  bf_evaluation e = evaluated(cases, NULL);
  char *text = bf_evaluation_json(&e, NULL, &source);
  bf_evaluation_clear(&e);
  return text;
}

static void a_datasets_truth_is_that_of_its_labels(void **state) {
  (void)state;
  bf_scores scores, again;
  bf_dataset *data;
  bf_cases a, b;
  publish_scores();
  write_dataset();
  read_labels();
  assert_ok(bf_scores_read(&scores, in_folder("scores.h5"), err));
  assert_ok(bf_scores_read(&again, in_folder("scores.h5"), err));
  assert_ok(bf_dataset_open(&data, in_folder("data.h5"), err));
  assert_ok(bf_cases_of_labels(&a, &scores, labels, "scores.h5", err));
  assert_ok(bf_cases_of_dataset(&b, &again, data, "scores.h5", err));
  assert_int_equal(a.count, images);
  assert_int_equal(b.count, images);
  for (int i = 0; i < images; i++) expect_same_case(&a.items[i], &b.items[i]);
  /* Of 600 pixels drawn and 400 found 18 x 20 are both. */
  assert_true(fabs(a.items[0].dice - 2 * 360 / (400.0 + 700)) < 1e-12);
  assert_true(isnan(a.items[1].dice) && a.items[1].outlined && a.items[1].found_anything);
  assert_true(a.items[2].dice == 0 && !a.items[2].found_anything);
  assert_false(a.items[3].outlined);
  a.counts.labels_unmatched = 0; /* that a dataset has further rows is no fault of it */
  char *x = words_of(a), *y = words_of(b);
  assert_string_equal(x, y);
  bf_free(x);
  bf_free(y);
  bf_dataset_close(data);
  bf_scores_clear(&scores);
  bf_scores_clear(&again);
}

static void a_dataset_of_other_images(void **state) {
  (void)state;
  bf_score_row rows[] = {scored("2.1", "", 0.1f), scored("2.2", "", 0.2f)};
  bf_scores scores = held(rows, 2);
  bf_dataset *data;
  bf_cases c;
  bf_error bad = {0};
  write_dataset();
  assert_ok(bf_dataset_open(&data, in_folder("data.h5"), err));
  assert_int_equal(bf_cases_of_dataset(&c, &scores, data, "scores.h5", &bad), BF_E_NOT_FOUND);
  assert_message(bad, BF_E_NOT_FOUND, "scores.h5: none of its 2 good rows is in the dataset");
  bf_dataset_close(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      FOLDER_TEST(patients_by_any_of_number_and_study),
      FOLDER_TEST(patients_are_known_when_each_says_whose_it_is),
      FOLDER_TEST(which_rows_are_cases),
      FOLDER_TEST(ranks_are_of_one_scale),
      FOLDER_TEST(scores_without_truth),
      FOLDER_TEST(a_datasets_truth_is_that_of_its_labels),
      FOLDER_TEST(a_dataset_of_other_images),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
