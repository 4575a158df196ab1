/* How much a prepared picture shows: for telling a black or constant frame from a picture. */
#ifndef BF_IMAGE_LEVELS_H
#define BF_IMAGE_LEVELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many of 256 equal steps from black to white the pixels use: 1 for a constant picture. */
int bf_image_levels(const uint16_t *pixels, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
