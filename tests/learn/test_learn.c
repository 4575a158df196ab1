/* Whether training learns, and learns nothing that is not there: eight pictures by heart, and chance where labels were
 * shuffled among patients. Random starts, so that no file from outside is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "base/rng.h"
#include "program.h"

/* Nothing that makes pictures or labels harder: what is left must be learned by heart. */
static const char *const by_heart =
    "backbone: resnet18\nsize: 96\nepochs: 60\nbatch: 8\nvalidation: 0\nbalanced: false\n"
    "optimiser:\n  learning_rate: 0.002\n  backbone_rate: 1\n  weight_decay: 0\n"
    "heads:\n  malignancy:\n    dropout: 0\n"
    "augment:\n  flip:\n    horizontal: 0\n  rotate:\n    degrees: 0\n  scale:\n    range: 0\n  translate:\n    "
    "fraction: 0\n"
    "  crop:\n    area: 0\n  brightness:\n    range: 0\n  contrast:\n    range: 0\n  gamma:\n    range: 0\n  noise:\n  "
    "  sigma: 0\n"
    "  speckle:\n    sigma: 0\n  blur:\n    sigma: 0\n";

static const char *const small =
    "backbone: resnet18\nsize: 64\nepochs: 12\nbatch: 16\nvalidation: 0\n"
    "optimiser:\n  learning_rate: 0.002\n  backbone_rate: 1\n  average: 0.9\nheads:\n  lesion:\n    channels: 16\n";

static int set_up(void **state) {
  (void)state;
  scratch_make();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove();
  return 0;
}

static json_t *evaluate(const char *scores, const char *labels, const char *boxes) {
  return json_of(RUN("evaluate", scores, "--labels", labels, "--labels", boxes, "--json"));
}

static void test_eight_images_by_heart(void **state) {
  (void)state;
  write_text(in_scratch("heart.yaml"), by_heart);
  good(RUN("phantom", "-o", in_scratch("eight"), "--studies", "4", "--seed", "5"));
  good(RUN("ingest", in_scratch("eight/studies"), "--labels", in_scratch("eight/labels.csv"), "--labels",
           in_scratch("eight/boxes.csv"), "-o", in_scratch("eight.h5")));
  good(RUN("train", in_scratch("heart.yaml"), "--data", in_scratch("eight.h5"), "-o", in_scratch("eight-run")));
  good(RUN("score", in_scratch("eight-run/last.safetensors"), in_scratch("eight/studies"), "-o",
           in_scratch("eight.scores.h5")));
  json_t *root = evaluate(in_scratch("eight.scores.h5"), in_scratch("eight/labels.csv"), in_scratch("eight/boxes.csv"));
  assert_int_equal((int)number_at(root, "classification", "n"), 8);
  assert_true(number_at(root, "classification", "log_loss") < 0.02);
  assert_true(number_at(root, "classification", "auc") == 1);
  assert_int_equal((int)number_at(root, "localization", "lesions"), 8);
  assert_true(number_at(root, "localization", "ap50") > 0.99);
  json_decref(root);
}

/* Each patient's class goes to another patient: pictures and labels have nothing to do with each other any more. */
static void shuffle_classes(const char *to, const char *from) {
  enum { most = 512 };
  char *text = read_text(from), *line[most], *patient[most];
  int64_t order[most];
  bool malignant[most];
  int lines = 0, patients = 0;
  for (char *c = strtok(text, "\n"); c != NULL && lines < most; c = strtok(NULL, "\n")) line[lines++] = c;
  for (int i = 1; i < lines; i++) {
    char *name = strchr(line[i], ',') + 1;
    if (patients > 0 && strncmp(patient[patients - 1], name, 11) == 0) continue;
    patient[patients] = name;
    malignant[patients] = strstr(line[i], ",malignant") != NULL;
    order[patients] = patients;
    patients++;
  }
  bf_rng rng = bf_rng_make(3, 0, 0);
  bf_rng_shuffle(&rng, order, patients);
  FILE *file = fopen(to, "w");
  assert_non_null(file);
  fprintf(file, "SOPInstanceUID,pathology\n");
  for (int i = 1, p = 0; i < lines; i++) {
    char *name = strchr(line[i], ',') + 1, *uid = strchr(strchr(name, ',') + 1, ',') + 1;
    if (strncmp(patient[p], name, 11) != 0) p++;
    fprintf(file, "%.*s,%s\n", (int)strcspn(uid, ","), uid, malignant[order[p]] ? "malignant" : "benign");
  }
  assert_int_equal(fclose(file), 0);
  free(text);
}

static double out_of_fold_auc(const char *name, const char *labels) {
  char data[64], folder[64], scores[64];
  snprintf(data, sizeof data, "%s.h5", name);
  snprintf(folder, sizeof folder, "cv-%s", name);
  snprintf(scores, sizeof scores, "cv-%s/scores.h5", name);
  good(RUN("ingest", in_scratch("many/studies"), "--labels", labels, "--labels", in_scratch("many/boxes.csv"), "-o",
           in_scratch(data)));
  good(RUN("train", in_scratch("small.yaml"), "--data", in_scratch(data), "-o", in_scratch(folder), "--folds", "2"));
  json_t *root = evaluate(in_scratch(scores), labels, in_scratch("many/boxes.csv"));
  double auc = number_at(root, "classification", "auc");
  json_decref(root);
  return auc;
}

/* Were a patient on both sides, or a label among the inputs, shuffled labels would be predicted too. */
static void test_shuffled_labels_give_chance(void **state) {
  (void)state;
  write_text(in_scratch("small.yaml"), small);
  good(RUN("phantom", "-o", in_scratch("many"), "--studies", "48", "--seed", "7"));
  shuffle_classes(in_scratch("shuffled.csv"), in_scratch("many/labels.csv"));
  double true_auc = out_of_fold_auc("true", in_scratch("many/labels.csv"));
  double shuffled_auc = out_of_fold_auc("shuffled", in_scratch("shuffled.csv"));
  print_message("out-of-fold AUC: %.3f, with shuffled labels %.3f\n", true_auc, shuffled_auc);
  assert_true(true_auc > 0.9);
  assert_true(shuffled_auc > 0.3 && shuffled_auc < 0.7);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_eight_images_by_heart),
                                     cmocka_unit_test(test_shuffled_labels_give_chance)};
  return cmocka_run_group_tests_name("learn", tests, set_up, tear_down);
}
