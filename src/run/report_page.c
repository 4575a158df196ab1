/* Lists of reasons and facts. */
#include "run/report_page.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void bf_loss_add(bf_loss_list *l, const char *label, int64_t count) {
  if (count <= 0) return;
  if (l->count == BF_LOSSES_MAX) {
    l->bars[BF_LOSSES_MAX - 1].count += count;
    return;
  }
  if (l->count == BF_LOSSES_MAX - 1) label = "other reasons";
  snprintf(l->labels[l->count], sizeof l->labels[0], "%s", label);
  l->bars[l->count] = (bf_page_bar){l->labels[l->count], count};
  l->count++;
}

void bf_loss_add_rows(bf_loss_list *l, const bf_case_counts *n) {
  for (int i = 1; i < BF_ROW_STATUSES; i++) {
    char label[96];
    snprintf(label, sizeof label, "not scored: %s", bf_row_status_name((bf_row_status)i));
    bf_loss_add(l, label, n->failed_by[i]);
  }
  bf_loss_add(l, "not scored: left out by rule", n->left_out);
  bf_loss_add(l, "scored, but nothing is known of it", n->unlabelled);
  bf_loss_add(l, "labelled, but without a good row", n->labels_unmatched);
  bf_loss_add(l, "mask that could not be used", n->masks_unfit);
  bf_loss_add(l, "box that does not fit its image", n->lesions_unfit);
}

void bf_loss_add_unknown(bf_loss_list *l, const bf_assessment *a) {
  bf_loss_add(l, "class unknown or in conflict: in no figure of classes", a->classes.unknown);
  bf_loss_add(l, "without a probability: in no figure of classes", a->classes.without_probability);
  bf_loss_add(l, "lesions unknown: in no figure of lesions", a->lesions.unknown);
}

static void add_file(bf_loss_list *l, int first, const char *reason) {
  char label[96];
  int k = first;
  snprintf(label, sizeof label, "file left out by ingest: %.60s", reason);
  while (k < l->count && strcmp(l->labels[k], label) != 0) k++;
  if (k < l->count)
    l->bars[k].count++;
  else
    bf_loss_add(l, label, 1);
}

bf_status bf_loss_add_files(bf_loss_list *l, const bf_dataset *data, bf_error *err) {
  bf_left_out *rows;
  int first = l->count;
  int64_t count = bf_dataset_left_out_count(data);
  bf_status status = bf_dataset_left_out(&rows, data, err);
  if (status != BF_OK) return status;
  for (int64_t i = 0; i < count; i++) add_file(l, first, rows[i].reason);
  bf_dataset_left_out_free(rows, count);
  return BF_OK;
}

void bf_fact_list_clear(bf_fact_list *l) {
  for (int i = 0; i < l->count; i++) bf_free(l->words[i]);
  *l = (bf_fact_list){0};
}

/* Takes words, which may be NULL. */
static void take_fact(bf_fact_list *l, const char *term, char *words) {
  if (l->count == BF_FACTS_MAX || words == NULL || words[0] == '\0') {
    bf_free(words);
    return;
  }
  l->facts[l->count] = (bf_page_fact){term, words};
  l->words[l->count++] = words;
}

void bf_fact_add(bf_fact_list *l, const char *term, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *words = length > 0 ? bf_alloc((size_t)length + 1, 1) : NULL;
  if (words != NULL) vsnprintf(words, (size_t)length + 1, format, again);
  va_end(again);
  take_fact(l, term, words);
}

void bf_fact_add_names(bf_fact_list *l, const char *term, const char *const *names, int count) {
  size_t room = 1, used = 0;
  for (int i = 0; i < count; i++) room += strlen(names[i]) + 2;
  char *words = bf_alloc(room, 1);
  for (int i = 0; i < count && words != NULL; i++)
    used += (size_t)snprintf(words + used, room - used, "%s%s", i > 0 ? ", " : "", names[i]);
  take_fact(l, term, words);
}

static void tell_calibration(char words[BF_CALIBRATION_WORDS], const json_t *c) {
  const char *method = json_string_value(json_object_get(c, "method"));
  const char *reason = json_string_value(json_object_get(c, "reason"));
  const json_t *slope = json_object_get(c, "slope"), *n = json_object_get(c, "n");
  if (method == NULL) return;
  if (strcmp(method, "none") == 0)
    snprintf(words, BF_CALIBRATION_WORDS, "Probabilities are the network's own, not calibrated%s%.150s.",
             reason != NULL ? ": " : "", reason != NULL ? reason : "");
  else if (json_is_number(slope))
    snprintf(words, BF_CALIBRATION_WORDS,
             "Probabilities are calibrated (%.32s): slope %.3g, intercept %.3g, fitted on %lld images.", method,
             json_number_value(slope), json_number_value(json_object_get(c, "intercept")),
             (long long)json_integer_value(n));
  else
    snprintf(words, BF_CALIBRATION_WORDS, "Probabilities are calibrated (%.32s), each fold's model by its own fit.",
             method);
}

void bf_calibration_words(char words[BF_CALIBRATION_WORDS], const char *notes) {
  json_t *root = notes != NULL ? json_loads(notes, 0, NULL) : NULL;
  words[0] = '\0';
  tell_calibration(words, json_object_get(root, "calibration"));
  json_decref(root);
}
