/* Fetching a file: resumed, limited, checked, published; a server of our own that behaves, and one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "fetch/fetch.h"
#include "http_server.h"
#include "program.h"

enum { size = 300007, cut = 100003 };
static unsigned char body[size];
static char hash[65], url[64];
static http_server server;

static int set_up(void **state) {
  (void)state;
  scratch_make();
  setenv("no_proxy", "*", 1);
  bf_log_set_level(BF_LOG_ERROR);
  for (int i = 0; i < size; i++) body[i] = (unsigned char)(i * 7 + i / 251);
  bf_sha256(hash, body, size);
  http_start(&server);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/weights.pth", server.port);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  http_stop(&server);
  scratch_remove();
  return 0;
}

static const char *output(void) { return in_scratch("weights.pth"); }
static const char *part(void) { return in_scratch("weights.pth.part"); }

static int clean(void **state) {
  (void)state;
  unlink(output());
  unlink(part());
  return 0;
}

static void put(const char *path, const void *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, bytes, file), bytes);
  assert_int_equal(fclose(file), 0);
}

static long bytes_of(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

static void expect_file(const char *path, const void *data, size_t bytes) {
  assert_int_equal(bytes_of(path), bytes);
  char *got = read_text(path);
  assert_memory_equal(got, data, bytes);
  free(got);
}

static bf_fetch_request usual(void) {
  return (bf_fetch_request){
      .url = url, .output = output(), .sha256 = hash, .bytes = size, .connect_seconds = 5, .stall_seconds = 5};
}

static bf_fetch_report good_fetch(const bf_fetch_request *request) {
  bf_fetch_report report;
  bf_error err = {0};
  bf_status status = bf_fetch(&report, request, &err);
  if (status != BF_OK) print_message("%s\n", err.message);
  assert_int_equal(status, BF_OK);
  expect_file(request->output, body, size);
  assert_string_equal(report.sha256, hash);
  assert_int_equal(report.bytes, size);
  assert_int_equal(bytes_of(part()), -1);
  return report;
}

static bf_fetch_report bad_fetch(const bf_fetch_request *request, bf_status wanted, const char *words) {
  bf_fetch_report report;
  bf_error err = {0};
  bf_status status = bf_fetch(&report, request, &err);
  if (status != wanted || strstr(err.message, words) == NULL)
    print_message("%s: %s\nwanted %s and '%s'\n", bf_status_name(status), err.message, bf_status_name(wanted), words);
  assert_int_equal(status, wanted);
  assert_non_null(strstr(err.message, words));
  return report;
}

static void expect_range(const char *wanted) {
  char range[128];
  http_last_range(&server, range);
  assert_string_equal(range, wanted);
}

static void plan(http_plan p) {
  if (p.body == NULL) p.body = body, p.size = size;
  http_set(&server, &p);
}

/* ---- what goes well ---- */

static void test_whole(void **state) {
  (void)state;
  plan((http_plan){0});
  bf_fetch_request r = usual();
  bf_fetch_report report = good_fetch(&r);
  assert_int_equal(report.resumed, 0);
  assert_false(report.already);
  assert_int_equal(http_requests(&server), 1);
  expect_range("");
}

static void test_size_not_known(void **state) {
  (void)state;
  plan((http_plan){.no_length = true});
  bf_fetch_request r = usual();
  r.bytes = 0;
  good_fetch(&r);
}

static void test_beginning_of_hash(void **state) {
  (void)state;
  char beginning[9];
  snprintf(beginning, sizeof beginning, "%.8s", hash);
  plan((http_plan){0});
  bf_fetch_request r = usual();
  r.sha256 = beginning;
  good_fetch(&r);
}

static void test_already_there(void **state) {
  (void)state;
  plan((http_plan){0});
  put(output(), body, size);
  bf_fetch_request r = usual();
  bf_fetch_report report = good_fetch(&r);
  assert_true(report.already);
  assert_int_equal(http_requests(&server), 0);
}

static void test_old_file_is_replaced(void **state) {
  (void)state;
  plan((http_plan){0});
  put(output(), "old", 3);
  bf_fetch_request r = usual();
  assert_false(good_fetch(&r).already);
}

/* ---- going on ---- */

static void test_cut_and_resumed(void **state) {
  (void)state;
  char range[64];
  bf_fetch_request r = usual();
  plan((http_plan){.ranges = true, .cut = cut});
  bad_fetch(&r, BF_E_IO, "the same command goes on from there");
  expect_file(part(), body, cut);
  assert_int_equal(bytes_of(output()), -1);
  plan((http_plan){.ranges = true, .cut = cut});
  bad_fetch(&r, BF_E_IO, "the same command goes on from there");
  snprintf(range, sizeof range, "bytes=%d-", cut);
  expect_range(range);
  expect_file(part(), body, 2 * cut);
  plan((http_plan){.ranges = true});
  assert_int_equal(good_fetch(&r).resumed, 2 * cut);
  snprintf(range, sizeof range, "bytes=%d-", 2 * cut);
  expect_range(range);
}

/* Without a length only the known size can tell that the end was no end. */
static void test_cut_without_length(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  plan((http_plan){.no_length = true, .cut = cut});
  bad_fetch(&r, BF_E_IO, "sent less than");
  assert_int_equal(bytes_of(part()), cut);
}

static void test_server_ignores_range(void **state) {
  (void)state;
  put(part(), body, cut);
  plan((http_plan){0});
  bf_fetch_request r = usual();
  good_fetch(&r);
  assert_int_equal(http_requests(&server), 1);
}

/* A page of a few bytes in place of the file, as portals give it: what was fetched before stays. */
static void test_a_page_instead(void **state) {
  (void)state;
  put(part(), body, cut);
  plan((http_plan){.body = (const unsigned char *)"log in first", .size = 12});
  bf_fetch_request r = usual();
  bad_fetch(&r, BF_E_LIMIT, "12 bytes where its size is known to be");
  expect_file(part(), body, cut);
  plan((http_plan){.ranges = true});
  assert_int_equal(good_fetch(&r).resumed, cut);
}

static void test_server_answers_another_range(void **state) {
  (void)state;
  put(part(), body, cut);
  plan((http_plan){.ranges = true, .odd_range = true});
  bf_fetch_request r = usual();
  assert_int_equal(good_fetch(&r).resumed, 0);
  assert_int_equal(http_requests(&server), 2);
  expect_range("");
}

static void test_part_of_another_file(void **state) {
  (void)state;
  unsigned char other[cut] = {1, 2, 3};
  put(part(), other, cut);
  plan((http_plan){.ranges = true});
  bf_fetch_request r = usual();
  assert_int_equal(good_fetch(&r).resumed, 0);
  assert_int_equal(http_requests(&server), 2);
}

static void test_part_is_complete(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  put(part(), body, size);
  plan((http_plan){.ranges = true});
  assert_int_equal(good_fetch(&r).resumed, size);
  assert_int_equal(http_requests(&server), 0);
  /* Of a file whose size is not known the server's 416 tells. */
  unlink(output());
  r.bytes = 0;
  put(part(), body, size);
  good_fetch(&r);
  assert_int_equal(http_requests(&server), 1);
}

static void test_part_is_too_long(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  unsigned char *longer = calloc(size + 9, 1);
  put(part(), longer, size + 9);
  plan((http_plan){.ranges = true});
  good_fetch(&r);
  assert_int_equal(http_requests(&server), 1);
  unlink(output());
  r.bytes = 0;
  put(part(), longer, size + 9);
  plan((http_plan){.ranges = true});
  good_fetch(&r);
  assert_int_equal(http_requests(&server), 2);
  free(longer);
}

static void test_stall(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  r.stall_seconds = 1;
  plan((http_plan){.ranges = true, .cut = cut, .stall = true});
  bad_fetch(&r, BF_E_IO, "stalled, less than 1 kB a second for 1 s; 100003 bytes are kept");
  expect_file(part(), body, cut);
}

static void test_full_disk(void **state) {
  (void)state;
  struct rlimit before, low;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  low = (struct rlimit){cut, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &low);
  bf_fetch_request r = usual();
  plan((http_plan){.ranges = true});
  bad_fetch(&r, BF_E_IO, "weights.pth.part: cannot write");
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  expect_file(part(), body, cut);
  assert_int_equal(good_fetch(&r).resumed, cut);
}

/* ---- answers that are no file ---- */

static void test_codes(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  plan((http_plan){.code = 404});
  bad_fetch(&r, BF_E_NOT_FOUND, "HTTP 404");
  plan((http_plan){.code = 500});
  bad_fetch(&r, BF_E_IO, "HTTP 500");
  plan((http_plan){.code = 416});
  bad_fetch(&r, BF_E_IO, "HTTP 416"); /* nothing was asked of the kind */
  plan((http_plan){.code = 304});
  bad_fetch(&r, BF_E_IO, "HTTP 304");
  assert_int_equal(bytes_of(part()), -1);
  assert_int_equal(bytes_of(output()), -1);
  put(part(), body, cut);
  plan((http_plan){.code = 503});
  bad_fetch(&r, BF_E_IO, "HTTP 503");
  expect_file(part(), body, cut);
}

static void test_redirects(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  plan((http_plan){.redirects = 5});
  good_fetch(&r);
  assert_int_equal(http_requests(&server), 6);
  unlink(output());
  plan((http_plan){.redirects = 6});
  bad_fetch(&r, BF_E_IO, "more than 5 times");
}

static void test_redirect_to_a_file(void **state) {
  (void)state;
  char location[600];
  put(in_scratch("local"), body, size);
  snprintf(location, sizeof location, "file://%s", in_scratch("local"));
  bf_fetch_request r = usual();
  plan((http_plan){.redirects = 1, .location = location});
  bad_fetch(&r, BF_E_UNSUPPORTED, "is not followed");
  plan((http_plan){.redirects = 1, .location = "ftp://127.0.0.1/weights.pth"});
  bad_fetch(&r, BF_E_UNSUPPORTED, "is not followed");
  assert_int_equal(bytes_of(output()), -1);
  r.url = location;
  bad_fetch(&r, BF_E_ARGUMENT, "must begin with http:// or https://");
}

static void test_nobody_listens(void **state) {
  (void)state;
  char nowhere[64];
  http_server gone;
  http_start(&gone);
  snprintf(nowhere, sizeof nowhere, "http://127.0.0.1:%d/weights.pth", gone.port);
  http_stop(&gone);
  bf_fetch_request r = usual();
  r.url = nowhere;
  assert_true(bad_fetch(&r, BF_E_IO, nowhere).unreachable);
  assert_true(bad_fetch(&r, BF_E_IO, output()).unreachable);
  /* No name has a part of 64 letters: it is refused without asking a name service. */
  r.url = "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/weights.pth";
  assert_true(bad_fetch(&r, BF_E_IO, "cannot be reached from this machine").unreachable);
  assert_int_equal(bytes_of(part()), -1);
  r.url = url;
  plan((http_plan){.code = 500});
  assert_false(bad_fetch(&r, BF_E_IO, "HTTP 500").unreachable);
}

/* ---- files that are not the one wanted ---- */

static void test_too_much(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  plan((http_plan){.more = 5});
  bad_fetch(&r, BF_E_LIMIT, "300012 bytes where its size is known to be 300007");
  plan((http_plan){.more = 5, .no_length = true});
  bad_fetch(&r, BF_E_LIMIT, "at least");
  assert_int_equal(bytes_of(part()), -1);
  r.bytes = 0;
  r.most_bytes = size - 1;
  plan((http_plan){0});
  bad_fetch(&r, BF_E_LIMIT, "the file has 300007 bytes where the limit is 300006");
  plan((http_plan){.no_length = true});
  bad_fetch(&r, BF_E_LIMIT, "the limit is 300006");
  assert_int_equal(bytes_of(part()), -1);
  assert_int_equal(bytes_of(output()), -1);
  r.most_bytes = size;
  good_fetch(&r);
}

static void test_too_little(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  plan((http_plan){.body = body, .size = size - 1});
  bad_fetch(&r, BF_E_LIMIT, "300006 bytes where its size is known to be 300007");
  plan((http_plan){.body = body, .size = 0});
  bad_fetch(&r, BF_E_LIMIT, "0 bytes where its size is known to be 300007");
  assert_int_equal(bytes_of(part()), -1);
}

static void test_wrong_bytes(void **state) {
  (void)state;
  static unsigned char damaged[size];
  char other[65];
  memcpy(damaged, body, size);
  damaged[size / 2] ^= 1;
  bf_sha256(other, damaged, size);
  put(output(), "old", 3);
  bf_fetch_request r = usual();
  plan((http_plan){.body = damaged, .size = size});
  bad_fetch(&r, BF_E_FORMAT, hash);
  bad_fetch(&r, BF_E_FORMAT, other);
  assert_int_equal(http_requests(&server), 2);
  r.sha256 = "0123456789";
  bad_fetch(&r, BF_E_FORMAT, "must begin with 0123456789");
  assert_int_equal(bytes_of(part()), -1);
  expect_file(output(), "old", 3);
}

static void test_unusable_requests(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  const char *hashes[] = {"", "1234567", "0123456g",
                          "0123456789012345678901234567890123456789012345678901234567890123x"};
  plan((http_plan){0});
  for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
    r.sha256 = hashes[i];
    bad_fetch(&r, BF_E_ARGUMENT, "hexadecimal digits are wanted");
  }
  r = usual();
  r.output = scratch_folder;
  bad_fetch(&r, BF_E_ARGUMENT, "is a folder");
  r = usual();
  r.url = "http://user:secret@127.0.0.1/w.pth";
  bad_fetch(&r, BF_E_ARGUMENT, "may not hold a user's name or password");
  assert_int_equal(http_requests(&server), 0);
}

static void test_two_at_once(void **state) {
  (void)state;
  bf_error err = {0};
  bf_publish first;
  assert_int_equal(bf_publish_begin(&first, output(), &err), BF_OK);
  bf_fetch_request r = usual();
  plan((http_plan){0});
  bad_fetch(&r, BF_E_IO, "another program is writing this file");
  assert_int_equal(http_requests(&server), 0);
  bf_publish_abort(&first);
  good_fetch(&r);
}

/* The wish to stop stays: this one is the last. */
static void test_cancelled(void **state) {
  (void)state;
  bf_fetch_request r = usual();
  put(part(), body, cut);
  plan((http_plan){.ranges = true, .cut = cut, .stall = true, .at_cut = bf_cancel_request});
  bad_fetch(&r, BF_E_CANCELLED, "stopped as asked");
  long left = bytes_of(part()); /* how much of what was on its way arrived is chance */
  assert_in_range(left, cut, 2 * cut);
  expect_file(part(), body, (size_t)left);
  assert_int_equal(bytes_of(output()), -1);
}

int main(void) {
#define FETCH(name) cmocka_unit_test_setup(name, clean)
  const struct CMUnitTest tests[] = {
      FETCH(test_whole),
      FETCH(test_size_not_known),
      FETCH(test_beginning_of_hash),
      FETCH(test_already_there),
      FETCH(test_old_file_is_replaced),
      FETCH(test_cut_and_resumed),
      FETCH(test_cut_without_length),
      FETCH(test_server_ignores_range),
      FETCH(test_a_page_instead),
      FETCH(test_server_answers_another_range),
      FETCH(test_part_of_another_file),
      FETCH(test_part_is_complete),
      FETCH(test_part_is_too_long),
      FETCH(test_stall),
      FETCH(test_full_disk),
      FETCH(test_codes),
      FETCH(test_redirects),
      FETCH(test_redirect_to_a_file),
      FETCH(test_nobody_listens),
      FETCH(test_too_much),
      FETCH(test_too_little),
      FETCH(test_wrong_bytes),
      FETCH(test_unusable_requests),
      FETCH(test_two_at_once),
      FETCH(test_cancelled),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
