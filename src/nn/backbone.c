/* The table of backbones. */
#include "nn/backbone.h"

#include <stdio.h>
#include <string.h>

#include "base/options.h"

#define BF_BACKBONE(file, name) extern const bf_backbone bf_backbone_##name;
#include "nn/backbones.def"
#undef BF_BACKBONE

static const bf_backbone *const table[] = {
#define BF_BACKBONE(file, name) &bf_backbone_##name,
#include "nn/backbones.def"
#undef BF_BACKBONE
};
enum { count = sizeof table / sizeof table[0] };

int bf_backbone_count(void) { return count; }

const bf_backbone *bf_backbone_at(int index) { return index >= 0 && index < count ? table[index] : NULL; }

const bf_backbone *bf_backbone_find(const char *name, bf_error *err) {
  const char *names[count];
  for (int i = 0; i < count; i++) {
    if (strcmp(table[i]->name, name) == 0) return table[i];
    names[i] = table[i]->name;
  }
  const char *near = bf_nearest(name, names, count);
  char all[512] = "";
  for (int i = 0; i < count; i++) {
    strncat(all, i ? ", " : "", sizeof all - strlen(all) - 1);
    strncat(all, names[i], sizeof all - strlen(all) - 1);
  }
  if (near != NULL)
    bf_fail(err, BF_E_ARGUMENT, "backbone '%s': no such backbone; did you mean %s?", name, near);
  else
    bf_fail(err, BF_E_ARGUMENT, "backbone '%s': no such backbone; there are %s", name, all);
  return NULL;
}

void bf_backbone_stage_name(char *name, size_t capacity, const bf_backbone *backbone, int index) {
  const char *names = backbone->stage_names;
  for (; index > 0; index--) {
    names += strcspn(names, ",");
    names += *names == ',';
  }
  snprintf(name, capacity, "%.*s", (int)strcspn(names, ","), names);
}
