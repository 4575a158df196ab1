/* The flag and its signal handler. */
#include "base/cancel.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_bool requested;

void bf_cancel_request(void) { atomic_store(&requested, true); }

bool bf_cancelled(void) { return atomic_load(&requested); }

static void on_signal(int number) {
  if (bf_cancelled()) {
    signal(number, SIG_DFL);
    raise(number);
  }
  bf_cancel_request();
}

void bf_cancel_on_signals(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}
