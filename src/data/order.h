/* Which rows an epoch shows, and in what order: each once, classes in equal shares where asked for, and where a task's
 * labels are rare, enough of its rows in every batch. Draws are keyed by (seed, epoch). */
#ifndef BF_DATA_ORDER_H
#define BF_DATA_ORDER_H

#include "store/dataset.h"

/* What a row may be labelled with. */
enum { BF_KNOWS_CLASS = 1, BF_KNOWS_LESIONS = 2, BF_KNOWS_MASK = 4, BF_LABEL_KINDS = 3 };

/* The kinds that a record has. */
static inline unsigned bf_record_knows(const bf_record *r) {
  return (r->malignant >= 0 ? BF_KNOWS_CLASS : 0u) | (r->lesions_known ? BF_KNOWS_LESIONS : 0u) |
         (r->mask_known ? BF_KNOWS_MASK : 0u);
}

typedef struct bf_order_options {
  /* Benign and malignant rows in equal shares of the places that both have together, by repeating the rarer class and
   * drawing from the other; rows of unknown class keep their places. */
  bool balanced;
  /* Least share of the places that go to rows with each of the wanted labels, by repeating those rows in place of
   * others; 0: as many as there are. */
  double rare;
  unsigned wanted; /* kinds that something is trained from; others do not matter */
  uint64_t seed;
} bf_order_options;

typedef struct bf_order bf_order;

/* For the rows with part[row] == which; data is borrowed. */
bf_status bf_order_create(bf_order **out, const bf_dataset *data, const uint8_t *part, uint8_t which,
                          const bf_order_options *options, bf_error *err);
void bf_order_destroy(bf_order *order);

/* One epoch: rows, and which time each comes, from 0 (repeats may be NULL). Both have room for bf_dataset_count.
 * Returns how many: as many as there are rows. Where wanted labels are partial, rows of each kind are spread evenly, so
 * that every batch holds its share of each (stratified sampling). No allocation. */
int64_t bf_order_draw(bf_order *order, int64_t *rows, int64_t *repeats, int64_t epoch);

#endif
