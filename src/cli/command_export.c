/* bifocal export. */
#include <stdio.h>
#include <stdlib.h>

#include "bifocal/export.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "export",
    "SCORES.h5 --format csv|json|overlay|hdf5|sheet -o DIR [--status NAME] [--min-probability P] [--study UID] "
    "[--rows FIRST-LAST] [--min-score S] [--heat NAME] [--labels FILE]... [--images N] | --merge SHARD.h5... -o "
    "SCORES.h5",
    "scores as tables for other programs, as pictures, or some of them as scores; or shards as one",
    "  bifocal export scores.h5 --format csv -o tables/\n"
    "  bifocal export scores.h5 --format overlay --min-probability 0.8 -o pictures/\n"
    "  bifocal export scores.h5 --format hdf5 --status ok --rows 0-999 -o part/\n"
    "  bifocal export scores.h5 --format sheet --labels images.csv --labels boxes.csv -o sheet/\n"
    "  bifocal export --merge shards/*.h5 -o scores.h5",
    1,
    -1};

static int print_summary(char *summary, const bf_cli_common *common, const char *output, const char *format,
                         const bf_export_counts *counts) {
  if (common->json) {
    json_t *object = json_object();
    bf_cli_set_text(object, "output", output);
    bf_cli_set_text(object, "format", format);
    if (counts != NULL) {
      bf_cli_set_count(object, "rows", counts->rows);
      bf_cli_set_count(object, "failed", counts->failed);
    }
    bf_cli_print(object);
  } else {
    printf("%s\n", summary);
  }
  bf_text_free(summary);
  return counts != NULL && counts->failed > 0 ? BF_EXIT_ROWS_FAILED : BF_EXIT_GOOD;
}

static int merge(const bf_cli_list *shards, const bf_export_options *o, const bf_cli_common *common) {
  bf_error err = {0};
  char *summary;
  bool alone = o->format == NULL && o->label_count == 0 && o->images == 0 && o->status == NULL && o->study == NULL &&
               o->rows == NULL && o->min_probability == NULL && o->min_score == NULL && o->heat == NULL;
  if (!alone) {
    bf_fail(&err, BF_E_ARGUMENT, "--merge goes with -o alone; export the file that it makes");
    return bf_cli_fail(&err);
  }
  if (bf_export_merge(&summary, shards->items, shards->count, o->output, &err) != BF_OK) return bf_cli_fail(&err);
  return print_summary(summary, common, o->output, "scores", NULL);
}

/* *kept gets the number, and *out its place; no text leaves *out NULL. */
static bool read_real(const double **out, double *kept, const char *option, const char *text, bf_error *err) {
  char *end = NULL;
  *out = NULL;
  if (text == NULL) return true;
  *kept = strtod(text, &end);
  *out = kept;
  if (end != text && *end == '\0') return true;
  bf_fail(err, BF_E_ARGUMENT, "%s: '%.64s' is no number", option, text);
  return false;
}

static int export_scores(bf_export_options *o, const bf_cli_common *common) {
  bf_error err = {0};
  bf_export_counts counts;
  char *summary;
  if (bf_export_counted(&summary, &counts, o, &err) != BF_OK) return bf_cli_fail(&err);
  return print_summary(summary, common, o->output, o->format, &counts);
}

int bf_command_export(int argc, char **argv) {
  bool merged = false;
  static bf_cli_list rest, labels;
  bf_cli_common common;
  bf_export_options o = {0};
  const char *least_probability = NULL, *least_score = NULL;
  double probability, score;
  const bf_cli_option options[] = {
      {"format", "NAME",
       "csv: images.csv and boxes.csv; json: scores.jsonl; overlay: a PNG a good row with what was found in it, and "
       "overlay.csv; hdf5: scores.h5, these rows alone; sheet: sheet.png. Overlays and the sheet show pixels as "
       "stored, "
       "burned-in text included",
       .text = &o.format},
      {"o", "DIR", "folder for the result", .text = &o.output},
      {"status", "NAME", "rows of this status alone: ok, failed, or a name such as damaged", .text = &o.status},
      {"min-probability", "P", "rows of this probability of malignancy or more", .text = &least_probability},
      {"study", "UID", "rows of the study of this Study Instance UID", .text = &o.study},
      {"rows", "FIRST-LAST", "rows by number, from 0, both taken; 7- is all from 7 on", .text = &o.rows},
      {"heat", "NAME", "overlay: draw a heat map of scores that 'score --heat' made: malignancy, lesion",
       .text = &o.heat},
      {"min-score", "S", "overlay: boxes below this score are not drawn (default 0.5)", .text = &least_score},
      {"labels", "FILE", "sheet: label file or folder of masks; may be repeated, and further files may follow it",
       .list = &labels},
      {"merge", NULL, "joins the results of all shards of a job (score --shard) to one file, the one that -o names",
       .flag = &merged},
      {"images", "N", "sheet: pictures at most (default 30)", .number = &o.images},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  if (!read_real(&o.min_probability, &probability, "--min-probability", least_probability, &err) ||
      !read_real(&o.min_score, &score, "--min-score", least_score, &err))
    return bf_cli_fail(&err);
  if (merged) {
    o.label_count = labels.count;
    return merge(&rest, &o, &common);
  }
  if (rest.count > 1 && labels.count == 0) {
    bf_fail(&err, BF_E_ARGUMENT, "%s: only one file of scores can be exported at a time", rest.items[1]);
    return bf_cli_fail(&err);
  }
  o.scores = rest.items[0];
  for (int i = 1; i < rest.count && labels.count < BF_CLI_MAX; i++) labels.items[labels.count++] = rest.items[i];
  o.labels = labels.items;
  o.label_count = labels.count;
  return export_scores(&o, &common);
}
