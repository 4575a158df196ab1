/* Start-up, and the check of everything that results rest on. */
#include "bifocal/doctor.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "bifocal/version.h"
#include "dicom/dicom.h"
#include "itk/itk.h"
#include "nn/graph.h"
#include "store/library.h"
#include "tensor/gemm.h"

bf_status bf_start(bf_error *err) {
  bf_status status = bf_blas_init(err);
  if (status == BF_OK) status = bf_dicom_init(err);
  if (status == BF_OK) status = bf_itk_init(err);
  return status;
}

typedef struct finding {
  const char *name;
  bool good;
  char words[1088];
} finding;

enum { product_size = 48, product_count = 200 };

typedef struct products {
  float a[product_size * product_size], b[product_size * product_size], expected[product_size * product_size];
  int wrong[product_count];
} products;

static void one_product(void *argument, int task, int thread) {
  (void)thread;
  products *p = argument;
  float c[product_size * product_size];
  bf_gemm(false, false, product_size, product_size, product_size, 1, p->a, product_size, p->b, product_size, 0, c,
          product_size);
  for (int i = 0; i < product_size * product_size; i++) {
    float d = c[i] - p->expected[i];
    if (!(d < 1e-3f && d > -1e-3f)) p->wrong[task] = 1;
  }
}

/* The fault that Debian's serial OpenBLAS shows: wrong products when called from several threads at once. */
static void check_products(finding *f, int threads) {
  bf_error err = {0};
  bf_pool *pool = NULL;
  products *p = bf_alloc(1, sizeof *p);
  f->name = "products from several threads";
  if (p == NULL || bf_pool_create(&pool, threads > 1 ? threads : 2, &err) != BF_OK) {
    snprintf(f->words, sizeof f->words, "not run: %s", p == NULL ? "no memory" : err.message);
  } else {
    for (int i = 0; i < product_size * product_size; i++)
      p->a[i] = (float)(i * 7 % 13) / 13, p->b[i] = (float)(i * 5 % 11) / 11;
    for (int i = 0; i < product_size; i++)
      for (int j = 0; j < product_size; j++) {
        double sum = 0;
        for (int k = 0; k < product_size; k++) sum += (double)p->a[i * product_size + k] * p->b[k * product_size + j];
        p->expected[i * product_size + j] = (float)sum;
      }
    bf_pool_run(pool, one_product, p, product_count);
    int wrong = 0;
    for (int i = 0; i < product_count; i++) wrong += p->wrong[i];
    f->good = wrong == 0;
    snprintf(f->words, sizeof f->words, "%d of %d wrong on %d threads", wrong, product_count, bf_pool_threads(pool));
  }
  bf_pool_destroy(pool);
  bf_free(p);
}

static void check_call(finding *f, const char *name, bf_status (*call)(bf_error *), const char *words) {
  bf_error err = {0};
  f->name = name;
  f->good = call(&err) == BF_OK;
  snprintf(f->words, sizeof f->words, "%s", f->good ? words : err.message);
}

static void say(finding *f, const char *name, const char *words) {
  f->name = name;
  f->good = true;
  snprintf(f->words, sizeof f->words, "%s", words);
}

static int examine(finding *all, int threads) {
  int n = 0;
  char text[256];
  snprintf(text, sizeof text, "%s", BIFOCAL_VERSION);
  say(&all[n++], "bifocal", text);
  snprintf(text, sizeof text, "%d this process may use", bf_processors());
  say(&all[n++], "processors", text);
  say(&all[n++], "kernels", bf_kernels_describe());
  say(&all[n++], "kernels available", bf_kernels_list());
  check_call(&all[n++], "OpenBLAS", bf_blas_init, bf_blas_describe());
  check_products(&all[n++], threads);
  check_call(&all[n++], "DCMTK", bf_dicom_init, bf_dicom_library_version());
  check_call(&all[n++], "ITK", bf_itk_init, bf_itk_library_version());
  say(&all[n++], "HDF5", bf_store_hdf5_version());
  say(&all[n++], "SQLite", bf_store_sqlite_version());
  return n;
}

bf_status bf_doctor(bool *healthy, bool json, int threads, bf_error *err) {
  finding *all = bf_alloc(16, sizeof *all);
  if (all == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the check");
  int count = examine(all, threads);
  *healthy = true;
  json_t *root = json_object();
  for (int i = 0; i < count; i++) {
    *healthy = *healthy && all[i].good;
    if (!json) printf("%-4s %-30s %s\n", all[i].good ? "ok" : "BAD", all[i].name, all[i].words);
    json_object_set_new(root, all[i].name, json_pack("{s:b,s:s}", "good", all[i].good, "words", all[i].words));
  }
  json_object_set_new(root, "healthy", json_boolean(*healthy));
  if (json) {
    char *text = json_dumps(root, JSON_PRESERVE_ORDER);
    if (text != NULL) puts(text);
    free(text);
  } else {
    puts(*healthy ? "All checks passed: results of this build on this machine can be trusted."
                  : "A check failed: do not trust results until it is mended.");
  }
  json_decref(root);
  bf_free(all);
  return BF_OK;
}
