/* bifocal inspect. */
#include <stdio.h>

#include "bifocal/inspect.h"
#include "cli/cli.h"

static const bf_cli_command command = {"inspect",
                                       "PATH... [--json]",
                                       "tells what each file is and whether it can be used",
                                       "  bifocal inspect studies/ --json",
                                       1,
                                       -1};

static void print_json(void *user, const bf_inspection *i) {
  (void)user;
  json_t *o = json_object();
  const struct {
    const char *key, *value;
  } texts[] = {{"file", i->file},
               {"status", i->status},
               {"reason", i->reason},
               {"modality", i->modality},
               {"sop_class_uid", i->sop_class_uid},
               {"transfer_syntax_uid", i->transfer_syntax_uid},
               {"photometric", i->photometric}};
  const struct {
    const char *key;
    int32_t value;
  } numbers[] = {{"rows", i->rows},
                 {"columns", i->columns},
                 {"frames", i->frames},
                 {"samples", i->samples},
                 {"bits_stored", i->bits_stored}};
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) bf_cli_set_text(o, texts[k].key, texts[k].value);
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) bf_cli_set_count(o, numbers[k].key, numbers[k].value);
  bf_cli_set_real(o, "stored_min", i->stored_min);
  bf_cli_set_real(o, "stored_max", i->stored_max);
  bf_cli_set_real(o, "stored_mean", i->stored_mean);
  bf_cli_print(o);
}

/* A file's name may hold line breaks and terminal commands: a line stays a line. */
static void print_plain(const char *text) {
  for (; *text != '\0'; text++) putchar((unsigned char)*text < 32 || *text == 127 ? '?' : *text);
}

static void print_text(void *user, const bf_inspection *i) {
  (void)user;
  printf("%-12s ", i->status);
  print_plain(i->reason[0] != '\0' ? i->reason : i->file);
  if (i->reason[0] == '\0')
    printf(": %s %s %d x %d, %d frame%s, %d bits, stored values %g to %g", i->modality, i->photometric, i->columns,
           i->rows, i->frames, i->frames == 1 ? "" : "s", i->bits_stored, i->stored_min, i->stored_max);
  putchar('\n');
}

int bf_command_inspect(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  int code = bf_cli_parse(&common, &rest, &command, NULL, 0, argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  bf_inspect_report report;
  if (bf_inspect(&report, rest.items, rest.count, common.threads, common.json ? print_json : print_text, NULL, &err) !=
      BF_OK)
    return bf_cli_fail(&err);
  return report.good == report.files ? BF_EXIT_GOOD : BF_EXIT_ROWS_FAILED;
}
