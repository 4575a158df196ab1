/* The configuration's sections of data and image. */
#include "run/sections.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static char prefixes[BF_RUN_MAX_SECTIONS][64];

int bf_run_sections(bf_config_section sections[BF_RUN_MAX_SECTIONS]) {
  int count = 0;
  sections[count++] = (bf_config_section){"prepare", bf_prepare_table};
  for (int i = 0; i < bf_augment_count() && count < BF_RUN_MAX_SECTIONS; i++) {
    const bf_augment_type *type = bf_augment_at(i);
    snprintf(prefixes[count], sizeof prefixes[count], "augment.%s", type->name);
    sections[count] = (bf_config_section){prefixes[count], type->options};
    count++;
  }
  return count;
}

bf_status bf_run_augmenter(bf_augmenter *out, const bf_config *config, bf_error *err) {
  *out = (bf_augmenter){{0}};
  for (int i = 0; i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    char prefix[64];
    snprintf(prefix, sizeof prefix, "augment.%s", type->name);
    out->options[i] = bf_alloc(1, type->options_size);
    bf_status status = out->options[i] == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for the augmentations")
                                               : bf_config_fill(config, prefix, out->options[i], err);
    if (status != BF_OK) {
      bf_run_augmenter_clear(out);
      return status;
    }
  }
  return BF_OK;
}

static bf_status lowest(const bf_augment_type *type, void *options, bf_error *err) {
  bf_status status = BF_OK;
  for (const bf_option *o = type->options; o->name != NULL && status == BF_OK; o++) {
    char value[32];
    snprintf(value, sizeof value, "%.17g", o->type == BF_OPTION_BOOL ? 0 : o->low);
    status = bf_options_set(type->options, options, "", o->name, value, err);
  }
  return status;
}

bf_status bf_run_augmenter_alone(bf_augmenter *out, const bf_augmenter *from, int index, bf_error *err) {
  bf_status status = BF_OK;
  *out = (bf_augmenter){{0}};
  for (int i = 0; i < bf_augment_count() && status == BF_OK; i++) {
    const bf_augment_type *type = bf_augment_at(i);
    out->options[i] = bf_alloc(1, type->options_size);
    if (out->options[i] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the augmentations");
    memcpy(out->options[i], from->options[i], type->options_size);
    if (i != index) status = lowest(type, out->options[i], err);
  }
  return status;
}

void bf_run_augmenter_clear(bf_augmenter *augmenter) {
  for (int i = 0; i < bf_augment_count(); i++) bf_free(augmenter->options[i]);
  *augmenter = (bf_augmenter){{0}};
}
