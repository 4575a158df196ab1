/* What an epoch brought, said three ways: a line of metrics.csv, a line of the log, and a warning when one task takes
 * over. */
#ifndef BF_RUN_EPOCH_REPORT_H
#define BF_RUN_EPOCH_REPORT_H

#include "run/trainer.h"

typedef struct bf_epoch_line {
  bf_epoch epoch;
  bf_losses validation; /* zeroes, and figures NaN: nobody looked */
  bf_figures figures;
  double seconds;
  bool best;
} bf_epoch_line;

typedef struct bf_epoch_report {
  char *csv;    /* owned: the lines so far, the header first */
  int dominant; /* head whose gradient outweighed the others' in the last epochs, if `epochs` is not 0 */
  int epochs;   /* that it did so one after the other */
} bf_epoch_report;

/* Begun with zeroes; with csv taken from a checkpoint instead. */
bf_status bf_epoch_report_begin(bf_epoch_report *report, const bf_trainer *t, bf_error *err);
void bf_epoch_report_clear(bf_epoch_report *report);
bf_status bf_epoch_report_add(bf_epoch_report *report, const bf_trainer *t, const bf_epoch_line *line, bf_error *err);

#endif
