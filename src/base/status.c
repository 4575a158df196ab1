/* Status names and the setter of error messages. Nothing here allocates. */
#include "bifocal/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Keeps both ends of a text that is too long: paths stand in front, reasons behind. */
static void keep_ends(char *dst, size_t capacity, const char *text) {
  static const char gap[] = " ... ";
  size_t size = strlen(text), head = capacity / 2, tail = capacity - 1 - head - (sizeof gap - 1);
  if (size < capacity) {
    memcpy(dst, text, size + 1);
    return;
  }
  memcpy(dst, text, head);
  memcpy(dst + head, gap, sizeof gap - 1);
  memcpy(dst + head + sizeof gap - 1, text + size - tail, tail + 1);
}

enum { whole_message = 12 * 1024 }; /* two longest paths and words between */

bf_status bf_fail(bf_error *err, bf_status status, const char *format, ...) {
  if (err == NULL) return status;
  char whole[whole_message];
  err->status = status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(whole, sizeof whole, format, arguments);
  va_end(arguments);
  keep_ends(err->message, sizeof err->message, whole);
  return status;
}

bf_status bf_error_prefix(bf_error *err, const char *format, ...) {
  if (err == NULL) return BF_E_INTERNAL;
  char whole[whole_message];
  va_list arguments;
  va_start(arguments, format);
  int used = vsnprintf(whole, sizeof whole - sizeof err->message - 2, format, arguments);
  va_end(arguments);
  size_t at = strlen(whole);
  if (used >= 0) snprintf(whole + at, sizeof whole - at, ": %s", err->message);
  keep_ends(err->message, sizeof err->message, whole);
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
    case BF_E_NOT_DICOM: return "not_dicom";
    case BF_E_NO_IMAGE: return "no_image";
    case BF_E_LEFT_OUT: return "left_out";
    case BF_E_UNLIKE: return "unlike_training";
  }
  return "internal";
}
