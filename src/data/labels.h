/* What people said of the images: label files behind a table (labels.def), matched by content. */
#ifndef BF_DATA_LABELS_H
#define BF_DATA_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "bifocal/status.h"
#include "data/mask.h"
#include "data/mask_shape.h"
#include "store/dataset.h"

/* How a label names its image. The last three may be met by several images; then they name none (bf_labels_claim). */
typedef enum bf_label_key {
  BF_LABEL_UID,    /* SOP Instance UID */
  BF_LABEL_FILE,   /* path */
  BF_LABEL_STEM,   /* file name without extension, or SOP Instance UID; "folder/name" with the folder that it is in */
  BF_LABEL_SERIES, /* Series Instance UID */
  BF_LABEL_VIEW    /* Study Instance UID, laterality and view: bf_label_view_text */
} bf_label_key;

/* The image that asks for its label: texts may be NULL or "" where they are unknown. */
typedef struct bf_subject {
  const char *sop_instance_uid, *series_instance_uid, *study_instance_uid, *laterality, *view, *path;
} bf_subject;

/* A box, and what it was drawn on. */
typedef struct bf_label_lesion {
  bf_lesion box;           /* image field unused */
  int32_t frame;           /* -1: every frame */
  int32_t rows, columns;   /* of the picture; 0: unknown. An image of another size has none of it */
  bool class_contradicted; /* two classes were said: it is unknown */
  char lies; /* 'L', 'R': holds for the image with its brighter edge there, else turned by 180 degrees; 0: as
                it is */
} bf_label_lesion;

/* That somebody looked at a frame, and said: */
typedef enum bf_label_look {
  BF_LOOK_DONE, /* what the boxes say, and nothing beside them */
  BF_LOOK_CLEAN,
  BF_LOOK_DOUBTED /* that there is no lesion, and where one is: nothing is known of it */
} bf_label_look;

typedef struct bf_label_looked {
  int32_t frame; /* -1: every frame */
  bf_label_look said;
} bf_label_looked;

/* A frame of an image as it is stored. */
typedef struct bf_label_picture {
  int32_t frame, rows, columns;
  char bright_edge; /* 'L', 'R' (bf_prepared.bright_edge); 0 unknown */
} bf_label_picture;

typedef struct bf_label {
  bf_label_key key;
  char *name;                /* the key's text; of a file absolute or relative to the process; owned */
  char sop_instance_uid[65]; /* of BF_LABEL_UID; of the image that a label by another key was found for */
  char *patient_id;          /* raw, in memory only; or NULL */
  /* Follows from the next, whatever comes first: what is said of the image, else of its lesions together; -1 unknown.
   * Two that differ of the image, or a malignant lesion in a benign image, contradict each other: unknown. */
  int8_t malignant;
  int8_t of_image;
  bool lesion_malignant, lesion_benign, lesion_unknown; /* lesions of that class were said (bf_label_add_class) */
  bool box_malignant;
  bool contradicted;
  bool doubted;                            /* some frame is BF_LOOK_DOUBTED */
  bool box_contradicted;                   /* one box is called benign and malignant */
  bool told_class, told_lesions, told_box; /* bf_labels_tell */
  bool ambiguous;                          /* several images answer to its key: it is used for none */
  uint8_t split;                           /* bf_split; NONE when not given */
  bf_label_lesion *lesions;
  int32_t lesion_count;
  bf_label_looked *looked; /* frames that somebody spoke of, with or without a lesion, or whose mask was read */
  int32_t looked_count;
  bf_mask_file *masks; /* drawn on it; those of one frame are joined. Read when the image is there: data/mask_label.h */
  int32_t mask_count;
  const char **texts; /* [text_count] of the columns that are kept, see bf_label_text; NULL: no row says anything. The
                         array is owned; its texts belong to bf_labels */
  int text_count;
  uint32_t texts_doubted; /* a bit a column: what is said of it is of no use */
  int64_t matched;        /* set by the user of the labels: images found for it */
} bf_label;

typedef struct bf_labels bf_labels;

bf_status bf_labels_create(bf_labels **out, bf_error *err);
void bf_labels_destroy(bf_labels *labels);
/* Asks for a further column of plain CSV files of images, such as "scanner", by its name in any case of letters, before
 * anything is read. Unasked, no text of a label file is kept. The column's number from 0, the same when it is asked for
 * again; -1: BF_E_ARGUMENT where the name is none or has a meaning of its own (pathology, PatientID, ...), BF_E_LIMIT,
 * BF_E_MEMORY. */
enum { BF_LABEL_COLUMNS_MAX = 16, BF_LABEL_TEXT_MAX = 64 };
int bf_labels_keep(bf_labels *labels, const char *name, bf_error *err);
/* When all is read: BF_E_ARGUMENT where no file has a column that was asked for; names those that are there. */
bf_status bf_labels_check_kept(bf_labels *labels, bf_error *err);
/* Whether a plain CSV file of images that was read has this further column, in any case of letters, asked for or not.
 */
bool bf_labels_has_column(bf_labels *labels, const char *name);
/* What the column says of the image, at most BF_LABEL_TEXT_MAX bytes of plain UTF-8 (base/utf8.h); borrowed of the
 * labels. Of a longer text the beginning, "..." and eight hexadecimal digits of its SHA-256, which is complained of.
 * NULL: unknown, as it is where rows say different things, which are complained of. Labels that are joined
 * (bf_labels_match) have it in common. */
const char *bf_label_text(const bf_label *label, int column);
/* Reads one label file or folder of them, its kind found by its content. Coordinates that are no numbers, xmax <=
 * xmin, two splits or patients for one image and the like: BF_E_FORMAT naming file and line. Contradicting classes or
 * lesions make them unknown, and are listed (bf_labels_complaint). */
bf_status bf_labels_read(bf_labels *labels, const char *path, bf_error *err);
int64_t bf_labels_count(const bf_labels *labels);
bf_label *bf_labels_at(bf_labels *labels, int64_t index);
/* Says that the image is there, before any is matched: a label by stem, series or view that two images (of two SOP
 * Instance UIDs) claim is ambiguous from then on. Returns whether some label speaks of this very image, not only of its
 * series or view. */
bool bf_labels_claim(bf_labels *labels, const bf_subject *subject);
/* The label of an image that may be spoken of several times, under several keys: all are joined into the first, in the
 * order of bf_label_key. *out is NULL when nobody speaks of it. Two patients or two splits are BF_E_FORMAT; two classes
 * make it unknown and are listed. Files are the same by path after resolving. */
bf_status bf_labels_match(bf_label **out, bf_labels *labels, const bf_subject *subject, bf_error *err);
/* The image is there, and no row is made of it: its labels have found it. They are not joined. Whether one of them had
 * found none before. */
bool bf_labels_mark(bf_labels *labels, const bf_subject *subject);
/* How a report calls the label: its name, but of a file name without its folder, which may be a patient's number. */
const char *bf_label_title(const bf_label *label);
int64_t bf_labels_ambiguous(const bf_labels *labels);

/* What readers and matching found to contradict each other, or could not use: sentences that name file and line. The
 * count is of all; of the texts the first BF_COMPLAINTS_MAX are kept. */
enum { BF_COMPLAINTS_MAX = 10000 };
int64_t bf_labels_complaints(const bf_labels *labels);
const char *bf_labels_complaint(const bf_labels *labels, int64_t index); /* NULL behind the last that is kept */

/* Lower-case hexadecimal SHA-256 of a label file, 64 characters and NUL; of a folder that of the lines
 * "<SHA-256 of a file>  <its path below the folder>\n" in the order of the paths, as sha256sum prints them. */
bf_status bf_labels_sha256(char hex[65], const char *path, bf_error *err);

typedef struct bf_label_format {
  const char *name, *help;
  /* 0..100: how sure this reader is, from the first bytes; of a folder there are none. */
  int (*detect)(const char *path, const char *head, size_t size);
  bf_status (*read)(bf_labels *labels, const char *path, bf_error *err);
} bf_label_format;

/* For readers: finds or adds the label of an image. By SOP Instance UID, or where that is NULL or "" by file. */
bf_label *bf_labels_touch(bf_labels *labels, const char *sop_instance_uid, const char *file, bf_error *err);
bf_label *bf_labels_touch_by(bf_labels *labels, bf_label_key key, const char *text, bf_error *err);
/* Length of a file's name without its extension, which begins with a letter: the last part of a UID is none. */
size_t bf_label_stem(const char *name);
/* "STUDY L CC": the text of BF_LABEL_VIEW. */
enum { BF_VIEW_TEXT_MAX = 128 };
void bf_label_view_text(char text[BF_VIEW_TEXT_MAX], const char *study, const char *laterality, const char *view);
BF_PRINTF(2, 3) void bf_labels_complain(bf_labels *labels, const char *format, ...);
/* After a row: complains of what contradicts itself in the label since. path, line: of the row; line 0: none. */
void bf_labels_tell(bf_labels *labels, bf_label *label, const char *path, long line);
/* The class of the image: 0, 1; -1 says nothing. */
void bf_label_set_class(bf_label *label, int8_t malignant);
/* One of several lesions, -1 being of unknown class: the image is malignant when any of them is, benign when all are.
 */
void bf_label_add_class(bf_label *label, int8_t malignant);
/* All that another label says of the same image's class. */
void bf_label_join_class(bf_label *label, const bf_label *other);
/* Part and patient; BF_E_FORMAT where an earlier row said another one. NONE and NULL or "" say nothing. */
bf_status bf_label_set_split(bf_label *label, uint8_t split, const char *path, long line, bf_error *err);
bf_status bf_label_set_patient(bf_label *label, const char *id, const char *path, long line, bf_error *err);
/* A lesion that is there already, to the same coordinates and frame, is not added again; of its sizes the known one
 * holds. Marks the frame as looked at. */
bf_status bf_label_add_lesion(bf_label *label, bf_label_lesion lesion, bf_error *err);
/* Somebody looked at the frame (-1: at every frame). A clean frame with lesions is doubted. */
bf_status bf_label_look_at(bf_label *label, int32_t frame, bf_label_look said, bf_error *err);
/* The same as bf_label_add_mask where what is drawn has a class of its own, 0 or 1. */
bf_status bf_label_add_class_mask(bf_label *label, bf_mask_kind kind, const char *path, int32_t frame, int8_t malignant,
                                  bf_error *err);
/* The same of all that a mask may say; the path is copied, the shape borrowed. */
bf_status bf_label_put_mask(bf_label *label, bf_mask_file mask, bf_error *err);
/* A file that is no image of its own, such as a piece cut out of one: ingest passes over it. */
bf_status bf_labels_pass(bf_labels *labels, const char *path, bf_error *err);
/* All of them, until the labels change. */
const char *const *bf_labels_passed(const bf_labels *labels, int64_t *count);
/* A mask that was drawn on the frame (-1: every frame). One that is there already is not added again. path: copied. */
bf_status bf_label_add_mask(bf_label *label, bf_mask_kind kind, const char *path, int32_t frame, bf_error *err);
/* The same for a mask that stands in the label file `path`. The shape is moved into labels, and freed on failure. */
bf_status bf_labels_add_shape(bf_labels *labels, bf_label *label, bf_mask_shape *shape, const char *path, int32_t frame,
                              bf_error *err);
/* Whether somebody looked for lesions in this frame, and nobody said otherwise. */
bool bf_label_knows_frame(const bf_label *label, int32_t frame);
/* Whether somebody said that this frame has none. */
bool bf_label_says_clean(const bf_label *label, int32_t frame);

typedef enum bf_lesion_fit {
  BF_LESION_FITS,
  BF_LESION_ELSEWHERE,  /* of another frame */
  BF_LESION_OTHER_SIZE, /* drawn on a picture of another size: lies nowhere */
  BF_LESION_OUTSIDE     /* by more than a pixel, by which annotations are often rounded outwards */
} bf_lesion_fit;

/* Where the lesion lies on the picture, in its pixels: turned as it was drawn, and when it fits cut to the picture.
 * Also set when it lies outside. */
bf_lesion_fit bf_label_place(bf_lesion *out, const bf_label_lesion *lesion, const bf_label_picture *picture);
/* The lesions of a frame, for training and for judging alike. Whether they are known: somebody looked, nobody said
 * otherwise, and each fits; else *count is 0. out: room for label->lesion_count. */
bool bf_label_lesions(bf_lesion *out, int32_t *count, const bf_label *label, const bf_label_picture *picture);
/* The label files below a folder, sorted by path: the PNG masks, or where there are none all files; cleared by the
 * caller. */
bf_status bf_labels_list_files(bf_file_list *out, const char *folder, bf_error *err);
/* NULL after the last. */
const bf_label_format *bf_labels_format(int index);

#endif
