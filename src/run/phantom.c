/* Synthetic studies as files: identities and encodings, DICOM through the shim, the two label files. */
#include "bifocal/phantom.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "dicom/dicom.h"
#include "output/canvas.h"
#include "run/phantom_draw.h"

enum { most_images = 3, line_room = 400 };

/* One image's plan, made in order before any thread draws. */
typedef struct plan {
  bf_phantom_scene scene;
  char patient[24], name[40], age[16], file[96];
  const char *maker;
  char study_uid[65], series_uid[65], sop_uid[65];
  bool malignant, monochrome1;
  int bits;
  const char *syntax;
  bf_status status;
  bf_error error;
} plan;

typedef struct job {
  const bf_phantom_options *options;
  const char *syntax; /* NULL: drawn */
  plan *plans;
  int64_t count;
} job;

/* 2.25.<number> of a hash (PS3.5 B.2), so that the same seed gives the same objects. */
static void uid_of(char uid[65], const char *what, uint64_t seed, int modality, int64_t a, int64_t b) {
  char text[128], hex[65], digits[48];
  int count = 0;
  snprintf(text, sizeof text, "bifocal phantom %s %llu %d %lld %lld", what, (unsigned long long)seed, modality,
           (long long)a, (long long)b);
  bf_sha256(hex, text, strlen(text));
  unsigned __int128 value = 0;
  for (int i = 0; i < 32; i++) value = value * 16 + (unsigned)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
  do digits[count++] = (char)('0' + (int)(value % 10)), value /= 10;
  while (value != 0);
  int used = snprintf(uid, 65, "2.25.");
  while (count > 0) uid[used++] = digits[--count];
  uid[used] = '\0';
}

static const char encoding_names[] =
    "implicit|explicit|big-endian|deflated|rle|jpeg-baseline|jpeg-lossless|jpeg-ls|jpeg-ls-near|jpeg-2000|"
    "jpeg-2000-lossy";

/* In the order of the names. */
static const char *const encoding_uids[] = {
    "1.2.840.10008.1.2",      "1.2.840.10008.1.2.1",    "1.2.840.10008.1.2.2",    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"};

/* *uid stays as it is where no name is given. */
static bf_status find_encoding(const char **uid, const char *name, bf_error *err) {
  const char *at = encoding_names;
  for (size_t i = 0; name != NULL && i < sizeof encoding_uids / sizeof encoding_uids[0]; i++) {
    size_t length = strcspn(at, "|");
    if (strlen(name) == length && strncmp(name, at, length) == 0) {
      *uid = encoding_uids[i];
      return BF_OK;
    }
    at += length + 1;
  }
  return name == NULL ? BF_OK : bf_fail(err, BF_E_ARGUMENT, "--encoding: '%s' is none of %s", name, encoding_names);
}

static void encode_plan(plan *p, const job *j, bf_rng *rng) {
  bf_phantom_modality modality = j->options->modality;
  static const char *const syntaxes[] = {"1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70",
                                         "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.1.99"};
  static const int depths[] = {8, 12, 16};
  p->syntax = syntaxes[bf_rng_below(rng, 5)];
  p->bits = modality == BF_PHANTOM_US ? depths[bf_rng_below(rng, 3)] : 12;
  p->monochrome1 =
      modality == BF_PHANTOM_MG ? bf_rng_uniform(rng) < 0.5 : modality == BF_PHANTOM_US && bf_rng_uniform(rng) < 0.2;
  if (j->syntax != NULL) p->syntax = j->syntax;
  if (j->options->bits > 0) p->bits = j->options->bits;
}

/* Invented makers take studies in turns, so that two studies have two of them. */
static const char *maker_of(uint64_t seed, int study) {
  static const char *const makers[] = {"Phantom & Sons, Imaging", "Model Optics Co. (Test)", "Test-Pattern Works"};
  enum { count = sizeof makers / sizeof makers[0] };
  return makers[(seed % count + (uint64_t)study) % count];
}

/* From 28 to 94 years, the same in all studies of a patient; drawn apart from the pictures. */
static void age_of(char age[16], const job *j, int patient) {
  bf_rng rng = bf_rng_make(j->options->seed, 0x616765, (uint64_t)patient);
  snprintf(age, 16, "%03dY", 28 + (int)bf_rng_below(&rng, 67));
}

/* One study in eight belongs to the patient of the study before it. */
static void plan_study(job *j, int study, int *patient, bf_rng *rng) {
  const bf_phantom_options *o = j->options;
  if (study == 0 || bf_rng_uniform(rng) >= 0.125) (*patient)++;
  bool malignant = bf_rng_uniform(rng) < 0.4;
  int images = 1 + (int)bf_rng_below(rng, most_images);
  for (int i = 0; i < images; i++) {
    plan *p = &j->plans[j->count++];
    double draw = bf_rng_uniform(rng);
    int lesions = !malignant && draw < 0.2 ? 0 : draw > 0.9 ? 2 : 1;
    bf_phantom_scene_draw(&p->scene, o->modality, malignant, lesions, i % 2 == 0, o->side, rng);
    encode_plan(p, j, rng);
    p->malignant = malignant;
    snprintf(p->patient, sizeof p->patient, "PHANTOM%04d", *patient);
    snprintf(p->name, sizeof p->name, "PHANTOM^NUMBER %d", *patient);
    age_of(p->age, j, *patient);
    p->maker = maker_of(o->seed, study);
    snprintf(p->file, sizeof p->file, "studies/%s/study%04d-image%d.dcm", p->patient, study + 1, i + 1);
    uid_of(p->study_uid, "study", o->seed, o->modality, study, 0);
    uid_of(p->series_uid, "series", o->seed, o->modality, study, 1);
    uid_of(p->sop_uid, "image", o->seed, o->modality, study, i);
  }
}

static void quantise(uint16_t *dst, const float *src, const plan *p, int64_t n) {
  double top = (1 << p->bits) - 1;
  bool ct = p->scene.modality == BF_PHANTOM_CT;
  for (int64_t i = 0; i < n; i++) {
    double v = p->monochrome1 ? 1 - src[i] : src[i];
    /* CT: air at -1000, tissue around 40, bone at 700 Hounsfield units; stored with an intercept of -1024. */
    dst[i] = (uint16_t)(ct ? 24 + v * 2000 : v * top + 0.5);
  }
}

/* White where a lesion is. */
static bf_status write_mask(const job *j, const plan *p, bf_error *err) {
  char path[BF_PATH_MAX], name[96];
  bf_canvas mask;
  snprintf(name, sizeof name, "masks/%s.png", p->sop_uid);
  bf_status status = bf_path_join(path, sizeof path, j->options->output, name, err);
  if (status == BF_OK) status = bf_canvas_create(&mask, p->scene.columns, p->scene.rows, 0, err);
  if (status != BF_OK) return status;
  for (int y = 0; y < p->scene.rows; y++)
    for (int x = 0; x < p->scene.columns; x++)
      if (bf_phantom_is_lesion(&p->scene, x, y))
        memset(mask.pixels + 3 * ((size_t)y * (size_t)p->scene.columns + (size_t)x), 255, 3);
  status = bf_canvas_write_png(&mask, path, err);
  bf_canvas_clear(&mask);
  return status;
}

static bf_status write_plan(const job *j, plan *p, bf_error *err) {
  char path[BF_PATH_MAX], folder[BF_PATH_MAX];
  int64_t n = (int64_t)p->scene.rows * p->scene.columns;
  float *picture = bf_alloc((size_t)n, sizeof *picture), *scratch = bf_alloc((size_t)n, sizeof *scratch);
  uint16_t *stored = bf_alloc((size_t)n, sizeof *stored);
  bf_status status = picture && scratch && stored ? bf_path_join(path, sizeof path, j->options->output, p->file, err)
                                                  : bf_fail(err, BF_E_MEMORY, "no memory to draw a picture");
  if (status == BF_OK) {
    bf_path_folder(folder, sizeof folder, path);
    status = bf_make_folders(folder, err);
  }
  if (status == BF_OK) {
    static const char *const classes[] = {"1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.1.2",
                                          "1.2.840.10008.5.1.4.1.1.2"};
    static const char *const modalities[] = {"US", "MG", "CT"};
    bf_phantom_modality m = p->scene.modality;
    bf_phantom_paint(picture, scratch, &p->scene);
    quantise(stored, picture, p, n);
    bool ct = m == BF_PHANTOM_CT, mg = m == BF_PHANTOM_MG;
    bf_dicom_write w = {.sop_class_uid = classes[m],
                        .modality = modalities[m],
                        .patient_id = p->patient,
                        .patient_name = p->name,
                        .study_instance_uid = p->study_uid,
                        .series_instance_uid = p->series_uid,
                        .sop_instance_uid = p->sop_uid,
                        .transfer_syntax_uid = p->syntax,
                        .laterality = mg ? (p->scene.left ? "L" : "R") : NULL,
                        .view = mg ? "MLO" : NULL,
                        .manufacturer = p->maker,
                        .age = p->age,
                        .monochrome1 = p->monochrome1,
                        .rows = p->scene.rows,
                        .columns = p->scene.columns,
                        .bits_stored = p->bits,
                        .slope = 1,
                        .intercept = ct ? -1024 : 0,
                        .window_center = ct ? 40 : 0,
                        .window_width = ct ? 1200 : 0,
                        .spacing_row = ct   ? 0.7
                                       : mg ? 0.4
                                            : 0,
                        .spacing_column = ct   ? 0.7
                                          : mg ? 0.4
                                               : 0,
                        .pixels = stored};
    status = bf_dicom_write_image(path, &w, err);
    if (status == BF_OK && j->options->masks) status = write_mask(j, p, err);
  }
  bf_free(picture);
  bf_free(scratch);
  bf_free(stored);
  return status;
}

static void write_task(void *argument, int task, int thread) {
  (void)thread;
  job *j = argument;
  plan *p = &j->plans[task];
  p->status = write_plan(j, p, &p->error);
}

static bf_status write_labels(bf_phantom_report *report, const job *j, bf_error *err) {
  size_t room = (size_t)(j->count + 1) * line_room * 2, a = 0, b = 0;
  char *images = bf_alloc(room, 1), *boxes = bf_alloc(room, 1), path[BF_PATH_MAX];
  bf_status status = images && boxes ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the label files");
  if (status == BF_OK) {
    a += (size_t)snprintf(images, room, "file,PatientID,StudyInstanceUID,SOPInstanceUID,pathology\n");
    b += (size_t)snprintf(boxes, room, "SOPInstanceUID,xmin,ymin,xmax,ymax,pathology\n");
  }
  for (int64_t i = 0; i < j->count && status == BF_OK; i++) {
    const plan *p = &j->plans[i];
    a += (size_t)snprintf(images + a, room - a, "%s,%s,%s,%s,%s\n", p->file, p->patient, p->study_uid, p->sop_uid,
                          p->malignant ? "malignant" : "benign");
    if (p->scene.lesion_count == 0) b += (size_t)snprintf(boxes + b, room - b, "%s,,,,,\n", p->sop_uid);
    for (int k = 0; k < p->scene.lesion_count; k++) {
      const bf_phantom_lesion *l = &p->scene.lesions[k];
      b += (size_t)snprintf(boxes + b, room - b, "%s,%.0f,%.0f,%.0f,%.0f,%s\n", p->sop_uid, l->xmin, l->ymin, l->xmax,
                            l->ymax, l->malignant ? "malignant" : "benign");
    }
    report->images++;
    report->malignant += p->malignant;
    report->lesions += p->scene.lesion_count;
  }
  if (status == BF_OK) status = bf_path_join(path, sizeof path, j->options->output, "labels.csv", err);
  if (status == BF_OK) status = bf_file_write(path, images, a, err);
  if (status == BF_OK) status = bf_path_join(path, sizeof path, j->options->output, "boxes.csv", err);
  if (status == BF_OK) status = bf_file_write(path, boxes, b, err);
  bf_free(images);
  bf_free(boxes);
  return status;
}

bf_status bf_phantom(bf_phantom_report *report, const bf_phantom_options *options, bf_error *err) {
  int studies = options->studies > 0 ? options->studies : 40, patient = 0;
  *report = (bf_phantom_report){.studies = studies};
  if (studies > 100000) return bf_fail(err, BF_E_LIMIT, "--studies: %d; at most 100000", studies);
  if (options->bits != 0 && (options->bits < 8 || options->bits > 16))
    return bf_fail(err, BF_E_ARGUMENT, "--bits: %d; from 8 to 16", options->bits);
  if (options->modality == BF_PHANTOM_CT && options->bits > 0 && options->bits < 11)
    return bf_fail(err, BF_E_ARGUMENT, "--bits: %d; the values of ct need 11", options->bits);
  if (options->side != 0 && (options->side < 64 || options->side > 4096))
    return bf_fail(err, BF_E_ARGUMENT, "--side: %d; from 64 to 4096", options->side);
  job j = {.options = options};
  bf_status found = find_encoding(&j.syntax, options->encoding, err);
  if (found != BF_OK) return found;
  j.plans = bf_alloc((size_t)studies * most_images, sizeof(plan));
  bf_pool *pool = NULL;
  bf_rng rng = bf_rng_make(options->seed, 0x7068616e, (uint64_t)options->modality);
  bf_status status = j.plans == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for %d studies", studies)
                                     : bf_make_folders(options->output, err);
  char folder[BF_PATH_MAX];
  if (status == BF_OK && options->masks) status = bf_path_join(folder, sizeof folder, options->output, "masks", err);
  if (status == BF_OK && options->masks) status = bf_make_folders(folder, err);
  if (status == BF_OK) status = bf_pool_create(&pool, options->threads, err);
  for (int s = 0; s < studies && status == BF_OK; s++) plan_study(&j, s, &patient, &rng);
  if (status == BF_OK) bf_pool_run(pool, write_task, &j, (int)j.count);
  for (int64_t i = 0; i < j.count && status == BF_OK; i++)
    if (j.plans[i].status != BF_OK) {
      status = j.plans[i].status;
      if (err != NULL) *err = j.plans[i].error;
    }
  if (status == BF_OK) status = write_labels(report, &j, err);
  bf_pool_destroy(pool);
  bf_free(j.plans);
  return status;
}
