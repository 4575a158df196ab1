/* What the files of a job are to each other, before a pixel is read: every header is looked at once. Rules (rules.def)
 * leave files out that show nothing of their own, and the slices of a volume are put in the order of their places. */
#ifndef BF_DATA_CATALOG_H
#define BF_DATA_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "base/pool.h"
#include "image/image.h"

typedef struct bf_catalog_file {
  bf_status status; /* of opening; not BF_OK: message says why it cannot be used */
  int32_t frames;   /* of a file that can be opened; 0 elsewhere */
  const char *rule; /* static name of the rule that left it out; NULL: none did */
  char *message;    /* why it is not taken, naming the file; NULL where it is */
  int64_t volume;   /* its frames are slices of this one, in order of place; -1: of none. Files of a volume follow each
                       other in the list */
  int64_t patient;  /* numbers of patients, given from 0 on in the order in which the list, as it came, first speaks of
                       them: the same in whatever part of the list is worked on; -1 unknown */
} bf_catalog_file;

static inline bool bf_catalog_file_takes(const bf_catalog_file *f) { return f->status == BF_OK && f->rule == NULL; }

typedef struct bf_catalog {
  bf_catalog_file *files; /* as many as the list has, in its new order */
  int64_t count, volumes;
} bf_catalog;

/* Whether somebody asks for just this image, such as a label: no rule leaves it out. Called once for each image, in the
 * order of the list. image: without tables. */
typedef bool (*bf_catalog_named)(void *argument, const bf_image *image, const char *path);

/* Looks at every file of the list, in parallel, and orders the list: single slices of CT, MR and PET series that are
 * parallel and of one size stand where the first of them stood, by their place along the normal (PS3.3 C.7.6.2.1.1);
 * where several share a place (echoes, phases), one volume each, told apart by Instance Number, if all
 * places hold as many. Everything else keeps
 * its place. rules false: none is asked. named may be NULL. Errors: BF_E_MEMORY, BF_E_CANCELLED; a file that cannot be
 * opened is none. */
bf_status bf_catalog_build(bf_catalog *out, bf_file_list *files, bool rules, bf_catalog_named named, void *argument,
                           bf_pool *pool, bf_error *err);
void bf_catalog_clear(bf_catalog *catalog); /* accepts a zeroed one */
bool bf_catalog_takes(const bf_catalog *catalog, int64_t file);

#endif
