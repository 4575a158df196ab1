/* Smooth activations and layer normalisation, included by kernels_body.h. The exponential is our own, so that loops
 * become vectors: a polynomial on [-ln2/2, ln2/2], its terms those of the series, which end below half a unit in the
 * last place there. */

/* e^x; below -87 and above 88 it stays at their values. NaN stays NaN. */
always float exponential(float x) {
  const float to_bits = 1.44269504f, high = 0.693145752f, low = 1.42860677e-6f, whole = 12582912.0f;
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float turned = x * to_bits + whole, n = turned - whole, r = (x - n * high) - n * low;
  float p =
      1 + r * (1 + r * (0.5f +
                        r * (0.166666667f +
                             r * (0.0416666667f + r * (0.00833333333f + r * (0.00138888889f + r * 0.000198412698f))))));
  uint32_t bits; /* n stands in the low bits of `turned`; converting a NaN would not be defined */
  __builtin_memcpy(&bits, &turned, sizeof bits);
  bits = (bits - 0x4B400000u + 127) << 23;
  float scale;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

always float sigmoid_of(float x) { return 1 / (1 + exponential(-x)); }

/* The normal distribution's Phi, by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7 of the error function), and its
 * density's exponential. */
always float normal_below(float x, float *bell) {
  float z = x < 0 ? -x : x, t = 1 / (1 + 0.3275911f * 0.70710678f * z);
  *bell = exponential(-0.5f * z * z);
  float tail = 0.5f * *bell * t *
               (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  return x < 0 ? tail : 1 - tail;
}

static void silu(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * sigmoid_of(x[i]);
}

static void silu_backward(float *dx, const float *dy, const float *x, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++) {
    float s = sigmoid_of(x[i]), d = dy[i] * (s * (1 + x[i] * (1 - s)));
    dx[i] = add ? dx[i] + d : d;
  }
}

static void gelu(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float bell;
    y[i] = x[i] * normal_below(x[i], &bell);
  }
}

static void gelu_backward(float *dx, const float *dy, const float *x, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++) {
    float bell, below = normal_below(x[i], &bell), d = dy[i] * (below + x[i] * bell * 0.398942280f);
    dx[i] = add ? dx[i] + d : d;
  }
}

static void sigmoid(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = sigmoid_of(x[i]);
}

static void sigmoid_backward(float *dx, const float *dy, const float *y, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++) {
    float d = dy[i] * (y[i] * (1 - y[i]));
    dx[i] = add ? dx[i] + d : d;
  }
}

/* ---- layer normalisation ---- */

always float sum_of(lane v) {
  float sum = 0;
  for (int i = 0; i < lane_count; i++) sum += v[i];
  return sum;
}

static void layer_norm(float *y, float *stats, const float *x, const float *scale, const float *shift, float epsilon,
                       int64_t rows, int c) {
  for (int64_t r = 0; r < rows; r++, x += c, y += c, stats += 2) {
    lane sum = {0}, squares = {0};
    for (int k = 0; k < c; k += lane_count) sum += get_some(x + k, c - k < lane_count ? c - k : lane_count);
    float mean = sum_of(sum) / (float)c;
    for (int k = 0; k < c; k += lane_count) {
      int count = c - k < lane_count ? c - k : lane_count;
      lane d = get_some(x + k, count) - mean;
      if (count < lane_count)
        for (int i = count; i < lane_count; i++) d[i] = 0;
      squares += d * d;
    }
    float inverse = 1 / __builtin_sqrtf(sum_of(squares) / (float)c + epsilon);
    stats[0] = mean, stats[1] = inverse;
    for (int k = 0; k < c; k++) y[k] = (x[k] - mean) * inverse * scale[k] + shift[k];
  }
}

static void layer_norm_sums(float *restrict sum_dy, float *restrict sum_dyx, const float *restrict dy,
                            const float *restrict x, const float *restrict stats, int64_t rows, int c) {
  memset(sum_dy, 0, (size_t)c * sizeof(float));
  memset(sum_dyx, 0, (size_t)c * sizeof(float));
  for (int64_t r = 0; r < rows; r++, x += c, dy += c, stats += 2)
    for (int k = 0; k < c; k++) {
      sum_dy[k] += dy[k];
      sum_dyx[k] += dy[k] * ((x[k] - stats[0]) * stats[1]);
    }
}

/* With g = dy*scale and z the normalised value: dx = inverse*(g - mean(g) - z*mean(g*z)). */
static void layer_norm_data(float *dx, const float *dy, const float *x, const float *stats, const float *scale,
                            int64_t rows, int c, bool add) {
  for (int64_t r = 0; r < rows; r++, x += c, dx += c, dy += c, stats += 2) {
    float mean = stats[0], inverse = stats[1];
    lane first = {0}, second = {0};
    for (int k = 0; k < c; k += lane_count) {
      int count = c - k < lane_count ? c - k : lane_count;
      lane g = get_some(dy + k, count) * get_some(scale + k, count);
      first += g;
      second += g * ((get_some(x + k, count) - mean) * inverse);
    }
    float a = sum_of(first) / (float)c, b = sum_of(second) / (float)c;
    for (int k = 0; k < c; k++) {
      float d = inverse * (dy[k] * scale[k] - a - (x[k] - mean) * inverse * b);
      dx[k] = add ? dx[k] + d : d;
    }
  }
}
