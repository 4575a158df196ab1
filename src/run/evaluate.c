/* evaluate: files in; figures in words, and a folder of them, out. */
#include "bifocal/evaluate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/card.h"
#include "bifocal/version.h"
#include "evaluation/report.h"
#include "run/job_notes.h"
#include "run/label_files.h"
#include "run/report_page.h"
#include "run/report_pictures.h"

/* One result with its labels; opened twice where two are compared. */
typedef struct side {
  bf_scores scores;
  bf_labels *labels;
  bf_evaluation evaluation;
} side;

static void close_side(side *s) {
  bf_evaluation_clear(&s->evaluation);
  bf_labels_destroy(s->labels);
  bf_scores_clear(&s->scores);
}

/* What an unfinished job, or one of several, leaves out looks like nothing in figures. */
static void tell_part(const bf_scores *scores, const char *path) {
  bf_job_part part;
  if (!bf_job_part_read(&part, scores->extra_json) || (part.shards == 0 && part.done == part.files)) return;
  bf_log(BF_LOG_WARN, "%s: holds %lld of the %lld files of its job%s", path, (long long)part.done,
         (long long)part.files,
         part.shards > 0 ? "; 'bifocal export --merge' joins the shards" : "; the job was not finished");
}

static void tell_subset(const bf_scores *scores, const char *path) {
  bf_job_subset subset;
  if (!bf_job_subset_read(&subset, scores->extra_json)) return;
  bf_log(BF_LOG_WARN, "%s: holds %lld rows chosen out of %lld; figures are of those alone", path,
         (long long)subset.rows, (long long)subset.of);
}

/* What each of o->by asks for. */
typedef struct wishes {
  const char *by[BF_ATTRIBUTES_MAX]; /* names of the groupings */
  int columns[BF_ATTRIBUTES_MAX];    /* of the labels; -1: an attribute of images */
} wishes;

static const char of_labels[] = "labels:";

/* The column that is asked for; NULL: an attribute. */
static const char *column_of(const char *by) {
  if (strncmp(by, of_labels, sizeof of_labels - 1) == 0) return by + sizeof of_labels - 1;
  return bf_attribute_is(by) ? NULL : by;
}

/* A column keeps its prefix where an attribute has its name, in any case of letters. */
static const char *name_of(const char *by) {
  const char *column = column_of(by);
  for (int i = 0; column != NULL && bf_attribute_name(i) != NULL; i++)
    if (strcasecmp(bf_attribute_name(i), column) == 0) return by;
  return column != NULL ? column : by;
}

static bool is_asked_for(const char *column, const bf_evaluate_options *o) {
  for (int i = 0; i < o->by_count; i++)
    if (column_of(o->by[i]) != NULL && strcasecmp(column_of(o->by[i]), column) == 0) return true;
  return false;
}

/* Whoever asks for an attribute alone may have meant the column. */
static void tell_hidden_columns(bf_labels *labels, const bf_evaluate_options *o) {
  for (int i = 0; i < o->by_count; i++)
    if (column_of(o->by[i]) == NULL && bf_labels_has_column(labels, o->by[i]) && !is_asked_for(o->by[i], o))
      bf_log(BF_LOG_WARN,
             "--by %s: groups by what the scores say; the labels have a column of that name, too, which --by %s%s asks "
             "for",
             o->by[i], of_labels, o->by[i]);
}

/* What is no attribute of images is looked for in the labels. wanted: filled; NULL: nobody asks. */
static bf_status read_labels(side *s, const bf_evaluate_options *o, wishes *wanted, bf_error *err) {
  const char *names[BF_ATTRIBUTES_MAX];
  char list[BF_ATTRIBUTE_LIST];
  int found[BF_ATTRIBUTES_MAX], at[BF_ATTRIBUTES_MAX], count = 0;
  for (int i = 0; i < o->by_count && wanted != NULL; i++) {
    wanted->by[i] = name_of(o->by[i]);
    wanted->columns[i] = -1;
    if (column_of(o->by[i]) != NULL) names[count] = column_of(o->by[i]), at[count++] = i;
  }
  if (count > BF_LABEL_COLUMNS_MAX)
    return bf_fail(err, BF_E_ARGUMENT, "--by %.64s: at most %d columns of the labels at a time",
                   names[BF_LABEL_COLUMNS_MAX], BF_LABEL_COLUMNS_MAX);
  const bf_label_wishes columns = {names, count, found};
  bf_status status = bf_label_files_read(&s->labels, o->labels, o->label_count, &columns, err);
  for (int k = 0; k < count && status == BF_OK; k++) wanted->columns[at[k]] = found[k];
  if (status == BF_OK && wanted != NULL) tell_hidden_columns(s->labels, o);
  if (status != BF_E_ARGUMENT || count == 0) return status;
  const bf_error why = *err;
  bf_attribute_list(list);
  return bf_fail(err, status, "--by: %s; attributes of images are %s", why.message, list);
}

static bf_status read_cases(bf_cases *cases, side *s, const char *path, const bf_evaluate_options *o, wishes *wanted,
                            bf_error *err) {
  bf_status status = bf_scores_read(&s->scores, path, err);
  if (status != BF_OK) return status;
  tell_part(&s->scores, path);
  tell_subset(&s->scores, path);
  status = read_labels(s, o, wanted, err);
  return status == BF_OK ? bf_cases_of_labels(cases, &s->scores, s->labels, path, err) : status;
}

/* The model that was named must be the one that scored; scores that do not name theirs cannot tell. */
static bf_status check_model(const side *s, const bf_evaluate_options *o, bf_error *err) {
  char sha256[65];
  const char *scored = s->scores.model_sha256;
  if (o->model == NULL) return BF_OK;
  bf_status status = bf_sha256_file(sha256, o->model, err);
  if (status != BF_OK) return status;
  if (scored == NULL || scored[0] == '\0') {
    bf_log(BF_LOG_WARN, "%s does not say which model scored: the card of %s is taken unchecked", o->scores, o->model);
    return BF_OK;
  }
  if (strcmp(sha256, scored) == 0) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "--model %s: has SHA-256 %s, and %s was scored by the model %s", o->model, sha256,
                 o->scores, scored);
}

static bf_status check_pictures(const bf_evaluate_options *o, bf_error *err) {
  if (o->pictures >= 0 && o->pictures <= BF_EVALUATE_PICTURES_MOST) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "--pictures %d: must be 0 to %d", o->pictures, BF_EVALUATE_PICTURES_MOST);
}

static bf_status open_side(side *s, const char *path, const bf_evaluate_options *o, bf_pool *pool, bf_error *err) {
  bf_cases cases = {0};
  wishes wanted;
  *s = (side){0};
  bf_evaluation_options options = {.scores = path,
                                   .threshold = o->threshold,
                                   .hit = o->hit,
                                   .by = wanted.by,
                                   .columns = wanted.columns,
                                   .by_count = o->by_count,
                                   .rounds = o->rounds != 0 ? o->rounds : BF_EVALUATE_ROUNDS,
                                   .seed = (uint64_t)o->seed,
                                   .pool = pool};
  /* Options that are wrong are said before files are read. */
  bf_status status = bf_evaluation_check(&options, err);
  if (status == BF_OK) status = check_pictures(o, err);
  if (status == BF_OK) status = read_cases(&cases, s, path, o, &wanted, err);
  if (status == BF_OK) status = check_model(s, o, err);
  if (status != BF_OK) bf_cases_clear(&cases);
  return status == BF_OK ? bf_evaluation_create(&s->evaluation, &cases, &options, err) : status;
}

/* Of the other result the cases and thresholds alone are needed. */
static bf_status open_other(side *s, const bf_evaluate_options *o, bf_error *err) {
  const bf_evaluation_options options = {.scores = o->against, .threshold = o->threshold, .hit = o->hit};
  *s = (side){0};
  bf_status status = read_cases(&s->evaluation.cases, s, o->against, o, NULL, err);
  return status == BF_OK ? bf_evaluation_choose(&s->evaluation, &s->scores, &options, err) : status;
}

/* ---- the folder ---- */

/* What a page borrows. */
typedef struct page_parts {
  bf_loss_list losses;
  bf_fact_list facts;
  char *card;
} page_parts;

static bf_status read_card(page_parts *p, const bf_evaluate_options *o, bf_error *err) {
  return o->model == NULL ? BF_OK : bf_card(&p->card, o->model, 0, err);
}

static void collect_facts(bf_fact_list *f, const side *s, const bf_evaluate_options *o) {
  bf_fact_add(f, "Scores (A)", "%s", o->scores);
  if (o->against != NULL) bf_fact_add(f, "Against (B)", "%s", o->against);
  bf_fact_add_names(f, "Labels", o->labels, o->label_count);
  if (s->scores.model_sha256 != NULL) bf_fact_add(f, "Model, SHA-256", "%s", s->scores.model_sha256);
  bf_fact_add(f, "Evaluated by", "bifocal %s", BIFOCAL_VERSION);
}

static bf_status write_page(side *s, const bf_comparison *comparison, const bf_evaluation_source *source,
                            const page_parts *parts, const bf_evaluate_options *o, bf_error *err) {
  char path[BF_PATH_MAX], title[256], calibration[BF_CALIBRATION_WORDS];
  bf_picture_source pictures;
  bf_report_pictures gallery;
  bf_calibration_words(calibration, s->scores.extra_json);
  snprintf(title, sizeof title, "Evaluation of %.200s", bf_path_name(o->scores));
  bf_status status = bf_path_join(path, sizeof path, o->report, "report.html", err);
  if (status != BF_OK) return status;
  status = bf_picture_source_open(&pictures, &gallery, o->pictures, &s->scores, o->scores, NULL, err);
  const bf_report report = {.title = title,
                            .of = "labelled images",
                            .evaluation = &s->evaluation,
                            .comparison = comparison,
                            .source = source,
                            .pictures = &gallery,
                            .card = parts->card,
                            .config = s->scores.config_yaml,
                            .calibration = calibration[0] != '\0' ? calibration : NULL,
                            .losses = parts->losses.bars,
                            .loss_count = parts->losses.count,
                            .provenance = parts->facts.facts,
                            .provenance_count = parts->facts.count};
  if (status == BF_OK) status = bf_report_write(&report, path, err);
  bf_picture_source_close(&pictures);
  return status;
}

static bf_status write_folder(side *s, const bf_comparison *comparison, const bf_evaluation_source *source,
                              const char *json, const bf_evaluate_options *o, bf_error *err) {
  char path[BF_PATH_MAX];
  page_parts *parts = bf_alloc(1, sizeof *parts);
  bf_status status = parts != NULL ? bf_make_folders(o->report, err)
                                   : bf_fail(err, BF_E_MEMORY, "%s: no memory for the report", o->report);
  if (status == BF_OK) status = read_card(parts, o, err);
  if (status == BF_OK) status = bf_path_join(path, sizeof path, o->report, "metrics.json", err);
  if (status == BF_OK) status = bf_file_write(path, json, strlen(json), err);
  if (status == BF_OK) status = bf_evaluation_write_curves(&s->evaluation, o->report, err);
  if (status == BF_OK) {
    bf_loss_add_rows(&parts->losses, &s->evaluation.cases.counts);
    bf_loss_add_unknown(&parts->losses, &s->evaluation.all);
    collect_facts(&parts->facts, s, o);
    status = write_page(s, comparison, source, parts, o, err);
  }
  if (parts != NULL) {
    bf_fact_list_clear(&parts->facts);
    bf_free(parts->card);
  }
  bf_free(parts);
  return status;
}

/* json: also where words are wanted, for the folder. */
static bf_status say(char **text, side *s, const bf_comparison *comparison, const bf_evaluate_options *o,
                     bf_error *err) {
  const bf_evaluation_source source = {.scores = o->scores,
                                       .against = o->against,
                                       .labels = o->labels,
                                       .label_count = o->label_count,
                                       .model_sha256 = s->scores.model_sha256};
  char *json = o->json || o->report != NULL ? bf_evaluation_json(&s->evaluation, comparison, &source) : NULL;
  *text = o->json ? json : bf_evaluation_text(&s->evaluation, comparison, &source);
  bf_status status = *text == NULL || (o->report != NULL && json == NULL)
                         ? bf_fail(err, BF_E_MEMORY, "no memory for the figures")
                         : BF_OK;
  if (status == BF_OK && o->report != NULL) status = write_folder(s, comparison, &source, json, o, err);
  if (!o->json) bf_free(json);
  return status;
}

bf_status bf_evaluate(char **text, const bf_evaluate_options *o, bf_error *err) {
  side a = {0}, b = {0};
  bf_comparison comparison = {0};
  bf_pool *pool = NULL;
  *text = NULL;
  bf_status status = bf_pool_create(&pool, o->threads, err);
  if (status == BF_OK) status = open_side(&a, o->scores, o, pool, err);
  if (status == BF_OK && o->against != NULL) {
    status = open_other(&b, o, err);
    if (status == BF_OK) status = bf_comparison_create(&comparison, &a.evaluation, &b.evaluation, err);
  }
  if (status == BF_OK) status = say(text, &a, o->against != NULL ? &comparison : NULL, o, err);
  bf_comparison_clear(&comparison);
  close_side(&b);
  close_side(&a);
  bf_pool_destroy(pool);
  if (status != BF_OK) {
    bf_free(*text);
    *text = NULL;
  }
  return status;
}
