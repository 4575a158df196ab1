/* What a card must warn of, because its reader would believe more than the numbers can carry. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "run/card.h"

/* Below it a sensitivity's 95 % interval is wider than 0.35 whatever was measured near one half. */
enum { few = 30 };

BF_PRINTF(2, 3) static void add(json_t *list, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  json_array_append_new(list, json_string(text));
}

/* -1: not known. */
static long long count_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? (long long)json_integer_value(value) : -1;
}

static void add_few(json_t *list, const json_t *figures, const char *key, const char *what) {
  long long n = count_of(figures, key);
  if (n >= 0 && n < few)
    add(list, "The figures rest on %lld %s, fewer than %d: believe the intervals, not the values.", n, what, few);
}

/* The word that all images have; NULL where they have several, or it is not known of all. */
static const char *only_word(const json_t *domain, const char *key) {
  json_t *words = json_object_get(domain, key);
  void *first = json_object_iter(words);
  bool all = first != NULL && json_object_size(words) == 1 &&
             json_integer_value(json_object_iter_value(first)) == count_of(domain, "images");
  return all ? json_object_iter_key(first) : NULL;
}

static void judge_domain(json_t *list, const json_t *domain) {
  const char *modality = only_word(domain, "modality");
  if (!json_is_object(domain)) {
    add(list, "It does not tell what images it was trained on, so that scoring cannot refuse others.");
    return;
  }
  if (modality != NULL)
    add(list, "It was trained on one modality alone (%.16s): nothing is known of others.", modality);
  if (only_word(domain, "manufacturer") != NULL) /* whose name the card tells once, where it counts makers */
    add(list, "It was trained on images of one maker alone: nothing is known of other makers' equipment.");
  long long patients = count_of(domain, "patients");
  if (patients == 0)
    add(list, "Patients were not known in training: pictures of one patient may stand on both sides of the split.");
  else if (patients < few)
    add(list, "It learnt from %lld patients alone.", patients);
}

static void judge_figures(json_t *list, const json_t *figures, bool folds, bool chosen) {
  const char *on = json_string_value(json_object_get(figures, "on"));
  if (on != NULL && on[0] == 'n') {
    add(list, "No figures: there was no validation part.");
    return;
  }
  if (folds)
    add(list,
        "The figures are those of the networks of its folds, each on images that it has not seen; all of them "
        "together were measured on none.");
  else
    add(list, "The images that the figures were measured on also chose %s: figures on new images will be lower.",
        chosen ? "the epoch and the threshold" : "the threshold");
  if (json_is_number(json_object_get(figures, "auc"))) {
    add_few(list, figures, "malignant", "malignant images");
    add_few(list, figures, "benign", "benign images");
  }
  if (json_is_number(json_object_get(figures, "froc1"))) add_few(list, figures, "lesions", "lesions");
}

static void judge_calibration(json_t *list, const json_t *calibration) {
  const char *method = json_string_value(json_object_get(calibration, "method"));
  if (method == NULL || strcmp(method, "none") == 0)
    add(list, "Its probabilities are not calibrated: 0.8 does not mean that 8 of 10 are malignant.");
  else if (json_is_array(json_object_get(calibration, "members")))
    add(list,
        "Each of its networks was calibrated by itself; whether 8 of 10 are malignant where all together say 0.8 was "
        "measured on no image.");
  else
    add(list,
        "Its probabilities were calibrated on the same images that its figures were measured on: where malignant "
        "lesions are more or less common than there, 0.8 does not mean that 8 of 10 are malignant.");
}

json_t *bf_card_limits(const json_t *card) {
  json_t *list = json_array();
  const json_t *figures = json_object_get(card, "figures");
  const char *metric = json_string_value(json_object_get(json_object_get(card, "network"), "epoch_chosen_by"));
  bool folds = json_is_integer(json_object_get(json_object_get(card, "parts"), "folds"));
  add(list, "It is no medical device: nothing in this file shows that it may be used to treat patients.");
  if (!json_is_true(json_object_get(card, "training_record")))
    add(list, "Its training record is missing or damaged: how it was made cannot be told.");
  judge_domain(list, json_object_get(card, "trained_on"));
  judge_figures(list, figures, folds, metric == NULL || strcmp(metric, "last") != 0);
  add(list,
      "Nothing was measured on images of another source than the training's: 'bifocal score' and 'bifocal "
      "evaluate' do that.");
  judge_calibration(list, json_object_get(card, "calibration"));
  if (!json_is_number(json_object_get(figures, "threshold")))
    add(list, "It has no threshold: its probabilities order images, and call none malignant.");
  return list;
}
