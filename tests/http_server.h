/* A small HTTP/1.1 server on loopback for tests of fetching: one connection at a time, one answer each, as planned. */
#ifndef BF_TESTS_HTTP_SERVER_H
#define BF_TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct http_plan {
  const unsigned char *body;
  size_t size;
  bool ranges;          /* Range is honoured; else every answer is the whole */
  bool odd_range;       /* 206 from one byte further on than was asked */
  bool no_length;       /* the body ends with the connection */
  size_t more;          /* bytes sent behind the body, which the length counts */
  long cut;             /* the connection is closed after so many bytes of the body; 0: at its end */
  bool stall;           /* at the cut, or the end: the connection stays open, silent, until the client goes */
  int code;             /* instead of the file; 0: the file */
  int redirects;        /* answers that lead to `location` before the file comes */
  const char *location; /* NULL: this server */
  void (*at_cut)(void);
} http_plan;

typedef struct http_server {
  int listener, port;
  pthread_t thread;
  pthread_mutex_t lock; /* of all below */
  http_plan plan;
  int requests;
  char range[128]; /* Range of the last request, "" where it had none */
} http_server;

static inline void http_send(int to, const void *data, size_t size) {
  const char *bytes = data;
  while (size > 0) {
    ssize_t sent = send(to, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes += sent;
    size -= (size_t)sent;
  }
}

/* The request's head; false when the client went away. */
static inline bool http_read(int from, char *text, size_t capacity) {
  size_t used = 0;
  text[0] = '\0';
  while (strstr(text, "\r\n\r\n") == NULL) {
    ssize_t got = used + 1 < capacity ? recv(from, text + used, capacity - 1 - used, 0) : 0;
    if (got <= 0) return false;
    used += (size_t)got;
    text[used] = '\0';
  }
  return true;
}

static inline void http_wait_for_client(int client) {
  char byte;
  while (recv(client, &byte, 1, 0) > 0) continue;
}

static inline void http_send_body(int client, const http_plan *p, size_t first) {
  size_t size = p->size - first;
  bool cut = p->cut > 0 && (size_t)p->cut < size;
  http_send(client, p->body + first, cut ? (size_t)p->cut : size);
  if (!cut && p->more > 0) {
    char *rest = calloc(p->more, 1);
    http_send(client, rest, p->more);
    free(rest);
  }
  if (p->at_cut != NULL) p->at_cut();
  if (p->stall) http_wait_for_client(client);
}

static inline void http_answer(int client, const http_plan *p, const char *range, int port) {
  char head[512], length[64] = "";
  size_t first = 0;
  if (p->redirects > 0) {
    char here[64];
    snprintf(here, sizeof here, "http://127.0.0.1:%d/next", port);
    snprintf(head, sizeof head, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
             p->location != NULL ? p->location : here);
    http_send(client, head, strlen(head));
    return;
  }
  if (p->code != 0) {
    snprintf(head, sizeof head, "HTTP/1.1 %d Planned\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry", p->code);
    http_send(client, head, strlen(head));
    return;
  }
  if (p->ranges && range[0] != '\0') first = strtoul(range + strlen("bytes="), NULL, 10);
  if (first > 0 && first >= p->size) {
    snprintf(head, sizeof head,
             "HTTP/1.1 416 Range\r\nContent-Range: bytes */%zu\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry",
             p->size);
    http_send(client, head, strlen(head));
    return;
  }
  if (p->odd_range && first > 0) first++;
  if (!p->no_length) snprintf(length, sizeof length, "Content-Length: %zu\r\n", p->size - first + p->more);
  if (first > 0)
    snprintf(head, sizeof head,
             "HTTP/1.1 206 Partial\r\nContent-Range: bytes %zu-%zu/%zu\r\n%sConnection: close\r\n\r\n", first,
             p->size - 1, p->size, length);
  else
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sConnection: close\r\n\r\n", length);
  http_send(client, head, strlen(head));
  http_send_body(client, p, first);
}

static inline void *http_serve(void *user) {
  http_server *s = user;
  for (;;) {
    char text[8192], range[128] = "";
    int client = accept(s->listener, NULL, NULL);
    if (client < 0) return NULL;
    if (http_read(client, text, sizeof text)) {
      char *found = strcasestr(text, "\r\nRange: ");
      if (found != NULL) snprintf(range, sizeof range, "%.*s", (int)strcspn(found + 9, "\r"), found + 9);
      pthread_mutex_lock(&s->lock);
      http_plan plan = s->plan;
      s->requests++;
      if (s->plan.redirects > 0) s->plan.redirects--;
      snprintf(s->range, sizeof s->range, "%s", range);
      pthread_mutex_unlock(&s->lock);
      http_answer(client, &plan, range, s->port);
    }
    shutdown(client, SHUT_WR); /* what is still on its way arrives, where close alone might throw it away */
    http_wait_for_client(client);
    close(client);
  }
}

static inline void http_start(http_server *s) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  *s = (http_server){.listener = socket(AF_INET, SOCK_STREAM, 0)};
  pthread_mutex_init(&s->lock, NULL);
  if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, size) != 0 || listen(s->listener, 8) != 0 ||
      getsockname(s->listener, (struct sockaddr *)&address, &size) != 0)
    abort();
  s->port = ntohs(address.sin_port);
  if (pthread_create(&s->thread, NULL, http_serve, s) != 0) abort();
}

static inline void http_stop(http_server *s) {
  shutdown(s->listener, SHUT_RDWR);
  pthread_join(s->thread, NULL);
  close(s->listener);
  pthread_mutex_destroy(&s->lock);
}

/* What the next requests get; forgets what was seen. */
static inline void http_set(http_server *s, const http_plan *plan) {
  pthread_mutex_lock(&s->lock);
  s->plan = *plan;
  s->requests = 0;
  s->range[0] = '\0';
  pthread_mutex_unlock(&s->lock);
}

static inline int http_requests(http_server *s) {
  pthread_mutex_lock(&s->lock);
  int requests = s->requests;
  pthread_mutex_unlock(&s->lock);
  return requests;
}

static inline void http_last_range(http_server *s, char range[128]) {
  pthread_mutex_lock(&s->lock);
  memcpy(range, s->range, 128);
  pthread_mutex_unlock(&s->lock);
}

#endif
