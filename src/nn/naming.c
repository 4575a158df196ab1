/* Replacing the beginning of a parameter's name. */
#include "nn/naming.h"

#include <stdio.h>
#include <string.h>

bool bf_naming_replace(char theirs[BF_PARAM_NAME_MAX], const char *ours, const bf_name_pair *table) {
  for (; table->ours != NULL; table++) {
    size_t length = strlen(table->ours);
    if (strncmp(ours, table->ours, length) != 0 || (ours[length] != '.' && ours[length] != '\0')) continue;
    int used = snprintf(theirs, BF_PARAM_NAME_MAX, "%s%s", table->theirs, ours + length);
    return used > 0 && used < BF_PARAM_NAME_MAX;
  }
  return false;
}
