/* The product of a matrix read in place and a packed one: what every convolution and its gradients are made of.
 *
 *   C[i][j] (+)= sum over o < outer, p < inner of A[i*a_row + o*a_outer + p*a_inner] * B[o*inner + p][j]
 *
 * Each element of C is one chain of additions in the order of o and p, whatever rows and columns are asked for in one
 * call: cutting the work otherwise, between threads or batches, changes no bit. */
#ifndef BF_TENSOR_PRODUCT_H
#define BF_TENSOR_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

/* What happens to a finished sum before it is stored: s -> clamp(s*scale[j] + shift[j] + other[i][j]). */
typedef struct bf_finish {
  const float *scale, *shift; /* of each column; NULL: 1 and 0 */
  const float *other;         /* NULL: nothing is added; strides as C's */
  bool clamp;                 /* to [0, top] */
  float top;
} bf_finish;

/* The finish as it begins at a column and at an element of C; NULL gives none. */
static inline bf_finish bf_finish_at(const bf_finish *f, int64_t column, int64_t element) {
  if (f == NULL) return (bf_finish){0};
  bf_finish at = *f;
  if (at.scale != NULL) at.scale += column;
  if (at.shift != NULL) at.shift += column;
  if (at.other != NULL) at.other += element;
  return at;
}

typedef struct bf_product {
  int64_t rows, columns, outer, inner;
  const float *a; /* a_row or a_inner is 1 */
  int64_t a_row, a_outer, a_inner;
  const float *b;    /* packed: see bf_kernels.pack */
  const float *next; /* what is needed of B after this product, next_floats of it, fetched meanwhile; NULL: none */
  int64_t next_floats;
  float *c;
  int64_t c_row;
  bool add;                /* to what stands in C; not together with a finish */
  const bf_finish *finish; /* NULL: none; its arrays start at C's first column and row */
} bf_product;

#endif
