/* Two pictures and both their labels in one (Zhang, Cisse, Dauphin, Lopez-Paz 2018): every loss is the mean of the
 * losses against either picture's labels, weighted as the pictures are. Off unless asked for. */
#include "image/augment_rows.h"

typedef struct options {
  double alpha;
} options;

static const bf_option table[] = {
    {"alpha", BF_OPTION_REAL, offsetof(options, alpha), "0", 0, 1, NULL,
     "shares of the two pictures are drawn from Beta(alpha, alpha): 1 is any share alike"},
    BF_NO_OPTION};

/* A picture with less than this cannot be seen, and is not worth its cost. */
static const double least_share = 0.02;

/* Jöhnk's way (1964), from logarithms: powers of small numbers would vanish. */
static double draw_beta(bf_rng *rng, double alpha) {
  for (;;) {
    double x = log(1 - bf_rng_uniform(rng)) / alpha, y = log(1 - bf_rng_uniform(rng)) / alpha;
    double most = fmax(x, y), sum = most + log(exp(x - most) + exp(y - most));
    if (sum <= 0) return exp(x - sum);
  }
}

/* Either picture is as likely to be the first: what is drawn is the smaller share. */
static void draw(const void *o, bf_rng *rng, bf_augment_draw *out) {
  const options *mine = o;
  out->value[0] = 0;
  if (mine->alpha == 0) return;
  double share = draw_beta(rng, mine->alpha);
  share = fmin(share, 1 - share);
  if (share >= least_share) out->value[0] = share;
}

static double share(const void *o, const bf_augment_draw *d) {
  (void)o;
  return d->value[0];
}

const bf_augment_type bf_augment_type_mixup = {
    "mixup", "a second picture shines through, with its labels", table, sizeof(options), draw, .share = share};
