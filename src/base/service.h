/* Confined child processes that answer requests about strangers' files, one after the other: what crashes, hangs or
 * grows there costs one request, not the caller's life. As isolate.h, but a process stays for many files, which makes a
 * request cost microseconds instead of a fork.
 *
 * A parent process of theirs, and a second one for when it is killed, is forked when the service is created, before any
 * thread is there, and forks each of them from its own single thread: they see the caller's memory as it stood then.
 * They open no file: an open descriptor goes with a request. Answers come through memory that both sides see (the
 * room), which a process that was taken over may fill with anything: the caller believes none of it unchecked. */
#ifndef BF_BASE_SERVICE_H
#define BF_BASE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_service bf_service;
typedef struct bf_server bf_server; /* one child process */

enum { BF_SERVICE_REQUEST_MAX = 8192 };

/* In the child. *state is NULL at first, and the function's own from then on. file: the descriptor that came with the
 * request, -1 for none; the function's to close. */
typedef bf_status (*bf_service_answer)(void **state, const void *request, size_t size, int file, void *room,
                                       size_t room_size, bf_error *err);

/* Before any thread. */
bf_status bf_service_create(bf_service **out, bf_service_answer answer, bf_error *err);
/* All servers must have been given back. Ends the processes. NULL is accepted. */
void bf_service_destroy(bf_service *service);

/* A process for the caller alone, until it is given back; as many are started as are in use at once. From any thread.
 */
bf_status bf_service_take(bf_server **out, bf_service *service, bf_error *err);
void bf_service_give(bf_server *server);

/* All must be above 0. */
typedef struct bf_service_limits {
  int cpu_milliseconds, wall_milliseconds;
  size_t memory_bytes; /* address space beyond what a fresh process has, the room not counted */
} bf_service_limits;

/* Sends the request, with the file (-1: none; it stays the caller's), and waits for the answer. The room has at least
 * room_size bytes then. The status is the answer's own, with its words, control characters replaced; of a process that
 * crashed or left BF_E_FORMAT, and of one that met a limit BF_E_LIMIT: then, and now and then else, the next request
 * meets a fresh process, whose state is NULL again. BF_E_IO: none can be started, or it was killed
 * from outside, which is no fault of the request. */
bf_status bf_service_call(bf_server *server, const void *request, size_t size, int file, size_t room_size,
                          const bf_service_limits *limits, bf_error *err);
/* Like a call that nobody waits for: for giving memory and files back. */
void bf_service_tell(bf_server *server, const void *request, size_t size);
/* Of the last call; the address holds until the next. */
const void *bf_service_room(const bf_server *server, size_t *size);

/* Changes whenever the server has got another process. */
int64_t bf_service_life(const bf_server *server);

/* False where the parent processes are gone, so that none can be started any more: what fails from then on is no fault
 * of a request. */
bool bf_service_lives(bf_service *service);

/* How many processes died, of whatever cause, since the service was created. */
int64_t bf_service_deaths(const bf_service *service);

#ifdef __cplusplus
}
#endif
#endif
