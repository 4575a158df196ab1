/* bifocal bench. */
#include <stdio.h>

#include "bifocal/bench.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "bench",
    "[--backbone NAME] [--batch N] [--size PX] [--train] [--features] [--frozen-norms] [--ops] | --augment [--size PX]",
    "milliseconds an image, GFLOP/s and share of this machine's sgemm peak",
    "  bifocal bench --backbone resnet18 --batch 8\n  bifocal bench --backbone mobilenet_v2 --batch 16 --train\n"
    "  bifocal bench --augment --size 224",
    0,
    0};

static bf_bench_op ops[BF_BENCH_MAX_OPS];

static json_t *ops_json(int count) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++) {
    const bf_bench_op *op = &ops[i];
    json_t *o = json_object();
    json_object_set_new(o, "op", json_string(op->name));
    bf_cli_set_count(o, "height", op->h);
    bf_cli_set_count(o, "width", op->w);
    bf_cli_set_count(o, "channels_in", op->in);
    bf_cli_set_count(o, "channels_out", op->out);
    bf_cli_set_count(o, "kernel", op->kernel);
    bf_cli_set_count(o, "stride", op->stride);
    bf_cli_set_real(o, "forward_ms", op->forward_ms);
    bf_cli_set_real(o, "backward_ms", op->backward_ms);
    bf_cli_set_real(o, "gflop", op->gflop);
    json_array_append_new(list, o);
  }
  return list;
}

/* Share of the peak: forward's work over forward's time; backward's is counted double. */
static void print_ops(int count, double peak) {
  printf("  %-12s %11s %5s %5s  k s  %8s %8s  %8s %5s\n", "op", "result", "in", "out", "forward", "backward", "GFLOP/s",
         "peak");
  for (int i = 0; i < count; i++) {
    const bf_bench_op *op = &ops[i];
    double ms = op->forward_ms + op->backward_ms, work = op->gflop * (op->backward_ms > 0 ? 3 : 1);
    double rate = ms > 0 ? work / ms * 1000 : 0;
    printf("  %-12s %5d x %-3d %5d %5d  %d %d  %8.3f %8.3f  %8.1f %3.0f %%\n", op->name, op->h, op->w, op->in, op->out,
           op->kernel, op->stride, op->forward_ms, op->backward_ms, rate, 100 * rate / peak);
  }
}

static void print_json(const bf_bench_report *r, int op_count) {
  json_t *o = json_object(), *times = json_object();
  json_object_set_new(o, "backbone", json_string(r->backbone));
  json_object_set_new(o, "mode", json_string(r->mode));
  json_object_set_new(o, "kernels", json_string(r->kernels));
  bf_cli_set_count(o, "batch", r->batch);
  bf_cli_set_count(o, "size", r->size);
  bf_cli_set_count(o, "threads", r->threads);
  bf_cli_set_real(times, "min", r->ms_min);
  bf_cli_set_real(times, "median", r->ms_median);
  json_object_set_new(o, "ms_per_image", times);
  bf_cli_set_real(o, "gflop_per_image", r->gflop_per_image);
  bf_cli_set_real(o, "sgemm_peak_gflops", r->sgemm_peak_gflops);
  bf_cli_set_real(o, "peak_rss_mib", r->peak_rss_mib);
  if (op_count > 0) json_object_set_new(o, "ops", ops_json(op_count));
  bf_cli_print(o);
}

static int bench_augment(const bf_bench_options *o, bool json) {
  bf_error err = {0};
  bf_bench_augment_report r;
  if (bf_bench_augment(&r, o, &err) != BF_OK) return bf_cli_fail(&err);
  if (json) {
    json_t *root = json_object(), *alone = json_object();
    bf_cli_set_count(root, "size", r.size);
    bf_cli_set_count(root, "columns", r.columns);
    bf_cli_set_count(root, "rows", r.rows);
    bf_cli_set_count(root, "threads", r.threads);
    bf_cli_set_real(root, "plain_ms", r.plain_ms);
    for (int i = 0; i < r.count; i++) bf_cli_set_real(alone, r.row[i].name, r.row[i].ms);
    json_object_set_new(root, "alone_ms", alone);
    bf_cli_set_real(root, "all_ms", r.all_ms);
    bf_cli_set_real(root, "peak_rss_mib", r.peak_rss_mib);
    bf_cli_print(root);
    return BF_EXIT_GOOD;
  }
  printf("augmentation, %d x %d from prepared pictures of %d x %d, %d threads\n", r.size, r.size, r.columns, r.rows,
         r.threads);
  printf("  %-12s %8s  %8s\n", "", "ms", "more");
  printf("  %-12s %8.3f\n", "as it is", r.plain_ms);
  for (int i = 0; i < r.count; i++)
    printf("  %-12s %8.3f  %+8.3f\n", r.row[i].name, r.row[i].ms, r.row[i].ms - r.plain_ms);
  printf("  %-12s %8.3f  %+8.3f\n", "all together", r.all_ms, r.all_ms - r.plain_ms);
  return BF_EXIT_GOOD;
}

int bf_command_bench(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  bf_bench_options o = {0};
  bool by_op = false, augments = false;
  int op_count = 0;
  const bf_cli_option options[] = {
      {"backbone", "NAME", "network (default mobilenet_v2)", .text = &o.backbone},
      {"batch", "N", "images a pass (default 1)", .number = &o.batch},
      {"size", "PX", "pixels a side (default 224)", .number = &o.size},
      {"train", NULL, "a step of cross-entropy over the classes, SGD with momentum", .flag = &o.train},
      {"features", NULL, "the backbone alone, without its original classifier", .flag = &o.features},
      {"frozen-norms", NULL, "with --train: batch norms of the backbone frozen", .flag = &o.frozen_norms},
      {"ops", NULL, "a line for each operation: milliseconds an image, share of the peak", .flag = &by_op},
      {"augment", NULL, "augmentation instead: milliseconds a picture, each alone and all together", .flag = &augments},
      {"repeats", "N", "timed runs (default: two seconds' worth, at least five)", .number = &o.repeats},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  o.threads = common.threads;
  if (augments) return bench_augment(&o, common.json);
  bf_error err = {0};
  bf_bench_report r;
  if (bf_bench_with_ops(&r, by_op ? ops : NULL, &op_count, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json) {
    print_json(&r, op_count);
    return BF_EXIT_GOOD;
  }
  double rate = r.gflop_per_image / (r.ms_median / 1000);
  printf("%s %s, batch %d, %d x %d, %d threads, kernels %s\n", r.backbone, r.mode, r.batch, r.size, r.size, r.threads,
         r.kernels);
  printf("  %.2f ms an image (median; least %.2f)\n", r.ms_median, r.ms_min);
  printf("  %.1f GFLOP/s of direct-equivalent work, %.0f %% of the measured sgemm peak of %.1f\n", rate,
         100 * rate / r.sgemm_peak_gflops, r.sgemm_peak_gflops);
  printf("  %.0f MiB peak memory\n", r.peak_rss_mib);
  if (by_op) print_ops(op_count, r.sgemm_peak_gflops);
  return BF_EXIT_GOOD;
}
