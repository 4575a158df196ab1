/* bifocal data. */
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "bifocal/data.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "data",
    "show DATA.h5 | check DATA.h5 | merge A.h5 B.h5... -o ALL.h5 [--set split.NAME=VALUE]...",
    "a page about a dataset, a check of one that others made, several made one",
    "  bifocal data show data.h5\n"
    "  bifocal data check theirs.h5\n"
    "  bifocal data merge site-a.h5 site-b.h5 -o both.h5 --set split.folds=5\n"
    "\n"
    "check ends with 1 when something is wrong: patients, or images that look alike, on two sides of a split or in "
    "two\n"
    "folds, the same image twice, boxes outside of their images. merge wants datasets that were prepared alike.",
    2,
    -1};

static int show(const char *path, bool json) {
  bf_error err = {0};
  char *text = NULL;
  if (bf_data_show(json ? NULL : &text, json ? &text : NULL, path, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s%s", text, json ? "\n" : "");
  bf_text_free(text);
  return BF_EXIT_GOOD;
}

/* That patients are not known is nothing that is wrong with a file: it is to be known. */
static bool is_wrong(const bf_data_finding *f) { return strcmp(f->check, "no_patient") != 0; }

static void print_findings(const bf_data_check_report *r, const char *path) {
  for (int i = 0; i < r->count; i++) {
    const bf_data_finding *f = &r->findings[i];
    printf("%s: %s: %lld; the first: %s\n", is_wrong(f) ? "wrong" : "note", f->check, (long long)f->count, f->example);
  }
  if (r->count == 0) printf("%s: nothing is wrong with its %lld images\n", path, (long long)r->images);
}

static void print_findings_json(const bf_data_check_report *r) {
  json_t *object = json_object(), *list = json_array();
  bf_cli_set_count(object, "images", r->images);
  for (int i = 0; i < r->count; i++) {
    json_t *one = json_object();
    bf_cli_set_text(one, "check", r->findings[i].check);
    bf_cli_set_count(one, "count", r->findings[i].count);
    bf_cli_set_text(one, "example", r->findings[i].example);
    json_array_append_new(list, one);
  }
  json_object_set_new(object, "findings", list);
  bf_cli_print(object);
}

static int check(const char *path, const bf_cli_common *common) {
  bf_error err = {0};
  bf_data_check_report r;
  if (bf_data_check(&r, path, common->threads, &err) != BF_OK) return bf_cli_fail(&err);
  if (common->json)
    print_findings_json(&r);
  else
    print_findings(&r, path);
  bool wrong = false;
  for (int i = 0; i < r.count; i++) wrong = wrong || is_wrong(&r.findings[i]);
  return wrong ? BF_EXIT_FAILED : BF_EXIT_GOOD;
}

static int merge(const bf_data_merge_options *o, bool json) {
  bf_error err = {0};
  bf_data_merge_report r;
  bf_cancel_on_signals();
  if (bf_data_merge(&r, o, &err) != BF_OK) return bf_cli_fail(&err);
  if (json) {
    json_t *object = json_object();
    bf_cli_set_text(object, "dataset", o->output);
    bf_cli_set_count(object, "images", r.images);
    bf_cli_set_count(object, "patients", r.patients);
    bf_cli_set_count(object, "groups", r.groups);
    bf_cli_set_count(object, "duplicates", r.duplicates);
    bf_cli_set_count(object, "left_out", r.left_out);
    bf_cli_print(object);
  } else {
    printf("%lld images of %lld patients, %lld pairs look alike, %lld copies left out; dataset: %s\n",
           (long long)r.images, (long long)r.patients, (long long)r.duplicates, (long long)r.left_out, o->output);
  }
  return BF_EXIT_GOOD;
}

int bf_command_data(int argc, char **argv) {
  static bf_cli_list rest, settings;
  bf_cli_common common;
  bf_data_merge_options o = {0};
  const bf_cli_option options[] = {
      {"o", "ALL.h5", "merge: dataset file; appears whole or not at all", .text = &o.output},
      {"set", "KEY=VALUE", "merge: change one key of the split, such as split.test=0.2; may be repeated",
       .list = &settings},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  const char *what = rest.items[0];
  if (strcmp(what, "merge") == 0) {
    o.inputs = rest.items + 1;
    o.input_count = rest.count - 1;
    o.settings = settings.items;
    o.setting_count = settings.count;
    o.threads = common.threads;
    return merge(&o, common.json);
  }
  if (rest.count == 2 && strcmp(what, "show") == 0) return show(rest.items[1], common.json);
  if (rest.count == 2 && strcmp(what, "check") == 0) return check(rest.items[1], &common);
  bf_error err = {0};
  bf_fail(&err, BF_E_ARGUMENT, "data %s: say show or check with one dataset, or merge with several", what);
  return bf_cli_fail(&err);
}
