/* A wish to stop, set from a signal handler and looked at between pieces of long work. */
#ifndef BF_BASE_CANCEL_H
#define BF_BASE_CANCEL_H

#include <stdbool.h>

/* SIGINT and SIGTERM ask to stop; the second one ends the program at once. */
void bf_cancel_on_signals(void);
void bf_cancel_request(void); /* async-signal-safe */
bool bf_cancelled(void);

#endif
