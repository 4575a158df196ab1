/* Taking and drawing the secret of the patient hash. */
#include "run/patient_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/memory.h"

enum { least_bytes = 16, drawn_bytes = 32, most_bytes = 1 << 16 };

static void make_check(bf_patient_key *key) {
  static const char words[] = "bifocal patient key";
  char hex[65];
  bf_hmac_sha256(hex, key->bytes, key->size, words, sizeof words - 1);
  snprintf(key->check, sizeof key->check, "%.16s", hex);
}

static bf_status read_file(bf_patient_key *out, const char *path, bf_error *err) {
  bf_status status = bf_file_read(&out->bytes, &out->size, path, most_bytes, err);
  if (status != BF_OK) return status;
  while (out->size > 0 && (out->bytes[out->size - 1] == '\n' || out->bytes[out->size - 1] == '\r')) out->size--;
  out->origin = "key file";
  if (out->size >= least_bytes) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT,
                 "%s: the key of the patient hash needs %d bytes or more; 'openssl rand -hex 32' makes one", path,
                 least_bytes);
}

static bf_status read_variable(bf_patient_key *out, const char *value, bf_error *err) {
  out->size = strlen(value);
  out->origin = "environment";
  if (out->size < least_bytes)
    return bf_fail(err, BF_E_ARGUMENT, "BIFOCAL_PATIENT_KEY: the key of the patient hash needs %d characters or more",
                   least_bytes);
  out->bytes = bf_strdup(value);
  return out->bytes != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the key");
}

bf_status bf_patient_key_take(bf_patient_key *out, const char *key_file, bf_error *err) {
  const char *variable = getenv("BIFOCAL_PATIENT_KEY");
  bf_status status = BF_OK;
  *out = (bf_patient_key){.origin = "none"};
  if (key_file != NULL)
    status = read_file(out, key_file, err);
  else if (variable != NULL && variable[0] != '\0')
    status = read_variable(out, variable, err);
  if (status == BF_OK && out->bytes != NULL) make_check(out);
  return status;
}

bf_status bf_patient_key_draw(bf_patient_key *out, bf_error *err) {
  *out = (bf_patient_key){.size = drawn_bytes, .origin = "random, for this dataset alone"};
  out->bytes = bf_alloc(out->size, 1);
  if (out->bytes == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the key");
  if (getrandom(out->bytes, out->size, 0) != (ssize_t)out->size)
    return bf_fail(err, BF_E_IO, "the system gives no random key: %s", strerror(errno));
  make_check(out);
  return BF_OK;
}

void bf_patient_key_clear(bf_patient_key *key) {
  if (key->bytes != NULL) explicit_bzero(key->bytes, key->size);
  bf_free(key->bytes);
  *key = (bf_patient_key){0};
}
