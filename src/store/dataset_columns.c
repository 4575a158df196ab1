/* What each column of DATA.h5 holds. */
#include "store/dataset_columns.h"

static const char *const split_names[] = {"none", "train", "validation", "test", "excluded", NULL};

#define RECORD(field) offsetof(bf_stored_record, record.field)
const bf_column bf_record_columns[BF_RECORD_COLUMNS] = {
    {"file", BF_COLUMN_TEXT, RECORD(file), "1", "DICOM file as it was found by ingest", NULL},
    {"sop_instance_uid", BF_COLUMN_UID, RECORD(sop_instance_uid), "1", "SOP Instance UID (0008,0018)", NULL},
    {"series_instance_uid", BF_COLUMN_UID, RECORD(series_instance_uid), "1", "Series Instance UID (0020,000E)", NULL},
    {"study_instance_uid", BF_COLUMN_UID, RECORD(study_instance_uid), "1", "Study Instance UID (0020,000D)", NULL},
    {"patient", BF_COLUMN_UID, RECORD(patient), "1", "keyed hash of the patient's number; empty when unknown", NULL},
    {"modality", BF_COLUMN_WORD, RECORD(modality), "1", "Modality (0008,0060)", NULL},
    {"frame", BF_COLUMN_INT32, RECORD(frame), "1", "frame of the file, from 0", NULL},
    {"rows", BF_COLUMN_INT32, RECORD(rows), "px", "height of the original image", NULL},
    {"columns", BF_COLUMN_INT32, RECORD(columns), "px", "width of the original image", NULL},
    {"spacing_row", BF_COLUMN_DOUBLE, RECORD(spacing_row), "mm", "distance between rows; 0 when unknown", NULL},
    {"spacing_column", BF_COLUMN_DOUBLE, RECORD(spacing_column), "mm", "distance between columns; 0 when unknown",
     NULL},
    {"malignant", BF_COLUMN_INT8, RECORD(malignant), "1", "0 benign, 1 malignant, -1 unknown", NULL},
    {"lesions_known", BF_COLUMN_INT8, RECORD(lesions_known), "1", "1 when somebody looked for lesions", NULL},
    {"to_prepared", BF_COLUMN_DOUBLE6, RECORD(to_prepared), "px",
     "affine from original to prepared pixels: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5", NULL},
    {"prepared_rows", BF_COLUMN_INT32, RECORD(prepared_rows), "px", "height of the prepared picture", NULL},
    {"prepared_columns", BF_COLUMN_INT32, RECORD(prepared_columns), "px", "width of the prepared picture", NULL},
    {"pixels_start", BF_COLUMN_INT64, offsetof(bf_stored_record, pixels_start), "1",
     "first value of the picture in /pixels, row by row", NULL},
    {"lesions_start", BF_COLUMN_INT64, RECORD(lesions_start), "1", "first lesion in /lesions", NULL},
    {"lesions_count", BF_COLUMN_INT32, RECORD(lesions_count), "1", "lesions of the image", NULL},
    {"mask_known", BF_COLUMN_INT8, RECORD(mask_known), "1", "1 when somebody drew a mask of the lesions", NULL},
    {"mask_start", BF_COLUMN_INT64, offsetof(bf_stored_record, mask_start), "1",
     "first byte of the mask in /masks; -1 when unknown", NULL},
    {"volume", BF_COLUMN_INT64, RECORD(volume), "1",
     "number of the volume whose slices these rows are, in order of place; -1: a picture of its own", NULL},
    {"bright_edge", BF_COLUMN_WORD, RECORD(bright_edge), "1",
     "L, R: the brighter of the first and last column of the stored image; empty when unknown", NULL},
    {"fingerprint", BF_COLUMN_UID, RECORD(fingerprint), "1",
     "difference hash of the prepared picture, 256 bits in hexadecimal; empty when unknown", NULL},
    {"photometric", BF_COLUMN_WORD, RECORD(photometric), "1",
     "Photometric Interpretation (0028,0004) of the file; empty when unknown", NULL},
    {"laterality", BF_COLUMN_WORD, RECORD(laterality), "1", "L, R or empty: side of a paired organ", NULL},
    {"view", BF_COLUMN_WORD, RECORD(view), "1", "CC, MLO, ... of a mammogram; empty when unknown", NULL},
    {"manufacturer", BF_COLUMN_NAME, RECORD(manufacturer), "1", "Manufacturer (0008,0070), cleaned; empty when unknown",
     NULL},
    {"age_group", BF_COLUMN_WORD, RECORD(age_group), "1",
     "decade of the patient's age in years: 0-9, 10-19, ... 80-89, 90+; empty when unknown", NULL},
};

const bf_column bf_part_columns[BF_PART_COLUMNS] = {
    {"split", BF_COLUMN_ENUM, RECORD(split), "1", "part that the labels give, or that ingest dealt", split_names},
    {"fold", BF_COLUMN_INT32, RECORD(fold), "1", "fold of cross-validation, from 0; -1: of none", NULL},
    {"group", BF_COLUMN_INT64, RECORD(group), "1",
     "rows of one number never stand on two sides: of a patient, or alike; -1: unknown", NULL},
};
#undef RECORD

const bf_column bf_lesion_columns[BF_LESION_COLUMNS] = {
    {"image", BF_COLUMN_INT64, offsetof(bf_lesion, image), "1", "row in /images", NULL},
    {"xmin", BF_COLUMN_FLOAT, offsetof(bf_lesion, xmin), "px", "left edge in the original image", NULL},
    {"ymin", BF_COLUMN_FLOAT, offsetof(bf_lesion, ymin), "px", "upper edge in the original image", NULL},
    {"xmax", BF_COLUMN_FLOAT, offsetof(bf_lesion, xmax), "px", "right edge in the original image, exclusive", NULL},
    {"ymax", BF_COLUMN_FLOAT, offsetof(bf_lesion, ymax), "px", "lower edge in the original image, exclusive", NULL},
    {"malignant", BF_COLUMN_INT8, offsetof(bf_lesion, malignant), "1", "0 benign, 1 malignant, -1 unknown", NULL},
};

const bf_column bf_left_out_columns[BF_LEFT_OUT_COLUMNS] = {
    {"file", BF_COLUMN_TEXT, offsetof(bf_left_out, file), "1", "file that was left out", NULL},
    {"reason", BF_COLUMN_TEXT, offsetof(bf_left_out, reason), "1", "reason as a stable word", NULL},
    {"message", BF_COLUMN_TEXT, offsetof(bf_left_out, message), "1", "reason in words", NULL},
};

const bf_column bf_duplicate_columns[BF_DUPLICATE_COLUMNS] = {
    {"first", BF_COLUMN_INT64, offsetof(bf_duplicate, first), "1", "row in /images", NULL},
    {"second", BF_COLUMN_INT64, offsetof(bf_duplicate, second), "1", "row in /images that looks like it", NULL},
    {"distance", BF_COLUMN_INT32, offsetof(bf_duplicate, distance), "1", "bits of the fingerprints that differ", NULL},
    {"correlation", BF_COLUMN_FLOAT, offsetof(bf_duplicate, correlation), "1", "of the pictures' detail, -1 to 1",
     NULL},
    {"labels_differ", BF_COLUMN_INT8, offsetof(bf_duplicate, labels_differ), "1", "1: benign and malignant", NULL},
};
