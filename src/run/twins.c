/* Several tasks at once against each alone: the same budget, seed and folds, compared on the same held-out images. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/groups.h"
#include "image/mask.h"
#include "metrics/drawn.h"
#include "metrics/metrics.h"
#include "run/train_job.h"

enum { resamples = 2000 };

typedef struct twins {
  const bf_train_options *options;
  bf_config *config; /* of the joint training */
  bf_dataset *data;
  int64_t *group, groups; /* patient of each row of the dataset */
  uint64_t seed;
} twins;

static void twins_close(twins *w) {
  bf_config_destroy(w->config);
  bf_dataset_close(w->data);
  bf_free(w->group);
}

static const char *value_of(const twins *w, const char *head, const char *option) {
  char key[96];
  snprintf(key, sizeof key, "heads.%s.%s", head, option);
  return bf_config_get(w->config, key);
}

static bool has_weight(const twins *w, const char *head) { return atof(value_of(w, head, "weight")) > 0; }

/* Before hours of training: whether something is held out to compare on. */
static bf_status check_held_out(const bf_train_job *job, bf_error *err) {
  int64_t rows = bf_dataset_count(job->data), held = 0;
  uint8_t *part = bf_alloc((size_t)rows, 1), *use = bf_alloc((size_t)rows, 1);
  bf_status status = part && use ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for %lld rows", (long long)rows);
  if (status == BF_OK) {
    memset(use, 1, (size_t)rows);
    status = bf_train_job_parts(part, job, use, err);
  }
  for (int64_t i = 0; i < rows && status == BF_OK; i++) held += part[i] == BF_SPLIT_VALIDATION;
  if (status == BF_OK && held == 0)
    status = bf_fail(err, BF_E_ARGUMENT,
                     "--twins: there is no validation part to compare on; give --folds 5, or a larger validation");
  bf_free(part);
  bf_free(use);
  return status;
}

static bf_status twins_open(twins *w, const bf_train_options *options, bf_error *err) {
  bf_train_job job;
  int active = 0;
  *w = (twins){.options = options};
  bf_status status = bf_train_job_open(&job, options, err);
  if (status != BF_OK) return status;
  w->seed = (uint64_t)job.main.seed;
  status = bf_train_job_config(&w->config, &job, err);
  if (status == BF_OK && options->folds == 0) status = check_held_out(&job, err);
  bf_train_job_close(&job);
  for (int i = 0; i < bf_head_type_count() && status == BF_OK; i++) active += has_weight(w, bf_head_type_at(i)->name);
  if (status == BF_OK && active < 2)
    status = bf_fail(err, BF_E_ARGUMENT, "--twins: only one head has a weight; there is nothing to compare it with");
  if (status == BF_OK) status = bf_dataset_open(&w->data, options->data, err);
  if (status == BF_OK && (w->group = bf_alloc((size_t)bf_dataset_count(w->data), sizeof *w->group)) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for the patients of a dataset");
  if (status == BF_OK) status = bf_groups_of(w->group, &w->groups, w->data, err);
  return status;
}

/* ---- the task alone ---- */

enum { more_settings = BF_MAX_HEADS + 3 };

/* What a twin's configuration changes: no other head, nothing to balance, and no look at another head's map. */
static int settings_of(char out[more_settings][128], const twins *w, const char *task) {
  int count = 0;
  for (int i = 0; i < bf_head_type_count(); i++) {
    const char *name = bf_head_type_at(i)->name;
    if (strcmp(name, task) != 0) snprintf(out[count++], 128, "heads.%s.weight=0", name);
  }
  snprintf(out[count++], 128, "balance.method=fixed");
  const char *pool = value_of(w, task, "pool");
  if (pool != NULL && strcmp(pool, "lesion") == 0) snprintf(out[count++], 128, "heads.%s.pool=average", task);
  return count;
}

static bf_status train_alone(const twins *w, const char *task, const char *folder, bf_error *err) {
  char changes[more_settings][128];
  int changed = settings_of(changes, w, task), count = w->options->setting_count;
  const char **settings = bf_alloc((size_t)(count + changed), sizeof *settings);
  if (settings == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the settings of a twin");
  for (int i = 0; i < count; i++) settings[i] = w->options->settings[i];
  for (int i = 0; i < changed; i++) settings[count + i] = changes[i];
  bf_train_options options = *w->options;
  bf_train_report report;
  options.settings = settings;
  options.setting_count = count + changed;
  options.output = folder;
  bf_log(BF_LOG_INFO, "twin: %s alone, with the same budget, seed and folds", task);
  bf_status status = bf_train(&report, &options, err);
  bf_free(settings);
  return status;
}

/* ---- comparing ---- */

static bf_status read_scores(bf_scores *out, const twins *w, const char *folder, bf_error *err) {
  char path[BF_PATH_MAX];
  const char *name = w->options->folds > 0 ? "scores.h5" : "validation-scores.h5";
  bf_status status = bf_path_join(path, sizeof path, folder, name, err);
  return status == BF_OK ? bf_scores_read(out, path, err) : status;
}

/* Two answers to the same images, with what is known of them. */
typedef struct pair {
  bf_scores scores[2];
  int64_t *row;     /* of the dataset, for each score */
  int32_t *cluster; /* of the images in use, closed up */
  int64_t count, clusters;
} pair;

static void pair_clear(pair *p) {
  bf_scores_clear(&p->scores[0]);
  bf_scores_clear(&p->scores[1]);
  bf_free(p->row);
  bf_free(p->cluster);
}

static bool same_image(const bf_score_row *s, const bf_record *r) {
  if (s->frame != r->frame) return false;
  return r->sop_instance_uid[0] != '\0' ? strcmp(s->sop_instance_uid, r->sop_instance_uid) == 0
                                        : strcmp(s->file, r->file) == 0;
}

/* Scores stand in the order of the dataset's rows. */
static bf_status find_rows(pair *p, const twins *w, bf_error *err) {
  int64_t row = 0, rows = bf_dataset_count(w->data);
  const bf_scores *a = &p->scores[0], *b = &p->scores[1];
  p->count = a->count;
  p->row = bf_alloc((size_t)p->count, sizeof *p->row);
  p->cluster = bf_alloc((size_t)p->count, sizeof *p->cluster);
  if (p->row == NULL || p->cluster == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to compare scores");
  bool good = a->count == b->count;
  for (int64_t i = 0; i < p->count && good; i++, row++) {
    while (row < rows && !same_image(&a->rows[i], bf_dataset_record(w->data, row))) row++;
    good = row < rows && same_image(&b->rows[i], bf_dataset_record(w->data, row));
    p->row[i] = row;
  }
  return good ? BF_OK : bf_fail(err, BF_E_INTERNAL, "two trainings of one dataset were scored on different images");
}

static bf_status pair_open(pair *p, const twins *w, const char *alone, bf_error *err) {
  *p = (pair){0};
  bf_status status = read_scores(&p->scores[0], w, w->options->output, err);
  if (status == BF_OK) status = read_scores(&p->scores[1], w, alone, err);
  return status == BF_OK ? find_rows(p, w, err) : status;
}

/* Numbers the patients of the n images whose places in the scores stand in `use`. */
static bf_status number_patients(pair *p, const twins *w, const int64_t *use, int64_t n, bf_error *err) {
  int64_t *number = bf_alloc((size_t)w->groups, sizeof *number);
  if (number == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %lld patients", (long long)w->groups);
  p->clusters = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t *mine = &number[w->group[p->row[use[i]]]];
    if (*mine == 0) *mine = ++p->clusters;
    p->cluster[i] = (int32_t)(*mine - 1);
  }
  bf_free(number);
  return BF_OK;
}

static void take(bf_twin *twin, const bf_resampled_pair *found, int64_t images, int64_t patients) {
  twin->together = found->a;
  twin->alone = found->b;
  twin->difference = found->difference;
  twin->low = found->interval.low;
  twin->high = found->interval.high;
  twin->images = images;
  twin->patients = patients;
  const char *verdict = isnan(twin->low) ? "unknown" : twin->low > 0 ? "better" : twin->high < 0 ? "worse" : "same";
  snprintf(twin->verdict, sizeof twin->verdict, "%s", verdict);
}

/* Figure `which` of two sets of `count`, on the patients of n images. */
static bf_status resample(bf_twin *twin, const pair *p, const twins *w, bf_drawn_figures figures, int count, int which,
                          const void *a, const void *b, int64_t n, bf_error *err) {
  bf_resampled_pair *found = bf_alloc((size_t)count, sizeof *found);
  if (found == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to compare scores");
  const bf_resampling how = {p->clusters, resamples, w->seed, NULL};
  bf_status status = bf_metrics_resample_pair(found, count, figures, a, b, &how, err);
  if (status == BF_OK) take(twin, &found[which], n, p->clusters);
  bf_free(found);
  return status;
}

/* What ranks each row of one training, as evaluate ranks it; NaN where there is no answer. */
static bf_status rank_rows(double *rank, const bf_scores *s, bf_error *err) {
  double *logit = bf_alloc((size_t)s->count, sizeof *logit),
         *probability = bf_alloc((size_t)s->count, sizeof *probability);
  bool by_logits = true;
  int64_t n = 0;
  bf_status status =
      logit && probability ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to rank %lld rows", (long long)s->count);
  for (int64_t i = 0; i < s->count && status == BF_OK; i++) {
    if (isnan(s->rows[i].malignant_probability)) continue;
    logit[n] = s->rows[i].malignant_logit;
    probability[n++] = s->rows[i].malignant_probability;
  }
  if (status == BF_OK) status = bf_metrics_ranked_by_logits(&by_logits, logit, probability, n, err);
  for (int64_t i = 0; i < s->count && status == BF_OK; i++) {
    const bf_score_row *row = &s->rows[i];
    rank[i] = by_logits && !isnan(row->malignant_probability) ? row->malignant_logit : row->malignant_probability;
  }
  bf_free(logit);
  bf_free(probability);
  return status;
}

static bf_status compare_classes(bf_twin *twin, pair *p, const twins *w, bf_error *err) {
  size_t room = (size_t)p->count;
  int64_t *use = bf_alloc(room, sizeof *use), n = 0;
  double *score[2] = {bf_alloc(room, sizeof(double)), bf_alloc(room, sizeof(double))};
  uint8_t *label = bf_alloc(room, 1);
  bf_ranked data[2] = {{0}};
  bf_status status =
      use && score[0] && score[1] && label ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare scores");
  for (int k = 0; k < 2 && status == BF_OK; k++) status = rank_rows(score[k], &p->scores[k], err);
  for (int64_t i = 0; i < p->count && status == BF_OK; i++) {
    int malignant = bf_dataset_record(w->data, p->row[i])->malignant;
    if (malignant < 0 || isnan(score[0][i]) || isnan(score[1][i])) continue;
    score[0][n] = score[0][i], score[1][n] = score[1][i]; /* n is never beyond i */
    label[n] = malignant > 0;
    use[n++] = i;
  }
  if (status == BF_OK) status = number_patients(p, w, use, n, err);
  for (int k = 0; k < 2 && status == BF_OK; k++) {
    const bf_ranked_input in = {
        .score = score[k], .label = label, .cluster = p->cluster, .n = n, .clusters = p->clusters};
    status = bf_ranked_make(&data[k], &in, err);
  }
  if (status == BF_OK)
    status = resample(twin, p, w, bf_ranked_figures, data[0].figures, BF_RANKED_AUC, &data[0], &data[1], n, err);
  for (int k = 0; k < 2; k++) bf_ranked_clear(&data[k]), bf_free(score[k]);
  bf_free(label);
  bf_free(use);
  return status;
}

/* Found boxes of one training matched with the lesions of the images in use. */
static bf_status match(bf_matching *out, const bf_scores *scores, const pair *p, const twins *w, const int64_t *use,
                       int64_t n, bf_error *err) {
  int64_t boxes = 0;
  for (int64_t i = 0; i < n; i++)
    boxes += scores->rows[use[i]].box_count + bf_dataset_record(w->data, p->row[use[i]])->lesions_count;
  bf_hit_image *images = bf_alloc((size_t)n, sizeof *images);
  bf_hit_box *all = bf_alloc((size_t)boxes, sizeof *all), *next = all;
  bf_status status = images && all ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to match lesions");
  for (int64_t i = 0; i < n && status == BF_OK; i++) {
    const bf_score_row *s = &scores->rows[use[i]];
    const bf_lesion *lesions = bf_dataset_lesions(w->data, p->row[use[i]]);
    int count = bf_dataset_record(w->data, p->row[use[i]])->lesions_count;
    images[i] = (bf_hit_image){next, next + count, count, s->box_count};
    for (int k = 0; k < count; k++)
      *next++ = (bf_hit_box){lesions[k].xmin, lesions[k].ymin, lesions[k].xmax, lesions[k].ymax, 0};
    for (int k = 0; k < s->box_count; k++)
      *next++ = (bf_hit_box){s->boxes[k].xmin, s->boxes[k].ymin, s->boxes[k].xmax, s->boxes[k].ymax, s->boxes[k].score};
  }
  if (status == BF_OK) status = bf_metrics_match(out, images, n, BF_HIT_IOU50, err);
  bf_free(images);
  bf_free(all);
  return status;
}

static bf_status compare_boxes(bf_twin *twin, pair *p, const twins *w, bf_error *err) {
  static const double rate = 1;
  int64_t *use = bf_alloc((size_t)p->count, sizeof *use), n = 0;
  bf_matching matching[2] = {{0}};
  bf_boxed data[2] = {{0}};
  bf_status status = use ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare scores");
  for (int64_t i = 0; i < p->count && status == BF_OK; i++)
    if (bf_dataset_record(w->data, p->row[i])->lesions_known) use[n++] = i;
  if (status == BF_OK) status = number_patients(p, w, use, n, err);
  for (int k = 0; k < 2 && status == BF_OK; k++) status = match(&matching[k], &p->scores[k], p, w, use, n, err);
  for (int k = 0; k < 2 && status == BF_OK; k++)
    status = bf_boxed_make(&data[k], &matching[k], p->cluster, p->clusters, &rate, 1, BF_BOXED_AT_RATES, err);
  if (status == BF_OK)
    status = resample(twin, p, w, bf_boxed_figures, data[0].figures, BF_BOXED_RATES, &data[0], &data[1], n, err);
  for (int k = 0; k < 2; k++) bf_boxed_clear(&data[k]), bf_matching_clear(&matching[k]);
  bf_free(use);
  return status;
}

/* Dice of each image that has a drawn lesion, and both of whose trainings outlined it. */
static bf_status take_dice(double *dice, bf_scores *scores, int64_t at, const uint8_t *drawn, int64_t bytes,
                           bf_error *err) {
  uint8_t *found = bf_alloc_raw((size_t)bytes, 1);
  if (found == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a mask");
  bf_status status = bf_scores_mask(scores, at, found, err);
  if (status == BF_OK) *dice = bf_metrics_dice(bf_metrics_overlap(found, drawn, bytes));
  bf_free(found);
  return status;
}

static bf_status dice_of_row(double dice[2], pair *p, const twins *w, int64_t at, bf_error *err) {
  const bf_record *r = bf_dataset_record(w->data, p->row[at]);
  dice[0] = dice[1] = NAN;
  if (!r->mask_known || !p->scores[0].rows[at].has_mask || !p->scores[1].rows[at].has_mask) return BF_OK;
  int64_t bytes = (int64_t)bf_mask_bytes(r->rows, r->columns);
  uint8_t *drawn = bf_alloc_raw((size_t)bytes, 1);
  bf_status status = drawn != NULL ? bf_dataset_mask(w->data, p->row[at], drawn, err)
                                   : bf_fail(err, BF_E_MEMORY, "no memory for a mask");
  if (status == BF_OK && bf_metrics_overlap(drawn, drawn, bytes).a > 0)
    for (int k = 0; k < 2 && status == BF_OK; k++) status = take_dice(&dice[k], &p->scores[k], at, drawn, bytes, err);
  bf_free(drawn);
  return status;
}

static bf_status compare_masks(bf_twin *twin, pair *p, const twins *w, bf_error *err) {
  size_t room = (size_t)p->count;
  int64_t *use = bf_alloc(room, sizeof *use), n = 0;
  double *value[2] = {bf_alloc(room, sizeof(double)), bf_alloc(room, sizeof(double))};
  bf_means data[2] = {{0}};
  bf_status status = use && value[0] && value[1] ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory to compare scores");
  for (int64_t i = 0; i < p->count && status == BF_OK; i++) {
    double dice[2];
    status = dice_of_row(dice, p, w, i, err);
    if (status != BF_OK || isnan(dice[0])) continue;
    value[0][n] = dice[0], value[1][n] = dice[1];
    use[n++] = i;
  }
  if (status == BF_OK) status = number_patients(p, w, use, n, err);
  for (int k = 0; k < 2 && status == BF_OK; k++)
    status = bf_means_make(&data[k], (const double *const[]){value[k]}, 1, p->cluster, n, p->clusters, err);
  if (status == BF_OK) status = resample(twin, p, w, bf_means_figures, 1, 0, &data[0], &data[1], n, err);
  for (int k = 0; k < 2; k++) bf_means_clear(&data[k]), bf_free(value[k]);
  bf_free(use);
  return status;
}

/* Which head the boxes of a training with several are those of. */
static const char *box_giver(const twins *w) {
  for (int i = 0; i < bf_head_type_count(); i++) {
    const bf_head_type *type = bf_head_type_at(i);
    if (type->most_boxes > 0 && has_weight(w, type->name)) return type->name;
  }
  return "";
}

static bf_status compare(bf_twin *twin, const twins *w, const char *task, const char *folder, bf_error *err) {
  pair p;
  *twin = (bf_twin){.together = NAN, .alone = NAN, .difference = NAN, .low = NAN, .high = NAN, .verdict = "unknown"};
  bool classes = strcmp(task, "malignancy") == 0;
  snprintf(twin->task, sizeof twin->task, "%s", task);
  bool masks = strcmp(task, "mask") == 0;
  snprintf(twin->figure, sizeof twin->figure, "%s", classes ? "auc" : masks ? "dice" : "froc1");
  bf_status status = pair_open(&p, w, folder, err);
  if (status == BF_OK && classes)
    status = compare_classes(twin, &p, w, err);
  else if (status == BF_OK && masks)
    status = compare_masks(twin, &p, w, err);
  else if (status == BF_OK && strcmp(task, box_giver(w)) == 0)
    status = compare_boxes(twin, &p, w, err);
  else if (status == BF_OK)
    bf_log(BF_LOG_INFO, "twin: %s is not compared: together, boxes are those of the head %s", task, box_giver(w));
  pair_clear(&p);
  return status;
}

/* ---- saying it ---- */

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *twin_json(const bf_twin *t) {
  json_t *o = json_object();
  json_object_set_new(o, "figure", json_string(t->figure));
  json_object_set_new(o, "together", number(t->together));
  json_object_set_new(o, "alone", number(t->alone));
  json_object_set_new(o, "difference", number(t->difference));
  json_object_set_new(o, "interval", json_pack("[o,o]", number(t->low), number(t->high)));
  json_object_set_new(o, "images", json_integer(t->images));
  json_object_set_new(o, "patients", json_integer(t->patients));
  json_object_set_new(o, "verdict", json_string(t->verdict));
  return o;
}

static json_t *report_json(const bf_twins_report *r, const bf_train_options *options) {
  json_t *o = json_object(), *tasks = json_object();
  for (int i = 0; i < r->count; i++) json_object_set_new(tasks, r->twins[i].task, twin_json(&r->twins[i]));
  json_object_set_new(o, "on", json_string(options->folds > 0 ? "out of fold" : "validation part"));
  json_object_set_new(o, "resamples", json_integer(resamples));
  json_object_set_new(o, "tasks", tasks);
  return o;
}

static const char *figure_name(const bf_twin *t) {
  if (strcmp(t->figure, "auc") == 0) return "AUC";
  return strcmp(t->figure, "dice") == 0 ? "mean Dice" : "lesion sensitivity at 1 false positive an image";
}

static void say(const bf_twin *t) {
  if (isnan(t->difference)) return;
  const bool warn = strcmp(t->verdict, "worse") == 0;
  char interval[64] = "no interval";
  if (isfinite(t->low)) snprintf(interval, sizeof interval, "95 %% interval %+.3f to %+.3f", t->low, t->high);
  bf_log(warn ? BF_LOG_WARN : BF_LOG_INFO,
         "twin: %s: %s %.3f together, %.3f alone; difference %+.3f (%s, %lld patients): %s%s", t->task, figure_name(t),
         t->together, t->alone, t->difference, interval, (long long)t->patients, t->verdict,
         warn ? "; give this task more weight, or train it alone" : "");
}

/* Into the training record of a model that stands already. */
static bf_status note_model(const char *path, json_t *verdicts, bf_error *err) {
  bf_config_section sections[BF_RUN_MAX_SECTIONS];
  int count = bf_run_sections(sections);
  bf_model *model;
  bf_status status = bf_model_read(&model, path, sections, count, err);
  if (status != BF_OK) return status;
  json_t *record = model->training_json != NULL ? json_loads(model->training_json, 0, NULL) : NULL;
  if (record == NULL) record = json_object();
  json_object_set(record, "twins", verdicts);
  char *text = json_dumps(record, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
  bf_free(model->training_json);
  model->training_json = bf_strdup(text);
  status = model->training_json != NULL ? bf_model_write(model, path, err)
                                        : bf_fail(err, BF_E_MEMORY, "no memory for the training record");
  free(text);
  json_decref(record);
  bf_model_destroy(model);
  return status;
}

static bf_status note_models(const bf_train_options *o, json_t *verdicts, bf_error *err) {
  char path[BF_PATH_MAX], name[64];
  bf_status status = BF_OK;
  for (int fold = 1; fold <= (o->folds > 0 ? o->folds : 1) && status == BF_OK; fold++) {
    if (o->folds > 0)
      snprintf(name, sizeof name, "fold%d-model.safetensors", fold);
    else
      snprintf(name, sizeof name, "model.safetensors");
    status = bf_path_join(path, sizeof path, o->output, name, err);
    if (status == BF_OK) status = note_model(path, verdicts, err);
  }
  return status;
}

static bf_status record(const bf_twins_report *r, const bf_train_options *options, bf_error *err) {
  char path[BF_PATH_MAX];
  json_t *verdicts = report_json(r, options);
  char *text = json_dumps(verdicts, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
  bf_status status = bf_path_join(path, sizeof path, options->output, "twins.json", err);
  if (status == BF_OK) status = bf_file_write(path, text, strlen(text), err);
  if (status == BF_OK) status = note_models(options, verdicts, err);
  free(text);
  json_decref(verdicts);
  return status;
}

static bf_status one_twin(bf_twins_report *report, const twins *w, const char *task, bf_error *err) {
  char folder[BF_PATH_MAX], name[64];
  snprintf(name, sizeof name, "twin-%s", task);
  bf_status status = bf_path_join(folder, sizeof folder, w->options->output, name, err);
  if (status == BF_OK) status = train_alone(w, task, folder, err);
  if (status == BF_OK) status = compare(&report->twins[report->count], w, task, folder, err);
  if (status == BF_OK) report->count++;
  return status;
}

bf_status bf_train_twins(bf_twins_report *report, const bf_train_options *options, bf_error *err) {
  twins w;
  *report = (bf_twins_report){0};
  bf_status status = twins_open(&w, options, err);
  if (status == BF_OK) status = bf_train(&report->together, options, err);
  for (int i = 0; i < bf_head_type_count() && status == BF_OK && report->count < BF_TWINS_MAX; i++)
    if (has_weight(&w, bf_head_type_at(i)->name)) status = one_twin(report, &w, bf_head_type_at(i)->name, err);
  for (int i = 0; i < report->count && status == BF_OK; i++) say(&report->twins[i]);
  if (status == BF_OK) status = record(report, options, err);
  twins_close(&w);
  return status;
}
