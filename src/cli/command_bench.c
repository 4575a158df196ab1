/* bifocal bench. */
#include <stdio.h>

#include "bifocal/bench.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "bench",
    "[--backbone NAME] [--batch N] [--size PX] [--train] [--features] [--frozen-norms]",
    "milliseconds an image, GFLOP/s and share of this machine's sgemm peak",
    "  bifocal bench --backbone resnet18 --batch 8\n  bifocal bench --backbone mobilenet_v2 --batch 16 --train",
    0, 0};

static void print_json(const bf_bench_report *r) {
  printf("{\"backbone\": \"%s\", \"mode\": \"%s\", \"kernels\": \"%s\", \"batch\": %d, \"size\": %d, \"threads\": %d, "
         "\"ms_per_image\": {\"min\": %.4f, \"median\": %.4f}, \"gflop_per_image\": %.4f, \"sgemm_peak_gflops\": %.2f, "
         "\"peak_rss_mib\": %.1f}\n",
         r->backbone, r->mode, r->kernels, r->batch, r->size, r->threads, r->ms_min, r->ms_median, r->gflop_per_image,
         r->sgemm_peak_gflops, r->peak_rss_mib);
}

int bf_command_bench(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  bf_bench_options o = {0};
  const bf_cli_option options[] = {
      {"backbone", "NAME", "network (default mobilenet_v2)", .text = &o.backbone},
      {"batch", "N", "images a pass (default 1)", .number = &o.batch},
      {"size", "PX", "pixels a side (default 224)", .number = &o.size},
      {"train", NULL, "a step of cross-entropy over the classes, SGD with momentum", .flag = &o.train},
      {"features", NULL, "the backbone alone, without its original classifier", .flag = &o.features},
      {"frozen-norms", NULL, "with --train: batch norms of the backbone frozen", .flag = &o.frozen_norms},
      {"repeats", "N", "timed runs (default: two seconds' worth, at least five)", .number = &o.repeats},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  o.threads = common.threads;
  bf_error err = {0};
  bf_bench_report r;
  if (bf_bench(&r, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json) {
    print_json(&r);
    return BF_EXIT_GOOD;
  }
  double rate = r.gflop_per_image / (r.ms_median / 1000);
  printf("%s %s, batch %d, %d x %d, %d threads, kernels %s\n", r.backbone, r.mode, r.batch, r.size, r.size, r.threads, r.kernels);
  printf("  %.2f ms an image (median; least %.2f)\n", r.ms_median, r.ms_min);
  printf("  %.1f GFLOP/s of direct-equivalent work, %.0f %% of the measured sgemm peak of %.1f\n", rate,
         100 * rate / r.sgemm_peak_gflops, r.sgemm_peak_gflops);
  printf("  %.0f MiB peak memory\n", r.peak_rss_mib);
  return BF_EXIT_GOOD;
}
