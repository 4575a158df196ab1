/* Names from strangers' files in fields of fixed size. */
#ifndef BF_BASE_NAME_H
#define BF_BASE_NAME_H

#include <stddef.h>

/* Plain UTF-8 (base/utf8.h), cut between two characters where there is no room; bytes that are no UTF-8 become '?'.
 * text NULL: "". size: at least 1. */
void bf_name_set(char *name, size_t size, const char *text);

#endif
