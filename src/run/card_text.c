/* A card in words, for a reader who has five minutes. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "run/card.h"

static const char *text_at(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text != NULL ? text : "unknown";
}

/* A count as text, one of four rotating buffers; "unknown" where it is none. */
static const char *count_at(const json_t *o, const char *key) {
  static _Thread_local char texts[4][24];
  static _Thread_local int next;
  const json_t *value = json_object_get(o, key);
  char *text = texts[next++ % 4];
  if (!json_is_integer(value)) return "unknown";
  snprintf(text, sizeof texts[0], "%lld", (long long)json_integer_value(value));
  return text;
}

/* Of patients or studies: nobody is 0 of them. */
static const char *owners_at(const json_t *o, const char *key) {
  return json_integer_value(json_object_get(o, key)) > 0 ? count_at(o, key) : "unknown";
}

BF_PRINTF(3, 4) static void line(FILE *f, const char *name, const char *format, ...) {
  va_list arguments;
  fprintf(f, "  %-14s ", name);
  va_start(arguments, format);
  vfprintf(f, format, arguments);
  va_end(arguments);
  fputc('\n', f);
}

static void tell_use(FILE *f, const json_t *card) {
  fprintf(f, "%s: a model of bifocal\n\n", text_at(card, "file"));
  line(f, "for", "%s", text_at(card, "purpose"));
  line(f, "not for", "%s", text_at(card, "limits"));
  line(f, "data", "%s", text_at(card, "data"));
  line(f, "contact", "%s", text_at(card, "contact"));
  line(f, "licence", "%s", text_at(card, "licence"));
}

static void tell_kinds(FILE *f, const char *name, const json_t *kinds, const char *separator) {
  const char *word, *before = "";
  json_t *count;
  fprintf(f, "  %-14s %s", name, json_object_size(kinds) == 0 ? "unknown" : "");
  json_object_foreach((json_t *)kinds, word, count) {
    fprintf(f, "%s%s %lld", before, word, (long long)json_integer_value(count));
    before = separator;
  }
  fputc('\n', f);
}

static void tell_range(FILE *f, const char *name, const json_t *range, const char *unit) {
  double low = json_number_value(json_array_get(range, 0)), high = json_number_value(json_array_get(range, 1));
  if (json_array_size(range) != 2)
    line(f, name, "unknown");
  else
    line(f, name, "%.6g to %.6g %s", low, high, unit);
}

static void tell_domain(FILE *f, const json_t *domain) {
  fputs("\nWhat it was trained on\n", f);
  if (!json_is_object(domain)) {
    line(f, "images", "unknown: it was made before models told");
    return;
  }
  line(f, "images", "%s of %s patients, in %s studies", count_at(domain, "images"), owners_at(domain, "patients"),
       owners_at(domain, "studies"));
  tell_kinds(f, "modality", json_object_get(domain, "modality"), ", ");
  tell_kinds(f, "photometric", json_object_get(domain, "photometric"), ", ");
  tell_kinds(f, "manufacturer", json_object_get(domain, "manufacturer"), "; "); /* names hold commas */
  tell_range(f, "rows", json_object_get(domain, "rows"), "pixels");
  tell_range(f, "columns", json_object_get(domain, "columns"), "pixels");
  tell_range(f, "pixel spacing", json_object_get(domain, "spacing_mm"), "mm");
}

static void tell_side(FILE *f, const char *name, const json_t *side) {
  if (!json_is_object(side)) return;
  line(f, name, "%s images of %s patients: %s benign, %s malignant", count_at(side, "images"),
       count_at(side, "patients"), count_at(side, "benign"), count_at(side, "malignant"));
  line(f, "", "%s without a class; %s lesions", count_at(side, "unknown"), count_at(side, "lesions"));
}

/* Which options the parts were dealt with, as the dataset has them. */
static void tell_dealing(FILE *f, const json_t *parts, const json_t *dataset) {
  const char *key, *before = "";
  json_t *value;
  int labels = 0;
  fprintf(f, "  %-14s ", "parts");
  json_object_foreach((json_t *)dataset, key, value) {
    labels += strncmp(key, "labels.", 7) == 0;
    if (strncmp(key, "split.", 6) != 0) continue;
    fprintf(f, "%s%s=%s", before, key, text_at(dataset, key));
    before = ", ";
  }
  fprintf(f, "%s\n", before[0] != '\0' ? " (ingest)" : "of the training alone, patient by patient");
  line(f, "", "validation=%g of the patients (training), where the dataset names none",
       json_number_value(json_object_get(parts, "validation_fraction")));
  line(f, "dataset", "%d label files, SHA-256 %s", labels, text_at(dataset, "sha256"));
}

static void tell_parts(FILE *f, const json_t *parts, const json_t *dataset) {
  bool folds = json_is_integer(json_object_get(parts, "folds"));
  fputs("\nHow it was trained\n", f);
  if (folds)
    line(f, "folds", "%s, dealt %s time(s); of the first of its networks:", count_at(parts, "folds"),
         count_at(parts, "repeats"));
  tell_side(f, "training", json_object_get(parts, "train"));
  tell_side(f, "validation", json_object_get(parts, "validation"));
  tell_side(f, "held out", json_object_get(parts, "held_out"));
  tell_dealing(f, parts, dataset);
}

/* "0.812 (0.701 to 0.894)"; room 64. interval: its key, or NULL where none belongs to it. */
static const char *share_text(char text[64], const json_t *figures, const char *key, const char *interval) {
  const json_t *value = json_object_get(figures, key);
  const json_t *list = interval != NULL ? json_object_get(figures, interval) : NULL;
  if (!json_is_number(value)) return "unknown";
  int used = snprintf(text, 64, "%.3f", json_number_value(value));
  if (json_array_size(list) == 2)
    snprintf(text + used, 64 - (size_t)used, " (%.3f to %.3f)", json_number_value(json_array_get(list, 0)),
             json_number_value(json_array_get(list, 1)));
  else if (interval != NULL)
    snprintf(text + used, 64 - (size_t)used, " (no interval)");
  return text;
}

/* Of several times that folds were dealt the figures are the first one's, at its own threshold. */
static const char *threshold_text(char text[32], const json_t *figures, double threshold) {
  double own = json_number_value(json_object_get(figures, "figures_threshold"));
  bool other = json_is_number(json_object_get(figures, "figures_threshold")) && fabs(own - threshold) > 5e-5;
  text[0] = '\0';
  if (other) snprintf(text, 32, " at %.4f", own);
  return text;
}

static void tell_figures(FILE *f, const json_t *figures) {
  char text[64], at[32];
  fprintf(f, "\nHow good it was (95 %% intervals), on: %s, %s images\n", text_at(figures, "on"),
          count_at(figures, "images"));
  line(f, "AUC", "%s; %s benign, %s malignant images", share_text(text, figures, "auc", "auc_ci"),
       count_at(figures, "benign"), count_at(figures, "malignant"));
  line(f, "lesions found", "%s at 1 false positive an image; %s lesions in %s images",
       share_text(text, figures, "froc1", "froc1_ci"), count_at(figures, "lesions"),
       count_at(figures, "lesion_images"));
  const json_t *threshold = json_object_get(figures, "threshold");
  if (!json_is_number(threshold)) {
    line(f, "threshold", "none");
    return;
  }
  line(f, "threshold", "%.4f: %s", json_number_value(threshold), text_at(figures, "threshold_rule"));
  threshold_text(at, figures, json_number_value(threshold));
  line(f, "  sensitivity", "%s%s", share_text(text, figures, "sensitivity", "sensitivity_ci"), at);
  line(f, "  specificity", "%s%s", share_text(text, figures, "specificity", "specificity_ci"), at);
}

static void tell_points(FILE *f, const json_t *points) {
  for (size_t i = 0; i < json_array_size(points); i++) {
    const json_t *p = json_array_get(points, i);
    char sensitivity[64], specificity[64];
    line(f, i == 0 ? "thresholds" : "", "%-17s at %.4f: sensitivity %s, specificity %s%s", text_at(p, "name"),
         json_number_value(json_object_get(p, "threshold")), share_text(sensitivity, p, "sensitivity", NULL),
         share_text(specificity, p, "specificity", NULL), json_is_true(json_object_get(p, "chosen")) ? "; chosen" : "");
  }
}

/* How often it comes true what the model says. */
static void tell_probabilities(FILE *f, const json_t *card) {
  const json_t *c = json_object_get(card, "calibration"), *before = json_object_get(c, "ece_before"),
               *after = json_object_get(c, "ece_after");
  fputs("\nIts probabilities\n", f);
  line(f, "calibration", "%s", text_at(c, "in_words"));
  if (json_is_number(before) && json_is_number(after))
    line(f, "", "expected calibration error %.3f, then %.3f, on the same images", json_number_value(before),
         json_number_value(after));
  tell_points(f, json_object_get(card, "operating_points"));
}

static void tell_limits(FILE *f, const json_t *limits) {
  fputs("\nKnown limits\n", f);
  for (size_t i = 0; i < json_array_size(limits); i++)
    fprintf(f, "  - %s\n", json_string_value(json_array_get(limits, i)));
}

static void tell_network(FILE *f, const json_t *network, const json_t *preparation) {
  const json_t *heads = json_object_get(network, "heads");
  const char *key, *before = "";
  json_t *value;
  fputs("\nHow it looks at an image\n", f);
  line(f, "network", "%s at %s pixels a side, %s network(s)", text_at(network, "backbone"), count_at(network, "size"),
       count_at(network, "members"));
  fprintf(f, "  %-14s ", "heads");
  for (size_t i = 0; i < json_array_size(heads); i++)
    fprintf(f, "%s%s", i ? ", " : "", json_string_value(json_array_get(heads, i)));
  fprintf(f, "\n  %-14s ", "preparation");
  json_object_foreach((json_t *)preparation, key, value) {
    fprintf(f, "%s%s %s", before, key, text_at(preparation, key));
    before = ", ";
  }
  fputc('\n', f);
  if (json_is_string(json_object_get(network, "weights_sha256")))
    line(f, "pretrained", "%s, SHA-256 %s", text_at(network, "weights_known_as"), text_at(network, "weights_sha256"));
  else
    line(f, "pretrained", "no: from a random start");
}

char *bf_card_tell(const json_t *card) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (f == NULL) return NULL;
  tell_use(f, card);
  tell_domain(f, json_object_get(card, "trained_on"));
  tell_parts(f, json_object_get(card, "parts"), json_object_get(card, "dataset"));
  tell_figures(f, json_object_get(card, "figures"));
  tell_probabilities(f, card);
  tell_limits(f, json_object_get(card, "known_limits"));
  tell_network(f, json_object_get(card, "network"), json_object_get(card, "preparation"));
  fputs("\nThis file\n", f);
  line(f, "SHA-256", "%s", text_at(card, "sha256"));
  line(f, "format", "%s, written by bifocal %s", text_at(card, "format"), text_at(card, "software_version"));
  line(f, "made", "%s", text_at(card, "created"));
  line(f, "remembers", "%s images as seen; scores mark them", count_at(card, "seen_images"));
  bool good = !ferror(f);
  char *copy = fclose(f) == 0 && good ? bf_strdup(text) : NULL;
  free(text);
  return copy;
}
