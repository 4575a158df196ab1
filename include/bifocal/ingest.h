/* DICOM files and labels to a dataset file. */
#ifndef BIFOCAL_INGEST_H
#define BIFOCAL_INGEST_H

#include <stdint.h>

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bf_ingest_options {
  const char *const *paths; /* files or folders */
  int path_count;
  const char *const *labels; /* label files, and folders of masks */
  int label_count;
  const char *output;   /* DATA.h5 */
  const char *key_file; /* secret of the patient hash, or NULL: BIFOCAL_PATIENT_KEY, else a key from the system's random
                           source for this dataset alone */
  const char *const *settings; /* "prepare.side=320" and the like */
  int setting_count;
  int threads; /* 0: the processors this process may use */
} bf_ingest_options;

typedef struct bf_ingest_report {
  int64_t files, taken, frames, left_out, patients, studies, malignant, benign, unknown_class, lesions_known, lesions,
      boxes_outside, labels_unmatched;
  int64_t passed_over;       /* files in the folders that are label files, or their masks and pieces; not among files */
  int64_t images_unlabelled; /* files that are taken and that no label speaks of; 0 where no label files were given */
  int64_t contradictions;    /* rows that contradict others, or cannot be used; what they speak of is unknown */
  int64_t labels_ambiguous;  /* labels that several images answer to: used for none */
  int64_t masks;             /* images with a mask */
  int64_t mask_pixels;       /* of lesions, in all of them */
  int64_t boxes_from_masks;  /* of lesions: those that no box file gave */
  int64_t specks;            /* pieces of masks that are too small for a lesion */
  int64_t masks_unfit;       /* masks that could not be used: of another size than their image, damaged, or for a frame
                                that is not there; the images stay, their masks are unknown */
  int64_t masks_unmatched;   /* masks of images that were not found */
  /* How the dataset is split (docs/protocol.md). */
  int64_t groups;                   /* sets of images that never stand on two sides: of a patient, or alike */
  int64_t without_patient;          /* images held together by their study alone */
  int64_t without_identity;         /* images without patient and study */
  int64_t duplicates;               /* pairs of images of different patients that look alike */
  int64_t duplicates_labels_differ; /* of them: one is benign, the other malignant */
  int64_t excluded;                 /* images of no part, because one that looks alike judges what is learnt */
  int64_t crowded;                  /* images with more images alike than are looked at */
  int64_t largest_group;            /* images of the largest group */
  int64_t train, validation, test;  /* images of the parts; 0 where nothing was dealt or given */
  int64_t folds;                    /* that were dealt */
  int64_t failed; /* of left_out: images that are damaged or of a kind that is not handled; the rest are no images, or
                     the same image again */
} bf_ingest_report;

/* Every file is taken or left out with a reason; both are counted in the report and listed in DATA.h5. No image taken
 * at all: BF_E_NOT_FOUND. json: the report with each left-out file, freed with bf_text_free; may be NULL. */
bf_status bf_ingest(bf_ingest_report *report, char **json, const bf_ingest_options *options, bf_error *err);

/* Frees text that bifocal handed out. */
void bf_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
