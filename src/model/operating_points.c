/* Lists of thresholds, and their way to JSON and back. Nothing in the JSON is believed. */
#include "model/operating_points.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *const rules[] = {"youden", "sensitivity", "specificity"};

void bf_operating_point_name(char name[BF_OPERATING_NAME], const bf_operating_point *p) {
  int used = snprintf(name, BF_OPERATING_NAME, "%s", rules[p->kind]);
  if (p->kind != BF_POINT_YOUDEN) snprintf(name + used, (size_t)(BF_OPERATING_NAME - used), " %.6g", p->target);
}

static bool is_share(double value) { return value >= 0 && value <= 1; }

int bf_operating_points_find(const bf_operating_points *p, bf_operating_kind kind, double target) {
  for (int i = 0; i < p->count; i++)
    if (p->at[i].kind == kind && fabs(p->at[i].target - target) < 1e-9) return i;
  return -1;
}

void bf_operating_points_add(bf_operating_points *p, bf_operating_point point) {
  if (!is_share(point.threshold) || p->count == BF_OPERATING_POINTS_MAX) return;
  if (bf_operating_points_find(p, point.kind, point.target) >= 0) return;
  if (p->chosen == p->count) p->chosen++;
  p->at[p->count++] = point;
}

double bf_operating_points_threshold(const bf_operating_points *p) {
  return p->chosen < p->count ? p->at[p->chosen].threshold : NAN;
}

/* ---- of several ---- */

/* The mean of the thresholds of those lists that have such a point. */
static double mean_threshold(const bf_operating_points *lists, int count, const bf_operating_point *like) {
  double sum = 0;
  int found = 0;
  for (int i = 0; i < count; i++) {
    int k = bf_operating_points_find(&lists[i], like->kind, like->target);
    if (k >= 0) sum += lists[i].at[k].threshold, found++;
  }
  return sum / found;
}

bf_operating_points bf_operating_points_mean(const bf_operating_points *lists, int count) {
  bf_operating_points mean = {0};
  const bf_operating_point *own = NULL;
  for (int i = 0; i < count; i++) {
    const bf_operating_points *list = &lists[i];
    if (own == NULL && list->chosen < list->count) own = &list->at[list->chosen];
    for (int k = 0; k < list->count; k++) {
      bf_operating_point p = list->at[k];
      p.threshold = mean_threshold(lists, count, &p);
      p.sensitivity = p.specificity = NAN;
      bf_operating_points_add(&mean, p);
    }
  }
  int chosen = own != NULL ? bf_operating_points_find(&mean, own->kind, own->target) : -1;
  mean.chosen = chosen >= 0 ? chosen : mean.count;
  return mean;
}

/* ---- JSON ---- */

static json_t *share_json(double value) { return is_share(value) ? json_real(value) : json_null(); }

char *bf_operating_points_write(const bf_operating_points *p) {
  json_t *list = json_array();
  for (int i = 0; i < p->count; i++) {
    const bf_operating_point *one = &p->at[i];
    json_t *target = one->kind == BF_POINT_YOUDEN ? json_null() : json_real(one->target);
    char name[BF_OPERATING_NAME];
    bf_operating_point_name(name, one);
    json_t *o = json_pack("{s:s, s:s, s:o, s:f}", "name", name, "rule", rules[one->kind], "target", target, "threshold",
                          one->threshold);
    json_object_set_new(o, "sensitivity", share_json(one->sensitivity));
    json_object_set_new(o, "specificity", share_json(one->specificity));
    json_object_set_new(o, "chosen", json_boolean(i == p->chosen));
    json_array_append_new(list, o);
  }
  char *text = json_dumps(list, JSON_REAL_PRECISION(17) | JSON_PRESERVE_ORDER), *copy = bf_strdup(text);
  free(text);
  json_decref(list);
  return copy;
}

/* A share, or where it is null or missing `absent`; false where it is neither. */
static bool take_share(double *to, const json_t *from, const char *key, double absent) {
  const json_t *value = json_object_get(from, key);
  bool none = value == NULL || json_is_null(value);
  *to = none ? absent : json_number_value(value);
  return none || (json_is_number(value) && is_share(*to));
}

static bool take_kind(bf_operating_kind *to, const json_t *from) {
  const char *name = json_string_value(json_object_get(from, "rule"));
  for (int i = 0; name != NULL && i < (int)(sizeof rules / sizeof rules[0]); i++)
    if (strcmp(name, rules[i]) == 0) {
      *to = (bf_operating_kind)i;
      return true;
    }
  return false;
}

static bool take_point(bf_operating_point *p, const json_t *from) {
  return take_kind(&p->kind, from) && take_share(&p->target, from, "target", 0) &&
         take_share(&p->threshold, from, "threshold", NAN) && !isnan(p->threshold) &&
         take_share(&p->sensitivity, from, "sensitivity", NAN) &&
         take_share(&p->specificity, from, "specificity", NAN) && (p->kind == BF_POINT_YOUDEN) == (p->target == 0);
}

static bf_status take_list(bf_operating_points *p, const json_t *list, bf_error *err) {
  int chosen = -1;
  if (!json_is_array(list) || json_array_size(list) > BF_OPERATING_POINTS_MAX)
    return bf_fail(err, BF_E_FORMAT, "its operating points are no list of up to %d", BF_OPERATING_POINTS_MAX);
  for (int i = 0; i < (int)json_array_size(list); i++) {
    bf_operating_point one;
    const json_t *from = json_array_get(list, (size_t)i);
    if (!take_point(&one, from) || bf_operating_points_find(p, one.kind, one.target) >= 0)
      return bf_fail(err, BF_E_FORMAT,
                     "its operating points: entry %d has a rule, target or number that cannot be, or "
                     "is there twice",
                     i + 1);
    if (json_is_true(json_object_get(from, "chosen")) && chosen >= 0)
      return bf_fail(err, BF_E_FORMAT, "its operating points: entries %d and %d are both chosen", chosen + 1, i + 1);
    if (json_is_true(json_object_get(from, "chosen"))) chosen = i;
    bf_operating_points_add(p, one);
  }
  p->chosen = chosen >= 0 ? chosen : p->count;
  return BF_OK;
}

bf_status bf_operating_points_read(bf_operating_points *p, const char *text, bf_error *err) {
  json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  *p = (bf_operating_points){0};
  bf_status status = take_list(p, list, err);
  json_decref(list);
  return status;
}
