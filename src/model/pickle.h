/* A data-only reader of Python's pickle, protocols 2 to 5. It builds the structs below and nothing else: a global stays
 * a pair of names, a call stays a class with its arguments. No name is looked up, nothing is called.
 * The opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py */
#ifndef BF_MODEL_PICKLE_H
#define BF_MODEL_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bifocal/status.h"

typedef enum bf_pickle_kind {
  BF_PICKLE_NONE,
  BF_PICKLE_BOOL,
  BF_PICKLE_INT,
  BF_PICKLE_BIG_INT, /* beyond 64 bits: its bytes as in the file, little endian */
  BF_PICKLE_FLOAT,
  BF_PICKLE_TEXT,
  BF_PICKLE_BYTES,
  BF_PICKLE_TUPLE,
  BF_PICKLE_LIST, /* sets too */
  BF_PICKLE_DICT, /* items are key, value, key, value ... */
  BF_PICKLE_GLOBAL,
  BF_PICKLE_OBJECT,    /* what calling `type` with `arguments` would have made */
  BF_PICKLE_PERSISTENT /* an object that is stored elsewhere, known by `id` */
} bf_pickle_kind;

/* Not ended by 0; borrowed from the pickle's bytes. */
typedef struct bf_pickle_text {
  const char *bytes;
  size_t length;
} bf_pickle_text;

/* By bytes, a beginning before what goes on: below, at or above 0. */
int bf_pickle_text_compare(bf_pickle_text a, bf_pickle_text b);

typedef struct bf_pickle_value bf_pickle_value;
struct bf_pickle_value {
  bf_pickle_kind kind;
  bool visiting; /* for whoever walks: containers may contain themselves */
  /* Of TUPLE, LIST, DICT; of an OBJECT the pairs that were set in it. */
  uint32_t count, capacity;
  bf_pickle_value **items;
  union {
    bool truth;
    int64_t integer;
    double real;
    bf_pickle_text text; /* TEXT, BYTES, BIG_INT */
    struct {
      bf_pickle_text module, name;
    } global;
    struct {
      /* arguments is a TUPLE or NULL; state, NULL or what the object was to be filled from. */
      bf_pickle_value *type, *arguments, *state;
    } object;
    bf_pickle_value *id;
  };
};

typedef struct bf_pickle {
  bf_pickle_value *root;
  size_t used; /* bytes, to the end of STOP */
  /* Every PERSISTENT value, in the order of reading. */
  bf_pickle_value **persistent;
  uint32_t persistent_count, persistent_capacity;
  struct bf_pickle_chunk *chunks; /* owns the values */
} bf_pickle;

/* Reads one pickle from the start of bytes, which must outlive *out. Cleared after a failure. */
bf_status bf_pickle_read(bf_pickle *out, const void *bytes, size_t size, bf_error *err);
void bf_pickle_clear(bf_pickle *pickle);

bool bf_pickle_text_is(bf_pickle_text text, const char *wanted);
/* The value of a text key in a DICT; NULL where there is none or value is NULL or no DICT. */
const bf_pickle_value *bf_pickle_entry(const bf_pickle_value *dict, const char *key);

#endif
