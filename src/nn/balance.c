/* The table of balances. */
#include "nn/balance.h"

#include <string.h>

#define BF_BALANCE(file, name) extern const bf_balance_type bf_balance_##name;
#include "nn/balances.def"
#undef BF_BALANCE

static const bf_balance_type *const table[] = {
#define BF_BALANCE(file, name) &bf_balance_##name,
#include "nn/balances.def"
#undef BF_BALANCE
};
enum { count = sizeof table / sizeof table[0] };

int bf_balance_type_count(void) { return count; }

const bf_balance_type *bf_balance_type_at(int index) { return index >= 0 && index < count ? table[index] : NULL; }

const bf_balance_type *bf_balance_type_find(const char *name, bf_error *err) {
  const char *names[count];
  for (int i = 0; i < count; i++) {
    if (strcmp(table[i]->name, name) == 0) return table[i];
    names[i] = table[i]->name;
  }
  char known[256] = "";
  for (int i = 0; i < count; i++) {
    if (i > 0) strncat(known, ", ", sizeof known - strlen(known) - 1);
    strncat(known, names[i], sizeof known - strlen(known) - 1);
  }
  const char *near = bf_nearest(name, names, count);
  bf_fail(err, BF_E_ARGUMENT, "balance.method: '%s' is none of %s%s%s%s", name, known, near ? "; did you mean " : "",
          near ? near : "", near ? "?" : "");
  return NULL;
}
