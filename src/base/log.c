/* Messages and progress on stderr. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

static bf_log_level threshold = BF_LOG_INFO;

void bf_log_set_level(bf_log_level level) { threshold = level; }

void bf_log(bf_log_level level, const char *format, ...) {
  if (level > threshold) return;
  static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  /* A file's name may hold line breaks and terminal commands: a line stays a line. */
  bf_make_plain(line);
  fprintf(stderr, "%s%s\n", prefix[level], line);
}

double bf_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void bf_utc_now(char *text, int capacity) {
  const char *epoch = getenv("SOURCE_DATE_EPOCH");
  time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  if (strftime(text, (size_t)capacity, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0 && capacity > 0) text[0] = '\0';
}

static void duration(char *text, size_t capacity, double seconds) {
  long s = (long)(seconds + 0.5);
  if (s >= 3600)
    snprintf(text, capacity, "%ld h %02ld min", s / 3600, s / 60 % 60);
  else if (s >= 60)
    snprintf(text, capacity, "%ld min %02ld s", s / 60, s % 60);
  else
    snprintf(text, capacity, "%ld s", s);
}

static void show(bf_progress *p, const char *note, bool last) {
  double spent = bf_now() - p->started;
  double rate = spent > 0 ? (double)p->done / spent : 0;
  char left[32];
  duration(left, sizeof left, last ? spent : rate > 0 ? (double)(p->total - p->done) / rate : 0);
  bool terminal = isatty(STDERR_FILENO);
  fprintf(stderr, "%s%s: %lld of %lld %s, %.1f a second, %s %s%s%s%s", terminal ? "\r\033[K" : "", p->title,
          (long long)p->done, (long long)p->total, p->unit, rate, left, last ? "in all" : "left", note ? ", " : "",
          note ? note : "", terminal && !last ? "" : "\n");
  p->shown = bf_now();
}

void bf_progress_start(bf_progress *p, const char *title, const char *unit, int64_t total) {
  *p = (bf_progress){.title = title, .unit = unit, .total = total, .started = bf_now(), .shown = bf_now()};
}

void bf_progress_update(bf_progress *p, int64_t done, const char *note) {
  p->done = done;
  if (threshold < BF_LOG_INFO) return;
  if (bf_now() - p->shown < (isatty(STDERR_FILENO) ? 0.2 : 15.0)) return;
  show(p, note, false);
}

void bf_progress_end(bf_progress *p, const char *note) {
  if (threshold >= BF_LOG_INFO) show(p, note, true);
}
