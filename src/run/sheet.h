/* The contact sheet: scores, labels and DICOM pictures joined. */
#ifndef BF_RUN_SHEET_H
#define BF_RUN_SHEET_H

#include "bifocal/export.h"

/* FOLDER/sheet.png. tiles: how many were drawn. */
bf_status bf_sheet_export(int *tiles, const bf_export_options *options, bf_error *err);

#endif
