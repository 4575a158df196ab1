/* A program of somebody else's: public headers and libbifocal, nothing more. Makes studies and looks at them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bifocal/doctor.h"
#include "bifocal/inspect.h"
#include "bifocal/phantom.h"
#include "bifocal/status.h"

static void count_good(void *user, const bf_inspection *inspection) {
  if (strcmp(inspection->status, "ok") == 0) ++*(int *)user;
}

int main(void) {
  char folder[] = "/tmp/bifocal-user-XXXXXX", command[64];
  bf_error err = {0};
  bf_phantom_report made = {0};
  bf_inspect_report seen = {0};
  int good = 0;
  if (mkdtemp(folder) == NULL) return 1;
  const char *paths[] = {folder};
  bf_phantom_options options = {.output = folder, .studies = 3, .seed = 5};
  int failed = bf_start(&err) != BF_OK || bf_phantom(&made, &options, &err) != BF_OK ||
               bf_inspect(&seen, paths, 1, 2, count_good, &good, &err) != BF_OK || good != made.images || good == 0;
  if (failed) fprintf(stderr, "%s: %s (%d good)\n", bf_status_name(err.status), err.message, good);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) != 0 || failed;
}
