/* Slices of volumes as the three channels: what is trained on is what is scored, whatever the files' names; ends of
 * volumes, slices that cannot be read, and what rules leave out; scores pooled by series and study. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <hdf5.h>
#include <math.h>

#include "dicom_support.h"
#include "program.h"

enum { side = 64, patients = 10, slices = 5 };

/* Names say nothing about places. */
static int name_of(int patient, int slice) { return (patient * slices + slice) * 37 % 101; }

/* damaged: its header is good, and its pixels are not. */
static void write_slice(int patient, int slice, bool damaged) {
  static bytes b, fragments[2];
  static unsigned char grey[side * side];
  char text[96], path[512];
  uint32_t random = (uint32_t)(patient * 100 + slice);
  for (int i = 0; i < side * side; i++) {
    random = random * 1664525u + 1013904223u;
    int x = i % side - 20 - 3 * slice, y = i / side - 30;
    grey[i] = (unsigned char)(60 + (random >> 27) + (x * x + y * y < (patient % 2 ? 150 : 60) ? 120 : 0));
  }
  put_start(&b, damaged ? "1.2.840.10008.1.2.5" : "1.2.840.10008.1.2.1");
  put_text(&b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2");
  snprintf(text, sizeof text, "1.2.%d.%d", patient + 1, slice + 1);
  put_text(&b, 0x00080018, "UI", text);
  put_text(&b, 0x00080060, "CS", "CT");
  snprintf(text, sizeof text, "P%d", patient);
  put_text(&b, 0x00100020, "LO", text);
  snprintf(text, sizeof text, "1.2.%d", patient + 1);
  put_text(&b, 0x0020000d, "UI", text);
  put_text(&b, 0x0020000e, "UI", text);
  snprintf(text, sizeof text, "0\\0\\%d", 3 * slice);
  put_text(&b, 0x00200032, "DS", text);
  put_text(&b, 0x00200037, "DS", "1\\0\\0\\0\\1\\0");
  put_shape(&b, 1, "MONOCHROME2", 0, side, side, 8, 0);
  fragments[1].size = 0;
  put_raw(&fragments[1], grey, 200);
  if (damaged)
    put_fragments(&b, fragments, 2);
  else
    put_element(&b, 0x7fe00010, "OB", grey, sizeof grey);
  snprintf(path, sizeof path, "%s/in/%03d", scratch_folder, name_of(patient, slice));
  put_file(&b, path);
}

static int make_inputs(void **state) {
  (void)state;
  setenv("BIFOCAL_PATIENT_KEY", "key of this test", 1);
  scratch_make();
  assert_int_equal(mkdir(in_scratch("in"), 0700), 0);
  FILE *labels = fopen(in_scratch("labels.csv"), "w");
  fputs("SOPInstanceUID,pathology\n", labels);
  for (int p = 0; p < patients; p++)
    for (int s = 0; s < slices; s++) {
      write_slice(p, s, false);
      fprintf(labels, "1.2.%d.%d,%s\n", p + 1, s + 1, p % 2 ? "malignant" : "benign");
    }
  if (fclose(labels) != 0) abort();
  write_text(
      in_scratch("tiny.yaml"),
      "size: 64\nepochs: 1\nbatch: 4\nbackbone: mobilenet_v2\nvalidation: 0.4\nslices: three\nheads:\n  lesion:\n"
      "    weight: 0\n");
  good(RUN("ingest", in_scratch("in"), "--labels", in_scratch("labels.csv"), "-o", in_scratch("data.h5")));
  return 0;
}

/* Rows of scores by SOP Instance UID; NaN where there is none. */
typedef struct table {
  double logit[patients][slices];
  char status[patients][slices][16];
  int rows;
} table;

static table table_of(const char *scores) {
  table t = {.rows = 0};
  char folder[600];
  for (int i = 0; i < patients * slices; i++) t.logit[i / slices][i % slices] = NAN;
  snprintf(folder, sizeof folder, "%s.json", scores);
  good(RUN("export", scores, "--format", "json", "-o", folder));
  strcat(folder, "/scores.jsonl");
  char *text = read_text(folder);
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), t.rows++) {
    json_t *row = json_loads(line, 0, NULL);
    int p, s;
    assert_non_null(row);
    if (sscanf(json_string_value(json_object_get(row, "sop_instance_uid")), "1.2.%d.%d", &p, &s) == 2) {
      json_t *logit = json_object_get(row, "malignant_logit");
      if (json_is_number(logit)) t.logit[p - 1][s - 1] = json_number_value(logit);
      snprintf(t.status[p - 1][s - 1], 16, "%s", json_string_value(json_object_get(row, "status")));
    }
    json_decref(row);
  }
  free(text);
  return t;
}

static void test_trained_as_scored(void **state) {
  (void)state;
  good(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("data.h5"), "-o", in_scratch("run")));
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("in"), "-o", in_scratch("scores.h5")));
  table validation = table_of(in_scratch("run/validation-scores.h5")), all = table_of(in_scratch("scores.h5"));
  int compared = 0;
  assert_int_equal(all.rows, patients * slices);
  for (int p = 0; p < patients; p++)
    for (int s = 0; s < slices; s++) {
      assert_false(isnan(all.logit[p][s]));
      if (isnan(validation.logit[p][s])) continue;
      assert_true(fabs(validation.logit[p][s] - all.logit[p][s]) < 1e-4);
      compared++;
    }
  assert_true(compared >= 3 * slices);
}

/* Score one file alone: its volume has but one slice then, which changes what the network sees. */
static void test_neighbours_are_seen(void **state) {
  (void)state;
  char path[512];
  table all = table_of(in_scratch("scores.h5"));
  snprintf(path, sizeof path, "%s/in/%03d", scratch_folder, name_of(2, 2));
  good(RUN("score", in_scratch("run/model.safetensors"), path, "-o", in_scratch("alone.h5")));
  table alone = table_of(in_scratch("alone.h5"));
  assert_int_equal(alone.rows, 1);
  assert_true(fabs(alone.logit[2][2] - all.logit[2][2]) > 1e-4);
}

/* A slice whose pixels cannot be decoded is a row with a reason, and its neighbours see the one behind it, as in
 * training. */
static void test_damaged_slice(void **state) {
  (void)state;
  write_slice(3, 2, true);
  outcome o = RUN("score", in_scratch("run/model.safetensors"), in_scratch("in"), "-o", in_scratch("damaged.h5"));
  assert_int_equal(o.code, 3);
  outcome_free(&o);
  table all = table_of(in_scratch("scores.h5")), damaged = table_of(in_scratch("damaged.h5"));
  char path[512];
  snprintf(path, sizeof path, "%s/in/%03d", scratch_folder, name_of(3, 2));
  assert_int_equal(unlink(path), 0);
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("in"), "-o", in_scratch("absent.h5")));
  table absent = table_of(in_scratch("absent.h5"));
  assert_string_equal(damaged.status[3][2], "damaged");
  for (int s = 0; s < slices; s++) {
    if (s == 2) continue;
    bool beside = s == 1 || s == 3;
    assert_true(damaged.logit[3][s] == absent.logit[3][s]);
    assert_true((damaged.logit[3][s] != all.logit[3][s]) == beside);
  }
}

/* In the study of a patient of `in`. */
static void write_other(const char *name, const char *class, const char *modality, const char *type) {
  static bytes b;
  static const unsigned char grey[side * side];
  put_start(&b, "1.2.840.10008.1.2.1");
  put_text(&b, 0x00080008, "CS", type);
  put_text(&b, 0x00080016, "UI", class);
  put_text(&b, 0x00080018, "UI", strcmp(modality, "CT") == 0 ? "1.2.1.88" : "1.2.1.99");
  put_text(&b, 0x00080060, "CS", modality);
  put_text(&b, 0x0020000d, "UI", "1.2.1");
  put_text(&b, 0x0020000e, "UI", "1.2.1.7");
  put_shape(&b, 1, "MONOCHROME2", 0, side, side, 8, 0);
  put_element(&b, 0x7fe00010, "OB", grey, sizeof grey);
  put_file(&b, in_scratch(name));
}

/* A column of doubles. */
static int read_column(double *dst, int most, const char *path, const char *name) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), column = H5Dopen2(file, name, H5P_DEFAULT);
  hid_t space = H5Dget_space(column);
  int n = (int)H5Sget_simple_extent_npoints(space);
  assert_true(n <= most);
  assert_true(H5Dread(column, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, dst) >= 0);
  H5Sclose(space), H5Dclose(column), H5Fclose(file);
  return n;
}

/* Rules leave files out of both, each is a row with a reason, and that is no failure. */
static void test_rules(void **state) {
  (void)state;
  double pooled[64], images[64], single[64], largest = 0;
  write_other("in/localizer", "1.2.840.10008.5.1.4.1.1.2", "CT", "ORIGINAL\\PRIMARY\\LOCALIZER");
  write_other("in/screen", "1.2.840.10008.5.1.4.1.1.7", "OT", "DERIVED\\SECONDARY");
  good(RUN("score", in_scratch("run/model.safetensors"), in_scratch("in"), "-o", in_scratch("ruled.h5")));
  assert_int_equal(read_column(pooled, 64, in_scratch("ruled.h5"), "series/malignant_probability"), patients);
  assert_int_equal(read_column(images, 64, in_scratch("ruled.h5"), "series/images"), patients);
  int rows = read_column(single, 64, in_scratch("ruled.h5"), "images/malignant_probability");
  assert_int_equal(rows, patients * slices - 1 + 2); /* one was taken away above */
  assert_true(images[0] == slices);
  double status[64];
  read_column(status, 64, in_scratch("ruled.h5"), "images/status");
  int left_out = 0;
  for (int i = 0; i < rows; i++) left_out += status[i] == 8 && isnan(single[i]);
  assert_int_equal(left_out, 2);
  for (int i = 0; i < rows; i++) largest = single[i] > largest ? single[i] : largest;
  double most = 0, studies[64];
  for (int i = 0; i < patients; i++) most = pooled[i] > most ? pooled[i] : most;
  assert_true(most == largest);
  assert_int_equal(read_column(studies, 64, in_scratch("ruled.h5"), "studies/malignant_probability"), patients);
  for (int i = 0; i < patients; i++) assert_true(studies[i] == pooled[i]); /* a series a study */
  json_t *evaluated = json_of(RUN("evaluate", in_scratch("ruled.h5"), "--labels", in_scratch("labels.csv"), "--json"));
  assert_true(number_at(evaluated, "rows", "failed") == 0);
  assert_true(number_at(evaluated, "rows", "left_out") == 2);
  json_decref(evaluated);
  json_t *report = json_of(RUN("ingest", in_scratch("in"), "--labels", in_scratch("labels.csv"), "-o",
                               in_scratch("ruled-data.h5"), "--json"));
  assert_true(number_at(report, "reasons", "localizer") == 1);
  assert_true(number_at(report, "reasons", "secondary_capture") == 1);
  json_decref(report);
  report = json_of(RUN("ingest", in_scratch("in"), "--labels", in_scratch("labels.csv"), "-o",
                       in_scratch("ruled-data.h5"), "--set", "prepare.leave_out=none", "--json"));
  assert_int_equal(json_object_size(json_object_get(report, "reasons")), 0);
  json_decref(report);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_trained_as_scored),
                                     cmocka_unit_test(test_neighbours_are_seen), cmocka_unit_test(test_damaged_slice),
                                     cmocka_unit_test(test_rules)};
  return cmocka_run_group_tests_name("slices", tests, make_inputs, scratch_teardown);
}
