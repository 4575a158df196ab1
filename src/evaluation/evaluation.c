/* From cases to all figures. */
#include "evaluation/evaluation.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/name.h"

/* ---- what is asked ---- */

static const struct {
  const char *name;
  bf_hit_rule rule;
} rules[] = {{"iou50", BF_HIT_IOU50}, {"iou10", BF_HIT_IOU10}, {"centre", BF_HIT_CENTRE}, {"iou75", BF_HIT_IOU75}};

const char *bf_hit_rule_name(bf_hit_rule rule) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].rule == rule) return rules[i].name;
  return "?";
}

static bf_status find_rule(bf_hit_rule *out, const char *name, bf_error *err) {
  *out = BF_HIT_IOU50;
  if (name == NULL) return BF_OK;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (strcmp(rules[i].name, name) == 0) {
      *out = rules[i].rule;
      return BF_OK;
    }
  return bf_fail(err, BF_E_ARGUMENT, "--hit %s: no such rule; there are iou50, iou10, centre and iou75", name);
}

static bf_status given_threshold(bf_evaluation *e, const char *text, bf_error *err) {
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= 0 && value <= 1))
    return bf_fail(err, BF_E_ARGUMENT, "--threshold: '%s' is not a probability from 0 to 1", text);
  e->options.threshold = value;
  e->threshold_from = "option";
  snprintf(e->threshold_rule, sizeof e->threshold_rule, "given with --threshold");
  return BF_OK;
}

bf_status bf_evaluation_check(const bf_evaluation_options *o, bf_error *err) {
  bf_evaluation none = {0};
  bf_status status = find_rule(&none.options.rule, o->hit, err);
  if (status == BF_OK && o->threshold != NULL) status = given_threshold(&none, o->threshold, err);
  if (status == BF_OK && o->rounds != 0 && (o->rounds < BF_ROUNDS_LEAST || o->rounds > BF_ROUNDS_MOST))
    status = bf_fail(err, BF_E_ARGUMENT, "--rounds: must be %d to %d; fewer leave the ends of an interval to chance",
                     BF_ROUNDS_LEAST, BF_ROUNDS_MOST);
  if (status == BF_OK && o->by_count > BF_ATTRIBUTES_MAX)
    status = bf_fail(err, BF_E_LIMIT, "--by: %d attributes; at most %d", o->by_count, BF_ATTRIBUTES_MAX);
  return status;
}

/* ---- what the scores carry ---- */

static bool is_share(const json_t *value) {
  double number = json_number_value(value);
  return json_is_number(value) && number >= 0 && number <= 1;
}

/* A point that is a name and a threshold. */
static bool add_point(bf_assess_options *o, const json_t *point) {
  const char *name = json_string_value(json_object_get(point, "name"));
  const json_t *threshold = json_object_get(point, "threshold");
  if (name == NULL || !is_share(threshold)) return false;
  if (o->point_count == BF_POINTS_MAX) return true;
  bf_decision_point *p = &o->points[o->point_count++];
  p->threshold = json_number_value(threshold);
  bf_name_set(p->name, sizeof p->name, name);
  return true;
}

/* file: of the scores, for messages; as below. */
static void take_points(bf_assess_options *o, const json_t *points, const char *file) {
  size_t count = json_array_size(points), bad = 0, first = 0;
  if (points != NULL && !json_is_null(points) && !json_is_array(points))
    bf_log(BF_LOG_WARN, "%s: operating_points is no list, and not used", file);
  for (size_t i = 0; i < count; i++)
    if (!add_point(o, json_array_get(points, i)) && bad++ == 0) first = i + 1;
  if (bad > 0)
    bf_log(BF_LOG_WARN,
           "%s: %zu of %zu stored operating points are not a name and a threshold from 0 to 1, and not used; the first "
           "of them is number %zu",
           file, bad, count, first);
  if (count - bad > BF_POINTS_MAX)
    bf_log(BF_LOG_WARN, "%s: %zu operating points are stored; the first %d are used", file, count - bad, BF_POINTS_MAX);
}

static void tell_threshold(const json_t *value, const char *file) {
  char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
  bf_log(BF_LOG_WARN, "%s: the stored threshold %.60s is no number from 0 to 1, and not used", file,
         text != NULL ? text : "");
  free(text);
}

static void take_threshold(bf_evaluation *e, const json_t *extra, const char *file) {
  const json_t *value = json_object_get(extra, "threshold");
  if (value == NULL || json_is_null(value)) return;
  if (!is_share(value)) {
    tell_threshold(value, file);
  } else if (e->threshold_from == NULL) {
    e->options.threshold = json_number_value(value);
    e->threshold_from = "scores";
    bf_name_set(e->threshold_rule, sizeof e->threshold_rule,
                json_string_value(json_object_get(extra, "threshold_rule")));
  }
}

static void take_stored(bf_evaluation *e, const char *notes, const char *file) {
  json_error_t why;
  char plain[120];
  if (notes == NULL || notes[0] == '\0') return;
  json_t *extra = json_loads(notes, 0, &why);
  if (json_is_object(extra)) {
    take_threshold(e, extra, file);
    take_points(&e->options, json_object_get(extra, "operating_points"), file);
  } else {
    bf_name_set(plain, sizeof plain, extra == NULL ? why.text : "it is no JSON object");
    bf_log(BF_LOG_WARN, "%s: extra_json is not to be read, and no threshold or operating point of it used: %s", file,
           plain);
  }
  json_decref(extra);
}

bf_status bf_evaluation_choose(bf_evaluation *e, const bf_scores *scores, const bf_evaluation_options *o,
                               bf_error *err) {
  e->options = (bf_assess_options){.threshold = NAN, .rounds = o->rounds, .seed = o->seed, .pool = o->pool};
  bf_status status = find_rule(&e->options.rule, o->hit, err);
  if (status == BF_OK && o->threshold != NULL) status = given_threshold(e, o->threshold, err);
  if (status == BF_OK) take_stored(e, scores->extra_json, o->scores);
  return status;
}

/* ---- figures ---- */

static bf_status assess_unit(bf_unit_figures *f, const bf_evaluation *e, bf_unit unit, bf_error *err) {
  bf_units units;
  bf_status status = bf_units_make(&units, &e->cases, unit, err);
  if (status != BF_OK) return status;
  f->units = units.count;
  f->images = units.images;
  f->without = units.without;
  status = bf_assess(&f->figures, &e->cases, units.items, NULL, units.count, BF_ASSESS_GROUP, &e->options, err);
  bf_units_clear(&units);
  return status;
}

static bf_status assess_groups(bf_group_figures *f, const bf_evaluation *e, bf_error *err) {
  f->of = bf_alloc((size_t)f->grouping.count, sizeof *f->of);
  if (f->of == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for %d groups", f->grouping.count);
  bf_status status = BF_OK;
  for (int i = 0; i < f->grouping.count && status == BF_OK; i++) {
    const bf_group *g = &f->grouping.groups[i];
    status = bf_assess(&f->of[i], &e->cases, e->cases.items, g->members, g->count, BF_ASSESS_GROUP, &e->options, err);
  }
  return status;
}

/* asked: groups are told even where there is one alone. */
static bf_status group_by(bf_evaluation *e, const char *attribute, int column, bool asked, bf_error *err) {
  for (int i = 0; i < e->group_count; i++)
    if (strcmp(e->groups[i].grouping.attribute, attribute) == 0 ||
        (column >= 0 && e->groups[i].grouping.column == column))
      return BF_OK;
  if (e->group_count == BF_ATTRIBUTES_MAX)
    return bf_fail(err, BF_E_LIMIT, "--by %s: more than %d attributes", attribute, BF_ATTRIBUTES_MAX);
  bf_group_figures *f = &e->groups[e->group_count];
  bf_status status = bf_grouping_make(&f->grouping, attribute, column, &e->cases, err);
  if (status != BF_OK) return status;
  if (!asked && f->grouping.count < 2) {
    bf_grouping_clear(&f->grouping);
    return BF_OK;
  }
  e->group_count++;
  return assess_groups(f, e, err);
}

static bf_status assess_all_groups(bf_evaluation *e, const bf_evaluation_options *o, bf_error *err) {
  bf_status status = BF_OK;
  for (int i = 0; i < o->by_count && status == BF_OK; i++) status = group_by(e, o->by[i], o->columns[i], true, err);
  for (int i = 0; bf_attribute_name(i) != NULL && status == BF_OK; i++)
    status = group_by(e, bf_attribute_name(i), -1, false, err);
  return status;
}

bf_status bf_evaluation_create(bf_evaluation *e, bf_cases *cases, const bf_evaluation_options *o, bf_error *err) {
  *e = (bf_evaluation){.cases = *cases};
  *cases = (bf_cases){0};
  bf_status status = bf_evaluation_choose(e, e->cases.scores, o, err);
  /* Before what takes long. */
  for (int i = 0; i < o->by_count && status == BF_OK; i++) status = bf_attribute_check(o->by[i], o->columns[i], err);
  if (status == BF_OK)
    status = bf_assess(&e->all, &e->cases, e->cases.items, NULL, e->cases.count, BF_ASSESS_WHOLE, &e->options, err);
  for (int u = 0; u < BF_UNITS && status == BF_OK; u++) status = assess_unit(&e->units[u], e, u, err);
  if (status == BF_OK) status = assess_all_groups(e, o, err);
  const bf_lesion_figures *l = &e->all.lesions;
  if (status == BF_OK && l->lesions > 0 && l->found == 0)
    bf_log(BF_LOG_WARN, "the scores hold no box at all for %lld known lesions", (long long)l->lesions);
  if (status != BF_OK) bf_evaluation_clear(e);
  return status;
}

void bf_evaluation_clear(bf_evaluation *e) {
  for (int i = 0; i < BF_ATTRIBUTES_MAX; i++) {
    bf_grouping_clear(&e->groups[i].grouping);
    bf_free(e->groups[i].of);
  }
  bf_cases_clear(&e->cases);
  *e = (bf_evaluation){.options.threshold = NAN};
}
