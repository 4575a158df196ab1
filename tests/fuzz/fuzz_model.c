/* libFuzzer target: a model's file and its card. The first byte says what the rest is: 'M', the metadata of a good
 * model, as JSON; 'P', changes of single bytes in its header; anything else begins a file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "bifocal/card.h"
#include "fuzz_file.h"
#include "model/model.h"
#include "run/sections.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The data room has ITK beside it, which clang 14 does not compile. */
const bf_option bf_prepare_table[] = {{0}};

static char *whole;     /* a good model's file */
static size_t all, top; /* bytes of it, and of its header with the length before it */
static size_t tensors;  /* where in it the metadata ends */

static void make_model(const char *path) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  bf_config *config = NULL;
  bf_model *m = NULL;
  bf_error err = {0};
  if (bf_model_config(&config, sections, bf_run_sections(sections), &err) != BF_OK ||
      bf_config_set(config, "size", "32", &err) != BF_OK ||
      bf_config_set(config, "backbone", "squeezenet1_1", &err) != BF_OK || bf_model_create(&m, config, &err) != BF_OK ||
      bf_model_write(m, path, &err) != BF_OK)
    abort();
  bf_model_destroy(m);
}

static void make_whole(void) {
  char folder[] = "/tmp/bifocal-fuzz-XXXXXX", path[64];
  uint64_t length;
  if (mkdtemp(folder) == NULL) abort();
  snprintf(path, sizeof path, "%s/m.safetensors", folder);
  make_model(path);
  if (bf_file_read(&whole, &all, path, 1 << 28, NULL) != BF_OK || unlink(path) != 0 || rmdir(folder) != 0) abort();
  memcpy(&length, whole, 8);
  top = (size_t)length + 8;
  const char *end = memmem(whole, top, "\"},\"", 4);
  if (strncmp(whole + 8, "{\"__metadata__\":{", 17) != 0 || end == NULL) abort();
  tensors = (size_t)(end - whole) + 2;
}

/* The good model with this text in place of its metadata. */
static int with_metadata(char path[64], const uint8_t *text, size_t size) {
  static const char start[] = "{\"__metadata__\":";
  size_t header = sizeof start - 1 + size + top - tensors, made = 8 + header + all - top;
  char *bytes = bf_alloc_raw(made, 1), *at = bytes;
  uint64_t length = header;
  if (bytes == NULL) abort();
  memcpy(at, &length, 8);
  memcpy(at += 8, start, sizeof start - 1);
  memcpy(at += sizeof start - 1, text, size);
  memcpy(at + size, whole + tensors, all - tensors);
  int file = fuzz_file(path, (const uint8_t *)bytes, made);
  bf_free(bytes);
  return file;
}

/* Four bytes each: where in the header, and the byte that stands there then. */
static int with_patches(char path[64], const uint8_t *patches, size_t size) {
  char *bytes = bf_alloc_raw(all, 1);
  if (bytes == NULL) abort();
  memcpy(bytes, whole, all);
  for (; size >= 4; patches += 4, size -= 4)
    bytes[((size_t)patches[0] << 16 | (size_t)patches[1] << 8 | patches[2]) % top] = (char)patches[3];
  int file = fuzz_file(path, (const uint8_t *)bytes, all);
  bf_free(bytes);
  return file;
}

/* Nothing that moves a terminal. A long message loses its middle, wherever that cuts. */
static void check_text(const char *text, bool whole_text) {
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < 32 && *c != '\n') abort();
  if (whole_text && !bf_is_utf8(text)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64], *text = NULL;
  bf_error err = {0};
  if (whole == NULL) make_whole();
  if (size > 0 && data[0] == 'M')
    with_metadata(path, data + 1, size - 1);
  else if (size > 0 && data[0] == 'P')
    with_patches(path, data + 1, size - 1);
  else
    fuzz_file(path, data, size);
  bf_status status = bf_card(&text, path, size % 2 == 0, &err);
  check_text(status == BF_OK ? text : err.message, status == BF_OK);
  if (status != BF_OK && err.message[0] == '\0') abort();
  bf_free(text);
  return 0;
}
