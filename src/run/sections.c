/* The configuration's sections of data and image. */
#include "run/sections.h"

#include <stdio.h>
#include <stdlib.h>
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

bf_status bf_run_augmenter_moderate(bf_augmenter *a, bf_error *err) {
  *a = (bf_augmenter){{0}};
  bf_status status = BF_OK;
  for (int i = 0; i < bf_augment_count() && status == BF_OK; i++) {
    const bf_augment_type *type = bf_augment_at(i);
    a->options[i] = bf_alloc(1, type->options_size);
    status = a->options[i] == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for the augmentations")
                                   : bf_options_defaults(type->options, a->options[i], err);
    const bf_option *first = type->options; /* its strength */
    char value[32];
    snprintf(value, sizeof value, "%.17g", first->low + (first->high - first->low) / 4);
    if (status == BF_OK && first->type == BF_OPTION_REAL && strtod(first->fallback, NULL) == first->low)
      status = bf_options_set(type->options, a->options[i], "", first->name, value, err);
  }
  return status;
}

bf_status bf_run_augmenter_set(bf_augmenter *a, const char *assignment, bf_error *err) {
  static const char start[] = "augment.";
  const char *equals = strchr(assignment, '='), *name = assignment + sizeof start - 1;
  const char *dot = strncmp(assignment, start, sizeof start - 1) == 0 ? strchr(name, '.') : NULL;
  char option[64];
  for (int i = 0; dot != NULL && equals != NULL && dot < equals && i < bf_augment_count(); i++) {
    const bf_augment_type *type = bf_augment_at(i);
    if (strlen(type->name) != (size_t)(dot - name) || strncmp(type->name, name, (size_t)(dot - name)) != 0) continue;
    char where[64];
    snprintf(where, sizeof where, "augment.%s.", type->name);
    snprintf(option, sizeof option, "%.*s", (int)(equals - dot - 1), dot + 1);
    return bf_options_set(type->options, a->options[i], where, option, equals + 1, err);
  }
  return bf_fail(err, BF_E_ARGUMENT, "--set %s: give augment.NAME.OPTION=VALUE, such as augment.rotate.degrees=20",
                 assignment);
}

void bf_run_augmenter_clear(bf_augmenter *augmenter) {
  for (int i = 0; i < bf_augment_count(); i++) bf_free(augmenter->options[i]);
  *augmenter = (bf_augmenter){{0}};
}
