/* Learning rates over steps and stages, and freezing over epochs. */
#include "nn/schedule.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* From a to b as `at` goes from 0 to 1, flat at both ends. */
static double half_cosine(double a, double b, double at) { return b + (a - b) * 0.5 * (1 + cos(pi * at)); }

static double part_of(int64_t step, int64_t first, int64_t last) {
  double at = (double)(step - first) / (double)(last - first);
  return at > 1 ? 1 : at;
}

static bf_pace one_cycle(const bf_schedule *s, int64_t step) {
  const double start = 1.0 / 25, high = 0.95, low = 0.85;
  int64_t top = (int64_t)(s->rise * (double)s->total + 0.5);
  if (step < top) {
    double at = part_of(step, 0, top);
    return (bf_pace){half_cosine(start, 1, at), half_cosine(high, low, at)};
  }
  if (s->total <= top) return (bf_pace){1, low};
  double at = part_of(step, top, s->total);
  return (bf_pace){half_cosine(1, s->floor, at), half_cosine(low, high, at)};
}

bf_pace bf_schedule_at(const bf_schedule *s, int64_t step) {
  if (s->kind == BF_ONE_CYCLE) return one_cycle(s, step);
  if (step < s->warmup) return (bf_pace){(double)(step + 1) / (double)s->warmup, NAN};
  if (s->kind == BF_CONSTANT || s->total <= s->warmup) return (bf_pace){1, NAN};
  return (bf_pace){half_cosine(1, s->floor, part_of(step, s->warmup, s->total)), NAN};
}

/* ---- freezing ---- */

/* A whole number at *text, which moves behind it; false for anything else. */
static bool take_number(const char **text, int *out) {
  char *end;
  while (isspace((unsigned char)**text)) (*text)++;
  if (!isdigit((unsigned char)**text)) return false;
  errno = 0;
  long value = strtol(*text, &end, 10);
  if (errno != 0 || value > 1000000) return false;
  *out = (int)value;
  *text = end;
  return true;
}

static bool take_word(const char **text, const char *word) {
  while (isspace((unsigned char)**text)) (*text)++;
  size_t length = strlen(word);
  if (strncmp(*text, word, length) != 0) return false;
  *text += length;
  return true;
}

static bool at_end(const char *text) {
  while (isspace((unsigned char)*text)) text++;
  return *text == '\0';
}

static bf_status parse_freeze(bf_thaw *out, const char *freeze, int stages, bf_error *err) {
  const char *at = freeze;
  if (strcmp(freeze, "none") == 0 || strcmp(freeze, "-1") == 0) {
    out->frozen = -1;
  } else if (strcmp(freeze, "all") == 0) {
    out->frozen = stages - 1;
  } else if (!take_number(&at, &out->frozen) || !at_end(at)) {
    return bf_fail(err, BF_E_ARGUMENT,
                   "freeze: '%s'; write none, all, or the number of the last frozen stage (0 to %d)", freeze,
                   stages - 1);
  } else if (out->frozen >= stages) {
    return bf_fail(err, BF_E_ARGUMENT, "freeze: %d, but the last stage is %d; none trains all of them", out->frozen,
                   stages - 1);
  }
  return BF_OK;
}

static bf_status add_step(bf_thaw *out, int stage, int epoch, bf_error *err) {
  if (stage > out->frozen)
    return bf_fail(err, BF_E_ARGUMENT, "unfreeze: stage %d is not frozen; freeze: ends at stage %d", stage,
                   out->frozen);
  if (epoch < 2)
    return bf_fail(err, BF_E_ARGUMENT, "unfreeze: stage %d at epoch %d: the first epoch that can thaw is 2", stage,
                   epoch);
  if (out->count > 0 && (epoch <= out->steps[out->count - 1].epoch + 1 || stage >= out->steps[out->count - 1].stage))
    return bf_fail(err, BF_E_ARGUMENT, "unfreeze: stage %d at epoch %d: later epochs thaw earlier stages", stage,
                   epoch);
  out->steps[out->count].stage = stage;
  out->steps[out->count++].epoch = epoch - 1;
  return BF_OK;
}

static bf_status parse_list(bf_thaw *out, const char *unfreeze, bf_error *err) {
  const char *at = unfreeze;
  for (;;) {
    int stage, epoch;
    if (!take_number(&at, &stage) || !take_word(&at, "at") || !take_number(&at, &epoch))
      return bf_fail(err, BF_E_ARGUMENT,
                     "unfreeze: '%s'; write none, every N (epochs), or stages with epochs such as '4 at 3, 2 at 6'",
                     unfreeze);
    bf_status status = add_step(out, stage, epoch, err);
    if (status != BF_OK || at_end(at)) return status;
    if (!take_word(&at, ","))
      return bf_fail(err, BF_E_ARGUMENT, "unfreeze: '%s': a comma is due before '%s'", unfreeze, at);
  }
}

bf_status bf_thaw_parse(bf_thaw *out, const char *freeze, const char *unfreeze, int stages, bf_error *err) {
  *out = (bf_thaw){.frozen = -1};
  bf_status status = parse_freeze(out, freeze, stages, err);
  if (status != BF_OK || strcmp(unfreeze, "none") == 0) return status;
  if (out->frozen < 0)
    return bf_fail(err, BF_E_ARGUMENT, "unfreeze: '%s', but nothing is frozen; write freeze: all, or unfreeze: none",
                   unfreeze);
  const char *at = unfreeze;
  int every;
  if (!take_word(&at, "every")) return parse_list(out, unfreeze, err);
  if (!take_number(&at, &every) || every < 1 || !at_end(at))
    return bf_fail(err, BF_E_ARGUMENT, "unfreeze: '%s'; write 'every 2' for a stage each 2 epochs", unfreeze);
  for (int stage = out->frozen, epoch = 1 + every; stage >= 0 && status == BF_OK; stage--, epoch += every)
    status = add_step(out, stage, epoch, err);
  return status;
}

int bf_thaw_frozen(const bf_thaw *t, int64_t epoch) {
  int frozen = t->frozen;
  for (int i = 0; i < t->count; i++)
    if (epoch >= t->steps[i].epoch) frozen = t->steps[i].stage - 1;
  return frozen;
}

int bf_thaw_epoch(const bf_thaw *t, int stage) {
  if (stage > t->frozen) return 0;
  for (int i = 0; i < t->count; i++)
    if (stage >= t->steps[i].stage) return t->steps[i].epoch;
  return -1;
}

/* ---- learning rates of stages ---- */

bf_status bf_stage_rates(double *out, int stages, double rate, double decay, const char *list, bf_error *err) {
  const char *at = list;
  for (int s = BF_MAX_STAGES - 1; s >= 0; s--) {
    out[s] = rate;
    if (s < stages) rate *= decay;
  }
  if (strcmp(list, "none") == 0) return BF_OK;
  for (int s = 0; s < stages; s++) {
    char *stop;
    double value = strtod(at, &stop);
    const char *end = stop;
    if (end == at || !(value >= 0 && value <= 10) || (s + 1 < stages && !take_word(&end, ",")))
      return bf_fail(
          err, BF_E_ARGUMENT,
          "optimiser.stage_rates: '%s'; write none, or %d learning rates from 0 to 10 with commas, one for each "
          "stage from the first",
          list, stages);
    out[s] = value;
    at = end;
  }
  if (!at_end(at))
    return bf_fail(err, BF_E_ARGUMENT, "optimiser.stage_rates: '%s' has more than the backbone's %d stages", list,
                   stages);
  for (int s = stages; s < BF_MAX_STAGES; s++) out[s] = out[stages - 1];
  return BF_OK;
}
