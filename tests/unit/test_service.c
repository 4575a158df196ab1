/* Child processes that answer requests: state from call to call, descriptors, rooms, and everything that a process can
 * do wrong costs its own call alone. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/isolate.h"
#include "base/service.h"

typedef enum deed { COUNT, READ_FILE, FILL, CRASH, LEAVE, SPIN, HANG, GROW, OPEN, FORK, SEND, REFUSE, SHRINK } deed;

typedef struct request {
  deed what;
  size_t size;
} request;

static bf_service *service;
static const bf_service_limits limits = {2000, 20000, (size_t)64 << 20};

static volatile int *volatile nowhere = (int *)8;

static bf_status refuse(bf_error *err) { return bf_fail(err, BF_E_UNSUPPORTED, "no \x1b[1mgood\n"); }

/* Whether memory of `size` bytes can be had and written to. */
static bool grow(size_t size) {
  volatile char *block = malloc(size);
  for (size_t i = 0; block != NULL && i < size; i += 4096) block[i] = 1;
  return block != NULL;
}

static bf_status answer(void **state, const void *bytes, size_t size, int file, void *room, size_t room_size,
                        bf_error *err) {
  request r;
  assert_int_equal(size, sizeof r);
  memcpy(&r, bytes, sizeof r);
  if (*state == NULL) *state = calloc(1, sizeof(int));
  int *count = *state, *out = room;
  *out = ++*count;
  switch (r.what) {
    case COUNT: break;
    case READ_FILE: out[1] = pread(file, out + 2, 5, 0) == 5 && close(file) == 0; break;
    case FILL: memset(room, 7, room_size); break;
    case CRASH: *nowhere = 1; break;
    case LEAVE: exit(0);
    case SPIN:
      for (volatile unsigned i = 0;; i++) continue;
    case HANG:
      for (char c;;) recv((int)r.size, &c, 1, 0);
    case GROW:
      if (!grow(r.size)) return bf_fail(err, BF_E_MEMORY, "none");
      break;
    case OPEN:
      out[1] = open("/etc/passwd", O_RDONLY) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0 || kill(getppid(), 0) == 0;
      break;
    case FORK: out[1] = fork() >= 0; break;
    case SEND: out[1] = write(1, "x", 1) == 1 || write(2, "x", 1) == 1; break;
    case REFUSE: return refuse(err);
    case SHRINK: out[1] = munmap(room, room_size); break;
  }
  return BF_OK;
}

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  return bf_service_create(&service, answer, &err) != BF_OK;
}

static int tear_down(void **state) {
  (void)state;
  bf_service_destroy(service);
  return 0;
}

static bf_server *take(void) {
  bf_error err = {0};
  bf_server *v;
  if (bf_service_take(&v, service, &err) != BF_OK) fail_msg("%s", err.message);
  return v;
}

static bf_status call(bf_server *v, deed what, size_t size, bf_error *err) {
  request r = {what, size};
  memset(err, 0, sizeof *err);
  return bf_service_call(v, &r, sizeof r, -1, 64, &limits, err);
}

static int said(const bf_server *v, int index) {
  size_t size;
  const int *room = bf_service_room(v, &size);
  assert_true(size >= 64);
  return room[index];
}

static void good(bf_server *v, deed what, size_t size) {
  bf_error err;
  if (call(v, what, size, &err) != BF_OK) fail_msg("%d: %s", (int)what, err.message);
}

/* Returns the count that its process has reached. */
static int count_of(bf_server *v) {
  good(v, COUNT, 0);
  return said(v, 0);
}

static void state_stays(void **state) {
  (void)state;
  bf_server *a = take(), *b = take();
  assert_int_equal(count_of(a), 1);
  assert_int_equal(count_of(a), 2);
  assert_int_equal(count_of(b), 1);
  assert_int_equal(count_of(a), 3);
  int64_t life = bf_service_life(a);
  request r = {COUNT, 0};
  bf_service_tell(a, &r, sizeof r);
  bf_service_give(a);
  bf_server *again = take();
  assert_ptr_equal(again, a);
  assert_int_equal(count_of(again), 5);
  assert_int_equal(bf_service_life(again), life);
  bf_service_give(again);
  bf_service_give(b);
}

static void file_and_room(void **state) {
  (void)state;
  bf_error err = {0};
  bf_server *v = take();
  int file = memfd_create("x", 0);
  assert_int_equal(write(file, "hello", 5), 5);
  request r = {READ_FILE, 0};
  /* More often than a process may have files open. */
  for (int i = 0; i < 100; i++) {
    if (bf_service_call(v, &r, sizeof r, file, 64, &limits, &err) != BF_OK) fail_msg("%s", err.message);
    assert_int_equal(said(v, 1), 1);
    size_t size;
    assert_memory_equal((const int *)bf_service_room(v, &size) + 2, "hello", 5);
  }
  close(file);
  r.what = FILL;
  const size_t sizes[] = {100, 70000, (size_t)5 << 20, 64, (size_t)100 << 20, 1000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t size;
    bf_service_limits ample = limits; /* a sanitizer's shadow of 100 MiB takes its time */
    ample.cpu_milliseconds *= 10;
    if (bf_service_call(v, &r, sizeof r, -1, sizes[i], &ample, &err) != BF_OK) fail_msg("%s", err.message);
    const unsigned char *room = bf_service_room(v, &size);
    assert_true(size >= sizes[i]);
    assert_int_equal(room[0], 7);
    assert_int_equal(room[sizes[i] - 1], 7);
  }
  bf_service_give(v); /* gives the pages of a large room back */
}

/* One deed, its status and words; the next call is answered by a fresh process. */
static void costs_one_call(deed what, size_t size, bf_status status, const char *words) {
  bf_error err;
  bf_server *v = take();
  count_of(v);
  int64_t life = bf_service_life(v), deaths = bf_service_deaths(service);
  bf_status got = call(v, what, size, &err);
  if (got != status || strstr(err.message, words) == NULL)
    fail_msg("%d: %s: %s", (int)what, bf_status_name(got), err.message);
  assert_int_equal(bf_service_deaths(service), deaths + 1);
  assert_int_equal(count_of(v), 1);
  assert_int_not_equal(bf_service_life(v), life);
  bf_service_give(v);
}

static void crashes(void **state) {
  (void)state;
  costs_one_call(CRASH, 0, BF_E_FORMAT, "");
  costs_one_call(LEAVE, 0, BF_E_FORMAT, "by itself");
  costs_one_call(SHRINK, 0, BF_E_FORMAT, "");
}

static void hangs(void **state) {
  (void)state;
  bf_error err = {0};
  costs_one_call(SPIN, 0, BF_E_LIMIT, "2.0 s of processor time");
  bf_server *v = take();
  request r = {HANG, 0};
  const bf_service_limits short_wait = {2000, 100, (size_t)64 << 20};
  /* Which descriptor is the peer is not ours to know: receiving from any other fails at once, and spins. */
  bf_status status = bf_service_call(v, &r, sizeof r, -1, 64, &short_wait, &err);
  assert_int_equal(status, BF_E_LIMIT);
  assert_non_null(strstr(err.message, "0.1 s"));
  assert_int_equal(count_of(v), 1);
  bf_service_give(v);
}

static void memory(void **state) {
  (void)state;
  bf_error err;
  if (!bf_isolate_limits_memory()) skip();
  bf_server *v = take();
  int before = count_of(v);
  assert_int_equal(call(v, GROW, (size_t)100 << 20, &err), BF_E_LIMIT);
  assert_non_null(strstr(err.message, "64 MiB"));
  assert_int_equal(count_of(v), before + 2); /* it lives */
  good(v, GROW, (size_t)16 << 20);
  bf_service_give(v);
}

static void nothing_else_is_allowed(void **state) {
  (void)state;
  bf_server *v = take();
  const deed deeds[] = {OPEN, FORK, SEND};
  for (size_t i = 0; i < 3; i++) {
    good(v, deeds[i], 0);
    if (said(v, 1) != 0) fail_msg("deed %d succeeded", (int)deeds[i]);
  }
  bf_error err;
  assert_int_equal(call(v, REFUSE, 0, &err), BF_E_UNSUPPORTED);
  assert_null(strchr(err.message, '\x1b'));
  assert_non_null(strstr(err.message, "good"));
  bf_service_give(v);
}

/* A pipe whose other end a child held would never end. */
static void holds_no_descriptors(void **state) {
  (void)state;
  int ends[2];
  char c;
  assert_int_equal(pipe(ends), 0);
  bf_service *own;
  bf_error err = {0};
  bf_server *v;
  assert_int_equal(bf_service_create(&own, answer, &err), BF_OK);
  assert_int_equal(bf_service_take(&v, own, &err), BF_OK);
  assert_int_equal(count_of(v), 1);
  close(ends[1]);
  assert_int_equal(read(ends[0], &c, 1), 0);
  close(ends[0]);
  bf_service_give(v);
  bf_service_destroy(own);
}

typedef struct crowd {
  int wrong;
} crowd;

static void *one_of_many(void *user) {
  crowd *c = user;
  bf_error err = {0};
  for (int i = 0; i < 40; i++) {
    bf_server *v;
    request r = {i % 8 == 3 ? CRASH : COUNT, 0};
    if (bf_service_take(&v, service, &err) != BF_OK) return c->wrong++, NULL;
    bf_status status = bf_service_call(v, &r, sizeof r, -1, 64, &limits, &err);
    c->wrong += status != (i % 8 == 3 ? BF_E_FORMAT : BF_OK);
    bf_service_give(v);
  }
  return NULL;
}

static void many_threads(void **state) {
  (void)state;
  pthread_t threads[8];
  crowd crowds[8] = {{0}};
  for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &crowds[i]), 0);
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(crowds[i].wrong, 0);
  }
}

/* Who stops the program at the terminal stops the whole group: a file at hand is finished all the same. */
static void group_signals(void **state) {
  (void)state;
  bf_server *v = take();
  int count = count_of(v);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGINT);
  kill(0, SIGTERM);
  assert_int_equal(count_of(v), count + 1);
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  bf_service_give(v);
}

int main(void) {
  setpgid(0, 0); /* signals to the group are the test's own */
  const struct CMUnitTest tests[] = {cmocka_unit_test(state_stays),  cmocka_unit_test(file_and_room),
                                     cmocka_unit_test(crashes),      cmocka_unit_test(hangs),
                                     cmocka_unit_test(memory),       cmocka_unit_test(nothing_else_is_allowed),
                                     cmocka_unit_test(many_threads), cmocka_unit_test(holds_no_descriptors),
                                     cmocka_unit_test(group_signals)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
