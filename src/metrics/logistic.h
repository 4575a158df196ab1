/* For the sources of this room: logistic regression on one number. */
#ifndef BF_METRICS_LOGISTIC_H
#define BF_METRICS_LOGISTIC_H

#include <stdbool.h>
#include <stdint.h>

double bf_logistic(double z); /* 1/(1 + exp(-z)) */
/* -(t log p + (1 - t) log(1 - p)) of p = 1/(1 + exp(-z)), without a p that rounds to 0 or 1. */
double bf_logistic_loss(double z, double target);

/* What is fitted: chances 1/(1 + exp(-(intercept + slope * (x[i] - middle)/width))) to the target of each label. A
 * middle and a width of the numbers' own keep the second derivatives far from singular. */
typedef struct bf_logistic_data {
  const double *x;
  const uint8_t *label;
  int64_t n;
  double target[2]; /* of a negative and a positive, 0 to 1 */
  double middle, width;
} bf_logistic_data;

typedef struct bf_logistic_line {
  double slope, intercept;
  double slope_variance, intercept_variance; /* the inverse information; 0 of a slope that is held */
} bf_logistic_line;

/* The line of the largest likelihood, from a start that is given in *line; the slope stays what it is there unless it
 * is free. False, and all NaN, where none is found: there is no maximum, or the second derivatives are singular. */
bool bf_logistic_fit(bf_logistic_line *line, const bf_logistic_data *data, bool free_slope);

#endif
