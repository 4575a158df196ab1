/* Choice of the kernel table for this processor. */
#include "tensor/kernels.h"

#include <stdatomic.h>
#include <string.h>

#include "bifocal/kernels.h"

const bf_kernels *bf_kernels_baseline_table(void);
const bf_kernels *bf_kernels_avx2_table(void);
const bf_kernels *bf_kernels_avx512_table(void);

const bf_kernels *bf_kernels_baseline(void) { return bf_kernels_baseline_table(); }

const bf_kernels *bf_kernels_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? bf_kernels_avx2_table() : NULL;
}

const bf_kernels *bf_kernels_avx512(void) {
  bool all = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
  return all ? bf_kernels_avx512_table() : NULL;
}

static _Atomic(const bf_kernels *) chosen;

const bf_kernels *bf_kernels_current(void) {
  const bf_kernels *table = atomic_load(&chosen);
  if (table != NULL) return table;
  table = bf_kernels_avx512();
  if (table == NULL) table = bf_kernels_avx2();
  if (table == NULL) table = bf_kernels_baseline();
  atomic_store(&chosen, table);
  return table;
}

const char *bf_kernels_list(void) {
  static const char *const names[2][2] = {{"plain, baseline", "plain, baseline, avx512"},
                                          {"plain, baseline, avx2", "plain, baseline, avx2, avx512"}};
  return names[bf_kernels_avx2() != NULL][bf_kernels_avx512() != NULL];
}

bf_status bf_kernels_select(const char *name, bf_error *err) {
  if (strcmp(name, "auto") == 0) {
    atomic_store(&chosen, NULL);
    return BF_OK;
  }
  const bf_kernels *all[] = {bf_kernels_plain(), bf_kernels_baseline(), bf_kernels_avx2(), bf_kernels_avx512()};
  for (int i = 0; i < 4; i++)
    if (all[i] != NULL && strcmp(all[i]->name, name) == 0) {
      atomic_store(&chosen, all[i]);
      return BF_OK;
    }
  return bf_fail(err, BF_E_ARGUMENT, "kernels '%s': this processor and build have auto, %s", name, bf_kernels_list());
}

const char *bf_kernels_describe(void) { return bf_kernels_current()->name; }
