/* Command-line parsing by getopt_long from option tables, help texts and exit codes. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/utf8.h"
#include "bifocal/kernels.h"

enum { max_options = 32, first_long = 256 };

static const bf_cli_option common_rows[] = {
    {"threads", "N", "threads to work with (default: the processors this process may use)", NULL, NULL, NULL, NULL},
    {"kernels", "NAME", "inner loops: auto (default), plain, baseline, avx2 or avx512", NULL, NULL, NULL, NULL},
    {"json", NULL, "print JSON on stdout", NULL, NULL, NULL, NULL},
    {"quiet", NULL, "say nothing but warnings and errors", NULL, NULL, NULL, NULL},
    {"help", NULL, "this text", NULL, NULL, NULL, NULL},
};
enum { common_threads, common_kernels, common_json, common_quiet, common_help, common_count };

static void print_row(const bf_cli_option *row) {
  char left[64];
  snprintf(left, sizeof left, "  %s%s%s%s", strlen(row->name) == 1 ? "-" : "--", row->name, row->argument ? " " : "",
           row->argument ? row->argument : "");
  printf("%-26s %s\n", left, row->help);
}

static void print_help(const bf_cli_command *command, const bf_cli_option *options, int count) {
  printf("bifocal %s: %s\n\nusage: bifocal %s %s\n\n", command->name, command->summary, command->name, command->usage);
  for (int i = 0; i < count; i++) print_row(&options[i]);
  for (int i = 0; i < common_count; i++) print_row(&common_rows[i]);
  printf("\nexample:\n%s\n\nexit status: 0 good, 1 failed, 2 wrong usage, 3 done but some rows failed\n",
         command->example);
}

static int usage_error(const bf_cli_command *command) {
  fprintf(stderr, "usage: bifocal %s %s\n'bifocal %s --help' tells more\n", command->name, command->usage,
          command->name);
  return BF_EXIT_USAGE;
}

/* 0 good, else the exit code. */
static int take_number(int *out, const bf_cli_command *command, const char *name, const char *text) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || value < 0 || value > 2147483647L) {
    fprintf(stderr, "error: --%s: '%s' is no whole number from 0 on\n", name, text);
    return usage_error(command);
  }
  *out = (int)value;
  return 0;
}

static int take(const bf_cli_option *row, const bf_cli_command *command, const char *value) {
  if (row->flag != NULL) *row->flag = true;
  if (row->text != NULL) *row->text = value;
  if (row->number != NULL) return take_number(row->number, command, row->name, value);
  if (row->list != NULL) {
    if (row->list->count >= BF_CLI_MAX) {
      fprintf(stderr, "error: --%s: given more than %d times\n", row->name, BF_CLI_MAX);
      return BF_EXIT_USAGE;
    }
    row->list->items[row->list->count++] = value;
  }
  return 0;
}

static int unknown_option(const bf_cli_command *command, const bf_cli_option *options, int count, const char *word) {
  const char *names[max_options + common_count];
  int n = 0;
  for (int i = 0; i < count; i++) names[n++] = options[i].name;
  for (int i = 0; i < common_count; i++) names[n++] = common_rows[i].name;
  char bare[64];
  snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word + strspn(word, "-"), "="), word + strspn(word, "-"));
  const char *near = bf_nearest(bare, names, n);
  fprintf(stderr, "error: %s: no such option%s%s%s\n", word, near ? "; did you mean --" : "", near ? near : "",
          near ? "?" : "");
  return usage_error(command);
}

static void add_long(struct option *entry, const bf_cli_option *row, int value) {
  *entry = (struct option){row->name, row->argument ? required_argument : no_argument, NULL, value};
}

static int take_common(bf_cli_common *common, int which, const bf_cli_command *command, const char *value) {
  if (which == common_json) common->json = true;
  if (which == common_quiet) common->quiet = true;
  if (which == common_kernels) common->kernels = value;
  return which == common_threads ? take_number(&common->threads, command, "threads", value) : 0;
}

/* 0 good, else the exit code. */
static int select_kernels(const char *name) {
  bf_error err = {0};
  return name == NULL || bf_kernels_select(name, &err) == BF_OK ? 0 : bf_cli_fail(&err);
}

static int check_positionals(bf_cli_list *rest, const bf_cli_command *command, int argc, char **argv) {
  for (int i = optind; i < argc; i++) {
    if (rest->count >= BF_CLI_MAX) {
      fprintf(stderr, "error: more than %d arguments; give a folder\n", BF_CLI_MAX);
      return BF_EXIT_USAGE;
    }
    rest->items[rest->count++] = argv[i];
  }
  if (rest->count >= command->least && (command->most < 0 || rest->count <= command->most)) return -1;
  fprintf(stderr, "error: %s arguments\n", rest->count < command->least ? "missing" : "too many");
  return usage_error(command);
}

int bf_cli_parse(bf_cli_common *common, bf_cli_list *rest, const bf_cli_command *command, const bf_cli_option *options,
                 int option_count, int argc, char **argv) {
  struct option longs[max_options + common_count + 1] = {0};
  char shorts[2 * max_options + 2] = ":";
  int n = 0;
  for (int i = 0; i < option_count && i < max_options; i++) {
    if (strlen(options[i].name) == 1) {
      strcat(shorts, options[i].name);
      if (options[i].argument != NULL) strcat(shorts, ":");
    } else {
      add_long(&longs[n++], &options[i], first_long + i);
    }
  }
  for (int i = 0; i < common_count; i++) add_long(&longs[n++], &common_rows[i], first_long + max_options + i);
  *common = (bf_cli_common){0};
  rest->count = 0;
  opterr = 0;
  optind = 1;
  int c, failed = 0;
  while (failed == 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
    if (c == '?') return unknown_option(command, options, option_count, argv[optind - 1]);
    if (c == ':') {
      fprintf(stderr, "error: %s: needs a value\n", argv[optind - 1]);
      return usage_error(command);
    }
    if (c == first_long + max_options + common_help) {
      print_help(command, options, option_count);
      return BF_EXIT_GOOD;
    }
    if (c >= first_long + max_options) {
      failed = take_common(common, c - first_long - max_options, command, optarg);
      continue;
    }
    int row = c - first_long;
    for (int i = 0; c < first_long && i < option_count; i++)
      if (strlen(options[i].name) == 1 && options[i].name[0] == c) row = i;
    failed = take(&options[row], command, optarg);
  }
  if (failed == 0) failed = select_kernels(common->kernels);
  if (failed != 0) return failed;
  if (common->quiet) bf_log_set_level(BF_LOG_WARN);
  return check_positionals(rest, command, argc, argv);
}

void bf_cli_set_text(json_t *object, const char *key, const char *value) {
  char *clean = bf_utf8_copy(value);
  json_object_set_new(object, key, json_string(clean != NULL ? clean : "?"));
  bf_free(clean);
}

void bf_cli_set_count(json_t *object, const char *key, int64_t value) {
  json_object_set_new(object, key, json_integer(value));
}

void bf_cli_set_real(json_t *object, const char *key, double value) {
  json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

void bf_cli_print(json_t *object) {
  char *line = json_dumps(object, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
  puts(line != NULL ? line : "{}");
  free(line);
  json_decref(object);
}

int bf_cli_fail(const bf_error *err) {
  bf_log(BF_LOG_ERROR, "%s", err->message);
  return err->status == BF_E_ARGUMENT ? BF_EXIT_USAGE : BF_EXIT_FAILED;
}
