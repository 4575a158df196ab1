/* bifocal embed. */
#include <stdio.h>

#include "base/cancel.h"
#include "bifocal/embed.h"
#include "cli/cli.h"

static const bf_cli_command command = {"embed",
                                       "MODEL.safetensors PATH... -o EMBED.h5 [--stage NAME] [--grid N] [--batch N]",
                                       "writes the backbone's representation of each image",
                                       "  bifocal embed run/model.safetensors studies/ -o embed.h5\n"
                                       "  bifocal embed run/model.safetensors studies/ -o unrolled.h5 --grid 7",
                                       2,
                                       -1};

static void print_json(const bf_embed_report *r, const char *output) {
  json_t *o = json_object();
  bf_cli_set_text(o, "embedding", output);
  bf_cli_set_count(o, "files", r->files);
  bf_cli_set_count(o, "rows", r->rows);
  bf_cli_set_count(o, "failed", r->failed);
  bf_cli_set_count(o, "width", r->width);
  bf_cli_set_real(o, "seconds", r->seconds);
  bf_cli_print(o);
}

int bf_command_embed(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  bf_embed_options o = {0};
  const bf_cli_option options[] = {
      {"o", "EMBED.h5", "result file", .text = &o.output},
      {"stage", "NAME", "feature map, as `weights run` calls it (default: the deepest)", .text = &o.stage},
      {"grid", "N", "unroll means over N x N places instead of one mean a channel", .number = &o.grid},
      {"batch", "N", "images in one forward pass (default 8)", .number = &o.batch},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  o.model = rest.items[0];
  o.paths = rest.items + 1;
  o.path_count = rest.count - 1;
  o.threads = common.threads;
  bf_cancel_on_signals();
  bf_error err = {0};
  bf_embed_report r;
  if (bf_embed(&r, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json)
    print_json(&r, o.output);
  else
    printf("%lld files, %lld rows of %lld numbers, %lld of them failed\nembedding: %s\n", (long long)r.files,
           (long long)r.rows, (long long)r.width, (long long)r.failed, o.output);
  return r.failed > 0 ? BF_EXIT_ROWS_FAILED : BF_EXIT_GOOD;
}
