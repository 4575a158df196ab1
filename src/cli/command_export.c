/* bifocal export. */
#include <stdio.h>

#include "bifocal/export.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "export",
    "SCORES.h5 --format csv|json|sheet -o DIR [--labels FILE]... [--images N] | --merge SHARD.h5... -o SCORES.h5",
    "scores as tables for other programs, or as a sheet of pictures; or shards as one",
    "  bifocal export scores.h5 --format csv -o tables/\n"
    "  bifocal export scores.h5 --format sheet --labels images.csv --labels boxes.csv -o sheet/\n"
    "  bifocal export --merge shards/*.h5 -o scores.h5",
    1,
    -1};

static int print_summary(char *summary, const bf_cli_common *common, const char *output, const char *format) {
  if (common->json) {
    json_t *object = json_object();
    bf_cli_set_text(object, "output", output);
    bf_cli_set_text(object, "format", format);
    bf_cli_print(object);
  } else {
    printf("%s\n", summary);
  }
  bf_text_free(summary);
  return BF_EXIT_GOOD;
}

static int merge(const bf_cli_list *shards, const bf_export_options *o, const bf_cli_common *common) {
  bf_error err = {0};
  char *summary;
  if (o->format != NULL || o->label_count > 0 || o->images > 0) {
    bf_fail(&err, BF_E_ARGUMENT, "--merge goes with -o alone; export the file that it makes");
    return bf_cli_fail(&err);
  }
  if (bf_export_merge(&summary, shards->items, shards->count, o->output, &err) != BF_OK) return bf_cli_fail(&err);
  return print_summary(summary, common, o->output, "scores");
}

int bf_command_export(int argc, char **argv) {
  bool merged = false;
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
      {"merge", NULL, "joins the results of all shards of a job (score --shard) to one file, the one that -o names",
       .flag = &merged},
      {"images", "N", "sheet: pictures at most (default 30)", .number = &o.images},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  if (merged) {
    o.label_count = labels.count;
    return merge(&rest, &o, &common);
  }
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
  return print_summary(summary, &common, o.output, o.format);
}
