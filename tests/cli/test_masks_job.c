/* Masks all the way: drawn ones in, a head that outlines lesions, found ones in SCORES.h5 and their Dice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "program.h"

/* All four heads at once. */
static const char *const tiny =
    "size: 64\nepochs: 3\nbatch: 8\nbackbone: mobilenet_v2\nvalidation: 0.3\nheads:\n  lesion:\n    channels: 16\n  "
    "box:\n    weight: 0.5\n  mask:\n    weight: 1\n    channels: 16\n";

static int make_inputs(void **state) {
  (void)state;
  scratch_make_for_job(tiny);
  good(RUN("phantom", "-o", in_scratch("ph"), "--studies", "14", "--seed", "4", "--masks"));
  good(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
           in_scratch("ph/boxes.csv"), "--labels", in_scratch("ph/masks"), "-o", in_scratch("data.h5")));
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run"), "--threads",
           "2"));
  return 0;
}

#define TRAIN(to, ...) \
  RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch(to), __VA_ARGS__)
#define EVALUATE(scores)                                                                                           \
  json_of(RUN("evaluate", in_scratch(scores), "--labels", in_scratch("ph/labels.csv"), in_scratch("ph/boxes.csv"), \
              in_scratch("ph/masks"), "--json"))

/* The boxes that phantom gives are those of its masks. */
static void boxes_of_masks_are_the_boxes(void **state) {
  (void)state;
  json_t *root = json_of(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
                             in_scratch("ph/masks"), "-o", in_scratch("masks.h5"), "--json"));
  json_t *both = json_of(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
                             in_scratch("ph/boxes.csv"), "-o", in_scratch("boxes.h5"), "--json"));
  assert_int_equal(json_integer_value(json_object_get(root, "lesions")),
                   json_integer_value(json_object_get(both, "lesions")));
  assert_true(json_integer_value(json_object_get(root, "boxes_from_masks")) > 5);
  json_decref(root);
  json_decref(both);
}

static void threads_do_not_matter(void **state) {
  (void)state;
  good(TRAIN("one", "--threads", "1"));
  assert_true(same_file(in_scratch("run/last.safetensors"), in_scratch("one/last.safetensors")));
}

/* In batches of any size, with any number of threads: the same file. */
static void scores_hold_masks(void **state) {
  (void)state;
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("a.h5")));
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("b.h5"),
           "--threads", "1", "--batch", "3"));
  assert_true(same_file(in_scratch("a.h5"), in_scratch("b.h5")));
  json_t *root = EVALUATE("a.h5");
  json_t *s = json_object_get(root, "segmentation");
  double images = number_at(root, "segmentation", "images"),
         with = number_at(root, "segmentation", "images_with_lesions"),
         without = number_at(root, "segmentation", "images_without_lesions"),
         dice = number_at(root, "segmentation", "mean_dice"), iou = number_at(root, "segmentation", "mean_iou");
  assert_true(images > 14 && with + without == images && without > 0);
  assert_true(dice >= 0 && dice <= 1 && iou <= dice);
  const json_t *ci = json_object_get(s, "mean_dice_ci");
  assert_true(json_number_value(json_array_get(ci, 0)) <= dice && dice <= json_number_value(json_array_get(ci, 1)));
  json_decref(root);
  /* A second look at each picture, mirrored: masks are means of both. */
  good(
      RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("f.h5"), "--flips"));
  root = EVALUATE("f.h5");
  assert_true(number_at(root, "segmentation", "images") == images);
  assert_false(same_file(in_scratch("a.h5"), in_scratch("f.h5")));
  json_decref(root);
  /* Without the drawn masks there is nothing to compare. */
  root = json_of(RUN("evaluate", in_scratch("a.h5"), "--labels", in_scratch("ph/labels.csv"), "--json"));
  assert_null(json_object_get(root, "segmentation"));
  json_decref(root);
}

static void killed_scoring_keeps_masks(void **state) {
  (void)state;
  const char *const arguments[] = {"score",
                                   in_scratch("run/model.safetensors"),
                                   in_scratch("ph/studies"),
                                   "-o",
                                   in_scratch("killed.h5"),
                                   "--batch",
                                   "1",
                                   NULL};
  pid_t child = start_program(arguments, 0);
  wait_for(in_scratch("killed.h5.journal"), child);
  kill(child, SIGKILL);
  outcome o = finish_program(child);
  outcome_free(&o);
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("killed.h5"),
           "--batch", "1"));
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("whole.h5"),
           "--batch", "1"));
  assert_true(same_file(in_scratch("killed.h5"), in_scratch("whole.h5")));
}

/* A mask head alone gives boxes: those of its connected pieces. */
static void pieces_give_boxes(void **state) {
  (void)state;
  good(TRAIN("pieces", "--set", "epochs=16", "--set", "heads.malignancy.weight=0", "--set", "heads.lesion.weight=0",
             "--set", "heads.box.weight=0", "--set", "metric=last", "--set", "optimiser.backbone_rate=1"));
  good(RUN("score", in_scratch("pieces/last.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("p.h5")));
  json_t *root = EVALUATE("p.h5");
  assert_true(number_at(root, "localization", "boxes") > 0);
  if (!(number_at(root, "segmentation", "mean_dice") > 0.3))
    fail_msg("mean Dice %g", number_at(root, "segmentation", "mean_dice"));
  json_decref(root);
}

static void twins_of_masks(void **state) {
  (void)state;
  json_t *root =
      json_of(TRAIN("tw", "--set", "epochs=2", "--folds", "2", "--twins", "--set", "heads.box.weight=0", "--json"));
  json_t *twins = json_object_get(root, "twins");
  assert_int_equal(json_object_size(twins), 3);
  assert_string_equal(json_string_value(json_object_get(json_object_get(twins, "mask"), "figure")), "dice");
  assert_true(number_at(twins, "mask", "together") >= 0 && number_at(twins, "mask", "alone") >= 0);
  assert_true(number_at(twins, "mask", "low") <= number_at(twins, "mask", "high"));
  json_decref(root);
}

/* A column of an exported table, of the row that names this image; NaN: none. */
static double cell_of(const char *folder, const char *uid, const char *column) {
  char name[96];
  snprintf(name, sizeof name, "%s/images.csv", folder);
  char *text = read_text(in_scratch(name)), *line = text, *end;
  double value = NAN;
  int wanted = -1;
  for (char *next; line != NULL && *line != '\0'; line = next) {
    if ((next = strchr(line, '\n')) != NULL) *next++ = '\0';
    bool mine = strstr(line, uid) != NULL;
    int at = 0;
    for (char *cell = line; cell != NULL; cell = end != NULL ? end + 1 : NULL, at++) {
      if ((end = strchr(cell, ',')) != NULL) *end = '\0';
      if (strcmp(cell, column) == 0) wanted = at;
      if (mine && at == wanted) value = atof(cell);
    }
  }
  free(text);
  return value;
}

static void export_csv(const char *scores, const char *folder) {
  good(RUN("export", in_scratch(scores), "--format", "csv", "-o", in_scratch(folder)));
}

/* Held-out images in two looks: what `score --flips` says with the fold's model, in that of one of the folds; kept
 * features cannot be mirrored, and are not in the way. Finished folds are only looked at again. */
static void held_out_images_are_mirrored(void **state) {
  (void)state;
  static const char *const freezes[] = {"freeze=none", "freeze=all"};
  char *labels = read_text(in_scratch("ph/labels.csv"));
  for (int k = 0; k < 2; k++) {
    const char *to = k == 0 ? "flips" : "flips-kept";
    char name[3][64];
    good(TRAIN(to, "--set", "epochs=2", "--set", freezes[k], "--set", "views=1", "--folds", "2"));
    snprintf(name[0], sizeof name[0], "%s/scores.h5", to);
    export_csv(name[0], "plain-look");
    good(
        TRAIN(to, "--set", "epochs=2", "--set", freezes[k], "--set", "views=1", "--folds", "2", "--flips", "--resume"));
    export_csv(name[0], "twice-look");
    for (int f = 0; f < 2; f++) {
      snprintf(name[1], sizeof name[1], "%s/fold%d-model.safetensors", to, f + 1);
      snprintf(name[2], sizeof name[2], "%s-%d.h5", to, f + 1);
      good(RUN("score", in_scratch(name[1]), in_scratch("ph/studies"), "-o", in_scratch(name[2]), "--flips"));
      export_csv(name[2], f == 0 ? "one-look" : "two-look");
    }
    int images = 0, moved = 0;
    for (const char *at = labels; (at = strstr(at, "2.25.")) != NULL;) {
      char uid[80];
      const char *instance = strstr(at + 1, "2.25."); /* study, then image */
      snprintf(uid, sizeof uid, "%.*s", (int)strcspn(instance, ","), instance);
      at = instance + strlen(uid);
      double twice = cell_of("twice-look", uid, "malignant_logit");
      double far = fmin(fabs(twice - cell_of("one-look", uid, "malignant_logit")),
                        fabs(twice - cell_of("two-look", uid, "malignant_logit")));
      if (!(far < 1e-4)) fail_msg("%s: %g is %g from what scoring says", uid, twice, far);
      moved += fabs(twice - cell_of("plain-look", uid, "malignant_logit")) > 1e-3;
      images++;
    }
    assert_true(images > 14 && moved > images / 2);
  }
  free(labels);
  outcome o = TRAIN("flips-alone", "--flips");
  assert_int_equal(o.code, 2);
  outcome_free(&o);
}

/* Features of a frozen backbone are kept; masks still follow each kept view. */
static void kept_features_take_masks(void **state) {
  (void)state;
  good(TRAIN("kept", "--set", "freeze=all", "--set", "views=2", "--set", "norm=frozen"));
  good(TRAIN("anew", "--set", "freeze=all", "--set", "views=0", "--set", "norm=frozen"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(boxes_of_masks_are_the_boxes),
                                     cmocka_unit_test(threads_do_not_matter),
                                     cmocka_unit_test(scores_hold_masks),
                                     cmocka_unit_test(killed_scoring_keeps_masks),
                                     cmocka_unit_test(pieces_give_boxes),
                                     cmocka_unit_test(twins_of_masks),
                                     cmocka_unit_test(held_out_images_are_mirrored),
                                     cmocka_unit_test(kept_features_take_masks)};
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
