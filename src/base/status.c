/* Status names and the setter of error messages. Nothing here allocates. */
#include "bifocal/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bf_status bf_fail(bf_error *err, bf_status status, const char *format, ...) {
  if (err == NULL) return status;
  err->status = status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(err->message, sizeof err->message, format, arguments);
  va_end(arguments);
  return status;
}

bf_status bf_error_prefix(bf_error *err, const char *format, ...) {
  if (err == NULL) return BF_E_INTERNAL;
  char old[sizeof err->message];
  memcpy(old, err->message, sizeof old);
  va_list arguments;
  va_start(arguments, format);
  int used = vsnprintf(err->message, sizeof err->message, format, arguments);
  va_end(arguments);
  if (used >= 0 && (size_t)used < sizeof err->message)
    snprintf(err->message + used, sizeof err->message - (size_t)used, ": %.900s", old);
  return err->status;
}

void bf_error_clear(bf_error *err) {
  if (err == NULL) return;
  err->status = BF_OK;
  err->message[0] = '\0';
}

const char *bf_status_name(bf_status status) {
  switch (status) {
    case BF_OK: return "ok";
    case BF_E_MEMORY: return "memory";
    case BF_E_ARGUMENT: return "argument";
    case BF_E_IO: return "io";
    case BF_E_FORMAT: return "format";
    case BF_E_UNSUPPORTED: return "unsupported";
    case BF_E_NOT_FOUND: return "not_found";
    case BF_E_CANCELLED: return "cancelled";
    case BF_E_LIMIT: return "limit";
    case BF_E_INTERNAL: return "internal";
  }
  return "internal";
}
