/* libFuzzer target: a label file of any kind, as ingest reads it. */
#include "data/labels.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[64];
  bf_error err = {0};
  bf_labels *labels = NULL;
  fuzz_file(path, data, size);
  if (bf_labels_create(&labels, &err) != BF_OK) abort();
  bf_status status = bf_labels_read(labels, path, &err);
  for (int64_t i = 0; i < bf_labels_count(labels) && status == BF_OK; i++) {
    const bf_label *label = bf_labels_at(labels, i);
    for (int32_t k = 0; k < label->lesion_count; k++)
      if (!(label->lesions[k].box.xmax > label->lesions[k].box.xmin && label->lesions[k].box.ymax > label->lesions[k].box.ymin))
        abort();
    if (label->malignant < -1 || label->malignant > 1 || label->split > BF_SPLIT_TEST) abort();
  }
  if (status != BF_OK && err.message[0] == '\0') abort();
  bf_labels_destroy(labels);
  return 0;
}
