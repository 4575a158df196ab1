/* Arrays in, numbers out. What is not defined (one class only, no lesions, no finite value) is NaN, never nonsense;
 * memory that is short is BF_E_MEMORY, and never that.
 * Scores that are NaN must be left out by the caller. Labels: 0 or 1. All functions may be called from any thread.
 * Intervals from resampled patients: bootstrap.h with the figures of drawn.h. */
#ifndef BF_METRICS_METRICS_H
#define BF_METRICS_METRICS_H

#include "metrics/calibration.h"
#include "metrics/classification.h"
#include "metrics/localisation.h"
#include "metrics/overlap.h"
#include "metrics/share.h"

#endif
