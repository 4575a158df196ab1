/* Private to the configuration's sources: its entries. */
#ifndef BF_MODEL_CONFIG_ENTRIES_H
#define BF_MODEL_CONFIG_ENTRIES_H

#include "model/config.h"

typedef struct bf_config_entry {
  char *key;   /* dotted, owned */
  char *value; /* as the user wrote it, checked; owned */
  const bf_config_section *section;
  const bf_option *row;
} bf_config_entry;

struct bf_config {
  bf_config_section *sections; /* prefixes owned, tables borrowed */
  int section_count;
  bf_config_entry *entries; /* section by section, in table order */
  int count;
};

/* BF_E_ARGUMENT "key: no such key; did you mean ...?" */
bf_status bf_config_unknown(const bf_config *config, const char *key, bf_error *err);

#endif
