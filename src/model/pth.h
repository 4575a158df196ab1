/* A PyTorch checkpoint opened: its pickle as data, and where the storages' bytes stand. Two layouts, one reader. */
#ifndef BF_MODEL_PTH_H
#define BF_MODEL_PTH_H

#include "model/pickle.h"
#include "model/pth_zip.h"
#include "model/tensors.h"

enum { BF_PTH_KEY_MAX = 64 };

/* A storage as a pickle names it. */
typedef struct bf_pth_storage {
  bf_pickle_text key;
  const char *type; /* as in bf_tensor; "" for numbers that no tensor of ours can hold */
  size_t item_size; /* 0: unknown */
  int64_t count;    /* numbers in the whole storage */
  /* Of the part that this name sees: all of it but for old files. */
  int64_t view_offset, view_count;
} bf_pth_storage;

typedef struct bf_pth_section {
  bf_pth_storage storage;
  const void *bytes; /* NULL until found */
} bf_pth_section;

typedef struct bf_pth {
  bf_tensors *file;
  bf_pickle pickle;
  bool is_zip;
  bf_zip zip;
  char archive[256];        /* the name in front of every record */
  void *inflated;           /* the pickle's bytes where they were compressed */
  bf_pth_section *sections; /* legacy: sorted by key */
  int64_t section_count;
  size_t gather_left; /* bytes that may still be copied out of strides */
} bf_pth;

/* From file->memory. Cleared after a failure. */
bf_status bf_pth_open_zip(bf_pth *out, bf_tensors *file, bf_error *err);
bf_status bf_pth_open_legacy(bf_pth *out, bf_tensors *file, bf_error *err);
void bf_pth_close(bf_pth *pth);

/* True where the pickle machine's value is a storage's name; *out is then filled and checked. The error says what is
 * wrong with a value that is none. */
bf_status bf_pth_read_storage(bf_pth_storage *out, const bf_pickle_value *value, bf_error *err);
/* All bytes of the storage, at least count x item_size. */
bf_status bf_pth_find(const void **bytes, bf_pth *pth, const bf_pth_storage *storage, bf_error *err);

typedef enum bf_pth_role {
  BF_PTH_OPAQUE, /* not in the list of names: nothing of it is used */
  BF_PTH_PLAIN,  /* a known thing that holds no tensor */
  BF_PTH_DICT,
  BF_PTH_TENSOR,    /* (storage, offset, sizes, strides ...) */
  BF_PTH_TYPED,     /* the same over bytes, with the type in the seventh place */
  BF_PTH_PARAMETER, /* (tensor ...) */
  BF_PTH_SUBCLASS   /* (one of the above, class, its arguments ...) */
} bf_pth_role;

bf_pth_role bf_pth_role_of(const bf_pickle_value *global);
/* Adds what an object of the last four roles describes. */
bf_status bf_pth_add_tensor(bf_pth *pth, const char *name, const bf_pickle_value *object, bf_error *err);

#endif
