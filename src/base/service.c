/* Three sides: the caller; a nursery, a process with one thread that forks servers and tells how they ended; the
 * servers. All talk over sockets that keep messages apart. */
#include "base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/isolate.h"
#include "base/memory.h"
#include "base/utf8.h"

/* A process is replaced after this many requests, so that what a library leaks stays small. */
enum { most_requests = 20000, descriptors = 16 };
/* Nothing that is asked of a server may go beyond. */
static const size_t most_memory = (size_t)16 << 30;
static const size_t least_room = (size_t)1 << 16, memory_step = (size_t)4 << 20;
/* Pages of a room that are given back when the room is idle and larger. */
static const size_t kept_room = (size_t)64 << 20;

typedef struct header {
  bool answered; /* whether the caller waits */
  size_t size, room_size;
  bf_service_limits limits;
} header;

typedef struct reply {
  bf_status status;
  char message[sizeof((bf_error *)0)->message];
} reply;

typedef enum order { order_start, order_bury } order;

typedef struct nursery_request {
  order what;
  pid_t process;
} nursery_request;

typedef struct nursery_answer {
  pid_t process; /* or -errno */
  int how;       /* as waitpid gives it */
} nursery_answer;

typedef struct nursery {
  pid_t process; /* 0: never started */
  int peer;
} nursery;

/* A nursery that is killed takes its servers along; the next one stands ready, because a program with threads cannot
 * safely fork another. */
enum { most_nurseries = 2 };

struct bf_server {
  bf_service *service;
  int nursery;     /* of which the process is a child */
  bf_server *next; /* among the idle */
  pid_t process;   /* 0: none yet, or dead */
  int peer, memory;
  void *room;
  size_t room_size;
  int requests;
  int64_t life;
};

struct bf_service {
  bf_service_answer answer;
  nursery nurseries[most_nurseries];
  int current;            /* nursery that starts servers; most_nurseries: none is left */
  pthread_mutex_t lock;   /* of all below */
  pthread_mutex_t asking; /* of the two above */
  bf_server *idle;
  int64_t deaths;
};

/* ---- messages ---- */

/* Sends bytes and up to two descriptors. */
static bool send_message(int peer, const struct iovec *parts, size_t count, const int *files, size_t file_count) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } control = {0};
  struct msghdr m = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
  if (file_count > 0) {
    m.msg_control = control.bytes;
    m.msg_controllen = CMSG_SPACE(file_count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(file_count * sizeof(int));
    memcpy(CMSG_DATA(c), files, file_count * sizeof(int));
  }
  ssize_t sent;
  while ((sent = sendmsg(peer, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR) continue;
  return sent >= 0;
}

/* Bytes received; 0 at the peer's end, -1 on an error. Absent descriptors become -1. */
static ssize_t receive_message(int peer, struct iovec *parts, size_t count, int *files, size_t file_count) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } control;
  struct msghdr m = {.msg_iov = parts, .msg_iovlen = count};
  if (file_count > 0) {
    m.msg_control = control.bytes;
    m.msg_controllen = sizeof control.bytes;
  }
  for (size_t i = 0; i < file_count; i++) files[i] = -1;
  ssize_t got;
  while ((got = recvmsg(peer, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
  if (got <= 0) return got;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && file_count > 0 &&
        c->cmsg_len <= CMSG_LEN(file_count * sizeof(int)))
      memcpy(files, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
  return got;
}

/* ---- in a server ---- */

typedef struct desk {
  bf_service_answer answer;
  int peer, memory;
  void *room, *state;
  size_t room_size, base; /* base: address space of the fresh process */
  size_t allowed;         /* beyond base and room, as it was set last; 0: unknown */
} desk;

/* It is never stopped: waiting for a request takes no processor time, and a call of the system less is time less. */
static void start_clock(int milliseconds) {
  setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000}}, NULL);
}

/* In steps, so that files of about one size need it once. */
static bool allow_memory(desk *d, size_t more) {
  struct rlimit now;
  more = (more + memory_step - 1) / memory_step * memory_step;
  if (more == d->allowed || !bf_isolate_limits_memory()) return true;
  if (getrlimit(RLIMIT_AS, &now) != 0) return false;
  rlim_t wanted = d->base + d->room_size + more;
  now.rlim_cur = wanted < now.rlim_max ? wanted : now.rlim_max;
  d->allowed = more;
  return setrlimit(RLIMIT_AS, &now) == 0;
}

static bool map_room(desk *d, size_t size) {
  if (size == d->room_size) return true;
  if (d->room != NULL) munmap(d->room, d->room_size);
  d->room_size = 0;
  d->room = NULL;
  if (!allow_memory(d, most_memory)) return false;
  void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, d->memory, 0);
  if (room == MAP_FAILED) return false;
  d->room = room;
  d->room_size = size;
  d->allowed = 0;
  return true;
}

static bf_status serve(desk *d, const header *h, const void *request, int file, bf_error *err) {
  if (!map_room(d, h->room_size) || !allow_memory(d, h->limits.memory_bytes))
    return bf_fail(err, BF_E_MEMORY, "no memory for the answer");
  start_clock(h->limits.cpu_milliseconds);
  bf_status status = d->answer(&d->state, request, h->size, file, d->room, d->room_size, err);
  if (status == BF_E_MEMORY)
    return bf_fail(err, BF_E_LIMIT, "reading it needs more memory than the limit of %zu MiB; it is damaged or hostile",
                   h->limits.memory_bytes >> 20);
  return status;
}

/* Until the caller is gone. */
static void serve_all(desk *d) {
  static char request[BF_SERVICE_REQUEST_MAX];
  header h;
  int file;
  for (;;) {
    struct iovec parts[] = {{&h, sizeof h}, {request, sizeof request}};
    ssize_t got = receive_message(d->peer, parts, 2, &file, 1);
    if (got < (ssize_t)sizeof h || h.size != (size_t)got - sizeof h) return;
    bf_error err = {0};
    reply a = {.status = serve(d, &h, request, file, &err)};
    if (!h.answered) continue;
    memcpy(a.message, err.message, sizeof a.message);
    ssize_t sent;
    while ((sent = send(d->peer, &a, sizeof a, MSG_NOSIGNAL)) < 0 && errno == EINTR) continue;
    if (sent < 0) return;
  }
}

static void run_server(desk *d, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) return;
  prctl(PR_SET_DUMPABLE, 0);
  d->base = bf_confine_address_space();
  bool good = bf_confine_limit(RLIMIT_CORE, 0, 0) && bf_confine_limit(RLIMIT_FSIZE, 0, 0) &&
              bf_confine_limit(RLIMIT_NOFILE, descriptors, descriptors) && bf_confine_memory(most_memory, most_memory);
  if (!good) return;
  /* Blocks of one file's size are needed for the next one: new pages would cost more than reading it does. */
  mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that it takes */
  mallopt(M_TRIM_THRESHOLD, (int)kept_room);
  bf_confine_calls_service(d->peer, d->memory);
  serve_all(d);
}

/* ---- in the nursery ---- */

static nursery_answer start_server(bf_service_answer answer, int own_peer, const int files[2]) {
  pid_t parent = getpid(), child = files[0] >= 0 && files[1] >= 0 ? fork() : (errno = EBADF, -1);
  if (child == 0) {
    close(own_peer);
    desk d = {.answer = answer, .peer = files[0], .memory = files[1]};
    run_server(&d, parent);
    _exit(0);
  }
  return (nursery_answer){.process = child > 0 ? child : -errno};
}

/* A child that still runs is killed: whoever asks has given it up. */
static nursery_answer bury(pid_t process) {
  nursery_answer a = {.process = process};
  if (waitpid(process, &a.how, WNOHANG) == process) return a;
  kill(process, SIGKILL);
  pid_t got;
  while ((got = waitpid(process, &a.how, 0)) < 0 && errno == EINTR) continue;
  if (got < 0) a.process = -errno;
  return a;
}

static void run_nursery(bf_service_answer answer, int peer) {
  nursery_request r;
  int files[2];
  for (;;) {
    struct iovec part = {&r, sizeof r};
    ssize_t got = receive_message(peer, &part, 1, files, 2);
    if (got != sizeof r) return;
    nursery_answer a = r.what == order_start ? start_server(answer, peer, files) : bury(r.process);
    for (int i = 0; i < 2; i++)
      if (files[i] >= 0) close(files[i]);
    struct iovec back = {&a, sizeof a};
    if (!send_message(peer, &back, 1, NULL, 0)) return;
  }
}

/* All that the program has open is none of the children's business: a pipe that a child holds would never end. */
static void close_others(int peer) {
  bool closed = peer <= 3 || syscall(SYS_close_range, 3u, (unsigned)peer - 1, 0u) == 0;
  closed = closed && syscall(SYS_close_range, (unsigned)peer + 1, ~0u, 0u) == 0;
  for (int file = 3; file < 1024 && !closed; file++) /* kernels before 5.9 */
    if (file != peer) close(file);
}

static void be_nursery(bf_service_answer answer, int peer) {
  bf_confine_signals();
  /* What asks the program to stop lets it finish the file at hand: its end ends the children. */
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  close_others(peer);
  if (bf_confine_silence()) run_nursery(answer, peer);
  _exit(0);
}

/* ---- in the caller ---- */

static int above_outputs(int file) {
  if (file < 0 || file > 2) return file;
  int higher = fcntl(file, F_DUPFD_CLOEXEC, 3);
  close(file);
  return higher;
}

static bool make_pair(int pair[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return false;
  for (int i = 0; i < 2; i++) pair[i] = above_outputs(pair[i]);
  if (pair[0] >= 0 && pair[1] >= 0) return true;
  for (int i = 0; i < 2; i++)
    if (pair[i] >= 0) close(pair[i]);
  return false;
}

static bf_status start_nursery(nursery *n, bf_service_answer answer, bf_error *err) {
  int pair[2];
  if (!make_pair(pair)) return bf_fail(err, BF_E_IO, "cannot make a socket for child processes: %s", strerror(errno));
  pid_t child = fork();
  if (child == 0) {
    close(pair[0]);
    be_nursery(answer, pair[1]);
  }
  close(pair[1]);
  *n = (nursery){child, pair[0]};
  if (child > 0) return BF_OK;
  close(pair[0]);
  *n = (nursery){.peer = -1};
  return bf_fail(err, BF_E_IO, "cannot start a child process: %s", strerror(errno));
}

bf_status bf_service_create(bf_service **out, bf_service_answer answer, bf_error *err) {
  bf_service *s = *out = bf_alloc(1, sizeof *s);
  if (s == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for child processes");
  *s = (bf_service){.answer = answer};
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->asking, NULL);
  bf_status status = BF_OK;
  for (int i = 0; i < most_nurseries && status == BF_OK; i++) status = start_nursery(&s->nurseries[i], answer, err);
  if (status == BF_OK) return BF_OK;
  bf_service_destroy(s);
  *out = NULL;
  return status;
}

/* False where the nursery is gone. The caller holds `asking`. */
static bool ask_nursery(nursery_answer *a, const nursery *n, const nursery_request *r, const int *files, size_t count) {
  struct iovec there = {(void *)r, sizeof *r}, back = {a, sizeof *a};
  return send_message(n->peer, &there, 1, files, count) &&
         receive_message(n->peer, &back, 1, NULL, 0) == (ssize_t)sizeof *a;
}

/* Which nursery started a server; most_nurseries where all are gone. */
static int ask_for_server(nursery_answer *a, bf_service *s, const int files[2]) {
  const nursery_request r = {.what = order_start};
  pthread_mutex_lock(&s->asking);
  while (s->current < most_nurseries && !ask_nursery(a, &s->nurseries[s->current], &r, files, 2)) s->current++;
  int which = s->current;
  pthread_mutex_unlock(&s->asking);
  return which;
}

static void forget_process(bf_server *v) {
  if (v->peer >= 0) close(v->peer);
  if (v->room != NULL) munmap(v->room, v->room_size);
  if (v->memory >= 0) close(v->memory);
  v->peer = v->memory = -1;
  v->room = NULL;
  v->room_size = 0;
  v->process = 0;
  v->requests = 0;
}

/* The process's end, as waitpid tells it; -1 where nobody knows. Servers of a nursery that is gone were killed by the
 * system. */
static int end_process(bf_server *v) {
  nursery_answer a = {0};
  bool there = false, asked = v->process > 0;
  if (asked) {
    pthread_mutex_lock(&v->service->asking);
    there = ask_nursery(&a, &v->service->nurseries[v->nursery], &(nursery_request){order_bury, v->process}, NULL, 0);
    pthread_mutex_unlock(&v->service->asking);
  }
  forget_process(v);
  if (asked && !there) return SIGKILL;
  return there && a.process > 0 ? a.how : -1;
}

/* The caller alone sets the size: a server that could cut it off would end the caller with SIGBUS. */
static bool size_room(bf_server *v, size_t size) {
  if (size < least_room) size = least_room;
  if (size <= v->room_size) return true;
  size = (size + least_room - 1) / least_room * least_room;
  if (ftruncate(v->memory, (off_t)size) != 0) return false;
  if (v->room != NULL) munmap(v->room, v->room_size);
  v->room_size = 0;
  v->room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->memory, 0);
  if (v->room == MAP_FAILED) {
    v->room = NULL;
    return false;
  }
  v->room_size = size;
  return true;
}

static bool make_memory(bf_server *v) {
  v->memory = above_outputs(memfd_create("bifocal", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return v->memory >= 0 && fcntl(v->memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
}

static bf_status start_process(bf_server *v, bf_error *err) {
  int pair[2] = {-1, -1};
  nursery_answer a = {0};
  if (make_memory(v) && make_pair(pair)) {
    const int files[] = {pair[1], v->memory};
    v->nursery = ask_for_server(&a, v->service, files);
    if (v->nursery == most_nurseries) a.process = -ECHILD;
    close(pair[1]);
    v->peer = pair[0];
  } else {
    a.process = -errno;
  }
  if (a.process > 0) {
    v->process = a.process;
    v->life++;
    return BF_OK;
  }
  forget_process(v);
  return bf_fail(err, BF_E_IO, "no child process to read files in: %s", strerror(-a.process));
}

bf_status bf_service_take(bf_server **out, bf_service *s, bf_error *err) {
  *out = NULL;
  pthread_mutex_lock(&s->lock);
  bf_server *v = s->idle;
  if (v != NULL) s->idle = v->next;
  pthread_mutex_unlock(&s->lock);
  if (v == NULL && (v = bf_alloc(1, sizeof *v)) == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for a child process");
  if (v->service == NULL) *v = (bf_server){.service = s, .peer = -1, .memory = -1};
  *out = v;
  return BF_OK;
}

void bf_service_give(bf_server *v) {
  bf_service *s = v->service;
  if (v->requests > most_requests) end_process(v);
  /* The pages of one large frame are not kept for ever. */
  if (v->room_size > kept_room)
    fallocate(v->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)v->room_size);
  pthread_mutex_lock(&s->lock);
  v->next = s->idle;
  s->idle = v;
  pthread_mutex_unlock(&s->lock);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 1: something is there, or the peer's end; 0: the time is over. */
static int wait_for(int peer, int milliseconds) {
  int64_t end = now_ms() + milliseconds, left;
  struct pollfd p = {.fd = peer, .events = POLLIN};
  while ((left = end - now_ms()) > 0) {
    int got = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    if (got > 0) return 1;
    if (got < 0 && errno != EINTR) return -1;
  }
  return 0;
}

static bf_status no_room(size_t size, bf_error *err) {
  int why = errno;
  return bf_fail(err, BF_E_MEMORY, "no shared memory of %zu bytes: %s%s", size, strerror(why),
                 why == EFBIG ? "; the limit of file sizes (ulimit -f) counts for it" : "");
}

static bf_status say_death(bf_server *v, const bf_service_limits *limits, bf_error *err) {
  int how = end_process(v);
  pthread_mutex_lock(&v->service->lock);
  v->service->deaths++;
  pthread_mutex_unlock(&v->service->lock);
  int number = how >= 0 && WIFSIGNALED(how) ? WTERMSIG(how) : 0;
  if (number == SIGPROF || number == SIGXCPU)
    return bf_fail(err, BF_E_LIMIT,
                   "reading it took more than the limit of %.1f s of processor time; it is damaged or hostile",
                   limits->cpu_milliseconds / 1000.0);
  if (number == SIGKILL)
    return bf_fail(err, BF_E_IO,
                   "the process that read it was killed from outside: perhaps the machine's memory ran out");
  if (number > 0)
    return bf_fail(err, BF_E_FORMAT,
                   "reading it crashed the process that was set apart for it (signal %d, %s); it is "
                   "damaged or hostile",
                   number, strsignal(number));
  return bf_fail(err, BF_E_FORMAT, "reading it ended the process that was set apart for it%s; it is damaged or hostile",
                 how < 0 ? "" : " by itself");
}

static bf_status take_answer(bf_server *v, const bf_service_limits *limits, bf_error *err) {
  reply a;
  int ready = wait_for(v->peer, limits->wall_milliseconds);
  if (ready == 0) {
    say_death(v, limits, err);
    return bf_fail(err, BF_E_LIMIT,
                   "reading it took more than the limit of %.1f s; it is damaged or hostile, or this machine or its "
                   "file system hangs",
                   limits->wall_milliseconds / 1000.0);
  }
  struct iovec part = {&a, sizeof a};
  if (ready < 0 || receive_message(v->peer, &part, 1, NULL, 0) != (ssize_t)sizeof a) return say_death(v, limits, err);
  if (a.status == BF_OK) return BF_OK;
  a.message[sizeof a.message - 1] = '\0';
  bf_make_plain(a.message);
  if (a.status > BF_OK || a.status < BF_E_NO_IMAGE) a.status = BF_E_FORMAT;
  return bf_fail(err, a.status, "%s", a.message[0] != '\0' ? a.message : "it could not be read");
}

static bool send_request(bf_server *v, bool answered, const void *request, size_t size, int file,
                         const bf_service_limits *limits) {
  header h = {answered, size, v->room_size, *limits};
  const struct iovec parts[] = {{&h, sizeof h}, {(void *)request, size}};
  v->requests++;
  return send_message(v->peer, parts, 2, &file, file >= 0 ? 1 : 0);
}

bf_status bf_service_call(bf_server *v, const void *request, size_t size, int file, size_t room_size,
                          const bf_service_limits *limits, bf_error *err) {
  bf_status status = v->process > 0 ? BF_OK : start_process(v, err);
  if (status != BF_OK) return status;
  if (!size_room(v, room_size)) return no_room(room_size, err);
  if (send_request(v, true, request, size, file, limits)) return take_answer(v, limits, err);
  /* It died since the last answer, by no fault of this request. */
  end_process(v);
  status = start_process(v, err);
  if (status != BF_OK) return status;
  if (!size_room(v, room_size)) return no_room(room_size, err);
  return send_request(v, true, request, size, file, limits) ? take_answer(v, limits, err) : say_death(v, limits, err);
}

void bf_service_tell(bf_server *v, const void *request, size_t size) {
  static const bf_service_limits little = {1000, 1000, (size_t)64 << 20};
  if (v->process > 0 && !send_request(v, false, request, size, -1, &little)) end_process(v);
}

const void *bf_service_room(const bf_server *v, size_t *size) {
  *size = v->room_size;
  return v->room;
}

int64_t bf_service_life(const bf_server *v) { return v->life; }

int64_t bf_service_deaths(const bf_service *service) {
  bf_service *s = (bf_service *)service;
  pthread_mutex_lock(&s->lock);
  int64_t deaths = s->deaths;
  pthread_mutex_unlock(&s->lock);
  return deaths;
}

bool bf_service_lives(bf_service *s) {
  pthread_mutex_lock(&s->asking);
  bool lives = s->current < most_nurseries;
  pthread_mutex_unlock(&s->asking);
  return lives;
}

void bf_service_destroy(bf_service *s) {
  if (s == NULL) return;
  for (bf_server *v = s->idle, *next; v != NULL; v = next) {
    next = v->next;
    end_process(v);
    bf_free(v);
  }
  for (int i = 0; i < most_nurseries; i++) {
    if (s->nurseries[i].process <= 0) continue;
    close(s->nurseries[i].peer);
    while (waitpid(s->nurseries[i].process, NULL, 0) < 0 && errno == EINTR) continue;
  }
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->asking);
  bf_free(s);
}
