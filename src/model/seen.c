/* A sorted list of hashes. */
#include "model/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { digits = 16 };

void bf_seen_clear(bf_seen *seen) {
  bf_free(seen->hashes);
  *seen = (bf_seen){0};
}

uint64_t bf_seen_hash(const char *sop_instance_uid) {
  char hex[65];
  bf_sha256(hex, sop_instance_uid, strlen(sop_instance_uid));
  hex[digits] = '\0';
  return strtoull(hex, NULL, 16);
}

static int by_value(const void *a, const void *b) {
  const uint64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

bf_status bf_seen_add(bf_seen *seen, const uint64_t *hashes, int64_t count, bf_error *err) {
  uint64_t *all = bf_alloc_raw((size_t)(seen->count + count), sizeof *all);
  int64_t n = 0;
  if (all == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of %lld images", (long long)count);
  if (seen->count > 0) memcpy(all, seen->hashes, (size_t)seen->count * sizeof *all);
  if (count > 0) memcpy(all + seen->count, hashes, (size_t)count * sizeof *all);
  qsort(all, (size_t)(seen->count + count), sizeof *all, by_value);
  for (int64_t i = 0; i < seen->count + count; i++)
    if (n == 0 || all[i] != all[n - 1]) all[n++] = all[i];
  bf_free(seen->hashes);
  *seen = (bf_seen){all, n};
  return BF_OK;
}

bool bf_seen_has(const bf_seen *seen, const char *sop_instance_uid) {
  if (seen->count == 0 || sop_instance_uid[0] == '\0') return false;
  uint64_t hash = bf_seen_hash(sop_instance_uid);
  return bsearch(&hash, seen->hashes, (size_t)seen->count, sizeof hash, by_value) != NULL;
}

char *bf_seen_write(const bf_seen *seen) {
  char *text = bf_alloc_raw((size_t)seen->count * digits + 1, 1);
  if (text == NULL) return NULL;
  text[0] = '\0';
  for (int64_t i = 0; i < seen->count; i++)
    snprintf(text + i * digits, digits + 1, "%016llx", (unsigned long long)seen->hashes[i]);
  return text;
}

bf_status bf_seen_read(bf_seen *out, const char *text, bf_error *err) {
  size_t length = strlen(text), n = length / digits;
  *out = (bf_seen){0};
  if (length % digits != 0 || strspn(text, "0123456789abcdef") != length)
    return bf_fail(err, BF_E_FORMAT, "its metadata's list of seen images is damaged");
  uint64_t *hashes = bf_alloc(n, sizeof *hashes);
  if (hashes == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of %zu images", n);
  for (size_t i = 0; i < n; i++) {
    char one[digits + 1];
    memcpy(one, text + i * digits, digits);
    one[digits] = '\0';
    hashes[i] = strtoull(one, NULL, 16);
  }
  bf_status status = bf_seen_add(out, hashes, (int64_t)n, err);
  bf_free(hashes);
  return status;
}
