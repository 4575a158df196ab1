/* What people said of the images: label files behind a table (labels.def), matched by content. */
#ifndef BF_DATA_LABELS_H
#define BF_DATA_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "bifocal/status.h"
#include "data/mask.h"
#include "store/dataset.h"

typedef struct bf_label {
  char sop_instance_uid[65]; /* or "" when the row names a file */
  char *file;                /* absolute or relative to the process, resolved against the CSV's folder; or NULL */
  char *patient_id;          /* raw, in memory only; or NULL */
  int8_t malignant;          /* -1 unknown */
  bool has_class;            /* an image row was seen */
  bool lesions_known;        /* a box file spoke of it, or a mask that was read (of some frame: bf_label_knows_frame) */
  uint8_t split;             /* bf_split; NONE when not given */
  bf_lesion *lesions;        /* image field unused; frame below */
  int32_t *lesion_frames;    /* -1: every frame */
  int32_t lesion_count;
  int32_t *looked_frames; /* frames that box rows speak of, with or without a lesion; -1: every frame */
  int32_t looked_count;
  bf_mask_file *masks; /* drawn on it; those of one frame are joined. Read when the image is there: data/mask_label.h */
  int32_t mask_count;
  int64_t matched; /* set by the user of the labels: images found for it */
} bf_label;

typedef struct bf_labels bf_labels;

bf_status bf_labels_create(bf_labels **out, bf_error *err);
void bf_labels_destroy(bf_labels *labels);
/* Reads one label file or folder of masks, its kind found by its content. Contradicting classes for one image,
 * coordinates that are no numbers, xmax <= xmin and the like: BF_E_FORMAT naming file and line. */
bf_status bf_labels_read(bf_labels *labels, const char *path, bf_error *err);
int64_t bf_labels_count(const bf_labels *labels);
bf_label *bf_labels_at(bf_labels *labels, int64_t index);
/* The label of an image that may be spoken of twice, by UID in one file and by path in another: both are joined into
 * the one by UID. *out is NULL when nobody speaks of it; two answers that contradict each other are BF_E_FORMAT. */
bf_status bf_labels_match(bf_label **out, bf_labels *labels, const char *sop_instance_uid, const char *path,
                          bf_error *err);
/* Whether one of them speaks of it. */
bool bf_labels_name(const bf_labels *labels, const char *sop_instance_uid, const char *path);
/* By SOP Instance UID, else by file (same file by path after resolving); NULL when nobody speaks of it. An image that
 * is spoken of by both is joined as in bf_labels_match; where the two contradict each other, the one by UID counts. */
bf_label *bf_labels_find(bf_labels *labels, const char *sop_instance_uid, const char *path);

/* Lower-case hexadecimal SHA-256 of a label file, 64 characters and NUL; of a folder of masks that of the lines
 * "<SHA-256 of a mask>  <its path below the folder>\n" in the order of the paths, as sha256sum prints them. */
bf_status bf_labels_sha256(char hex[65], const char *path, bf_error *err);

typedef struct bf_label_format {
  const char *name, *help;
  /* 0..100: how sure this reader is, from the first bytes; of a folder there are none. */
  int (*detect)(const char *path, const char *head, size_t size);
  bf_status (*read)(bf_labels *labels, const char *path, bf_error *err);
} bf_label_format;

/* For readers: finds or adds the label of an image. */
bf_label *bf_labels_touch(bf_labels *labels, const char *sop_instance_uid, const char *file, bf_error *err);
/* A lesion that is there already, to the same coordinates and frame, is not added again. Marks the frame as looked at.
 */
bf_status bf_label_add_lesion(bf_label *label, bf_lesion lesion, int32_t frame, bf_error *err);
/* Somebody looked at the frame (-1: at every frame). */
bf_status bf_label_look(bf_label *label, int32_t frame, bf_error *err);
/* A mask that was drawn on the frame (-1: every frame). One that is there already is not added again. path: copied. */
bf_status bf_label_add_mask(bf_label *label, bf_mask_kind kind, const char *path, int32_t frame, bf_error *err);
/* Whether somebody looked for lesions in this frame. */
bool bf_label_knows_frame(const bf_label *label, int32_t frame);
/* The PNG files below a folder, sorted by path, as the reader of mask folders takes them; cleared by the caller. */
bf_status bf_labels_list_masks(bf_file_list *out, const char *folder, bf_error *err);
/* NULL after the last. */
const bf_label_format *bf_labels_format(int index);

#endif
