/* What each column of SCORES.h5 holds, and the names of a row's status. */
#include "store/scores_columns.h"

#include "store/dataset_columns.h"

static const char *const status_names[] = {"ok", "not_dicom", "no_pixels", "damaged",         "unsupported", "limit",
                                           "io", "error",     "left_out",  "unlike_training", NULL};

#define ROW(field) offsetof(bf_stored_row, row.field)
const bf_column bf_row_columns[BF_ROW_COLUMNS] = {
    {"file", BF_COLUMN_TEXT, ROW(file), "1", "DICOM file as it was given to score", NULL},
    {"sop_instance_uid", BF_COLUMN_UID, ROW(sop_instance_uid), "1", "SOP Instance UID (0008,0018)", NULL},
    {"series_instance_uid", BF_COLUMN_UID, ROW(series_instance_uid), "1", "Series Instance UID (0020,000E)", NULL},
    {"study_instance_uid", BF_COLUMN_UID, ROW(study_instance_uid), "1", "Study Instance UID (0020,000D)", NULL},
    {"frame", BF_COLUMN_INT32, ROW(frame), "1", "frame of the file, from 0", NULL},
    {"rows", BF_COLUMN_INT32, ROW(rows), "px", "height of the original image", NULL},
    {"columns", BF_COLUMN_INT32, ROW(columns), "px", "width of the original image", NULL},
    {"modality", BF_COLUMN_WORD, ROW(modality), "1", "Modality (0008,0060)", NULL},
    {"status", BF_COLUMN_ENUM, ROW(status), "1", "ok, or why there is no result", status_names},
    {"message", BF_COLUMN_TEXT, ROW(message), "1", "reason in words; empty when ok", NULL},
    {"malignant_probability", BF_COLUMN_FLOAT, ROW(malignant_probability), "1",
     "probability of malignancy, 0 to 1, as the model calibrates it ('calibration' in extra_json says how); NaN when "
     "unknown",
     NULL},
    {"malignant_logit", BF_COLUMN_FLOAT, ROW(malignant_logit), "1",
     "logit of malignancy as the network gives it, before calibration; NaN when unknown", NULL},
    {"boxes_start", BF_COLUMN_INT64, offsetof(bf_stored_row, boxes_start), "1", "first box of the image in /boxes",
     NULL},
    {"boxes_count", BF_COLUMN_INT32, ROW(box_count), "1", "boxes of the image", NULL},
    {"laterality", BF_COLUMN_WORD, ROW(laterality), "1", "L, R or empty: side of a paired organ", NULL},
    {"view", BF_COLUMN_WORD, ROW(view), "1", "CC, MLO, ... of a mammogram; empty when unknown", NULL},
    {"bright_edge", BF_COLUMN_WORD, ROW(bright_edge), "1",
     "L, R: the brighter of the first and last column of the stored image; empty when unknown", NULL},
    {"seen", BF_COLUMN_INT8, ROW(seen), "1",
     "1: the model was trained or validated on this image; 0: it was not; -1: unknown", NULL},
    {"unlike", BF_COLUMN_TEXT, ROW(unlike), "1",
     "how the image differs from those that the model was trained on; empty when it does not", NULL},
    {"patient", BF_COLUMN_UID, ROW(patient), "1",
     "equal for images of one patient: keyed hash of the patient's number, or a number within the job; empty when "
     "unknown",
     NULL},
    {"manufacturer", BF_COLUMN_NAME, ROW(manufacturer), "1", "Manufacturer (0008,0070), cleaned; empty when unknown",
     NULL},
    {"age_group", BF_COLUMN_WORD, ROW(age_group), "1",
     "decade of the patient's age in years: 0-9, 10-19, ... 80-89, 90+; empty when unknown", NULL},
    {"spacing_row", BF_COLUMN_DOUBLE, ROW(spacing_row), "mm", "distance between rows; 0 when unknown", NULL},
    {"spacing_column", BF_COLUMN_DOUBLE, ROW(spacing_column), "mm", "distance between columns; 0 when unknown", NULL},
    {"mask_start", BF_COLUMN_INT64, offsetof(bf_stored_row, mask_start), "1",
     "first byte of the image's mask in /masks; -1 when there is none", NULL},
};
#undef ROW

#define BOX(field) offsetof(bf_stored_box, box.field)
const bf_column bf_box_columns[BF_BOX_COLUMNS] = {
    {"image", BF_COLUMN_INT64, offsetof(bf_stored_box, image), "1", "row in /images", NULL},
    {"xmin", BF_COLUMN_FLOAT, BOX(xmin), "px", "left edge in the original image", NULL},
    {"ymin", BF_COLUMN_FLOAT, BOX(ymin), "px", "upper edge in the original image", NULL},
    {"xmax", BF_COLUMN_FLOAT, BOX(xmax), "px", "right edge in the original image, exclusive", NULL},
    {"ymax", BF_COLUMN_FLOAT, BOX(ymax), "px", "lower edge in the original image, exclusive", NULL},
    {"score", BF_COLUMN_FLOAT, BOX(score), "1", "confidence, 0 to 1, falling within an image", NULL},
};
#undef BOX

#define POOLED(field) offsetof(bf_stored_pool, field)
#define POOLED_COLUMNS                                                                                    \
  {"images", BF_COLUMN_INT32, POOLED(images), "1", "rows of /images with a result, pooled here", NULL}, { \
    "malignant_probability", BF_COLUMN_FLOAT, POOLED(malignant_probability), "1",                         \
        "pooled probability of malignancy, 0 to 1; NaN when no image has one", NULL                       \
  }
const bf_column bf_series_columns[BF_SERIES_COLUMNS] = {
    {"series_instance_uid", BF_COLUMN_UID, POOLED(series_instance_uid), "1", "Series Instance UID (0020,000E)", NULL},
    {"study_instance_uid", BF_COLUMN_UID, POOLED(study_instance_uid), "1", "Study Instance UID (0020,000D)", NULL},
    POOLED_COLUMNS,
};
const bf_column bf_study_columns[BF_STUDY_COLUMNS] = {
    {"study_instance_uid", BF_COLUMN_UID, POOLED(study_instance_uid), "1", "Study Instance UID (0020,000D)", NULL},
    POOLED_COLUMNS,
};
#undef POOLED_COLUMNS
#undef POOLED

void bf_score_row_describe(bf_score_row *row, const bf_record *record) {
  bf_stored_row to = {.row = *row};
  const bf_stored_record from = {.record = *record};
  bf_h5_copy_columns(&to, bf_row_columns, BF_ROW_COLUMNS, &from, bf_record_columns, BF_RECORD_COLUMNS);
  *row = to.row;
}

const char *bf_row_status_name(bf_row_status status) {
  return status >= BF_ROW_OK && status <= BF_ROW_UNLIKE_TRAINING ? status_names[status] : "unknown";
}

bf_row_status bf_row_status_of(bf_status status) {
  switch (status) {
    case BF_OK: return BF_ROW_OK;
    case BF_E_NOT_DICOM: return BF_ROW_NOT_DICOM;
    case BF_E_NO_IMAGE: return BF_ROW_NO_PIXELS;
    case BF_E_LEFT_OUT: return BF_ROW_LEFT_OUT;
    case BF_E_UNLIKE: return BF_ROW_UNLIKE_TRAINING;
    case BF_E_FORMAT: return BF_ROW_DAMAGED;
    case BF_E_UNSUPPORTED: return BF_ROW_UNSUPPORTED;
    case BF_E_LIMIT:
    case BF_E_MEMORY: return BF_ROW_LIMIT;
    case BF_E_IO:
    case BF_E_NOT_FOUND: return BF_ROW_IO;
    default: return BF_ROW_ERROR;
  }
}
