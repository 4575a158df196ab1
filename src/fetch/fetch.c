/* Downloading through libcurl into the .part file, and judging what came. */
#include "fetch/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"

enum { usual_seconds = 30, stall_bytes_a_second = 1000, most_redirects = 5, least_digits = 8, whole_digits = 64 };
static const int64_t usual_most = 4000000000, megabyte = 1000000;

typedef struct transfer {
  const bf_fetch_request *request;
  const char *part; /* path */
  int fd;           /* of the part, for writing */
  int64_t have;     /* bytes in the part */
  int64_t asked;    /* offset of the Range header; 0: none was sent */
  int64_t most;     /* bytes of the whole file */
  CURL *curl;
  bool begun;    /* the body's first bytes, or its absence, were judged */
  bool restart;  /* the server cannot go on from this part */
  bool discard;  /* what is in the part is of no use */
  bool progress; /* shown */
  char title[160], reason[CURL_ERROR_SIZE];
  bf_progress shown;
  bf_status status; /* of our own judgement, while curl was at work */
  bf_error *err;
} transfer;

/* ---- the part ---- */

static bf_status part_fail(const transfer *t, const char *what, bf_error *err) {
  return bf_fail(err, BF_E_IO, "%s: cannot %s: %s", t->part, what, strerror(errno));
}

static bf_status part_empty(transfer *t, bf_error *err) {
  if (ftruncate(t->fd, 0) != 0 || lseek(t->fd, 0, SEEK_SET) != 0) return part_fail(t, "empty", err);
  t->have = 0;
  return BF_OK;
}

static bf_status part_open(transfer *t, bf_error *err) {
  t->fd = open(t->part, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (t->fd < 0) return part_fail(t, "open", err);
  off_t end = lseek(t->fd, 0, SEEK_END);
  if (end < 0) return part_fail(t, "look at", err);
  t->have = end;
  return t->have > t->most ? part_empty(t, err) : BF_OK;
}

static bf_status part_write(transfer *t, const char *data, size_t size, bf_error *err) {
  while (size > 0) {
    ssize_t put = write(t->fd, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return part_fail(t, "write", err);
    data += put;
    size -= (size_t)put;
    t->have += put;
  }
  return BF_OK;
}

/* What becomes of the part, for the end of a message. */
static const char *kept(char text[BF_PATH_MAX + 160], const transfer *t) {
  if (t->have == 0)
    snprintf(text, BF_PATH_MAX + 160, "try again later");
  else
    snprintf(text, BF_PATH_MAX + 160, "%" PRId64 " bytes are kept in %s, and the same command goes on from there",
             t->have, t->part);
  return text;
}

/* ---- the server's answer ---- */

static bf_status refuse_code(transfer *t, long code) {
  const char *url = t->request->url;
  if (code == 404 || code == 410)
    return bf_fail(t->err, BF_E_NOT_FOUND, "%s: the server has no such file (HTTP %ld); give the address of a copy",
                   url, code);
  return bf_fail(t->err, BF_E_IO,
                 "%s: the server does not give the file (HTTP %ld); try again later, or another address", url, code);
}

static bf_status refuse_size(transfer *t, int64_t bytes, bool at_least) {
  t->discard = at_least; /* else nothing of it was written */
  return bf_fail(t->err, BF_E_LIMIT,
                 "%s: the file has %s%" PRId64 " bytes where %s %" PRId64 "; it is not the one wanted", t->request->url,
                 at_least ? "at least " : "", bytes, t->request->bytes > 0 ? "its size is known to be" : "the limit is",
                 t->most);
}

/* Whether the 206 answer goes on where the part ends. whole: of the file, -1 where not said. */
static bool goes_on(const transfer *t, int64_t *whole) {
  struct curl_header *range;
  int64_t first, last;
  int used = 0;
  *whole = -1;
  if (curl_easy_header(t->curl, "Content-Range", 0, CURLH_HEADER, -1, &range) != CURLHE_OK) return false;
  if (sscanf(range->value, "bytes %" SCNd64 "-%" SCNd64 "/%n", &first, &last, &used) != 2 || used == 0) return false;
  if (sscanf(range->value + used, "%" SCNd64, whole) != 1) *whole = -1;
  return first == t->asked;
}

static void show_progress(transfer *t, int64_t whole) {
  if (whole <= t->have) return;
  snprintf(t->title, sizeof t->title, "fetching %s%.120s", t->have > 0 ? "the rest of " : "",
           bf_path_name(t->request->output));
  bf_progress_start(&t->shown, t->title, "MB", (whole - t->have) / megabyte);
  t->progress = true;
}

/* Judges code, place and size before the first byte is written. */
static bf_status begin(transfer *t) {
  long code = 0;
  int64_t whole = -1;
  curl_off_t body = -1;
  t->begun = true;
  curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);
  curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &body);
  if (t->asked > 0 && (code == 416 || (code == 206 && !goes_on(t, &whole)))) {
    t->restart = true; /* complete, too long or of another file: the hash will tell */
    return BF_E_IO;
  }
  if (code != 200 && !(code == 206 && t->asked > 0)) return refuse_code(t, code);
  /* What an earlier run fetched is given up only for an answer that can be the file. */
  int64_t before = code == 200 ? 0 : t->have;
  if (whole < 0 && body >= 0) whole = body > INT64_MAX - before ? INT64_MAX : before + body;
  if (whole > t->most || (whole >= 0 && t->request->bytes > 0 && whole != t->request->bytes))
    return refuse_size(t, whole, false);
  if (code == 200 && t->have > 0) {
    bf_status status = part_empty(t, t->err);
    if (status != BF_OK) return status;
  }
  show_progress(t, whole);
  return BF_OK;
}

static size_t take(char *data, size_t size, size_t count, void *user) {
  transfer *t = user;
  size_t bytes = size * count;
  if (!t->begun) t->status = begin(t);
  if (t->status == BF_OK && (int64_t)bytes > t->most - t->have)
    t->status = refuse_size(t, t->have + (int64_t)bytes, true);
  if (t->status == BF_OK) t->status = part_write(t, data, bytes, t->err);
  return t->status == BF_OK ? bytes : 0;
}

static int look(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
  transfer *t = user;
  (void)total, (void)up_total, (void)up_now;
  if (t->progress) bf_progress_update(&t->shown, now / megabyte, NULL);
  return bf_cancelled() ? 1 : 0;
}

/* ---- one request ---- */

static bool is_secure(const char *url) { return strncasecmp(url, "https://", 8) == 0; }

static bf_status set_up(transfer *t, bf_error *err) {
  const bf_fetch_request *r = t->request;
  CURL *c = t->curl;
  char range[32];
  int bad = curl_easy_setopt(c, CURLOPT_URL, r->url) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, is_secure(r->url) ? "https" : "http,https") != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)most_redirects) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
                          (long)(r->connect_seconds > 0 ? r->connect_seconds : usual_seconds)) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)stall_bytes_a_second) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)(r->stall_seconds > 0 ? r->stall_seconds : usual_seconds)) !=
         CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->reason) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, t) != CURLE_OK;
  bad |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) != CURLE_OK;
  if (r->user_agent != NULL) bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, r->user_agent) != CURLE_OK;
  if (t->have > 0) {
    /* Not CURLOPT_RESUME_FROM: that one makes an error of a server that starts anew. */
    snprintf(range, sizeof range, "%" PRId64 "-", t->have);
    bad |= curl_easy_setopt(c, CURLOPT_RANGE, range) != CURLE_OK;
    t->asked = t->have;
  }
  return bad ? bf_fail(err, BF_E_INTERNAL, "libcurl %s lacks an option that fetching needs",
                       curl_version_info(CURLVERSION_NOW)->version)
             : BF_OK;
}

/* Whether libcurl gave up before any server took the request. */
static bool is_unreachable(const transfer *t, CURLcode code) {
  curl_off_t connected = 0;
  curl_easy_getinfo(t->curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
  return connected == 0 || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_CONNECT;
}

/* A transfer that libcurl gave up. */
static bf_status explain(const transfer *t, CURLcode code, bool *unreachable, bf_error *err) {
  const char *url = t->request->url, *reason = t->reason[0] != '\0' ? t->reason : curl_easy_strerror(code);
  char then[BF_PATH_MAX + 160];
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: return bf_fail(err, BF_E_CANCELLED, "%s: stopped as asked; %s", url, kept(then, t));
    case CURLE_URL_MALFORMAT: return bf_fail(err, BF_E_ARGUMENT, "%s: is no usable address (%s)", url, reason);
    case CURLE_UNSUPPORTED_PROTOCOL:
      return bf_fail(err, BF_E_UNSUPPORTED, "%s: leads to an address of a kind that is not followed (%s)", url, reason);
    case CURLE_TOO_MANY_REDIRECTS:
      return bf_fail(err, BF_E_IO, "%s: leads on from address to address more than %d times; give the last one", url,
                     most_redirects);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return bf_fail(err, BF_E_IO,
                     "%s: the server cannot prove who it is (%s), so nothing was taken from it; are this machine's "
                     "clock and its package ca-certificates right?",
                     url, reason);
    default: break;
  }
  *unreachable = is_unreachable(t, code);
  if (*unreachable)
    return bf_fail(err, BF_E_IO,
                   "%s: cannot be reached from this machine (%s); fetch that address on another machine and put the "
                   "file here as %s",
                   url, reason, t->request->output);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return bf_fail(err, BF_E_IO, "%s: stalled, less than 1 kB a second for %d s; %s", url,
                   t->request->stall_seconds > 0 ? t->request->stall_seconds : usual_seconds, kept(then, t));
  return bf_fail(err, BF_E_IO, "%s: the connection ended early (%s); %s", url, reason, kept(then, t));
}

static bf_status perform(transfer *t, bool *unreachable, bf_error *err) {
  t->begun = t->restart = t->progress = false;
  t->status = BF_OK;
  t->err = err;
  t->asked = 0;
  t->reason[0] = '\0';
  if ((t->curl = curl_easy_init()) == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a connection");
  bf_status status = set_up(t, err);
  if (status == BF_OK) {
    CURLcode code = curl_easy_perform(t->curl);
    if (code == CURLE_OK && !t->begun) t->status = begin(t); /* an answer without a body */
    if (t->progress) bf_progress_end(&t->shown, NULL);
    if (t->restart)
      status = BF_OK;
    else if (t->status != BF_OK)
      status = t->status;
    else if (code != CURLE_OK)
      status = explain(t, code, unreachable, err);
  }
  curl_easy_cleanup(t->curl);
  return status;
}

/* ---- judging the file ---- */

static bool has_hash(const char *sha256, const char *wanted) {
  return strncasecmp(sha256, wanted, strlen(wanted)) == 0;
}

static bf_status check(bf_fetch_report *report, transfer *t, bf_error *err) {
  const bf_fetch_request *r = t->request;
  char then[BF_PATH_MAX + 160];
  if (r->bytes > 0 && t->have < r->bytes && !t->restart)
    return bf_fail(err, BF_E_IO, "%s: the server sent less than the %" PRId64 " bytes of the file; %s", r->url,
                   r->bytes, kept(then, t));
  bf_status status = bf_sha256_file(report->sha256, t->part, err);
  if (status != BF_OK) return status;
  report->bytes = t->have;
  if (has_hash(report->sha256, r->sha256)) return BF_OK;
  t->discard = true;
  return bf_fail(
      err, BF_E_FORMAT,
      "%s: its SHA-256 is %s and must %s %s: it was removed; the file is damaged, or was changed where it is "
      "published",
      r->url, report->sha256, strlen(r->sha256) == whole_digits ? "be" : "begin with", r->sha256);
}

/* The part may be of another file or another version: what went on from it and proves wrong is fetched once more from
 * the start. */
static bf_status get(bf_fetch_report *report, transfer *t, bf_error *err) {
  for (int tries = 0;; tries++) {
    bool complete = t->request->bytes > 0 && t->have == t->request->bytes;
    report->resumed = t->have;
    bf_status status = complete ? BF_OK : perform(t, &report->unreachable, err);
    if (t->asked == 0 && !complete) report->resumed = 0;
    if (status == BF_OK) status = check(report, t, err);
    if (status != BF_E_FORMAT || report->resumed == 0 || tries > 0) return status;
    bf_log(BF_LOG_WARN, "%s: what an earlier run left there is not the beginning of %s: fetching all of it anew",
           t->part, t->request->url);
    t->discard = false;
    status = part_empty(t, err);
    if (status != BF_OK) return status;
  }
}

/* ---- the whole ---- */

/* "https://user:secret@host": the address stands in messages and logs. */
static bool holds_a_user(const char *url) {
  const char *host = strstr(url, "://");
  if (host == NULL) return false;
  host += 3;
  size_t length = strcspn(host, "/?#");
  return memchr(host, '@', length) != NULL;
}

static bf_status check_request(const bf_fetch_request *r, bf_error *err) {
  size_t digits = 0;
  if (holds_a_user(r->url))
    return bf_fail(err, BF_E_ARGUMENT, "the address may not hold a user's name or password: it is printed and logged");
  if (strncasecmp(r->url, "http://", 7) != 0 && !is_secure(r->url))
    return bf_fail(err, BF_E_ARGUMENT, "%s: the address must begin with http:// or https://", r->url);
  while (isxdigit((unsigned char)r->sha256[digits])) digits++;
  if (r->sha256[digits] != '\0' || digits < least_digits || digits > whole_digits)
    return bf_fail(err, BF_E_ARGUMENT, "SHA-256 '%s': %d to %d hexadecimal digits are wanted", r->sha256, least_digits,
                   whole_digits);
  return BF_OK;
}

/* A file that is there: right (report->already), or about to be replaced. */
static bf_status look_at_old(bf_fetch_report *report, const bf_fetch_request *r, bf_error *err) {
  struct stat info;
  if (stat(r->output, &info) != 0 || !S_ISREG(info.st_mode)) return BF_OK;
  bf_status status = bf_sha256_file(report->sha256, r->output, err);
  if (status != BF_OK) return status;
  report->bytes = info.st_size;
  report->already = has_hash(report->sha256, r->sha256) && (r->bytes == 0 || r->bytes == info.st_size);
  if (!report->already)
    bf_log(BF_LOG_WARN,
           "%s: is there with SHA-256 %s, which is not that of %s; it is replaced once the new file is checked",
           r->output, report->sha256, r->url);
  return BF_OK;
}

static bf_status fetch_part(bf_fetch_report *report, const bf_fetch_request *r, bf_error *err) {
  bf_publish publish;
  transfer t = {.request = r, .fd = -1};
  bf_status status = bf_publish_begin(&publish, r->output, err);
  if (status != BF_OK) return status;
  t.part = publish.temporary_path;
  t.most = r->bytes > 0 ? r->bytes : r->most_bytes > 0 ? r->most_bytes : usual_most;
  status = part_open(&t, err);
  if (status == BF_OK) status = get(report, &t, err);
  if (t.fd >= 0 && close(t.fd) != 0 && status == BF_OK) status = part_fail(&t, "write", err);
  if (status == BF_OK) return bf_publish_commit(&publish, err);
  if (t.discard || (t.fd >= 0 && t.have == 0))
    bf_publish_abort(&publish);
  else
    bf_publish_keep(&publish);
  return status;
}

bf_status bf_fetch(bf_fetch_report *report, const bf_fetch_request *request, bf_error *err) {
  *report = (bf_fetch_report){0};
  bf_status status = check_request(request, err);
  if (status == BF_OK) status = look_at_old(report, request, err);
  if (status != BF_OK || report->already) return status;
  /* Counted by libcurl, and safe among threads since its version 7.84. */
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return bf_fail(err, BF_E_INTERNAL, "libcurl cannot be started");
  status = fetch_part(report, request, err);
  curl_global_cleanup();
  return status;
}
