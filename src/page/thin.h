/* Fewer points for a line that looks the same. */
#ifndef BF_PAGE_THIN_H
#define BF_PAGE_THIN_H

#include <stddef.h>

typedef struct bf_spot {
  double x, y;
} bf_spot;

/* Keeps a part of `count` spots, in their order and in place, first and last among them; each one left out lies within
 * `most` of the line through those kept. Work grows as count at worst times a constant. Returns how many are kept. */
size_t bf_thin(bf_spot *spots, size_t count, double most);

#endif
