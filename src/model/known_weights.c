/* The table of known weight files. */
#include "model/known_weights.h"

#include <string.h>
#include <strings.h>

#include "base/options.h"

#define TORCH(file) "https://download.pytorch.org/models/" file
#define IMAGENET_TERMS "trained on ImageNet: the terms of that data set apply to the weights"
#define TORCH_LICENCE "BSD-3-Clause (torchvision); " IMAGENET_TERMS
/* What torchvision's weight files say in their transforms. */
#define IMAGENET_INPUTS \
  { 1, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, "RGB" }
#define CAFFE_INPUTS \
  { 255, {103.939, 116.779, 123.68}, {1, 1, 1}, "BGR" }
const bf_known_inputs bf_caffe_inputs = CAFFE_INPUTS;

static const bf_known_weights table[] = {
#define BF_KNOWN_WEIGHTS(name, backbone, url, bytes, sha256, licence, origin, inputs) \
  {#name, backbone, url, bytes, sha256, licence, origin, inputs},
#include "model/known_weights.def"
#undef BF_KNOWN_WEIGHTS
};
enum { count = sizeof table / sizeof table[0], whole_digits = 64 };

int bf_known_weights_count(void) { return count; }

const bf_known_weights *bf_known_weights_at(int index) { return index >= 0 && index < count ? &table[index] : NULL; }

const bf_known_weights *bf_known_weights_find(const char *name, bf_error *err) {
  const char *names[count];
  for (int i = 0; i < count; i++) {
    if (strcmp(table[i].name, name) == 0) return &table[i];
    names[i] = table[i].name;
  }
  const char *near = bf_nearest(name, names, count);
  if (near != NULL)
    bf_fail(err, BF_E_ARGUMENT, "weights '%s': no such weights are known; did you mean %s?", name, near);
  else
    bf_fail(err, BF_E_ARGUMENT, "weights '%s': no such weights are known; 'bifocal weights list' shows all", name);
  return NULL;
}

bool bf_known_weights_is_whole(const bf_known_weights *row) { return strlen(row->sha256) == whole_digits; }

static bool fits(const bf_known_weights *row, const char *sha256, int64_t bytes) {
  if (strncasecmp(row->sha256, sha256, strlen(row->sha256)) != 0) return false;
  return bf_known_weights_is_whole(row) || row->bytes == 0 || bytes <= 0 || row->bytes == bytes;
}

const bf_known_weights *bf_known_weights_by_sha256(const char *sha256, int64_t bytes) {
  if (strlen(sha256) != whole_digits) return NULL;
  for (int i = 0; i < count; i++)
    if (fits(&table[i], sha256, bytes)) return &table[i];
  return NULL;
}

void bf_known_inputs_normalisation(bf_normalisation *out, const bf_known_inputs *inputs) {
  for (int i = 0; i < 3; i++) {
    out->mean[i] = (float)(inputs->mean[i] / inputs->range);
    out->std[i] = (float)(inputs->std[i] / inputs->range);
  }
}
