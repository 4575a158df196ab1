/* Sums over areas in whole numbers: a comparison of two must not hang on rounding, or on the machine. */
#include "image/fingerprint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { most_across = 32, print_side = 16, blur_reach = 8 };

static const double blur_width = 2, least_length = 1e-6;

/* A row's values, weighted by how far each lies within each of `across` equal parts, in units of 1/across of a pixel.
 */
static void sum_row(int64_t *sums, int across, const uint16_t *row, int64_t columns) {
  for (int j = 0; j < across; j++) {
    int64_t low = j * columns, high = low + columns, first = low / across, last = (high - 1) / across;
    if (first == last) {
      sums[j] = row[first] * columns;
      continue;
    }
    uint64_t inner = 0;
    for (int64_t x = first + 1; x < last; x++) inner += row[x];
    sums[j] = row[first] * ((first + 1) * across - low) + (int64_t)inner * across + row[last] * (high - last * across);
  }
}

/* out: [down*across], all of one weight: rows * columns. At most 65535 * (32 * 32768)^2 / 32^2, far within 63 bits. */
static void sum_areas(int64_t *out, int across, int down, const uint16_t *pixels, int64_t rows, int64_t columns) {
  int64_t sums[most_across];
  memset(out, 0, (size_t)(across * down) * sizeof *out);
  for (int64_t y = 0; y < rows; y++) {
    sum_row(sums, across, pixels + y * columns, columns);
    int64_t low = y * down, high = low + down;
    for (int64_t i = low / rows; i <= (high - 1) / rows; i++) {
      int64_t from = low > i * rows ? low : i * rows, to = high < (i + 1) * rows ? high : (i + 1) * rows;
      for (int j = 0; j < across; j++) out[i * across + j] += sums[j] * (to - from);
    }
  }
}

void bf_fingerprint_of(bf_fingerprint *out, const uint16_t *pixels, int32_t rows, int32_t columns) {
  int64_t sums[print_side * (print_side + 1)];
  sum_areas(sums, print_side + 1, print_side, pixels, rows, columns);
  *out = (bf_fingerprint){0};
  for (int i = 0; i < BF_FINGERPRINT_BITS; i++) {
    const int64_t *at = &sums[i / print_side * (print_side + 1) + i % print_side];
    out->words[i / 64] |= (uint64_t)(at[1] > at[0]) << (i % 64);
  }
}

int bf_fingerprint_distance(const bf_fingerprint *a, const bf_fingerprint *b) {
  int sum = 0;
  for (int i = 0; i < BF_FINGERPRINT_BITS / 64; i++) sum += __builtin_popcountll(a->words[i] ^ b->words[i]);
  return sum;
}

void bf_fingerprint_write(char hex[BF_FINGERPRINT_HEX], const bf_fingerprint *print) {
  for (int i = 0; i < BF_FINGERPRINT_BITS / 64; i++)
    snprintf(hex + 16 * i, 17, "%016llx", (unsigned long long)print->words[i]);
}

static int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool bf_fingerprint_read(bf_fingerprint *out, const char *hex) {
  *out = (bf_fingerprint){0};
  for (int i = 0; i < BF_FINGERPRINT_BITS / 4; i++) {
    int digit = digit_of(hex[i]); /* the text's end is no digit */
    if (digit < 0) return false;
    out->words[i / 16] = out->words[i / 16] << 4 | (uint64_t)digit;
  }
  return hex[BF_FINGERPRINT_BITS / 4] == '\0';
}

/* ---- detail ---- */

static int within(int i) { return i < 0 ? 0 : i >= BF_DETAIL_SIDE ? BF_DETAIL_SIDE - 1 : i; }

/* Along one direction; the edge's values go on outside. */
static void blur(double *to, const double *from, int step, int other) {
  double weights[2 * blur_reach + 1], sum = 0;
  for (int k = -blur_reach; k <= blur_reach; k++)
    sum += weights[k + blur_reach] = exp(-0.5 * k * k / (blur_width * blur_width));
  for (int line = 0; line < BF_DETAIL_SIDE; line++)
    for (int i = 0; i < BF_DETAIL_SIDE; i++) {
      double value = 0;
      for (int k = -blur_reach; k <= blur_reach; k++)
        value += weights[k + blur_reach] * from[line * other + within(i + k) * step];
      to[line * other + i * step] = value / sum;
    }
}

bool bf_detail_of(float out[BF_DETAIL], const uint16_t *pixels, int32_t rows, int32_t columns) {
  int64_t sums[BF_DETAIL];
  double values[BF_DETAIL], across[BF_DETAIL], slow[BF_DETAIL], mean = 0, length = 0;
  sum_areas(sums, BF_DETAIL_SIDE, BF_DETAIL_SIDE, pixels, rows, columns);
  for (int i = 0; i < BF_DETAIL; i++) values[i] = (double)sums[i] / ((double)rows * columns * 65535);
  blur(across, values, 1, BF_DETAIL_SIDE);
  blur(slow, across, BF_DETAIL_SIDE, 1);
  for (int i = 0; i < BF_DETAIL; i++) mean += (values[i] -= slow[i]) / BF_DETAIL;
  for (int i = 0; i < BF_DETAIL; i++) values[i] -= mean, length += values[i] * values[i];
  length = sqrt(length);
  bool good = length > least_length;
  for (int i = 0; i < BF_DETAIL; i++) out[i] = good ? (float)(values[i] / length) : 0;
  return good;
}

float bf_detail_correlation(const float a[BF_DETAIL], const float b[BF_DETAIL]) {
  double sum = 0;
  for (int i = 0; i < BF_DETAIL; i++) sum += (double)a[i] * b[i];
  return (float)sum;
}
