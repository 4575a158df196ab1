/* bifocal evaluate. */
#include <stdio.h>

#include "bifocal/evaluate.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "evaluate",
    "SCORES.h5 --labels FILE... [--against B.h5] [-o REPORT/] [--threshold P] [--hit RULE] [--by NAME]",
    "how good scores are, with intervals, by subgroup and against another model",
    "  bifocal evaluate scores.h5 --labels images.csv --labels boxes.csv\n"
    "  bifocal evaluate scores.h5 --labels images.csv boxes.csv -o report/\n"
    "  bifocal evaluate new.h5 --against old.h5 --labels images.csv boxes.csv --json",
    1,
    -1};

int bf_command_evaluate(int argc, char **argv) {
  static bf_cli_list rest, labels, by;
  bf_cli_common common;
  bf_evaluate_options o = {.pictures = BF_EVALUATE_PICTURES};
  int rounds = BF_EVALUATE_ROUNDS;
  const bf_cli_option options[] = {
      {"labels", "FILE", "label file or folder of masks; may be repeated, and further files may follow it",
       .list = &labels},
      {"against", "B.h5", "scores of another model: compared on the same images", .text = &o.against},
      {"o", "REPORT/", "folder for report.html, metrics.json and curves as CSV", .text = &o.report},
      {"model", "MODEL", "the model that scored: its card stands in the report", .text = &o.model},
      {"pictures", "N", "images in the report's gallery, the worst mistakes first, to 200 (default 24; 0: none)",
       .number = &o.pictures},
      {"threshold", "P", "malignant at and above this probability (default: the one stored in the scores)",
       .text = &o.threshold},
      {"hit", "RULE", "when a box hits a lesion: iou50 (default), iou10, centre, iou75", .text = &o.hit},
      {"by", "NAME", "attribute or label column to group by (labels:NAME: the column for certain); may be repeated",
       .list = &by},
      {"rounds", "N", "rounds of resampled patients for intervals, 100 to 1000000 (default 2000)", .number = &rounds},
      {"seed", "N", "of the draws (default 0)", .number = &o.seed},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  o.scores = rest.items[0];
  o.rounds = rounds > 0 ? rounds : -1; /* 0 would ask for the default */
  for (int i = 1; i < rest.count && labels.count < BF_CLI_MAX; i++) labels.items[labels.count++] = rest.items[i];
  o.labels = labels.items;
  o.label_count = labels.count;
  o.by = by.items;
  o.by_count = by.count;
  o.threads = common.threads;
  o.json = common.json;
  bf_error err = {0};
  char *text;
  if (bf_evaluate(&text, &o, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s%s", text, common.json ? "\n" : "");
  bf_text_free(text);
  return BF_EXIT_GOOD;
}
