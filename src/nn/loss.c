/* Losses and their slopes. */
#include "nn/loss.h"

#include <math.h>
#include <stdbool.h>

/* What losses of a logit share, from one exponential: the sigmoids of z and of -z, and log(1 + e^z), log(1 + e^-z). */
typedef struct logistic {
  double p, q, softplus, softplus_minus;
} logistic;

static logistic logistic_of(double z) {
  double e = exp(-fabs(z)), large = 1 / (1 + e), small = e / (1 + e), rest = log1p(e);
  bool positive = z >= 0;
  return (logistic){positive ? large : small, positive ? small : large, positive ? z + rest : rest,
                    positive ? rest : rest - z};
}

double bf_sigmoid(double z) { return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); }

double bf_loss_bce(double *slope, double z, double target) {
  logistic l = logistic_of(z);
  *slope = l.p - target;
  return l.softplus - target * z;
}

double bf_loss_centre(double *slope, double z, double target) {
  logistic l = logistic_of(z);
  double p = l.p, q = l.q;
  if (target >= 1) { /* -(1-p)^2 log p */
    double log_p = -l.softplus_minus;
    *slope = 2 * p * q * q * log_p - q * q * q;
    return -q * q * log_p;
  }
  double log_q = -l.softplus, away = 1 - target, w = away * away * away * away; /* -w p^2 log(1-p) */
  *slope = w * (-2 * p * p * q * log_q + p * p * p);
  return -w * p * p * log_q;
}

/* Along one axis: the two boxes' common and covering extents, and how they change with the predicted sides. */
typedef struct axis {
  double common, cover, common_slope[2], cover_slope[2];
} axis;

static axis along(double low, double high, double true_low, double true_high) {
  axis a;
  a.common = fmin(low, true_low) + fmin(high, true_high);
  a.cover = fmax(low, true_low) + fmax(high, true_high);
  bool apart = a.common <= 0;
  if (apart) a.common = 0;
  a.common_slope[0] = !apart && low < true_low;
  a.common_slope[1] = !apart && high < true_high;
  a.cover_slope[0] = low > true_low;
  a.cover_slope[1] = high > true_high;
  return a;
}

double bf_loss_giou(double slope[4], double *iou, const double predicted[4], const double target[4]) {
  axis x = along(predicted[0], predicted[2], target[0], target[2]),
       y = along(predicted[1], predicted[3], target[1], target[3]);
  double w = predicted[0] + predicted[2], h = predicted[1] + predicted[3];
  double common = x.common * y.common, cover = x.cover * y.cover;
  double both = w * h + (target[0] + target[2]) * (target[1] + target[3]) - common;
  if (both < 1e-12) both = 1e-12;
  if (cover < 1e-12) cover = 1e-12;
  for (int k = 0; k < 4; k++) {
    bool horizontal = k % 2 == 0;
    double d_common = horizontal ? x.common_slope[k / 2] * y.common : y.common_slope[k / 2] * x.common;
    double d_cover = horizontal ? x.cover_slope[k / 2] * y.cover : y.cover_slope[k / 2] * x.cover;
    double d_both = (horizontal ? h : w) - d_common;
    slope[k] =
        -((d_common * both - common * d_both) / (both * both) + (d_both * cover - both * d_cover) / (cover * cover));
  }
  *iou = common / both;
  return 1 - (*iou - (cover - both) / cover);
}
