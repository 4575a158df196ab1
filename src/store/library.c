/* Library versions. */
#include "store/library.h"

#include <hdf5.h>
#include <sqlite3.h>
#include <stdio.h>

const char *bf_store_hdf5_version(void) {
  static char text[32];
  unsigned major, minor, release;
  if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
  snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
  return text;
}

const char *bf_store_sqlite_version(void) { return sqlite3_libversion(); }
