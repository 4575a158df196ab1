/* bifocal invariance. */
#include <math.h>
#include <stdio.h>

#include "base/cancel.h"
#include "bifocal/invariance.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "invariance",
    "MODEL.safetensors --data DATA.h5 [--copies N] [--set augment.NAME.OPTION=VALUE]...",
    "how much answers move when pictures are changed in ways that should not matter",
    "  bifocal invariance run/model.safetensors --data data.h5\n"
    "  bifocal invariance run/model.safetensors --data data.h5 --set augment.rotate.degrees=20",
    1,
    1};

static void print_json(const bf_invariance_report *r) {
  json_t *o = json_object(), *all = json_object();
  bf_cli_set_count(o, "images", r->images);
  bf_cli_set_count(o, "images_with_a_box", r->boxes);
  bf_cli_set_count(o, "copies", r->copies);
  bf_cli_set_real(o, "threshold", r->threshold);
  for (int i = 0; i < r->count; i++) {
    json_t *a = json_object();
    bf_cli_set_real(a, "probability_move", r->of[i].probability_move);
    bf_cli_set_real(a, "logit_move", r->of[i].logit_move);
    bf_cli_set_real(a, "decision_change", r->of[i].decision_change);
    bf_cli_set_real(a, "box_iou", r->of[i].box_iou);
    bf_cli_set_real(a, "box_kept", r->of[i].box_kept);
    json_object_set_new(all, r->of[i].name, a);
  }
  json_object_set_new(o, "augmentations", all);
  bf_cli_print(o);
}

static void cell(int width, double value) {
  if (isfinite(value))
    printf("%*.3f", width, value);
  else
    printf("%*s", width, "-");
}

static void print_text(const bf_invariance_report *r) {
  printf("%lld images, %d copies for each change, threshold %.3f; a lesion is found in %lld to begin with\n",
         (long long)r->images, r->copies, r->threshold, (long long)r->boxes);
  printf("%-12s%14s%10s%14s%10s%11s\n", "", "probability", "logit", "decisions", "box IoU", "boxes");
  printf("%-12s%14s%10s%14s%10s%11s\n", "", "moves by", "moves by", "that change", "", "that stay");
  for (int i = 0; i < r->count; i++) {
    printf("%-12s", r->of[i].name);
    cell(14, r->of[i].probability_move);
    cell(10, r->of[i].logit_move);
    cell(14, r->of[i].decision_change);
    cell(10, r->of[i].box_iou);
    cell(11, r->of[i].box_kept);
    printf("\n");
  }
}

int bf_command_invariance(int argc, char **argv) {
  static bf_cli_list rest, settings;
  bf_cli_common common;
  bf_invariance_options o = {0};
  const bf_cli_option options[] = {
      {"data", "DATA.h5", "dataset file whose images are looked at", .text = &o.data},
      {"copies", "N", "changed copies of each image and change (default 4)", .number = &o.copies},
      {"set", "KEY=VALUE", "strength of a change, such as augment.rotate.degrees=20; may be repeated",
       .list = &settings},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  if (o.data == NULL) {
    bf_fail(&err, BF_E_ARGUMENT, "--data is missing; 'bifocal invariance --help' shows an example");
    return bf_cli_fail(&err);
  }
  o.model = rest.items[0];
  o.settings = settings.items;
  o.setting_count = settings.count;
  o.threads = common.threads;
  bf_cancel_on_signals();
  bf_invariance_report r;
  if (bf_invariance_measure(&r, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json)
    print_json(&r);
  else
    print_text(&r);
  return BF_EXIT_GOOD;
}
