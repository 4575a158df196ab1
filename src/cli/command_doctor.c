/* bifocal doctor. */
#include <stddef.h>

#include "bifocal/doctor.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "doctor",           "[--json]", "what this machine and these libraries are, and whether they can be trusted",
    "  bifocal doctor", 0,          0};

int bf_command_doctor(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  int code = bf_cli_parse(&common, &rest, &command, NULL, 0, argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  bool healthy = false;
  if (bf_doctor(&healthy, common.json, common.threads, &err) != BF_OK) return bf_cli_fail(&err);
  return healthy ? BF_EXIT_GOOD : BF_EXIT_FAILED;
}
