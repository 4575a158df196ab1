/* Status codes and error messages of every bifocal call.
 *
 * A call that can fail returns bf_status: 0 is good, the rest is a short closed list. The words go to a bf_error of
 * the caller's, which has room of its own: failing never allocates. Every function takes NULL where a bf_error is
 * expected. The lowest layer that knows file, tag or key and value says them once; the layers above pass them on. */
#ifndef BIFOCAL_STATUS_H
#define BIFOCAL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bf_status {
  BF_OK = 0,
  BF_E_MEMORY = -1,      /* memory could not be had */
  BF_E_ARGUMENT = -2,    /* the caller's value, option or configuration key is not usable */
  BF_E_IO = -3,          /* the system refused to read or write */
  BF_E_FORMAT = -4,      /* a file is not what it claims to be, or is damaged */
  BF_E_UNSUPPORTED = -5, /* well formed, but of a kind that is not handled */
  BF_E_NOT_FOUND = -6,   /* a named thing does not exist */
  BF_E_CANCELLED = -7,   /* the user asked to stop */
  BF_E_LIMIT = -8,       /* larger than a limit that protects the program */
  BF_E_INTERNAL = -9,    /* a fault of bifocal itself */
  BF_E_NOT_DICOM = -10,  /* a file that was never DICOM: no fault of it */
  BF_E_NO_IMAGE = -11,   /* sound DICOM without a picture: a report, a segmentation, a plan, a waveform */
  BF_E_LEFT_OUT = -12,   /* an image that a rule leaves out, such as a localizer */
  BF_E_UNLIKE = -13      /* an image unlike those that a model was trained on */
} bf_status;

typedef struct bf_error {
  bf_status status;
  /* NUL-terminated, empty when status is BF_OK. A message that is longer (a very long path) loses its middle, not its
   * reason at the end. */
  char message[1024];
} bf_error;

#if defined(__GNUC__)
#define BF_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define BF_PRINTF(format_index, first_argument)
#endif

/* Writes the message and returns `status`, so that a failing function can end with `return bf_fail(...)`. */
bf_status bf_fail(bf_error *err, bf_status status, const char *format, ...) BF_PRINTF(3, 4);

/* Puts "context: " before a message that is already there; returns its status. */
bf_status bf_error_prefix(bf_error *err, const char *format, ...) BF_PRINTF(2, 3);

void bf_error_clear(bf_error *err);

/* A short stable word: "ok", "memory", "argument", "io", "format", "unsupported", "not_found", "cancelled", "limit",
 * "internal", "not_dicom", "no_image", "left_out", "unlike_training". The returned text is static. */
const char *bf_status_name(bf_status status);

#ifdef __cplusplus
}
#endif
#endif
