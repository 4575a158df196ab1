/* Text from outside as UTF-8 (RFC 3629): file names and DICOM values are bytes, JSON and HDF5's texts are not. */
#ifndef BF_BASE_UTF8_H
#define BF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool bf_is_utf8(const char *text);

/* Bytes of the byte order mark that a text begins with: 3, or 0 where there is none. */
size_t bf_utf8_mark(const char *text, size_t size);

/* UTF-8 without what moves a terminal or turns a line about: controls (C0, DEL, C1), line and paragraph separators,
 * directions of writing. For names that come from strangers' files. */
bool bf_is_plain_text(const char *text);

/* In place: every byte of a character that is not plain becomes '?', so that a line stays a line. Bytes that are no
 * UTF-8 stay, but controls: names of files may hold them. */
void bf_make_plain(char *text);

/* A copy in which every byte that is no UTF-8 became U+FFFD; freed with bf_free; NULL when memory is short. */
char *bf_utf8_copy(const char *text);

/* The code point at *text, which is moved behind it; -1 where the bytes are no UTF-8. */
long bf_utf8_next(const char **text);

#endif
