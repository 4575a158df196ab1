/* The ground floor: publishing under a lock, file lists, messages that keep their reason, UTF-8, options, random draws,
 * the pool. */
#include "data_support.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/options.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/utf8.h"

/* ---- publishing ---- */

static void put_words(const bf_publish *p, const char *words) {
  FILE *f = fopen(p->temporary_path, "wb");
  assert_non_null(f);
  fputs(words, f);
  assert_int_equal(fclose(f), 0);
}

static void says(const char *name, const char *words) {
  char *text;
  size_t size;
  assert_ok(bf_file_read(&text, &size, in_folder(name), 1 << 20, err));
  assert_string_equal(text, words);
  bf_free(text);
}

static void of_two_writers_one_is_told(void **state) {
  (void)state;
  bf_publish first, second;
  bf_error why = {0};
  assert_ok(bf_publish_begin(&first, in_folder("r"), err));
  put_words(&first, "first");
  assert_int_equal(bf_publish_begin(&second, in_folder("r"), &why), BF_E_IO);
  assert_message(why, BF_E_IO, "another program is writing");
  bf_publish_abort(&second); /* takes nothing away */
  assert_ok(bf_publish_check(in_folder("r"), err));
  assert_ok(bf_publish_commit(&first, err));
  says("r", "first");
  assert_ok(bf_publish_begin(&second, in_folder("r"), err));
  put_words(&second, "second");
  says("r", "first");
  bf_publish_abort(&second);
  says("r", "first");
  assert_false(bf_file_exists(in_folder("r.part")));
}

/* A killed program's lock dies with it; its leftover is taken over, not added to. */
static void leftovers_are_taken_over(void **state) {
  (void)state;
  bf_publish p;
  pid_t child = fork();
  if (child == 0) {
    bf_error err = {0};
    if (bf_publish_begin(&p, in_folder("k"), &err) != BF_OK) _exit(1);
    FILE *f = fopen(p.temporary_path, "wb");
    fputs("half of something longer", f);
    fflush(f);
    raise(SIGKILL);
  }
  int how;
  waitpid(child, &how, 0);
  assert_true(WIFSIGNALED(how));
  assert_true(bf_file_exists(in_folder("k.part")));
  assert_ok(bf_publish_begin(&p, in_folder("k"), err));
  put_words(&p, "whole");
  assert_ok(bf_publish_commit(&p, err));
  says("k", "whole");
}

/* Many programs at once on one result: it is always that of one of them, whole. */
static void many_writers(void **state) {
  (void)state;
  enum { writers = 6, rounds = 40 };
  pid_t children[writers];
  for (int w = 0; w < writers; w++) {
    if ((children[w] = fork()) != 0) continue;
    char words[4096];
    memset(words, 'a' + w, sizeof words - 1);
    words[sizeof words - 1] = '\0';
    int done = 0;
    while (done < rounds) done += bf_file_write(in_folder("m"), words, sizeof words - 1, NULL) == BF_OK;
    _exit(0);
  }
  for (int w = 0; w < writers; w++) {
    int how;
    waitpid(children[w], &how, 0);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
  }
  char *text;
  size_t size;
  assert_ok(bf_file_read(&text, &size, in_folder("m"), 1 << 20, err));
  assert_int_equal(size, 4095);
  for (size_t i = 1; i < size; i++) assert_int_equal(text[i], text[0]);
  bf_free(text);
}

static void own_files_are_left(void **state) {
  (void)state;
  bf_file_list list;
  const char *folder;
  mkdir(in_folder("list"), 0700);
  write_text("list/a", "a");
  write_text("list/b", "b");
  write_text("list/c", "c");
  assert_int_equal(symlink("c", in_folder("list/d")), 0);
  kept_path other;
  snprintf(other, sizeof other, "%s/../list/b", in_folder("list")); /* another way to the same file */
  folder = in_folder("list");
  assert_ok(bf_file_list_collect(&list, &folder, 1, true, err));
  assert_int_equal(list.count, 4);
  const char *own[] = {other, in_folder("list/c"), NULL, in_folder("absent")};
  assert_ok(bf_file_list_leave(&list, own, 4, err));
  assert_int_equal(list.count, 1); /* c went, and the link to it */
  assert_string_equal(bf_path_name(list.paths[0]), "a");
  bf_file_list_clear(&list);
}

static void directories_stand_for_their_sets(void **state) {
  (void)state;
  bf_file_list list;
  mkdir(in_folder("set"), 0700);
  mkdir(in_folder("set/IMAGES"), 0700);
  write_text("set/DICOMDIR", "a");
  write_text("set/IMAGES/IM1", "b");
  write_text("set/IMAGES/IM2", "c");
  const char *directory = in_folder("set/DICOMDIR");
  assert_ok(bf_file_list_collect(&list, &directory, 1, true, err));
  assert_int_equal(list.count, 2);
  assert_string_equal(bf_path_name(list.paths[1]), "IM2");
  bf_file_list_clear(&list);
  assert_ok(bf_file_list_collect(&list, &directory, 1, false, err));
  assert_int_equal(list.count, 1);
  assert_string_equal(bf_path_name(list.paths[0]), "DICOMDIR");
  bf_file_list_clear(&list);
}

/* ---- words ---- */

static void long_messages_keep_their_reason(void **state) {
  (void)state;
  char path[3000];
  bf_error err = {0};
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_int_equal(bf_fail(&err, BF_E_FORMAT, "%s: the reason", path), BF_E_FORMAT);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  assert_non_null(strstr(err.message, " ... "));
  assert_string_equal(err.message + strlen(err.message) - 10, "the reason");
  bf_error_prefix(&err, "front");
  assert_int_equal(strncmp(err.message, "front: pp", 9), 0);
  assert_string_equal(err.message + strlen(err.message) - 10, "the reason");
  bf_fail(&err, BF_E_IO, "short");
  bf_error_prefix(&err, "a %d", 7);
  assert_string_equal(err.message, "a 7: short");
  for (int s = 0; s >= BF_E_NO_IMAGE; s--)
    assert_true(s == BF_E_INTERNAL || strcmp(bf_status_name((bf_status)s), "internal") != 0);
}

static void plain_text(void **state) {
  (void)state;
  static const char *const plain[] = {"", "layer1.0.conv1.weight", "\xC3\xA9\xE4\xB8\xAD \xF0\x9F\x98\x80", "a/b:c"};
  static const struct {
    const char *text, *made;
  } others[] = {{"a\nb", "a?b"},
                {"\x1B[2J", "?[2J"},
                {"\x7F", "?"},
                {"x\xC2\x9B"
                 "31m",
                 "x??31m"}, /* CSI as one character */
                {"\xE2\x80\xAE"
                 "abc",
                 "???abc"}, /* right to left from here */
                {"\xE2\x81\xA6"
                 "a\xE2\x80\xA8",
                 "???a???"}};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    char copy[64];
    strcpy(copy, plain[i]);
    assert_true(bf_is_plain_text(copy));
    bf_make_plain(copy);
    assert_string_equal(copy, plain[i]);
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    char copy[64];
    strcpy(copy, others[i].text);
    assert_false(bf_is_plain_text(copy));
    bf_make_plain(copy);
    assert_string_equal(copy, others[i].made);
  }
  char broken[] =
      "a\xFF"
      "b\xC3"; /* a file's name: no UTF-8, and no commands */
  assert_false(bf_is_plain_text(broken));
  bf_make_plain(broken);
  assert_string_equal(broken,
                      "a\xFF"
                      "b\xC3");
}

static void utf8_is_made_sound(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"plain", "plain"},
      {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* overlong */
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* surrogate */
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"a\xE2\x82", "a\xEF\xBF\xBD\xEF\xBF\xBD"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *text = bf_utf8_copy(cases[i][0]);
    assert_string_equal(text, cases[i][1]);
    assert_int_equal(bf_is_utf8(cases[i][0]), i < 2);
    bf_free(text);
  }
}

static void names_fit_their_room(void **state) {
  (void)state;
  static const struct {
    const char *text, *name;
  } cases[] = {
      {NULL, ""},
      {"", ""},
      {"1234567", "1234567"},
      {"12345678", "1234567"},
      {"123456\xC3\xA9", "123456"}, /* no half of a character */
      {"12345\xC3\xA9", "12345\xC3\xA9"},
      {"1234\xF0\x9F\x98\x80", "1234"},
      {"a\xFF\xE2\x82z", "a???z"}, /* no UTF-8 */
      {"a\n\x1B[2J", "a??[2J"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char name[8] = "before";
    bf_name_set(name, sizeof name, cases[i].text);
    assert_string_equal(name, cases[i].name);
  }
  char least[1] = {'x'};
  bf_name_set(least, 1, "word");
  assert_string_equal(least, "");
}

/* ---- memory, options ---- */

static void sizes_that_overflow(void **state) {
  (void)state;
  assert_null(bf_alloc(SIZE_MAX / 2, 3));
  assert_null(bf_alloc(SIZE_MAX, 1));
  assert_null(bf_grow(NULL, 0, SIZE_MAX / 4, 8));
  void *none = bf_alloc(0, 8);
  assert_non_null(none);
  bf_free(none);
  int *few = bf_alloc(3, sizeof *few);
  few[2] = 7;
  int *more = bf_grow(few, 3, 100, sizeof *more);
  assert_true(more[2] == 7 && more[3] == 0 && more[99] == 0 && (uintptr_t)more % 64 == 0);
  bf_free(more);
}

typedef struct wishes {
  int whole, choice;
  double real;
  bool flag;
  char text[BF_OPTION_TEXT_MAX];
} wishes;

static const bf_option table[] = {
    {"whole", BF_OPTION_INT, offsetof(wishes, whole), "3", 1, 9, NULL, "a number"},
    {"choice", BF_OPTION_CHOICE, offsetof(wishes, choice), "second", 0, 0, "first|second|second_and_half", "a word"},
    {"real", BF_OPTION_REAL, offsetof(wishes, real), "0.5", 0, 1, NULL, "a share"},
    {"flag", BF_OPTION_BOOL, offsetof(wishes, flag), "yes", 0, 0, NULL, "a flag"},
    {"text", BF_OPTION_TEXT, offsetof(wishes, text), "", 0, 0, NULL, "a text"},
    {0}};

static void options_are_checked(void **state) {
  (void)state;
  wishes w;
  bf_error why = {0};
  static const char *const bad[][2] = {
      {"whole", "0"},     {"whole", "10"},     {"whole", "3x"},  {"whole", ""},    {"whole", "99999999999999999999"},
      {"real", "nan"},    {"real", "inf"},     {"real", "1.01"}, {"real", "half"}, {"flag", "maybe"},
      {"choice", "seco"}, {"choice", "third"}, {"whloe", "3"}};
  assert_ok(bf_options_defaults(table, &w, err));
  assert_true(w.whole == 3 && w.choice == 1 && w.real == 0.5 && w.flag && w.text[0] == '\0');
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(bf_options_set(table, &w, "a.", bad[i][0], bad[i][1], &why), BF_E_ARGUMENT);
    assert_non_null(strstr(why.message, bad[i][0]));
  }
  assert_non_null(strstr(why.message, "did you mean a.whole?"));
  assert_true(w.whole == 3 && w.choice == 1 && w.real == 0.5 && w.flag);
  assert_ok(bf_options_set(table, &w, "", "choice", "second_and_half", err));
  assert_int_equal(w.choice, 2);
  assert_null(bf_nearest("entirely", (const char *const[]){"whole", "choice"}, 2));
}

/* ---- draws ---- */

static void draws_are_keyed_and_fair(void **state) {
  (void)state;
  enum { draws = 200000, sides = 6 };
  bf_rng a = bf_rng_make(1, 2, 3), b = bf_rng_make(1, 2, 3), c = bf_rng_make(1, 3, 2);
  int64_t counts[sides] = {0};
  double sum = 0, squares = 0, uniform = 0;
  for (int i = 0; i < 100; i++) assert_true(bf_rng_next(&a) == bf_rng_next(&b));
  assert_true(bf_rng_next(&a) != bf_rng_next(&c));
  for (int i = 0; i < draws; i++) {
    double z = bf_rng_normal(&a), u = bf_rng_uniform(&a);
    assert_true(u >= 0 && u < 1 && isfinite(z));
    sum += z, squares += z * z, uniform += u;
    counts[bf_rng_below(&a, sides)]++;
  }
  assert_true(fabs(sum / draws) < 0.01 && fabs(squares / draws - 1) < 0.02 && fabs(uniform / draws - 0.5) < 0.005);
  for (int i = 0; i < sides; i++) assert_true(fabs((double)counts[i] * sides / draws - 1) < 0.03);
  assert_int_equal(bf_rng_below(&a, 0), 0);
  int64_t items[50], seen[50] = {0}, kept = 0;
  for (int i = 0; i < 50; i++) items[i] = i;
  bf_rng_shuffle(&a, items, 50);
  for (int i = 0; i < 50; i++) seen[items[i]]++, kept += items[i] == i;
  for (int i = 0; i < 50; i++) assert_int_equal(seen[i], 1);
  assert_true(kept < 10);
}

/* ---- the pool ---- */

typedef struct tally {
  atomic_int done[257];
  atomic_int wrong;
  int threads;
} tally;

static void count_one(void *argument, int task, int thread) {
  tally *t = argument;
  atomic_fetch_add(&t->done[task], 1);
  if (thread < 0 || thread >= t->threads) atomic_fetch_add(&t->wrong, 1);
}

static void every_task_once(void **state) {
  (void)state;
  for (int threads = 1; threads <= 5; threads++) {
    bf_pool *pool;
    assert_ok(bf_pool_create(&pool, threads, err));
    assert_int_equal(bf_pool_threads(pool), threads);
    for (int round = 0; round < 300; round++) {
      static tally t;
      int tasks = round % 257;
      memset(&t, 0, sizeof t);
      t.threads = threads;
      bf_pool_run(pool, count_one, &t, tasks);
      for (int i = 0; i < 257; i++) assert_int_equal(atomic_load(&t.done[i]), i < tasks);
      assert_int_equal(atomic_load(&t.wrong), 0);
    }
    bf_pool_destroy(pool);
  }
  assert_int_equal(bf_pool_threads(NULL), 1);
  bf_pool_destroy(NULL);
}

/* Longer than the pool's threads look for work before they sleep. */
static void work_long(void) {
  for (double end = bf_now() + 0.005; bf_now() < end;) continue;
}

/* The last task is long: who has none left, the caller among them, sleeps until it is done. */
static void count_one_slowly(void *argument, int task, int thread) {
  tally *t = argument;
  if (task == t->threads - 1) work_long();
  count_one(argument, task, thread);
}

static void sleepers_wake(void **state) {
  (void)state;
  for (int threads = 2; threads <= 4; threads++) {
    bf_pool *pool;
    assert_ok(bf_pool_create(&pool, threads, err));
    for (int round = 0; round < 30; round++) {
      static tally t;
      memset(&t, 0, sizeof t);
      t.threads = threads;
      if (round % 2) work_long(); /* the threads sleep before the job comes */
      bf_pool_run(pool, round % 3 ? count_one_slowly : count_one, &t, threads);
      for (int i = 0; i < threads; i++) assert_int_equal(atomic_load(&t.done[i]), 1);
      assert_int_equal(atomic_load(&t.wrong), 0);
    }
    bf_pool_destroy(pool);
  }
}

enum { pieces = 400 };

typedef struct pile {
  atomic_int next, done[pieces], within;
  atomic_bool taken_away;
  atomic_int after; /* pieces that began after it was taken away */
  int offered, thread_zero;
  pthread_mutex_t lock;
  pthread_cond_t all_done;
  int count;
} pile;

static bool do_piece(void *argument, int thread) {
  pile *p = argument;
  atomic_fetch_add(&p->within, 1);
  if (atomic_load(&p->taken_away)) atomic_fetch_add(&p->after, 1);
  pthread_mutex_lock(&p->lock);
  int mine = p->next < p->offered ? p->next++ : -1;
  p->thread_zero += thread == 0;
  if (mine >= 0) atomic_fetch_add(&p->done[mine], 1), p->count++;
  if (p->count == p->offered) pthread_cond_signal(&p->all_done);
  pthread_mutex_unlock(&p->lock);
  if (mine == pieces - 1) work_long(); /* its taking away has something to wait for */
  atomic_fetch_sub(&p->within, 1);
  return mine >= 0;
}

static void wait_for_pile(pile *p) {
  pthread_mutex_lock(&p->lock);
  while (p->count < p->offered) pthread_cond_wait(&p->all_done, &p->lock);
  pthread_mutex_unlock(&p->lock);
}

/* Between jobs, and while one runs; offered again after there was none; by no thread once it is taken away. */
static void idle_work_is_done(void **state) {
  (void)state;
  for (int threads = 2; threads <= 4; threads++) {
    bf_pool *pool;
    static pile p;
    p = (pile){.lock = PTHREAD_MUTEX_INITIALIZER, .all_done = PTHREAD_COND_INITIALIZER};
    assert_ok(bf_pool_create(&pool, threads, err));
    bf_pool_idle(pool, do_piece, &p);
    while (p.offered < pieces) {
      static tally t;
      memset(&t, 0, sizeof t);
      t.threads = threads;
      pthread_mutex_lock(&p.lock);
      p.offered += 40;
      pthread_mutex_unlock(&p.lock);
      bf_pool_wake(pool);
      bf_pool_run(pool, count_one_slowly, &t, 5);
      for (int i = 0; i < 5; i++) assert_int_equal(atomic_load(&t.done[i]), 1);
      wait_for_pile(&p);
      if (p.offered % 80 == 40) work_long(); /* the threads sleep before the next offer */
    }
    bf_pool_idle(pool, NULL, NULL);
    assert_int_equal(atomic_load(&p.within), 0);
    atomic_store(&p.taken_away, true);
    bf_pool_wake(pool);
    static tally t;
    memset(&t, 0, sizeof t);
    bf_pool_run(pool, count_one, &t, 100);
    bf_pool_destroy(pool);
    for (int i = 0; i < pieces; i++) assert_int_equal(atomic_load(&p.done[i]), 1);
    assert_int_equal(atomic_load(&p.after), 0);
    assert_int_equal(p.thread_zero, 0);
  }
}

static void memory_is_used_again(void **state) {
  (void)state;
  void *block = NULL;
  size_t have = 0;
  assert_true(bf_make_room(&block, &have, 0, 8)); /* none at all is a block, too */
  assert_non_null(block);
  assert_true(bf_make_room(&block, &have, 100, 8));
  const void *first = block;
  assert_true(bf_make_room(&block, &have, 7, 8));
  assert_ptr_equal(block, first);
  assert_int_equal(have, 100);
  assert_false(bf_make_room(&block, &have, SIZE_MAX, 8));
  assert_null(block);
  assert_int_equal(have, 0);
  bf_free(block);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_used_again),
      cmocka_unit_test(of_two_writers_one_is_told),
      cmocka_unit_test(leftovers_are_taken_over),
      cmocka_unit_test(many_writers),
      cmocka_unit_test(own_files_are_left),
      cmocka_unit_test(directories_stand_for_their_sets),
      cmocka_unit_test(long_messages_keep_their_reason),
      cmocka_unit_test(utf8_is_made_sound),
      cmocka_unit_test(plain_text),
      cmocka_unit_test(names_fit_their_room),
      cmocka_unit_test(sizes_that_overflow),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(draws_are_keyed_and_fair),
      cmocka_unit_test(every_task_once),
      cmocka_unit_test(sleepers_wake),
      cmocka_unit_test(idle_work_is_done),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
