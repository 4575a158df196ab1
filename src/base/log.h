/* Talk for people, on stderr. Never a patient's name, number or birth date, nor a raw DICOM value of theirs. */
#ifndef BF_BASE_LOG_H
#define BF_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef enum bf_log_level { BF_LOG_ERROR, BF_LOG_WARN, BF_LOG_INFO, BF_LOG_DEBUG } bf_log_level;

void bf_log_set_level(bf_log_level level); /* default BF_LOG_INFO */
void bf_log(bf_log_level level, const char *format, ...) BF_PRINTF(2, 3);

/* Progress of long work: one rewritten line on a terminal, a plain line now and then elsewhere; silent under level
 * INFO. unit: "images", "files". */
typedef struct bf_progress {
  const char *title, *unit;
  int64_t total, done;
  double started, shown; /* seconds, monotonic */
} bf_progress;
void bf_progress_start(bf_progress *p, const char *title, const char *unit, int64_t total);
/* note: a few words at the end of the line, or NULL. */
void bf_progress_update(bf_progress *p, int64_t done, const char *note);
void bf_progress_end(bf_progress *p, const char *note);

double bf_now(void); /* seconds, monotonic clock */

/* "2026-01-31T12:00:00Z" into a buffer of 21 bytes or more. SOURCE_DATE_EPOCH is honoured. */
void bf_utc_now(char *text, int capacity);

#endif
