/* Header fields to columns of a row. */
#include "run/describe.h"

#include <stdio.h>

#define PUT(field, text) snprintf(out->field, sizeof out->field, "%s", text)

void bf_describe(bf_record *out, const bf_image *image) {
  *out = (bf_record){.rows = image->rows,
                     .columns = image->columns,
                     .spacing_row = image->spacing_row,
                     .spacing_column = image->spacing_column,
                     .malignant = -1};
  PUT(sop_instance_uid, image->sop_instance_uid);
  PUT(series_instance_uid, image->series_instance_uid);
  PUT(study_instance_uid, image->study_instance_uid);
  PUT(patient, image->patient_key);
  PUT(modality, image->modality);
  PUT(photometric, image->photometric_name);
  PUT(laterality, image->laterality);
  PUT(view, image->view);
  PUT(manufacturer, image->manufacturer);
  PUT(age_group, image->age_group);
}
