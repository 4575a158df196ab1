/* bifocal ingest. */
#include <stdio.h>

#include "base/cancel.h"
#include "bifocal/ingest.h"
#include "cli/cli.h"

static const bf_cli_command command = {
    "ingest",
    "PATH... [--labels FILE|FOLDER]... -o DATA.h5 [--set KEY=VALUE]... [--key-file FILE]",
    "DICOM files and labels to one dataset file, with a report of what was left out and why",
    "  bifocal ingest studies/ --labels images.csv --labels boxes.csv -o data.h5\n"
    "\n"
    "Label files are CSV with a header. Images: SOPInstanceUID (or file), pathology (benign, malignant, empty),\n"
    "and if wanted PatientID and split (train, validation, test). Boxes: SOPInstanceUID (or file), xmin, ymin, xmax,\n"
    "ymax in pixels of the original image, max exclusive; empty coordinates say: looked at, no lesion. A column mask\n"
    "names a PNG, white where the lesion is. Label files are also a folder of such masks, <SOPInstanceUID>.png, DICOM\n"
    "Segmentations, RT Structure Sets and structured reports with regions, COCO JSON, and the tables of VinDr-Mammo, "
    "RSNA,\n"
    "CBIS-DDSM and BCS-DBT (docs/labels.md); boxes are made from masks where no box file speaks of an image.\n"
    "\n"
    "Patients, and images that look alike, never stand on two sides: --set split.test=0.2, split.validation, "
    "split.folds,\n"
    "split.seed, split.given=ignore and split.alike say how it is dealt (docs/protocol.md).",
    1,
    -1};

int bf_command_ingest(int argc, char **argv) {
  static bf_cli_list rest, labels, settings;
  bf_cli_common common;
  bf_ingest_options o = {0};
  const bf_cli_option options[] = {
      {"o", "DATA.h5", "dataset file; appears whole or not at all", .text = &o.output},
      {"labels", "FILE|FOLDER", "label file or folder of masks; may be repeated", .list = &labels},
      {"set", "KEY=VALUE", "change one key of preparation or split, such as prepare.side=320; may be repeated",
       .list = &settings},
      {"key-file", "FILE", "secret of the patient hash (default: BIFOCAL_PATIENT_KEY, else a random one)",
       .text = &o.key_file},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  o.paths = rest.items;
  o.path_count = rest.count;
  o.labels = labels.items;
  o.label_count = labels.count;
  o.settings = settings.items;
  o.setting_count = settings.count;
  o.threads = common.threads;
  bf_cancel_on_signals();
  bf_error err = {0};
  bf_ingest_report r = {0};
  char *json = NULL;
  if (bf_ingest(&r, common.json ? &json : NULL, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json)
    printf("%s\n", json);
  else
    printf("%lld images of %lld patients; dataset: %s\n", (long long)r.frames, (long long)r.patients, o.output);
  bf_text_free(json);
  return r.failed > 0 ? BF_EXIT_ROWS_FAILED : BF_EXIT_GOOD;
}
