/* bifocal train. */
#include <math.h>
#include <stdio.h>

#include "base/cancel.h"
#include "bifocal/train.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "train",
    "CONFIG.yaml --data DATA.h5 -o RUN/ [--set key=value]... [--folds N [--repeats R] [--flips]] [--twins] [--resume] "
    "[--find-lr] [--show-augmentations SHEET.png]",
    "trains both heads on one backbone, or cross-validates",
    "  bifocal train configs/breast-ultrasound.yaml --data data.h5 -o run/\n"
    "  bifocal train configs/breast-ultrasound.yaml --data data.h5 -o cv/ --folds 5 --twins\n"
    "  bifocal train configs/breast-ultrasound.yaml --data data.h5 -o run/ --find-lr\n"
    "  bifocal train configs/breast-ultrasound.yaml --data data.h5 -o run/ --show-augmentations sheet.png",
    1,
    1};

static json_t *train_json(const bf_train_report *r, const char *folder) {
  json_t *o = json_object();
  bf_cli_set_text(o, "run", folder);
  bf_cli_set_count(o, "epochs", r->epochs);
  bf_cli_set_count(o, "best_epoch", r->best_epoch);
  bf_cli_set_count(o, "validation_images", r->validation_images);
  bf_cli_set_real(o, "best_metric", r->best_metric);
  bf_cli_set_real(o, "auc", r->auc);
  bf_cli_set_real(o, "froc1", r->froc1);
  bf_cli_set_real(o, "auc_deviation", r->auc_deviation);
  bf_cli_set_real(o, "froc1_deviation", r->froc1_deviation);
  bf_cli_set_real(o, "threshold", r->threshold);
  bf_cli_set_real(o, "ms_per_image", r->ms_per_image);
  bf_cli_set_real(o, "peak_rss_mib", r->peak_rss_mib);
  return o;
}

/* "NAME 0.123", or that it is not defined (a class or every lesion is absent). */
static void print_figure(const char *name, double value) {
  if (isfinite(value))
    printf("%s %.3f", name, value);
  else
    printf("%s not defined", name);
}

static void print_text(const bf_train_report *r, const bf_train_options *o) {
  if (o->folds > 0)
    printf("%d folds, pooled out of fold: ", o->folds);
  else if (r->validation_images > 0)
    printf("epoch %d of %d is kept; on the %lld images of the validation part: ", r->best_epoch, r->epochs,
           (long long)r->validation_images);
  else
    printf("epoch %d of %d is kept; no validation part, so nothing is known of how good it is\n", r->best_epoch,
           r->epochs);
  if (o->folds > 0 || r->validation_images > 0) {
    print_figure("AUC", r->auc);
    print_figure(", lesion sensitivity at 1 false positive an image", r->froc1);
    if (o->folds == 0) print_figure(", threshold", r->threshold);
    printf("\n");
  }
  if (isfinite(r->auc_deviation))
    printf("means of %d times; standard deviation of AUC %.3f, of lesion sensitivity %.3f\n", o->repeats,
           r->auc_deviation, r->froc1_deviation);
  if (o->folds > 0)
    printf("scores: %s/scores.h5, model of all folds: %s/ensemble.safetensors\n", o->output, o->output);
  else
    printf("model: %s/model.safetensors\n", o->output);
  if (isfinite(r->ms_per_image)) printf("%.1f ms an image for a training step, ", r->ms_per_image);
  printf("peak memory %.0f MiB\n", r->peak_rss_mib);
}

static void add_twin(json_t *to, const bf_twin *t) {
  json_t *o = json_object();
  bf_cli_set_text(o, "figure", t->figure);
  bf_cli_set_real(o, "together", t->together);
  bf_cli_set_real(o, "alone", t->alone);
  bf_cli_set_real(o, "difference", t->difference);
  bf_cli_set_real(o, "low", t->low);
  bf_cli_set_real(o, "high", t->high);
  bf_cli_set_count(o, "images", t->images);
  bf_cli_set_count(o, "patients", t->patients);
  bf_cli_set_text(o, "verdict", t->verdict);
  json_object_set_new(to, t->task, o);
}

static int twins(const bf_train_options *o, bool json) {
  bf_error err = {0};
  bf_twins_report r;
  if (bf_train_twins(&r, o, &err) != BF_OK) return bf_cli_fail(&err);
  if (json) {
    json_t *object = train_json(&r.together, o->output), *tasks = json_object();
    for (int i = 0; i < r.count; i++) add_twin(tasks, &r.twins[i]);
    json_object_set_new(object, "twins", tasks);
    bf_cli_print(object);
    return BF_EXIT_GOOD;
  }
  print_text(&r.together, o);
  printf("%-12s %-6s %9s %7s %11s  %-18s verdict\n", "task", "figure", "together", "alone", "difference",
         "95 % interval");
  for (int i = 0; i < r.count; i++) {
    const bf_twin *t = &r.twins[i];
    if (isfinite(t->low))
      printf("%-12s %-6s %9.3f %7.3f %+11.3f  %+.3f to %+.3f   %s\n", t->task, t->figure, t->together, t->alone,
             t->difference, t->low, t->high, t->verdict);
    else
      printf("%-12s %-6s not compared\n", t->task, t->figure);
  }
  return BF_EXIT_GOOD;
}

static int find_rate(const bf_train_options *o, bool json) {
  bf_error err = {0};
  bf_find_rate_report r;
  if (bf_find_rate(&r, o, &err) != BF_OK) return bf_cli_fail(&err);
  if (json) {
    json_t *object = json_object();
    bf_cli_set_text(object, "run", o->output);
    bf_cli_set_count(object, "steps", r.steps);
    bf_cli_set_real(object, "suggestion", r.suggestion);
    bf_cli_set_real(object, "steepest", r.steepest);
    bf_cli_set_real(object, "lowest", r.lowest);
    bf_cli_print(object);
    return BF_EXIT_GOOD;
  }
  if (isfinite(r.suggestion))
    printf("suggestion: optimiser.learning_rate %.2g (two thirds down the longest fall of the loss)\n", r.suggestion);
  else
    printf("no suggestion: the loss never fell; look at the labels, and at weights and norms in the plan above\n");
  if (isfinite(r.steepest)) printf("the loss falls fastest at %.2g\n", r.steepest);
  if (isfinite(r.lowest)) printf("a tenth of the rate of the lowest loss is %.2g\n", r.lowest);
  printf("curve: %s/find-lr.svg, numbers: %s/find-lr.csv\n", o->output, o->output);
  return BF_EXIT_GOOD;
}

static int show_augmentations(const bf_train_options *o, const char *path, bool json) {
  bf_error err = {0};
  bf_augment_sheet_report r;
  if (bf_augment_sheet(&r, o, path, &err) != BF_OK) return bf_cli_fail(&err);
  if (json) {
    json_t *object = json_object();
    bf_cli_set_text(object, "sheet", path);
    bf_cli_set_count(object, "images", r.images);
    bf_cli_set_count(object, "augmentations", r.augmentations);
    bf_cli_set_count(object, "width", r.width);
    bf_cli_set_count(object, "height", r.height);
    bf_cli_print(object);
  } else {
    printf("%s: %d images, %d augmentations alone and together, %d x %d pixels\n", path, r.images, r.augmentations,
           r.width, r.height);
  }
  return BF_EXIT_GOOD;
}

int bf_command_train(int argc, char **argv) {
  static bf_cli_list rest, settings;
  bf_cli_common common;
  bf_train_options o = {0};
  bool finds_rate = false, has_twins = false;
  const char *sheet = NULL;
  const bf_cli_option options[] = {
      {"data", "DATA.h5", "dataset file made by ingest", .text = &o.data},
      {"o", "RUN/", "folder for the model and its records", .text = &o.output},
      {"set", "KEY=VALUE", "change one key of the configuration; may be repeated", .list = &settings},
      {"folds", "N", "cross-validate by patient; out-of-fold scores go to RUN/scores.h5, all models to RUN/ensemble",
       .number = &o.folds},
      {"repeats", "R", "with --folds: do it R times, each time dealt with another seed", .number = &o.repeats},
      {"flips", NULL, "with --folds: look at held-out images mirrored as well, as score --flips does",
       .flag = &o.flips},
      {"twins", NULL, "train each task alone as well, and say whether they help each other", .flag = &has_twins},
      {"find-lr", NULL, "try rising learning rates instead, and suggest one", .flag = &finds_rate},
      {"show-augmentations", "SHEET.png", "draw augmented training pictures instead", .text = &sheet},
      {"resume", NULL, "go on from the last finished epoch", .flag = &o.resume},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  if (o.data == NULL || o.output == NULL) {
    bf_fail(&err, BF_E_ARGUMENT, "%s is missing; 'bifocal train --help' shows an example",
            o.data == NULL ? "--data" : "-o");
    return bf_cli_fail(&err);
  }
  o.config = rest.items[0];
  o.settings = settings.items;
  o.setting_count = settings.count;
  o.threads = common.threads;
  bf_cancel_on_signals();
  if (o.flips && o.folds == 0) {
    bf_fail(&err, BF_E_ARGUMENT, "--flips: it is for images that --folds holds out; score --flips is for others");
    return bf_cli_fail(&err);
  }
  if (finds_rate && (o.folds > 0 || o.resume || has_twins)) {
    bf_fail(&err, BF_E_ARGUMENT, "--find-lr: one rising run; leave out --folds, --twins and --resume");
    return bf_cli_fail(&err);
  }
  if (sheet != NULL && (finds_rate || has_twins || o.folds > 0 || o.resume)) {
    bf_fail(&err, BF_E_ARGUMENT,
            "--show-augmentations: nothing is trained; leave out --folds, --twins, --resume and --find-lr");
    return bf_cli_fail(&err);
  }
  if (sheet != NULL) return show_augmentations(&o, sheet, common.json);
  if (finds_rate) return find_rate(&o, common.json);
  if (has_twins) return twins(&o, common.json);
  bf_train_report report;
  if (bf_train(&report, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json)
    bf_cli_print(train_json(&report, o.output));
  else
    print_text(&report, &o);
  return BF_EXIT_GOOD;
}
