/* The configuration: one flat list of dotted keys ("augment.rotate.degrees") from the option tables of all rooms,
 * read from YAML, changed by --set, written back resolved. The same text travels in models and results. */
#ifndef BF_MODEL_CONFIG_H
#define BF_MODEL_CONFIG_H

#include "base/options.h"

typedef struct bf_config bf_config;

/* A section of the configuration: prefix "heads.lesion" and its table; "" is the top level. */
typedef struct bf_config_section {
  const char *prefix;
  const bf_option *table;
} bf_config_section;

/* All keys at their defaults. Sections are borrowed and must outlive the config. */
bf_status bf_config_create(bf_config **out, const bf_config_section *sections, int count, bf_error *err);
void bf_config_destroy(bf_config *config);
/* YAML by libcyaml: nested mappings down to scalars. Unknown key: BF_E_ARGUMENT naming file, key and the nearest known
 * one; a value outside its range names file, key, value and range; keys given twice and aliases are refused. */
bf_status bf_config_read_file(bf_config *config, const char *path, bf_error *err);
bf_status bf_config_read_text(bf_config *config, const char *text, const char *origin, bf_error *err);
/* One dotted key. */
bf_status bf_config_set(bf_config *config, const char *key, const char *value, bf_error *err);
/* "key=value". */
bf_status bf_config_assign(bf_config *config, const char *assignment, bf_error *err);
/* The value as text; NULL when there is no such key. Borrowed until the next change. */
const char *bf_config_get(const bf_config *config, const char *key);
/* Fills the struct of the section called prefix. */
bf_status bf_config_fill(const bf_config *config, const char *prefix, void *options, bf_error *err);
/* YAML with every key, resolved, in table order; freed with bf_free. comments: the help as comment lines. */
char *bf_config_write(const bf_config *config, bool comments);

#endif
