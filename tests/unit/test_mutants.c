/* Good files with random damage through the whole way to a prepared picture: the process that asks lives, each gives a
 * picture or a reason, and a native file that lacks pixels never gives one. BIFOCAL_MUTANTS says how many (default
 * 1500), BIFOCAL_SEED which. tools/mutants.sh runs a hundred thousand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/prepare.h"
#include "itk/itk.h"
#include "program.h"

enum { rows = 41, columns = 50 };

static const char *const syntaxes[] = {"1.2.840.10008.1.2",      "1.2.840.10008.1.2.1",    "1.2.840.10008.1.2.2",
                                       "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5",    "1.2.840.10008.1.2.4.50",
                                       "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
                                       "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90",
                                       "1.2.840.10008.1.2.4.91"};
enum { kinds = sizeof syntaxes / sizeof syntaxes[0], most_size = 1 << 16 };

typedef struct sample {
  unsigned char bytes[most_size];
  size_t size;
} sample;
static sample sound[kinds];

static void make_sound(int k) {
  static uint16_t picture[rows * columns];
  bf_error err = {0};
  for (int i = 0; i < rows * columns; i++) picture[i] = (uint16_t)(100 + 60 * (i % columns / 20) + i % 11);
  bf_dicom_write w = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.6.1",
                      .modality = k % 2 ? "US" : "MG",
                      .patient_id = "A",
                      .study_instance_uid = "1.2.3",
                      .series_instance_uid = "1.2.3.4",
                      .sop_instance_uid = "1.2.3.4.5",
                      .transfer_syntax_uid = syntaxes[k],
                      .rows = rows,
                      .columns = columns,
                      .bits_stored = k == 6 || k > 9 ? 12 : 8,
                      .slope = 2,
                      .intercept = -10,
                      .window_center = 100,
                      .window_width = 300,
                      .spacing_row = 0.1,
                      .spacing_column = 0.2,
                      .pixels = picture};
  if (k == 10) w.bits_stored = 8;
  if (bf_dicom_write_image(in_scratch("g.dcm"), &w, &err) != BF_OK) fail_msg("%s: %s", syntaxes[k], err.message);
  FILE *f = fopen(in_scratch("g.dcm"), "rb");
  sound[k].size = fread(sound[k].bytes, 1, most_size, f);
  fclose(f);
  assert_true(sound[k].size < most_size - 4096);
}

static int set_up(void **state) {
  (void)state;
  bf_error err = {0};
  scratch_make();
  if (bf_dicom_init(&err) != BF_OK || bf_itk_init(&err) != BF_OK) return 1;
  for (int k = 0; k < kinds; k++) make_sound(k);
  return 0;
}

static size_t below(bf_rng *rng, size_t n) { return n == 0 ? 0 : (size_t)(bf_rng_next(rng) % n); }

/* Bytes that lengths, tags and markers are made of are tried more often than chance would. */
static unsigned char strange_byte(bf_rng *rng) {
  static const unsigned char often[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0xd8, 0xd9, 0xda, 0xc0, 0x28, 0x10, 0xe0};
  return below(rng, 2) ? often[below(rng, sizeof often)] : (unsigned char)below(rng, 256);
}

/* The header is a small part of a file, and most of what there is to break: half of the damage goes there. */
static size_t place(bf_rng *rng, size_t size) {
  return below(rng, 2) ? below(rng, size) : 132 + below(rng, size < 900 ? size - 132 : 768);
}

static void damage(sample *m, bf_rng *rng) {
  for (size_t n = 1 + below(rng, 6); n > 0; n--) {
    size_t at = place(rng, m->size), length = 1 + below(rng, 40);
    if (at + length > m->size) length = m->size - at;
    switch (below(rng, 8)) {
      case 0: /* a piece goes */
        memmove(m->bytes + at, m->bytes + at + length, m->size - at - length);
        m->size -= length;
        break;
      case 1: /* a piece comes twice */
        if (m->size + length > most_size) break;
        memmove(m->bytes + at + length, m->bytes + at, m->size - at);
        m->size += length;
        break;
      case 2: /* the end goes */
        if (below(rng, 6) == 0) m->size = at;
        break;
      case 3: /* one bit */ m->bytes[at] ^= (unsigned char)(1u << below(rng, 8)); break;
      default: m->bytes[at] = strange_byte(rng);
    }
    if (m->size < 200) return;
  }
}

typedef struct told {
  int64_t made, read, by_status[16], deaths, slowest_ms;
} told;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bf_status go(const sample *m, const char *path, bf_prepare_scratch *scratch, bf_error *err) {
  bf_prepare_options options;
  bf_dicom *dicom;
  bf_status status = bf_options_defaults(bf_prepare_table, &options, err);
  options.side = 32;
  if (status == BF_OK) status = bf_dicom_open(&dicom, path, "key", 3, err);
  if (status != BF_OK) return status;
  const bf_image *image = bf_dicom_image(dicom);
  int64_t bytes = (int64_t)image->frame_bytes * image->frames;
  static const char *const native[] = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"};
  for (int i = 0; i < 3;
       i++) /* more pixels than the file has bytes: two thirds where chrominance is halved, an eighth for bits */
    if (strcmp(image->transfer_syntax_uid, native[i]) == 0 && image->bits_stored > 1 &&
        bytes * 2 / 3 > (int64_t)m->size)
      fail_msg("%s: %lld bytes of pixels from a file of %zu", path, (long long)bytes, m->size);
  for (int f = 0; f < image->frames && f < 2 && status == BF_OK; f++) {
    bf_prepared prepared;
    status = bf_prepare_frame(&prepared, dicom, f, &options, scratch, err);
    if (status == BF_OK) assert_true(prepared.rows >= 1 && prepared.rows <= 32 && prepared.columns <= 32);
    bf_prepared_clear(&prepared);
  }
  bf_dicom_close(dicom);
  return status;
}

static void one(told *t, uint64_t seed, int64_t number, bf_prepare_scratch *scratch) {
  static sample m;
  static char path[512];
  bf_rng rng = bf_rng_make(seed, (uint64_t)number, 0);
  bf_error err = {0};
  const sample *from = &sound[number % kinds];
  memcpy(m.bytes, from->bytes, from->size);
  m.size = from->size;
  if (number >= kinds) damage(&m, &rng); /* the first are whole */
  if (path[0] == '\0') snprintf(path, sizeof path, "%s", in_scratch("m.dcm"));
  FILE *f = fopen(path, "wb");
  if (f == NULL || fwrite(m.bytes, 1, m.size, f) != m.size || fclose(f) != 0) abort();
  int64_t start = now_ms(), took;
  bf_status status = go(&m, path, scratch, &err);
  if ((took = now_ms() - start) > t->slowest_ms) t->slowest_ms = took;
  t->made++;
  t->read += status == BF_OK;
  t->by_status[-status]++;
  if (number < kinds && status != BF_OK) fail_msg("%s: %s", syntaxes[number], err.message);
  if (status != BF_OK && strstr(err.message, "m.dcm") == NULL)
    fail_msg("mutant %lld: %s", (long long)number, err.message);
  if (status == BF_E_INTERNAL || status == BF_E_IO || status == BF_E_ARGUMENT)
    fail_msg("mutant %lld: %s: %s", (long long)number, bf_status_name(status), err.message);
}

static void mutants(void **state) {
  (void)state;
  const char *count = getenv("BIFOCAL_MUTANTS"), *seed = getenv("BIFOCAL_SEED");
  int64_t n = count != NULL ? strtoll(count, NULL, 10) : 1500;
  told t = {0};
  bf_prepare_scratch scratch = {0};
  int64_t start = now_ms();
  for (int64_t i = 0; i < n; i++) one(&t, seed != NULL ? strtoull(seed, NULL, 10) : 1, i, &scratch);
  bf_prepare_scratch_clear(&scratch);
  printf("%lld mutants in %.1f s: %lld pictures", (long long)t.made, (double)(now_ms() - start) / 1000,
         (long long)t.read);
  for (int s = 1; s < 16; s++)
    if (t.by_status[s] > 0) printf(", %lld %s", (long long)t.by_status[s], bf_status_name((bf_status)-s));
  printf("; %lld processes died; the slowest took %lld ms\n", (long long)bf_dicom_deaths(), (long long)t.slowest_ms);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(mutants)};
  return cmocka_run_group_tests(tests, set_up, scratch_teardown);
}
