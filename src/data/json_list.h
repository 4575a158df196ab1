/* Lists of a large JSON object, element by element: a tree of the whole file would take many times its size. Other
 * members are passed over, without a look at their soundness. One thread a cursor. */
#ifndef BF_DATA_JSON_LIST_H
#define BF_DATA_JSON_LIST_H

#include <jansson.h>

#include "bifocal/status.h"

/* Elements of more bytes, or of more levels with all that is around them, are BF_E_LIMIT. */
enum { BF_JSON_ELEMENT_MAX = 8 << 20, BF_JSON_DEPTH_MAX = 32 };

/* starts[count]: where the list of each name begins in `text`, which holds no NUL but its end. BF_E_FORMAT naming
 * `path`, and line or list: no object, cut short, one of the lists missing, no list, or there twice. */
bf_status bf_json_lists(const char *starts[], const char *text, const char *const *names, int count, const char *path,
                        bf_error *err);

typedef struct bf_json_cursor {
  const char *next;        /* from bf_json_lists */
  const char *path, *name; /* for messages */
  size_t index;            /* of the element to come, from 0 */
} bf_json_cursor;

/* The next element, released by the caller with json_decref; *out is NULL behind the last. */
bf_status bf_json_next(json_t **out, bf_json_cursor *cursor, bf_error *err);

#endif
