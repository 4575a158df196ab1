/* The contact sheet from scores and DICOM files to PNG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "program.h"
#include "store/scores.h"

static int make_inputs(void **state) {
  (void)state;
  scratch_make();
  outcome o = RUN("phantom", "-o", in_scratch("ph"), "--studies", "4", "--seed", "5");
  int code = o.code;
  outcome_free(&o);
  return code;
}

/* Scores for every phantom picture: file names and UIDs come from a tiny job's rows. */
static void publish(void) {
  char command[700], line[512];
  static char files[64][512];
  static bf_score_row rows[64];
  static const bf_found_box box = {5, 5, 60, 50, 0.6f};
  bf_error err = {0};
  bf_scores_notes notes = {"", "", "maximum", "{\"threshold\": 0.5}", NULL};
  int count = 0;
  snprintf(command, sizeof command, "find '%s/ph/studies' -name '*.dcm' | sort", scratch_folder);
  FILE *pipe = popen(command, "r");
  while (count < 64 && fgets(line, sizeof line, pipe) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    strcpy(files[count], line);
    rows[count] = (bf_score_row){.file = files[count],
                                 .rows = 100,
                                 .columns = 100,
                                 .message = "",
                                 .malignant_probability = (float)count / 64,
                                 .malignant_logit = 0,
                                 .box_count = count % 2,
                                 .boxes = &box};
    count++;
  }
  pclose(pipe);
  assert_true(count > 1);
  /* One that failed, and one whose file is gone. */
  rows[0].status = BF_ROW_DAMAGED;
  rows[count] = rows[1];
  rows[count].file = "gone.dcm";
  assert_int_equal(bf_scores_publish(in_scratch("scores.h5"), rows, count + 1, &notes, &err), BF_OK);
}

static void is_png(const char *path) {
  char head[8] = "";
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  assert_int_equal(fread(head, 1, 8, f), 8);
  fclose(f);
  assert_memory_equal(head, "\x89PNG\r\n\x1A\n", 8);
}

static void without_labels(void **state) {
  (void)state;
  publish();
  outcome o = RUN("export", in_scratch("scores.h5"), "--format", "sheet", "-o", in_scratch("sheet"));
  if (o.code != 0) fail_msg("%s", o.err);
  /* The absent picture is said, its tile stays. */
  assert_non_null(strstr(o.err, "gone.dcm"));
  outcome_free(&o);
  is_png(in_scratch("sheet/sheet.png"));
}

static void labels_and_limits(void **state) {
  (void)state;
  publish();
  outcome o = RUN("export", in_scratch("scores.h5"), "--format", "sheet", "-o", in_scratch("few"), "--images", "1");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.out, "sheet.png: 1 images"));
  outcome_free(&o);
  is_png(in_scratch("few/sheet.png"));
  o = RUN("export", in_scratch("scores.h5"), "--format", "sheet", "-o", in_scratch("few"), "--images", "100000");
  assert_int_equal(o.code, 1);
  outcome_free(&o);
  o = RUN("export", in_scratch("scores.h5"), "--format", "csv", "-o", in_scratch("few"), "--labels", "x.csv");
  assert_int_equal(o.code, 2);
  outcome_free(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(without_labels), cmocka_unit_test(labels_and_limits)};
  return cmocka_run_group_tests(tests, make_inputs, scratch_teardown);
}
