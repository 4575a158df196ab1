/* The feed: every frame once, in order, with the same picture, however batches and threads cut the work. */
#include "data_support.h"

#include "base/memory.h"
#include "dicom/dicom.h"
#include "dicom_support.h"
#include "net_support.h"
#include "run/feed.h"
#include "run/predictor.h"
#include "run/sections.h"

enum { files = 7, rows = 40, columns = 56, most_slots = 64, picture = 3 * 64 * 64 };

/* Frames of each file; 0: no DICOM, -1: of one frame that is cut short. */
static const int frames[files] = {1, 23, 0, 1, 9, -1, 2};

typedef struct record {
  int64_t file;
  int frame;
  bool last;
  bf_status status;
  int32_t rows;
  char hash[65]; /* of the network's input */
} record;

typedef struct records {
  int count, batches;
  record slots[most_slots];
} records;

static void write_file(int index) {
  static bytes file;
  static unsigned char pixels[23 * rows * columns];
  char name[64], uid[64];
  int count = frames[index] < 1 ? 1 : frames[index];
  for (int i = 0; i < count * rows * columns; i++)
    pixels[i] = (unsigned char)(127 + 120 * net_noise((uint64_t)index, (uint64_t)i));
  snprintf(uid, sizeof uid, "1.2.3.%d", index);
  put_start(&file, "1.2.840.10008.1.2.1");
  put_text(&file, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.3.1");
  put_text(&file, 0x00080018, "UI", uid);
  put_text(&file, 0x00080060, "CS", "US");
  put_shape(&file, 1, "MONOCHROME2", count, rows, columns, 8, 0);
  put_element(&file, 0x7fe00010, "OB", pixels, (size_t)(count * rows * columns - (frames[index] < 0 ? 500 : 0)));
  if (frames[index] == 0) memcpy(file.data + 128, "nope", 4);
  snprintf(name, sizeof name, "in/%d.dcm", index);
  put_file(&file, in_folder(name));
}

static int make_files(void **state) {
  bf_error err = {0};
  make_folder(state);
  if (bf_make_folders(in_folder("in"), &err) != BF_OK || bf_dicom_init(&err) != BF_OK) return -1;
  for (int i = 0; i < files; i++) write_file(i);
  return 0;
}

static bf_model *make_model(void) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  bf_error err = {0};
  bf_config *config;
  bf_model *model;
  if (bf_model_config(&config, sections, count, &err) != BF_OK ||
      bf_config_set(config, "backbone", "squeezenet1_1", &err) != BF_OK ||
      bf_config_set(config, "weights", "none", &err) != BF_OK || bf_config_set(config, "size", "64", &err) != BF_OK ||
      bf_model_create(&model, config, &err) != BF_OK)
    fail_msg("%s", err.message);
  return model;
}

static void note(records *r, const bf_feed_batch *b, const float *input) {
  r->batches++;
  for (int i = 0, next = 0; i < b->count; i++) {
    const bf_feed_slot *one = &b->slots[i];
    assert_true(r->count < most_slots);
    record *to = &r->slots[r->count++];
    *to = (record){one->file, one->frame, one->last_frame, one->status, one->opened ? one->image.rows : 0, ""};
    if (one->status != BF_OK) continue;
    assert_int_equal(b->place[next], i);
    bf_sha256(to->hash, input + (size_t)next++ * picture, picture * sizeof(float));
  }
}

typedef struct rig {
  bf_pool *pool;
  bf_model *model;
  bf_predictor predictor;
  bf_feed feed;
} rig;

static void rig_open(rig *r, int batch, int threads, const uint8_t *skip) {
  kept_path folder;
  keep(folder, in_folder("in"));
  const char *const paths[] = {folder};
  *r = (rig){.pool = net_pool(threads), .model = make_model()};
  assert_ok(bf_predictor_create(&r->predictor, r->model, batch, false, false, r->pool, err));
  assert_ok(bf_feed_list(&r->feed, paths, 1, NULL, 0, err));
  assert_int_equal(r->feed.files.count, files);
  assert_ok(bf_feed_look(&r->feed, r->model, r->pool, err));
  assert_ok(bf_feed_open(&r->feed, r->model, r->predictor.execs[0], batch, r->pool, skip, err));
}

static void rig_close(rig *r) {
  bf_feed_close(&r->feed);
  bf_predictor_clear(&r->predictor);
  bf_model_destroy(r->model);
  bf_pool_destroy(r->pool);
}

static records feed_all(int batch, int threads, const uint8_t *skip) {
  records all = {0};
  bf_feed_batch b;
  rig r;
  rig_open(&r, batch, threads, skip);
  bf_exec *exec = r.predictor.execs[0];
  while (bf_feed_next(&b, &r.feed)) {
    note(&all, &b, bf_exec_value(exec, bf_network_input(r.model->network)));
    if (b.good > 0) bf_exec_forward(exec, b.good, 0); /* the pool's threads have tasks in between */
    assert_ok(bf_feed_check("x.h5", err));
    bf_feed_release(&r.feed);
  }
  assert_false(bf_feed_next(&b, &r.feed));
  rig_close(&r);
  return all;
}

static void every_frame_in_order(void **state) {
  (void)state;
  static const int batches[] = {1, 3, 3, 3, 8, 64}, threads[] = {1, 1, 2, 5, 3, 4};
  records whole = feed_all(64, 1, NULL);
  int slot = 0;
  for (int file = 0; file < files; file++)
    for (int frame = 0, count = frames[file] < 1 ? 1 : frames[file]; frame < count; frame++, slot++) {
      const record *r = &whole.slots[slot];
      bf_status due = frames[file] == 0 ? BF_E_NOT_DICOM : frames[file] < 0 ? BF_E_FORMAT : BF_OK;
      assert_int_equal(r->file, file);
      assert_int_equal(r->frame, frame);
      assert_int_equal(r->last, frame + 1 == count);
      assert_int_equal(r->status, due);
      for (int k = 0; k < slot && due == BF_OK; k++) assert_string_not_equal(r->hash, whole.slots[k].hash);
    }
  assert_int_equal(whole.count, slot);
  for (int i = 0; i < 6; i++) {
    records r = feed_all(batches[i], threads[i], NULL);
    assert_int_equal(r.count, whole.count);
    assert_int_equal(r.batches, (whole.count + batches[i] - 1) / batches[i]);
    for (int k = 0; k < r.count; k++) {
      assert_int_equal(r.slots[k].file, whole.slots[k].file);
      assert_int_equal(r.slots[k].frame, whole.slots[k].frame);
      assert_int_equal(r.slots[k].last, whole.slots[k].last);
      assert_int_equal(r.slots[k].status, whole.slots[k].status);
      assert_int_equal(r.slots[k].rows, whole.slots[k].rows);
      assert_string_equal(r.slots[k].hash, whole.slots[k].hash);
    }
  }
}

static void files_are_passed_over(void **state) {
  (void)state;
  static const uint8_t some[files] = {1, 0, 1, 1, 1, 0, 1}, all[files] = {1, 1, 1, 1, 1, 1, 1};
  records r = feed_all(5, 2, some);
  assert_int_equal(r.count, 24);
  for (int i = 0; i < 23; i++) assert_int_equal(r.slots[i].file, 1);
  assert_int_equal(r.slots[23].file, 5);
  assert_int_equal(feed_all(5, 2, all).count, 0);
}

/* In the midst of its work. */
static void it_can_be_left(void **state) {
  (void)state;
  for (int threads = 1; threads < 4; threads++) {
    bf_feed_batch b;
    rig r;
    rig_open(&r, 4, threads, NULL);
    for (int i = 0; i < threads; i++) {
      assert_true(bf_feed_next(&b, &r.feed));
      if (i + 1 < threads) bf_feed_release(&r.feed);
    }
    rig_close(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_frame_in_order),
      cmocka_unit_test(files_are_passed_over),
      cmocka_unit_test(it_can_be_left),
  };
  return cmocka_run_group_tests(tests, make_files, remove_folder);
}
