/* A headless Chromium that opens pages as readers do, driven over a pipe (Chrome DevTools Protocol): real keys, sizes,
 * colour schemes, what its console says. Where none is installed the test says so and is skipped: main returns
 * BROWSER_SKIPPED. BIFOCAL_BROWSER in the environment names another program. cmocka.h and program.h come first. */
#ifndef BF_TESTS_BROWSER_SUPPORT_H
#define BF_TESTS_BROWSER_SUPPORT_H

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BROWSER_SKIPPED = 77, browser_wait_seconds = 60 };

typedef struct browser {
  pid_t pid;
  int to, from; /* the pipe's ends */
  int last;     /* number of the last call */
  char *session;
  char *bytes; /* read, and not yet taken apart */
  size_t size, room;
  bool loaded;
  int complaints; /* of its console: errors, warnings, blocked resources, exceptions; each was printed */
} browser;

/* ---- starting ---- */

static inline const char *browser_program(void) {
  static const char *const names[] = {"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"};
  static char path[512];
  const char *given = getenv("BIFOCAL_BROWSER");
  if (given != NULL && given[0] != '\0') return given;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *folder = getenv("PATH");
    while (folder != NULL && *folder != '\0') {
      size_t size = strcspn(folder, ":");
      snprintf(path, sizeof path, "%.*s/%s", (int)size, folder, names[i]);
      if (access(path, X_OK) == 0) return path;
      folder += size + (folder[size] == ':');
    }
  }
  return NULL;
}

/* The browser is a program of its own: nothing of the test's sanitizers or of a user's settings reaches it. */
static inline void browser_exec(const char *program, int input, int output) {
  char profile[600];
  snprintf(profile, sizeof profile, "--user-data-dir=%s", in_scratch("browser"));
  setenv("HOME", scratch_folder, 1);
  setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:", 1);
  unsetenv("LD_PRELOAD");
  int log = open(in_scratch("browser.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(log, 1);
  dup2(log, 2);
  /* Out of the way first: the two may be 3 and 4 in the wrong order. */
  int in = fcntl(input, F_DUPFD, 10), out = fcntl(output, F_DUPFD, 10);
  dup2(in, 3);
  dup2(out, 4);
  close(in);
  close(out);
  const char *const arguments[] = {program,
                                   "--headless",
                                   "--disable-gpu",
                                   "--remote-debugging-pipe",
                                   profile,
                                   "--no-first-run",
                                   "--disable-background-networking",
                                   "--disable-dev-shm-usage",
                                   "--hide-scrollbars",
                                   geteuid() == 0 ? "--no-sandbox" : NULL,
                                   NULL};
  execv(program, (char *const *)arguments);
  _exit(127);
}

static inline void browser_launch(browser *b, const char *program) {
  int there[2], back[2];
  assert_int_equal(pipe(there), 0);
  assert_int_equal(pipe(back), 0);
  b->pid = fork();
  assert_true(b->pid >= 0);
  if (b->pid == 0) {
    close(there[1]);
    close(back[0]);
    browser_exec(program, there[0], back[1]);
  }
  close(there[0]);
  close(back[1]);
  signal(SIGPIPE, SIG_IGN);
  fcntl(there[1], F_SETFD, FD_CLOEXEC);
  fcntl(back[0], F_SETFD, FD_CLOEXEC);
  b->to = there[1];
  b->from = back[0];
}

/* ---- calls ---- */

static inline void browser_log(void) {
  char *log = read_text(in_scratch("browser.log"));
  print_message("browser: %s\n", log);
  free(log);
}

/* The next message; freed with json_decref. */
static inline json_t *browser_read(browser *b) {
  for (;;) {
    char *end = b->size > 0 ? memchr(b->bytes, '\0', b->size) : NULL;
    if (end != NULL) {
      json_t *message = json_loads(b->bytes, 0, NULL);
      size_t used = (size_t)(end - b->bytes) + 1;
      memmove(b->bytes, b->bytes + used, b->size - used);
      b->size -= used;
      assert_non_null(message);
      return message;
    }
    if (b->room - b->size < 65536) b->bytes = realloc(b->bytes, b->room = 2 * b->room + 131072);
    struct pollfd wait = {.fd = b->from, .events = POLLIN};
    ssize_t got =
        poll(&wait, 1, browser_wait_seconds * 1000) > 0 ? read(b->from, b->bytes + b->size, b->room - b->size) : -1;
    if (got <= 0) browser_log();
    assert_true(got > 0);
    b->size += (size_t)got;
  }
}

static inline void browser_event(browser *b, const json_t *message) {
  const char *method = json_string_value(json_object_get(message, "method"));
  if (method == NULL) return;
  b->loaded = b->loaded || strcmp(method, "Page.loadEventFired") == 0;
  bool says = strcmp(method, "Runtime.consoleAPICalled") == 0 || strcmp(method, "Runtime.exceptionThrown") == 0 ||
              strcmp(method, "Log.entryAdded") == 0;
  if (!says) return;
  char *text = json_dumps(message, JSON_COMPACT);
  print_message("console: %s\n", text);
  free(text);
  b->complaints++;
}

/* Takes params. The result, freed with json_decref; an error fails the test. */
static inline json_t *browser_call(browser *b, const char *method, json_t *params) {
  int number = ++b->last;
  json_t *call = json_pack("{s:i,s:s,s:o}", "id", number, "method", method, "params", params);
  if (b->session != NULL) json_object_set_new(call, "sessionId", json_string(b->session));
  char *text = json_dumps(call, JSON_COMPACT);
  size_t size = strlen(text) + 1;
  for (size_t sent = 0; sent < size;) {
    ssize_t n = write(b->to, text + sent, size - sent);
    assert_true(n > 0);
    sent += (size_t)n;
  }
  free(text);
  json_decref(call);
  for (;;) {
    json_t *message = browser_read(b);
    if (json_integer_value(json_object_get(message, "id")) != number) {
      browser_event(b, message);
      json_decref(message);
      continue;
    }
    json_t *result = json_incref(json_object_get(message, "result"));
    if (result == NULL) {
      char *words = json_dumps(message, 0);
      print_message("%s: %s\n", method, words);
      free(words);
    }
    json_decref(message);
    assert_non_null(result);
    return result;
  }
}

static inline void browser_do(browser *b, const char *method, json_t *params) {
  json_decref(browser_call(b, method, params));
}

/* False where there is none. The scratch folder must be there. */
static inline bool browser_start(browser *b) {
  const char *program = browser_program();
  *b = (browser){0};
  if (program == NULL) {
    print_message("SKIPPED: no browser; apt-get install chromium-headless-shell, or name one in BIFOCAL_BROWSER\n");
    return false;
  }
  browser_launch(b, program);
  json_t *target = browser_call(b, "Target.createTarget", json_pack("{s:s}", "url", "about:blank"));
  json_t *attached =
      browser_call(b, "Target.attachToTarget",
                   json_pack("{s:O,s:b}", "targetId", json_object_get(target, "targetId"), "flatten", 1));
  b->session = strdup(json_string_value(json_object_get(attached, "sessionId")));
  json_decref(target);
  json_decref(attached);
  browser_do(b, "Page.enable", json_object());
  browser_do(b, "Runtime.enable", json_object());
  browser_do(b, "Log.enable", json_object());
  return true;
}

static inline void browser_stop(browser *b) {
  if (b->pid <= 0) return;
  free(b->session);
  b->session = NULL;
  browser_do(b, "Browser.close", json_object());
  close(b->to);
  close(b->from);
  waitpid(b->pid, NULL, 0);
  free(b->bytes);
  *b = (browser){0};
}

/* ---- pages ---- */

static inline void browser_resize(browser *b, int width) {
  browser_do(b, "Emulation.setDeviceMetricsOverride",
             json_pack("{s:i,s:i,s:i,s:b}", "width", width, "height", 900, "deviceScaleFactor", 1, "mobile", 0));
}

/* media: "" or "print". scheme: "light" or "dark". */
static inline void browser_dress(browser *b, const char *media, const char *scheme) {
  browser_do(b, "Emulation.setEmulatedMedia",
             json_pack("{s:s,s:[{s:s,s:s},{s:s,s:s}]}", "media", media, "features", "name", "prefers-color-scheme",
                       "value", scheme, "name", "prefers-reduced-motion", "value", "reduce"));
}

/* Opens a file and waits until it is loaded. */
static inline void browser_open(browser *b, const char *path) {
  char address[700];
  snprintf(address, sizeof address, "file://%s", path);
  b->loaded = false;
  browser_do(b, "Page.navigate", json_pack("{s:s}", "url", address));
  while (!b->loaded) {
    json_t *message = browser_read(b);
    browser_event(b, message);
    json_decref(message);
  }
}

/* The value of an expression, freed with json_decref. */
static inline json_t *browser_evaluate(browser *b, const char *expression) {
  json_t *answer =
      browser_call(b, "Runtime.evaluate",
                   json_pack("{s:s,s:b,s:b}", "expression", expression, "returnByValue", 1, "awaitPromise", 1));
  json_t *value = json_incref(json_object_get(json_object_get(answer, "result"), "value"));
  if (json_object_get(answer, "exceptionDetails") != NULL) {
    char *words = json_dumps(answer, 0);
    fail_msg("%.200s: %s", expression, words);
  }
  json_decref(answer);
  return value;
}

static inline bool browser_is(browser *b, const char *expression) {
  json_t *value = browser_evaluate(b, expression);
  bool yes = json_is_true(value);
  json_decref(value);
  return yes;
}

static inline double browser_number(browser *b, const char *expression) {
  json_t *value = browser_evaluate(b, expression);
  double number = json_is_number(value) ? json_number_value(value) : -1e300;
  json_decref(value);
  return number;
}

static inline void browser_expect_text(browser *b, const char *expression, const char *wanted) {
  json_t *value = browser_evaluate(b, expression);
  assert_true(json_is_string(value));
  assert_string_equal(json_string_value(value), wanted);
  json_decref(value);
}

/* A key goes down and up, as of a keyboard. code: of the key on Windows, as the protocol wants it; 13 also types. */
static inline void browser_press(browser *b, const char *key, int code) {
  json_t *down = json_pack("{s:s,s:s,s:s,s:i}", "type", code == 13 ? "keyDown" : "rawKeyDown", "key", key, "code", key,
                           "windowsVirtualKeyCode", code);
  if (code == 13) json_object_set_new(down, "text", json_string("\r"));
  browser_do(b, "Input.dispatchKeyEvent", down);
  browser_do(b, "Input.dispatchKeyEvent",
             json_pack("{s:s,s:s,s:s,s:i}", "type", "keyUp", "key", key, "code", key, "windowsVirtualKeyCode", code));
}

/* ---- what every page of ours must keep ---- */

/* Sentences about what is wrong with the page as it stands at this size in these colours. */
static const char browser_judge[] =
    "(function () {\n"
    "  const bad = [], root = document.documentElement, say = (e, words) => bad.push(words + ': ' + "
    "e.outerHTML.slice(0, 120));\n"
    "  const seen = e => e.checkVisibility() && !e.closest('.unseen, .skip') && e.getClientRects().length > 0;\n"
    "  if (root.scrollWidth > innerWidth) bad.push('the page is ' + root.scrollWidth + ' wide, the window ' + "
    "innerWidth);\n"
    "  const scrolls = e => { if (e.closest('[clip-path]')) return true; for (let p = e.parentElement; p && p !== "
    "document.body; p = p.parentElement)\n"
    "    if (getComputedStyle(p).overflowX !== 'visible') return true; return false; };\n"
    "  for (const e of document.body.querySelectorAll('*')) {\n"
    "    const box = e.getBoundingClientRect();\n"
    "    if (seen(e) && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !scrolls(e)) say(e, 'sticks "
    "out');\n"
    "  }\n"
    "  let level = 0;\n"
    "  for (const h of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {\n"
    "    if (Number(h.tagName[1]) > level + 1) say(h, 'heading out of order');\n"
    "    level = Number(h.tagName[1]);\n"
    "  }\n"
    "  if (document.querySelectorAll('h1').length !== 1 || document.querySelectorAll('main').length !== 1) "
    "bad.push('not one h1 and one main');\n"
    "  if (!root.lang) bad.push('no language');\n"
    "  for (const i of document.images) {\n"
    "    if (!i.hasAttribute('alt')) say(i, 'no alt');\n"
    "    if (seen(i) && i.loading !== 'lazy' && i.naturalWidth === 0) say(i, 'no picture');\n"
    "  }\n"
    "  for (const c of document.querySelectorAll('input, select, textarea'))\n"
    "    if (c.labels.length === 0 && !c.ariaLabel) say(c, 'no label');\n"
    "  for (const c of document.querySelectorAll('button, a, summary')) if (!c.textContent.trim()) say(c, 'no "
    "words');\n"
    "  for (const s of document.querySelectorAll('[role=region]'))\n"
    "    if (!s.ariaLabel && !s.getAttribute('aria-labelledby')) say(s, 'region without a name');\n"
    "  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });\n"
    "  const rgba = text => { context.clearRect(0, 0, 1, 1); context.fillStyle = text; context.fillRect(0, 0, 1, 1);\n"
    "    const d = context.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };\n"
    "  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);\n"
    "  const ground = e => { const layers = []; for (let p = e; p; p = p.parentElement) {\n"
    "      const c = rgba(getComputedStyle(p).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; "
    "}\n"
    "    return layers.reverse().reduce((below, c) => over(c, below), [255, 255, 255, 1]); };\n"
    "  const light = c => { const v = [0, 1, 2].map(i => c[i] / 255).map(u => u <= 0.04045 ? u / 12.92 : ((u + 0.055) "
    "/ 1.055) ** 2.4);\n"
    "    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };\n"
    "  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y "
    "+ 0.05); };\n"
    "  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), judged = new Set();\n"
    "  while (walker.nextNode()) {\n"
    "    const e = walker.currentNode.parentElement;\n"
    "    if (!walker.currentNode.data.trim() || judged.has(e) || !seen(e) || e.closest('.layers, script, style, title, "
    "desc')) continue;\n"
    "    judged.add(e);\n"
    "    const style = getComputedStyle(e), below = ground(e);\n"
    "    const ratio = contrast(over(rgba(e instanceof SVGElement ? style.fill : style.color), below), below);\n"
    "    if (ratio < 4.5) say(e, 'contrast ' + ratio.toFixed(2));\n"
    "  }\n"
    "  for (const e of document.querySelectorAll('.series .line, .series .point, .series .error, .dot, .whisker, .bar, "
    ".mark')) {\n"
    "    if (!seen(e) || e.closest('.small')) continue;\n"
    "    const style = getComputedStyle(e), below = ground(e), ink = style.stroke !== 'none' && !e.matches('.dot, "
    ".point, .bar') ? style.stroke : style.fill;\n"
    "    if (contrast(over(rgba(ink), below), below) < 3) say(e, 'too faint');\n"
    "  }\n"
    "  return bad;\n"
    "})()";

/* The open page at a width of the window, light and dark. */
static inline void browser_expect_sound(browser *b, int width) {
  static const char *const schemes[] = {"light", "dark"};
  browser_resize(b, width);
  for (int i = 0; i < 2; i++) {
    browser_dress(b, "", schemes[i]);
    json_t *complaints = browser_evaluate(b, browser_judge), *words;
    size_t k;
    json_array_foreach(complaints, k, words)
        print_message("%d wide, %s: %s\n", width, schemes[i], json_string_value(words));
    assert_true(json_is_array(complaints));
    assert_int_equal(json_array_size(complaints), 0);
    json_decref(complaints);
  }
}

/* The whole page as it stands, as a PNG file. */
static inline void browser_picture(browser *b, const char *path) {
  json_t *shot = browser_call(b, "Page.captureScreenshot", json_pack("{s:b}", "captureBeyondViewport", 1));
  FILE *file = fopen(path, "wb");
  const char *text = json_string_value(json_object_get(shot, "data"));
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned bits = 0, have = 0;
  for (; file != NULL && *text != '\0' && *text != '='; text++) {
    bits = bits << 6 | (unsigned)(strchr(digits, *text) - digits);
    if ((have += 6) >= 8) fputc((int)(bits >> (have -= 8) & 255), file);
  }
  if (file != NULL) fclose(file);
  json_decref(shot);
}

#endif
