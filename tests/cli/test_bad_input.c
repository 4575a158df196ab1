/* Bad input: a clear message, the right exit code, and nothing that was there before is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bifocal/status.h"
#include "program.h"

static const char *const tiny =
    "size: 64\nepochs: 1\nbatch: 4\nbackbone: mobilenet_v2\nheads:\n  lesion:\n    channels: 16\n";

static int make_inputs(void **state) {
  (void)state;
  scratch_make();
  write_text(in_scratch("tiny.yaml"), tiny);
  outcome o = RUN("phantom", "-o", in_scratch("ph"), "--studies", "8", "--seed", "3");
  int code = o.code;
  outcome_free(&o);
  o = RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
          in_scratch("ph/boxes.csv"), "-o", in_scratch("data.h5"));
  code |= o.code;
  outcome_free(&o);
  o = RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run"), "--quiet");
  code |= o.code;
  if (o.code != 0) print_message("%s\n", o.err);
  outcome_free(&o);
  return code;
}

static void copy_part(const char *to, const char *from, double share) {
  struct stat info;
  assert_int_equal(stat(from, &info), 0);
  char command[1200];
  snprintf(command, sizeof command, "head -c %ld '%s' > '%s'", (long)((double)info.st_size * share), from, to);
  assert_int_equal(system(command), 0);
}

static const char *some_dicom(void) {
  static char path[512];
  char command[600];
  snprintf(command, sizeof command, "find '%s/ph/studies' -name '*.dcm' | sort | head -n 1", scratch_folder);
  FILE *pipe = popen(command, "r");
  assert_non_null(fgets(path, sizeof path, pipe));
  pclose(pipe);
  path[strcspn(path, "\n")] = '\0';
  return path;
}

static void test_usage(void **state) {
  (void)state;
  EXPECT(RUN("trian"), 2, "did you mean train?");
  EXPECT(RUN("score", "--flisp", "a", "b"), 2, "did you mean --flips?");
  EXPECT(RUN("train"), 2, "missing arguments");
  EXPECT(RUN("ingest", in_scratch("ph"), "--threads", "two", "-o", in_scratch("x.h5")), 2, "--threads: 'two'");
  outcome o = RUN("score", "--help");
  assert_int_equal(o.code, 0);
  assert_non_null(strstr(o.out, "example:"));
  outcome_free(&o);
}

static void test_empty_folder(void **state) {
  (void)state;
  mkdir(in_scratch("empty"), 0700);
  EXPECT(RUN("ingest", in_scratch("empty"), "-o", in_scratch("x.h5")), 1, "no files under");
  EXPECT(RUN("score", in_scratch("run/model.safetensors"), in_scratch("empty"), "-o", in_scratch("x.scores.h5")), 1,
         "no files under");
  EXPECT(RUN("ingest", in_scratch("nowhere"), "-o", in_scratch("x.h5")), 1, "no such file or folder");
  assert_int_not_equal(access(in_scratch("x.h5"), F_OK), 0);
}

/* Beside good files a bad one costs its own row, no more. */
static void test_text_file_called_dcm(void **state) {
  (void)state;
  mkdir(in_scratch("mixed"), 0700);
  write_text(in_scratch("mixed/a.dcm"), "patient notes, no picture");
  EXPECT(RUN("ingest", in_scratch("mixed"), "-o", in_scratch("x.h5")), 1, "a.dcm");
  char command[1200];
  snprintf(command, sizeof command, "cp '%s' '%s/mixed/b.dcm'", some_dicom(), scratch_folder);
  assert_int_equal(system(command), 0);
  EXPECT(RUN("ingest", in_scratch("mixed"), "-o", in_scratch("x.h5")), 0, "left out, not_dicom: 1");
  assert_int_equal(access(in_scratch("x.h5"), F_OK), 0);
  outcome o =
      RUN("score", in_scratch("run/model.safetensors"), in_scratch("mixed"), "-o", in_scratch("mixed.h5"), "--json");
  assert_int_equal(o.code, 3);
  assert_non_null(strstr(o.out, "\"rows\": 2, \"failed\": 1"));
  outcome_free(&o);
}

static void test_truncated_dicom(void **state) {
  (void)state;
  mkdir(in_scratch("cut"), 0700);
  copy_part(in_scratch("cut/cut.dcm"), some_dicom(), 0.6);
  outcome o = RUN("inspect", in_scratch("cut"), "--json");
  assert_int_equal(o.code, 3);
  assert_non_null(strstr(o.out, "\"status\": \"damaged\""));
  outcome_free(&o);
  EXPECT(RUN("score", in_scratch("run/model.safetensors"), in_scratch("cut"), "-o", in_scratch("cut.h5")), 3, "");
}

static void test_labels(void **state) {
  (void)state;
  write_text(in_scratch("stray.csv"), "SOPInstanceUID,pathology\n1.2.3.4,benign\n");
  EXPECT(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("stray.csv"), "-o", in_scratch("x.h5")), 2,
         "none of 1 labels names an image");
  write_text(in_scratch("odd.csv"), "SOPInstanceUID,pathology\n1.2.3.4,cancer\n");
  EXPECT(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("odd.csv"), "-o", in_scratch("x.h5")), 1,
         "cancer");
}

static void test_box_outside(void **state) {
  (void)state;
  char *boxes = read_text(in_scratch("ph/boxes.csv")), *uid = strchr(boxes, '\n') + 1, text[400];
  snprintf(text, sizeof text, "SOPInstanceUID,xmin,ymin,xmax,ymax\n%.*s,10,10,5000,60\n", (int)strcspn(uid, ","), uid);
  write_text(in_scratch("outside.csv"), text);
  free(boxes);
  EXPECT(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("ph/labels.csv"), "--labels",
             in_scratch("outside.csv"), "-o", in_scratch("x.h5")),
         0, "outside");
}

static void test_config(void **state) {
  (void)state;
  write_text(in_scratch("slip.yaml"), "backbone: mobilenet_v2\nepohcs: 3\n");
  EXPECT(RUN("train", in_scratch("slip.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("x")), 2,
         "did you mean epochs?");
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("x"), "--set",
             "epochs=zero"),
         2, "epochs: 'zero'");
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("x"), "--set",
             "size=100"),
         2, "32");
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("x"), "--set",
             "backbone=resnet19"),
         2, "resnet18");
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("x"), "--set",
             "weights=absent.safetensors"),
         1, "absent.safetensors");
}

/* A full disk looks like this to write(): part of the data goes in, then an error. */
static void test_full_disk(void **state) {
  (void)state;
  EXPECT(RUN("ingest", in_scratch("ph/studies"), "-o", in_scratch("full.h5")), 0, "");
  char *before = read_text(in_scratch("full.h5"));
  EXPECT(RUN_LIMITED(1 << 20, "ingest", in_scratch("ph/studies"), "-o", in_scratch("full.h5")), 1, "full.h5");
  char *after = read_text(in_scratch("full.h5"));
  assert_string_equal(before, after);
  assert_int_not_equal(access(in_scratch("full.h5.part"), F_OK), 0);
  free(before);
  free(after);
  EXPECT(
      RUN_LIMITED(65536, "train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("full")),
      1, "full/");
}

static int in_shell(const char *format, ...) BF_PRINTF(1, 2);
static int in_shell(const char *format, ...) {
  char command[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  return WEXITSTATUS(system(command));
}

/* What was printed is a result too. */
static void test_full_stdout(void **state) {
  (void)state;
  if (access("/dev/full", W_OK) != 0) skip();
  const char *commands[] = {"inspect '%s/ph/studies' --json", "doctor --json", "bench --size 32 --repeats 1"};
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    char line[512];
    snprintf(line, sizeof line, commands[i], scratch_folder);
    assert_int_equal(in_shell("'%s' %s > /dev/full 2> '%s'", BF_TEST_PROGRAM, line, in_scratch("said.txt")), 1);
    char *said = read_text(in_scratch("said.txt"));
    assert_non_null(strstr(said, "cannot be written to stdout"));
    free(said);
  }
}

/* The job's own files in the folder that is scored are no input: the second run sees what the first one saw. */
static void test_result_inside_its_input(void **state) {
  (void)state;
  assert_int_equal(in_shell("cp -r '%s/ph/studies' '%s/inside' && cp '%s/run/model.safetensors' '%s/inside'",
                            scratch_folder, scratch_folder, scratch_folder, scratch_folder),
                   0);
  for (int round = 0; round < 2; round++) {
    json_t *root = json_of(RUN("score", in_scratch("inside/model.safetensors"), in_scratch("inside"), "-o",
                               in_scratch("inside/scores.h5"), "--json"));
    assert_int_equal(json_integer_value(json_object_get(root, "failed")), 0);
    json_decref(root);
  }
  for (int round = 0; round < 2; round++) {
    json_t *root = json_of(RUN("ingest", in_scratch("ph"), "--labels", in_scratch("ph/labels.csv"), "--labels",
                               in_scratch("ph/boxes.csv"), "-o", in_scratch("ph/data.h5"), "--json"));
    assert_int_equal(json_integer_value(json_object_get(root, "left_out")), 0);
    json_decref(root);
  }
}

/* File names are bytes; JSON and HDF5's texts are UTF-8. */
static void test_odd_names(void **state) {
  (void)state;
  assert_int_equal(
      in_shell("mkdir -p '%s/odd' && cp '%s' '%s/odd/q\"\\.dcm' && cp '%s' \"$(printf '%%s/odd/\\377\\n.dcm' '%s')\"",
               scratch_folder, some_dicom(), scratch_folder, some_dicom(), scratch_folder),
      0);
  json_t *root = json_of(
      RUN("score", in_scratch("run/model.safetensors"), in_scratch("odd"), "-o", in_scratch("odd/q\"o.h5"), "--json"));
  assert_int_equal(json_integer_value(json_object_get(root, "rows")), 2);
  assert_non_null(strstr(json_string_value(json_object_get(root, "scores")), "q\"o.h5"));
  json_decref(root);
  good(RUN("export", in_scratch("odd/q\"o.h5"), "--format", "json", "-o", in_scratch("odd-json")));
  char *lines = read_text(in_scratch("odd-json/scores.jsonl"));
  assert_non_null(strstr(lines, "\xEF\xBF\xBD\\n.dcm"));
  free(lines);
  outcome o = RUN("inspect", in_scratch("odd"));
  int count = 0;
  for (const char *c = o.out; *c; c++) count += *c == '\n';
  assert_int_equal(count, 3); /* the result file too: a line each, whatever their names */
  outcome_free(&o);
}

static void test_box_in_absent_frame(void **state) {
  (void)state;
  char *boxes = read_text(in_scratch("ph/boxes.csv")), *uid = strchr(boxes, '\n') + 1, text[400];
  snprintf(text, sizeof text, "SOPInstanceUID,xmin,ymin,xmax,ymax,frame\n%.*s,10,10,50,60,1\n", (int)strcspn(uid, ","),
           uid);
  write_text(in_scratch("absent.csv"), text);
  free(boxes);
  EXPECT(RUN("ingest", in_scratch("ph/studies"), "--labels", in_scratch("absent.csv"), "-o", in_scratch("x.h5")), 0,
         "a box for frame 1, and the file has frames 0 to 0");
}

static void test_unwritable_folder(void **state) {
  (void)state;
  write_text(in_scratch("file"), "");
  EXPECT(RUN("ingest", in_scratch("ph/studies"), "-o", in_scratch("file/x.h5")), 1, "cannot write into the folder");
  EXPECT(RUN("score", in_scratch("run/model.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("file/x.h5")), 1,
         "cannot write into the folder");
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("file/x")), 1,
         "cannot make the folder");
}

static void test_cut_model(void **state) {
  (void)state;
  copy_part(in_scratch("cut.safetensors"), in_scratch("run/model.safetensors"), 0.7);
  EXPECT(RUN("score", in_scratch("cut.safetensors"), in_scratch("ph/studies"), "-o", in_scratch("x.h5")), 1,
         "cut.safetensors");
  EXPECT(RUN("score", in_scratch("ph/labels.csv"), in_scratch("ph/studies"), "-o", in_scratch("x.h5")), 1,
         "labels.csv");
  copy_part(in_scratch("cut.h5"), in_scratch("data.h5"), 0.5);
  EXPECT(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("cut.h5"), "-o", in_scratch("x")), 1, "cut.h5");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_usage),
      cmocka_unit_test(test_empty_folder),
      cmocka_unit_test(test_text_file_called_dcm),
      cmocka_unit_test(test_truncated_dicom),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_box_outside),
      cmocka_unit_test(test_config),
      cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_unwritable_folder),
      cmocka_unit_test(test_cut_model),
      cmocka_unit_test(test_full_stdout),
      cmocka_unit_test(test_result_inside_its_input),
      cmocka_unit_test(test_odd_names),
      cmocka_unit_test(test_box_in_absent_frame),
  };
  return cmocka_run_group_tests_name("bad_input", tests, make_inputs, scratch_teardown);
}
