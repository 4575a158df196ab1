/* bifocal score. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/log.h"
#include "bifocal/score.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "score",
    "MODEL.safetensors PATH... -o SCORES.h5 [--flips] [--heat] [--unlike refuse|score] [--batch N] [--shard I/N] "
    "[--publish-every MINUTES] [--key-file FILE]",
    "scores DICOM files; the same command goes on after a kill",
    "  bifocal score run/model.safetensors studies/ -o scores.h5",
    2,
    -1};

static void print_json(const bf_score_report *r, const char *output) {
  json_t *o = json_object();
  bf_cli_set_text(o, "scores", output);
  bf_cli_set_count(o, "files", r->files);
  bf_cli_set_count(o, "rows", r->rows);
  bf_cli_set_count(o, "failed", r->failed);
  bf_cli_set_count(o, "unlike", r->unlike);
  bf_cli_set_count(o, "resumed_files", r->resumed);
  bf_cli_set_count(o, "rows_now", r->scored);
  bf_cli_set_real(o, "seconds", r->seconds);
  bf_cli_set_real(o, "seconds_forward", r->forward_seconds);
  bf_cli_print(o);
}

static bool read_minutes(double *out, const char *text, bf_error *err) {
  char *end = NULL;
  *out = text != NULL ? strtod(text, &end) : 0;
  if (text == NULL || (end != text && *end == '\0' && *out > 0 && *out < 1e6)) return true;
  bf_fail(err, BF_E_ARGUMENT, "--publish-every: '%.64s' is no number of minutes above 0", text);
  return false;
}

/* The world's faults pass, and nothing is lost. */
static int fail(const bf_error *err) {
  if (err->status != BF_E_IO) return bf_cli_fail(err);
  bf_log(BF_LOG_ERROR, "%s; once that is mended, the same command goes on from where it was", err->message);
  return BF_EXIT_FAILED;
}

int bf_command_score(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  bf_score_options o = {0};
  const char *minutes = NULL;
  const bf_cli_option options[] = {
      {"o", "SCORES.h5", "result file; its journal stands beside it while the job runs", .text = &o.output},
      {"flips", NULL, "also look at each image mirrored, and take the mean", .flag = &o.flips},
      {"unlike", "WHAT", "images unlike those that the model was trained on: refuse (default), or score and mark them",
       .text = &o.unlike},
      {"heat", NULL,
       "also keep heat maps of each image: what each place adds to the answer (Grad-CAM), and where lesions are likely",
       .flag = &o.heat},
      {"batch", "N", "images in one forward pass (default 8)", .number = &o.batch},
      {"shard", "I/N", "the I-th of N parts of the files, for one of N machines; 'export --merge' joins the results",
       .text = &o.shard},
      {"key-file", "FILE", "secret of the patient hash (default: BIFOCAL_PATIENT_KEY, else patients are numbered)",
       .text = &o.key_file},
      {"publish-every", "MINUTES", "publish what is done while the job runs", .text = &minutes},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  o.model = rest.items[0];
  o.paths = rest.items + 1;
  o.path_count = rest.count - 1;
  o.threads = common.threads;
  bf_error err = {0};
  if (!read_minutes(&o.publish_minutes, minutes, &err)) return bf_cli_fail(&err);
  bf_cancel_on_signals();
  bf_score_report r;
  if (bf_score(&r, &o, &err) != BF_OK) return fail(&err);
  double rate = r.seconds > 0 ? (double)r.scored / r.seconds : 0;
  if (common.json)
    print_json(&r, o.output);
  else
    printf("%lld files, %lld rows, %lld of them failed; %lld made now, %.1f a second\nscores: %s\n", (long long)r.files,
           (long long)r.rows, (long long)r.failed, (long long)r.scored, rate, o.output);
  return r.failed > 0 ? BF_EXIT_ROWS_FAILED : BF_EXIT_GOOD;
}
