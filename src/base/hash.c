/* SHA-256 and HMAC through OpenSSL. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

static void to_hex(char hex[65], const unsigned char digest[32]) {
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void bf_sha256(char hex[65], const void *data, size_t size) {
  unsigned char digest[EVP_MAX_MD_SIZE] = {0};
  EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL);
  to_hex(hex, digest);
}

void bf_hmac_sha256(char hex[65], const void *key, size_t key_size, const void *data, size_t size) {
  unsigned char digest[EVP_MAX_MD_SIZE] = {0};
  HMAC(EVP_sha256(), key, (int)key_size, data, size, digest, NULL);
  to_hex(hex, digest);
}

bf_status bf_sha256_file(char hex[65], const char *path, bf_error *err) {
  return bf_sha256_file_start(hex, path, SIZE_MAX, err);
}

bf_status bf_sha256_file_start(char hex[65], const char *path, size_t most, bf_error *err) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot open: %s", path, strerror(errno));
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bf_status status = context == NULL ? bf_fail(err, BF_E_MEMORY, "%s: no memory for its hash", path) : BF_OK;
  if (status == BF_OK) {
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    char block[65536];
    size_t got;
    while (most > 0 && (got = fread(block, 1, most < sizeof block ? most : sizeof block, file)) > 0) {
      EVP_DigestUpdate(context, block, got);
      most -= got;
    }
    if (ferror(file)) status = bf_fail(err, BF_E_IO, "%s: cannot read: %s", path, strerror(errno));
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(context, digest, NULL);
    to_hex(hex, digest);
  }
  EVP_MD_CTX_free(context);
  fclose(file);
  return status;
}
