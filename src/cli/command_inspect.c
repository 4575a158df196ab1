/* bifocal inspect. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bifocal/inspect.h"
#include "cli/cli.h"

static const bf_cli_command command = {"inspect", "PATH... [--json]", "tells what each file is and whether it can be used",
                                       "  bifocal inspect studies/ --json", 1, -1};

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* Names and messages may hold bytes that are no UTF-8: jansson then gives NULL, and the text is left out. */
static json_t *text(const char *value) {
  json_t *string = json_string(value);
  return string != NULL ? string : json_string("");
}

static void print_json(void *user, const bf_inspection *i) {
  (void)user;
  json_t *o = json_object();
  json_object_set_new(o, "file", text(i->file));
  json_object_set_new(o, "status", text(i->status));
  json_object_set_new(o, "reason", text(i->reason));
  json_object_set_new(o, "modality", text(i->modality));
  json_object_set_new(o, "sop_class_uid", text(i->sop_class_uid));
  json_object_set_new(o, "transfer_syntax_uid", text(i->transfer_syntax_uid));
  json_object_set_new(o, "photometric", text(i->photometric));
  json_object_set_new(o, "rows", json_integer(i->rows));
  json_object_set_new(o, "columns", json_integer(i->columns));
  json_object_set_new(o, "frames", json_integer(i->frames));
  json_object_set_new(o, "samples", json_integer(i->samples));
  json_object_set_new(o, "bits_stored", json_integer(i->bits_stored));
  json_object_set_new(o, "stored_min", number(i->stored_min));
  json_object_set_new(o, "stored_max", number(i->stored_max));
  json_object_set_new(o, "stored_mean", number(i->stored_mean));
  char *line = json_dumps(o, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
  if (line != NULL) puts(line);
  free(line);
  json_decref(o);
}

static void print_text(void *user, const bf_inspection *i) {
  (void)user;
  if (i->reason[0] != '\0')
    printf("%-12s %s\n", i->status, i->reason);
  else
    printf("%-12s %s: %s %s %d x %d, %d frame%s, %d bits, stored values %g to %g\n", i->status, i->file, i->modality, i->photometric, i->columns,
           i->rows, i->frames, i->frames == 1 ? "" : "s", i->bits_stored, i->stored_min, i->stored_max);
}

int bf_command_inspect(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  int code = bf_cli_parse(&common, &rest, &command, NULL, 0, argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  bf_inspect_report report;
  if (bf_inspect(&report, rest.items, rest.count, common.threads, common.json ? print_json : print_text, NULL, &err) != BF_OK)
    return bf_cli_fail(&err);
  return report.good == report.files ? BF_EXIT_GOOD : BF_EXIT_ROWS_FAILED;
}
