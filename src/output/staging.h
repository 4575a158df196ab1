/* Many files that are to appear together: they are made in a hidden folder of the folder where they belong, and moved
 * there when all are done. What a killed program leaves is that hidden folder, which the next one takes over; the
 * caller sees to it that two do not work at once. Private to the room. */
#ifndef BF_OUTPUT_STAGING_H
#define BF_OUTPUT_STAGING_H

#include "base/file.h"

typedef struct bf_staging {
  char folder[BF_PATH_MAX]; /* where files are made; "" when closed */
  char home[BF_PATH_MAX];   /* where they belong */
} bf_staging;

/* name: of the hidden folder. */
bf_status bf_staging_open(bf_staging *staging, const char *home, const char *name, bf_error *err);
/* Moves all files, over those of the same names, and closes. */
bf_status bf_staging_publish(bf_staging *staging, bf_error *err);
/* Removes what was made, and closes. Safe on a zeroed struct and after publishing. */
void bf_staging_discard(bf_staging *staging);

#endif
