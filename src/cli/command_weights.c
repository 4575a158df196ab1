/* bifocal weights. */
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "bifocal/ingest.h"
#include "bifocal/weights.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "weights",
    "list | fetch NAME [-o FILE] [--url URL] | show FILE | import FILE [--backbone NAME] -o W.safetensors | "
    "run FILE --backbone NAME --input X.h5 -o Y.h5",
    "pretrained weights: where to get them, what a file holds, a copy for bifocal, a check against other "
    "implementations",
    "  bifocal weights list\n"
    "  bifocal weights fetch resnet18\n"
    "  bifocal weights show mobilenet_v2.safetensors\n"
    "  bifocal weights import mobilenet_v2.safetensors --backbone mobilenet_v2 -o imagenet.safetensors\n"
    "  bifocal weights run mobilenet_v2.safetensors --backbone mobilenet_v2 --input x.h5 -o y.h5",
    1,
    2};

typedef struct wishes {
  const char *file, *backbone, *input, *output, *url; /* file: of fetch, the name of the weights */
  bf_cli_common common;
} wishes;

static int need(const char *value, const char *what) {
  bf_error err = {0};
  if (value != NULL) return 0;
  bf_fail(&err, BF_E_ARGUMENT, "%s is missing; 'bifocal weights --help' shows an example", what);
  return bf_cli_fail(&err);
}

static int list(const wishes *w) {
  bf_error err = {0};
  char *text;
  if (bf_weights_list(&text, w->common.json, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s%s", text, w->common.json ? "\n" : "");
  bf_text_free(text);
  return BF_EXIT_GOOD;
}

static int fetch(const wishes *w) {
  bf_error err = {0};
  char *text;
  const bf_weights_fetch_options options = {w->file, w->output, w->url, w->common.json};
  bf_cancel_on_signals();
  if (bf_weights_fetch(&text, &options, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s%s", text, w->common.json ? "\n" : "");
  bf_text_free(text);
  return BF_EXIT_GOOD;
}

static int show(const wishes *w) {
  bf_error err = {0};
  char *text;
  if (bf_weights_show(&text, w->file, w->common.json, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s%s", text, w->common.json ? "\n" : "");
  bf_text_free(text);
  return BF_EXIT_GOOD;
}

static int import(const wishes *w) {
  bf_error err = {0};
  char *summary;
  int code = need(w->output, "-o");
  if (code != 0) return code;
  if (bf_weights_import(&summary, w->file, w->backbone, w->output, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s\n", summary);
  bf_text_free(summary);
  return BF_EXIT_GOOD;
}

static int run(const wishes *w) {
  bf_error err = {0};
  int code = need(w->backbone, "--backbone");
  if (code == 0) code = need(w->input, "--input");
  if (code == 0) code = need(w->output, "-o");
  if (code != 0) return code;
  if (bf_weights_run(w->file, w->backbone, w->input, w->output, w->common.threads, &err) != BF_OK)
    return bf_cli_fail(&err);
  return BF_EXIT_GOOD;
}

int bf_command_weights(int argc, char **argv) {
  static bf_cli_list rest;
  static const struct {
    const char *name, *what; /* the word that follows it, NULL: none */
    int (*act)(const wishes *w);
  } actions[] = {{"list", NULL, list},
                 {"fetch", "the name of the weights", fetch},
                 {"show", "the file", show},
                 {"import", "the file", import},
                 {"run", "the file", run}};
  wishes w = {0};
  bf_error err = {0};
  const bf_cli_option options[] = {
      {"backbone", "NAME", "network that the weights are for", .text = &w.backbone},
      {"input", "X.h5", "run: file with /input, float32 [N, 3, H, W], normalised", .text = &w.input},
      {"o", "FILE", "fetch: file or folder; import: safetensors file; run: HDF5 file for /features/<stage> and /logits",
       .text = &w.output},
      {"url", "URL", "fetch: a mirror of the file, http or https; its hash is checked as ever", .text = &w.url},
  };
  int code = bf_cli_parse(&w.common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  w.file = rest.count > 1 ? rest.items[1] : NULL;
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    if (strcmp(actions[i].name, rest.items[0]) != 0) continue;
    if (actions[i].what != NULL && (code = need(w.file, actions[i].what)) != 0) return code;
    if (actions[i].what != NULL || w.file == NULL) return actions[i].act(&w);
    bf_fail(&err, BF_E_ARGUMENT, "weights %s: takes no '%s'", rest.items[0], w.file);
    return bf_cli_fail(&err);
  }
  bf_fail(&err, BF_E_ARGUMENT, "weights %s: no such action; there are list, fetch, show, import and run",
          rest.items[0]);
  return bf_cli_fail(&err);
}
