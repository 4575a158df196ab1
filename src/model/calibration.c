/* Applying and joining calibrations, and their way to JSON and back. Nothing in the JSON is believed. */
#include "model/calibration.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/name.h"
#include "nn/loss.h"

/* No fit ends beyond; what a hand wrote may. */
static const double slope_most = 1e6, intercept_most = 1e6;

/* No dataset has more images; as many networks as a model may have, their sum is far from where integers end. */
static const int64_t count_most = INT64_C(1000000000000);

static const char *const names[] = {"none", "temperature", "platt"};

const char *bf_calibration_name(bf_calibration_method method) { return names[method]; }

double bf_calibration_slope(const bf_calibration *c) { return c->method == BF_CALIBRATION_NONE ? 1 : c->slope; }

double bf_calibration_intercept(const bf_calibration *c) { return c->method == BF_CALIBRATION_NONE ? 0 : c->intercept; }

double bf_calibration_probability(const bf_calibration *c, double logit) {
  return bf_sigmoid(bf_calibration_slope(c) * logit + bf_calibration_intercept(c));
}

void bf_calibration_tell(char text[BF_CALIBRATION_LINE], const bf_calibration *c) {
  if (c->method == BF_CALIBRATION_NONE)
    snprintf(text, BF_CALIBRATION_LINE, "none: %s", c->reason[0] != '\0' ? c->reason : "nobody made one");
  else
    snprintf(text, BF_CALIBRATION_LINE,
             "%s: slope %.4g, intercept %.4g; log loss %.3f, then %.3f, on %lld images of the %s",
             bf_calibration_name(c->method), c->slope, c->intercept, c->log_loss_before, c->log_loss_after,
             (long long)c->n, c->on);
}

/* ---- joining ---- */

static void add_fitted(bf_calibration *sum, const bf_calibration *one) {
  double n = (double)one->n;
  if (sum->method == BF_CALIBRATION_NONE) sum->method = one->method;
  sum->n += one->n;
  sum->positives += one->positives;
  sum->log_loss_before += n * one->log_loss_before;
  sum->log_loss_after += n * one->log_loss_after;
  sum->ece_before += n * one->ece_before;
  sum->ece_after += n * one->ece_after;
}

bf_calibration bf_calibration_join(const bf_calibration *each, int count) {
  bf_calibration c = {0};
  if (count == 1) return each[0];
  for (int k = 0; k < count; k++) {
    c.slope += bf_calibration_slope(&each[k]) / count;
    c.intercept += bf_calibration_intercept(&each[k]) / count;
    if (each[k].method != BF_CALIBRATION_NONE) add_fitted(&c, &each[k]);
  }
  if (c.method == BF_CALIBRATION_NONE) {
    snprintf(c.reason, sizeof c.reason, "%s", each[0].reason);
    return c;
  }
  double n = c.n > 0 ? (double)c.n : NAN;
  c.log_loss_before /= n, c.log_loss_after /= n, c.ece_before /= n, c.ece_after /= n;
  snprintf(c.on, sizeof c.on, "validation part of each network, each by itself");
  return c;
}

/* ---- writing ---- */

static void put_real(json_t *to, const char *key, double value) {
  json_object_set_new(to, key, isfinite(value) ? json_real(value) : json_null());
}

static json_t *one_json(const bf_calibration *c) {
  json_t *o = json_pack("{s:s}", "method", bf_calibration_name(c->method));
  if (c->method == BF_CALIBRATION_NONE) {
    json_object_set_new(o, "reason", json_string(c->reason));
    return o;
  }
  put_real(o, "slope", c->slope);
  put_real(o, "intercept", c->intercept);
  json_object_set_new(o, "n", json_integer(c->n));
  json_object_set_new(o, "positives", json_integer(c->positives));
  put_real(o, "log_loss_before", c->log_loss_before);
  put_real(o, "log_loss_after", c->log_loss_after);
  put_real(o, "ece_before", c->ece_before);
  put_real(o, "ece_after", c->ece_after);
  json_object_set_new(o, "on", json_string(c->on));
  return o;
}

char *bf_calibration_write(const bf_calibration *each, int count) {
  bf_calibration whole = bf_calibration_join(each, count);
  if (whole.method == BF_CALIBRATION_NONE && whole.reason[0] == '\0') return bf_strdup("none");
  json_t *o = one_json(&whole), *list = json_array();
  for (int k = 0; k < count; k++) json_array_append_new(list, one_json(&each[k]));
  if (count > 1) json_object_set(o, "members", list);
  char *text = json_dumps(o, JSON_REAL_PRECISION(17) | JSON_PRESERVE_ORDER), *copy = bf_strdup(text);
  free(text);
  json_decref(list);
  json_decref(o);
  return copy;
}

/* ---- reading ---- */

static bf_status refuse(const char *key, const char *wanted, bf_error *err) {
  return bf_fail(err, BF_E_FORMAT, "its calibration: '%s' is not %s", key, wanted);
}

static void take_text(char *to, size_t size, const json_t *from, const char *key) {
  bf_name_set(to, size, json_string_value(json_object_get(from, key)));
}

/* 0 where it is missing; false where it is no integer from 0 to most. */
static bool take_count(int64_t *to, const json_t *from, const char *key, int64_t most) {
  const json_t *value = json_object_get(from, key);
  *to = json_integer_value(value);
  return value == NULL || (json_is_integer(value) && *to >= 0 && *to <= most);
}

/* NaN where it is missing or null; false where it is no number from 0 to most. */
static bool take_real(double *to, const json_t *from, const char *key, double most) {
  const json_t *value = json_object_get(from, key);
  bool absent = value == NULL || json_is_null(value);
  *to = absent ? NAN : json_number_value(value);
  return absent || (json_is_number(value) && *to >= 0 && *to <= most);
}

static bool take_method(bf_calibration_method *to, const json_t *from) {
  const char *name = json_string_value(json_object_get(from, "method"));
  for (int i = 0; name != NULL && i < (int)(sizeof names / sizeof names[0]); i++)
    if (strcmp(name, names[i]) == 0) {
      *to = (bf_calibration_method)i;
      return true;
    }
  return false;
}

static bf_status take_one(bf_calibration *c, const json_t *from, bf_error *err) {
  *c = (bf_calibration){0};
  if (!take_method(&c->method, from)) return refuse("method", "none, temperature or platt", err);
  take_text(c->on, sizeof c->on, from, "on");
  take_text(c->reason, sizeof c->reason, from, "reason");
  if (c->method == BF_CALIBRATION_NONE) return BF_OK;
  const json_t *slope = json_object_get(from, "slope"), *intercept = json_object_get(from, "intercept");
  c->slope = json_number_value(slope);
  c->intercept = json_number_value(intercept);
  if (!json_is_number(slope) || !(c->slope > 0 && c->slope <= slope_most))
    return refuse("slope", "a number above 0, to 1e6", err);
  if (!json_is_number(intercept) || !(fabs(c->intercept) <= intercept_most))
    return refuse("intercept", "a number from -1e6 to 1e6", err);
  if (!take_count(&c->n, from, "n", count_most)) return refuse("n", "a count from 0 to 1e12", err);
  if (!take_count(&c->positives, from, "positives", c->n))
    return refuse("positives", "a count of images among 'n'", err);
  if (!take_real(&c->log_loss_before, from, "log_loss_before", 1e6) ||
      !take_real(&c->log_loss_after, from, "log_loss_after", 1e6))
    return refuse("log_loss_before or log_loss_after", "a number from 0 to 1e6", err);
  if (!take_real(&c->ece_before, from, "ece_before", 1) || !take_real(&c->ece_after, from, "ece_after", 1))
    return refuse("ece_before or ece_after", "a number from 0 to 1", err);
  return BF_OK;
}

static bf_status take_each(bf_calibration *each, int count, const json_t *root, bf_error *err) {
  const json_t *members = json_object_get(root, "members");
  if (!json_is_object(root)) return bf_fail(err, BF_E_FORMAT, "its calibration is neither none nor a JSON object");
  if (count == 1) return take_one(each, root, err);
  if (json_array_size(members) != (size_t)count)
    return bf_fail(err, BF_E_FORMAT, "its calibration: 'members' is no list of %d, as many as it has networks", count);
  bf_status status = BF_OK;
  for (int k = 0; k < count && status == BF_OK; k++)
    status = take_one(&each[k], json_array_get(members, (size_t)k), err);
  return status;
}

bf_status bf_calibration_read(bf_calibration *each, int count, const char *text, bf_error *err) {
  memset(each, 0, (size_t)count * sizeof *each);
  if (text == NULL || strcmp(text, "none") == 0) return BF_OK;
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  bf_status status = take_each(each, count, root, err);
  json_decref(root);
  return status;
}
