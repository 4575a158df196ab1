/* One file over HTTP or HTTPS: resumed, limited, checked, published. The one user of curl.h; it knows nothing of what
 * is in the file. */
#ifndef BF_FETCH_FETCH_H
#define BF_FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef struct bf_fetch_request {
  const char *url;        /* http:// or https:// */
  const char *output;     /* the finished file */
  const char *sha256;     /* that it must have: 64 hexadecimal digits, or their beginning, at least 8 */
  int64_t bytes;          /* that it must have; 0: not known */
  int64_t most_bytes;     /* refused above, where bytes is not known; 0: 4 GB */
  int connect_seconds;    /* until a connection stands; 0: 30 */
  int stall_seconds;      /* below 1 kB/s for so long, the connection is given up; 0: 30 */
  const char *user_agent; /* NULL: none */
} bf_fetch_request;

typedef struct bf_fetch_report {
  bool already;     /* the file was there with the right hash: nothing was asked of anybody */
  bool unreachable; /* no server was reached: no name service, no route, nobody listening, a proxy that refuses */
  int64_t resumed;  /* bytes that an earlier call had left and that were used */
  int64_t bytes;    /* of the file */
  char sha256[65];  /* of the file */
} bf_fetch_report;

/* Writes into "<output>.part" (bf_publish_temporary), goes on where that one ends, checks size and hash, and renames it
 * to output. Certificates are verified; redirects, five at most, lead to http or https only, and from https to https
 * only. Proxies are taken from the environment (http_proxy, https_proxy, no_proxy).
 *
 * What stays: a file that was there before stays as it is until the new one is checked. After a cut or stalled
 * connection, a full disk or a wish to stop (bf_cancelled: BF_E_CANCELLED) the .part stays for the next call; a file
 * that is too large (BF_E_LIMIT) or has the wrong hash (BF_E_FORMAT) is removed. A .part that proves wrong is fetched
 * anew, once, without asking. A server's "not found" is BF_E_NOT_FOUND; other answers and networks BF_E_IO. */
bf_status bf_fetch(bf_fetch_report *report, const bf_fetch_request *request, bf_error *err);

#endif
