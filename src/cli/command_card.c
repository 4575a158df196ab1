/* bifocal card. */
#include <stdio.h>

#include "bifocal/card.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "card",
    "MODEL.safetensors",
    "what a model is for, on what it was trained, how good it was, and where its limits are",
    "  bifocal card run/model.safetensors",
    1,
    1};

int bf_command_card(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  bf_error err = {0};
  char *text;
  int code = bf_cli_parse(&common, &rest, &command, NULL, 0, argc, argv);
  if (code >= 0) return code;
  if (bf_card(&text, rest.items[0], common.json, &err) != BF_OK) return bf_cli_fail(&err);
  printf("%s%s", text, common.json ? "\n" : "");
  bf_text_free(text);
  return BF_EXIT_GOOD;
}
