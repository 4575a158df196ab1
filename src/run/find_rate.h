/* From the losses of a learning-rate range test to a suggestion. */
#ifndef BF_RUN_FIND_RATE_H
#define BF_RUN_FIND_RATE_H

typedef struct bf_rate_suggestion {
  double valley;   /* two thirds down the longest fall of the smoothed loss: the suggestion; NaN: it never falls */
  double steepest; /* where the loss falls fastest for a factor of the rate */
  double lowest;   /* a tenth of the rate of the lowest loss */
} bf_rate_suggestion;

/* rates rising; smoothed losses, of count steps. */
bf_rate_suggestion bf_rate_suggest(const double *rates, const double *smoothed, int count);

#endif
