/* Speed of the engine on this machine. */
#ifndef BIFOCAL_BENCH_H
#define BIFOCAL_BENCH_H

#include <stdbool.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_bench_options {
  const char *backbone; /* NULL: mobilenet_v2 */
  int batch;            /* 0: 1 */
  int size;             /* pixels a side; 0: 224 */
  bool train;           /* a step of cross-entropy over the classes with SGD and momentum */
  bool features;        /* the backbone alone, without the original classifier */
  bool frozen_norms;    /* training with the backbone's norms frozen */
  int repeats;          /* timed runs; 0: as many as fit in two seconds, at least five */
  int threads;
} bf_bench_options;

typedef struct bf_bench_report {
  const char *backbone, *mode, *kernels; /* static texts */
  int batch, size, threads;
  double ms_min, ms_median; /* an image */
  double gflop_per_image;   /* direct-equivalent */
  double sgemm_peak_gflops; /* measured in the same run, all threads */
  double peak_rss_mib;
} bf_bench_report;

/* What one operation of the network took, over all timed runs. */
typedef struct bf_bench_op {
  const char *name;                  /* of the operation; static */
  int h, w, in, out, kernel, stride; /* of its result, channels in and out; kernel 0: none */
  double forward_ms, backward_ms;    /* mean, an image */
  double gflop;                      /* direct-equivalent, of an image's forward pass */
} bf_bench_op;

enum { BF_BENCH_MAX_OPS = 1024 };

/* As bf_bench; a run for the operations follows the timed ones. ops: place for BF_BENCH_MAX_OPS, or NULL; *count: how
 * many were written. */
bf_status bf_bench_with_ops(bf_bench_report *report, bf_bench_op *ops, int *count, const bf_bench_options *options,
                            bf_error *err);

bf_status bf_bench(bf_bench_report *report, const bf_bench_options *options, bf_error *err);

typedef struct bf_bench_augment_row {
  const char *name; /* of the augmentation; static */
  double ms;        /* a picture with this one alone */
} bf_bench_augment_row;

enum { BF_BENCH_MAX_AUGMENTS = 32 };

typedef struct bf_bench_augment_report {
  int size, columns, rows; /* of the network's input and of the prepared pictures */
  int threads;
  double plain_ms, all_ms; /* a picture as it is, and with every augmentation */
  double peak_rss_mib;
  int count;
  bf_bench_augment_row row[BF_BENCH_MAX_AUGMENTS];
} bf_bench_augment_report;

/* Milliseconds that all threads together take for a picture from prepared pixels to the network's input, lesion box
 * included. Options at their defaults, or a quarter up their range where the default is off. options->size, repeats
 * and threads are looked at. */
bf_status bf_bench_augment(bf_bench_augment_report *report, const bf_bench_options *options, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
