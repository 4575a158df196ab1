/* bifocal export. */
#include <stdio.h>

#include "bifocal/export.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "export",
    "SCORES.h5 --format csv|json|sheet -o DIR [--labels FILE]... [--images N]",
    "scores as tables for other programs, or as a sheet of pictures",
    "  bifocal export scores.h5 --format csv -o tables/\n"
    "  bifocal export scores.h5 --format sheet --labels images.csv --labels boxes.csv -o sheet/",
    1,
    -1};

int bf_command_export(int argc, char **argv) {
  static bf_cli_list rest, labels;
  bf_cli_common common;
  bf_export_options o = {0};
  const bf_cli_option options[] = {
      {"format", "NAME",
       "csv: images.csv and boxes.csv; json: scores.jsonl; sheet: sheet.png, with pixels as stored, burned-in text "
       "included",
       .text = &o.format},
      {"o", "DIR", "folder for the result", .text = &o.output},
      {"labels", "FILE", "sheet: label file or folder of masks; may be repeated, and further files may follow it",
       .list = &labels},
      {"images", "N", "sheet: pictures at most (default 30)", .number = &o.images},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  if (rest.count > 1 && labels.count == 0) {
    bf_fail(&err, BF_E_ARGUMENT, "%s: only one file of scores can be exported at a time", rest.items[1]);
    return bf_cli_fail(&err);
  }
  o.scores = rest.items[0];
  for (int i = 1; i < rest.count && labels.count < BF_CLI_MAX; i++) labels.items[labels.count++] = rest.items[i];
  o.labels = labels.items;
  o.label_count = labels.count;
  char *summary;
  if (bf_export(&summary, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json) {
    json_t *object = json_object();
    bf_cli_set_text(object, "output", o.output);
    bf_cli_set_text(object, "format", o.format);
    bf_cli_print(object);
  } else {
    printf("%s\n", summary);
  }
  bf_text_free(summary);
  return BF_EXIT_GOOD;
}
