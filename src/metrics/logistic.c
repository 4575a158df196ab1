/* Logistic regression by Newton's method. The loss is convex, so that what is found is the optimum. */
#include "metrics/logistic.h"

#include <math.h>

double bf_logistic(double z) { return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); }

double bf_logistic_loss(double z, double target) { return fmax(z, 0) - target * z + log1p(exp(-fabs(z))); }

/* Minus log likelihood at a line, its gradient and its curvature. */
typedef struct state {
  double slope, intercept;
  double loss, g0, g1, h00, h01, h11; /* 0: of the intercept, 1: of the slope */
} state;

static state look(const bf_logistic_data *d, double slope, double intercept) {
  state s = {.slope = slope, .intercept = intercept};
  for (int64_t i = 0; i < d->n; i++) {
    double x = (d->x[i] - d->middle) / d->width, target = d->target[d->label[i] != 0], z = intercept + slope * x,
           small = exp(-fabs(z)), p = z >= 0 ? 1 / (1 + small) : small / (1 + small),
           w = small / ((1 + small) * (1 + small));
    s.loss += fmax(z, 0) - target * z + log1p(small);
    s.g0 += p - target;
    s.g1 += (p - target) * x;
    s.h00 += w;
    s.h01 += w * x;
    s.h11 += w * x * x;
  }
  return s;
}

/* The curvature's determinant: what Newton's direction is divided by. */
static double determinant(const state *s, bool free_slope) {
  return free_slope ? s->h00 * s->h11 - s->h01 * s->h01 : s->h00;
}

/* Newton's direction; false where the curvature is singular. */
static bool direction(double *slope, double *intercept, const state *s, bool free_slope) {
  double det = determinant(s, free_slope);
  *slope = free_slope ? (s->h01 * s->g0 - s->h00 * s->g1) / det : 0;
  *intercept = free_slope ? (s->h01 * s->g1 - s->h11 * s->g0) / det : -s->g0 / det;
  return det > 0 && isfinite(*slope) && isfinite(*intercept);
}

/* Steps that are halved until the loss falls; true at the optimum. */
static bool descend(state *s, const bf_logistic_data *d, bool free_slope) {
  enum { most_steps = 200, most_halvings = 60 };
  double slope, intercept;
  for (int step = 0; step < most_steps && direction(&slope, &intercept, s, free_slope); step++) {
    /* What the step gains is less than the loss is exact to. Steps square their error: this is the last one, and the
     * curvature behind it is that of the maximum. */
    bool last = -(s->g0 * intercept + s->g1 * slope) <= 1e-14 * s->loss;
    state next = look(d, s->slope + slope, s->intercept + intercept);
    for (int k = 0; k < most_halvings && !last && !(next.loss <= s->loss); k++) {
      slope /= 2, intercept /= 2;
      next = look(d, s->slope + slope, s->intercept + intercept);
    }
    if (!last && !(next.loss <= s->loss)) return true; /* the minimum, as far as rounding lets it be told */
    *s = next;
    if (last) return true;
  }
  return false;
}

bool bf_logistic_fit(bf_logistic_line *line, const bf_logistic_data *d, bool free_slope) {
  state s = look(d, line->slope, line->intercept);
  double det = descend(&s, d, free_slope) ? determinant(&s, free_slope) : NAN;
  *line = det > 0 ? (bf_logistic_line){s.slope, s.intercept, free_slope ? s.h00 / det : 0,
                                       free_slope ? s.h11 / det : 1 / det}
                  : (bf_logistic_line){NAN, NAN, NAN, NAN};
  return det > 0;
}
