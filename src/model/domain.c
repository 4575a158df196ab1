/* Counting images, the rules, and the way of both to JSON and back. Nothing in the JSON is believed. */
#include "model/domain.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

/* Sizes beyond these factors are another resolution, or another kind of picture: a network of fixed input sees details
 * at half or twice the scale that it learnt, which the augmentations still cover, and not farther. */
static const double size_factor = 2;

/* No image's side, and no dataset's images, are more. */
static const double side_most = 1 << 20, spacing_most = 1e6, images_most = 1e12;

/* ---- counting ---- */

/* Words beyond the room are not counted: their images are then missing in the sum, and the kind is not judged. */
static void add_kind(bf_domain_kinds *k, const char *word, int64_t images, bool sum) {
  int at = 0;
  while (at < k->count && strcmp(k->kind[at].word, word) < 0) at++;
  if (at == k->count || strcmp(k->kind[at].word, word) != 0) {
    if (k->count == BF_DOMAIN_KINDS) return;
    memmove(&k->kind[at + 1], &k->kind[at], (size_t)(k->count - at) * sizeof k->kind[0]);
    k->count++;
    snprintf(k->kind[at].word, sizeof k->kind[at].word, "%s", word);
    k->kind[at].images = 0;
  }
  int64_t *mine = &k->kind[at].images;
  *mine = sum ? *mine + images : images > *mine ? images : *mine;
}

static void widen(bf_domain_range *r, double low, double high) {
  if (high <= 0) return;
  r->low = r->high <= 0 || low < r->low ? low : r->low;
  r->high = high > r->high ? high : r->high;
}

static void widen_by(bf_domain_range *r, double value) { widen(r, value, value); }

/* A spacing that reading would refuse is none that was measured. */
static void widen_by_spacing(bf_domain_range *r, double spacing) {
  if (spacing >= 1 / spacing_most && spacing <= spacing_most) widen_by(r, spacing);
}

void bf_domain_add(bf_domain *d, const bf_domain_image *image) {
  d->images++;
  if (image->modality[0] != '\0') add_kind(&d->modality, image->modality, 1, true);
  if (image->photometric[0] != '\0') add_kind(&d->photometric, image->photometric, 1, true);
  if (image->manufacturer != NULL && image->manufacturer[0] != '\0')
    add_kind(&d->manufacturer, image->manufacturer, 1, true);
  widen_by(&d->rows, image->rows);
  widen_by(&d->columns, image->columns);
  widen_by(&d->shorter, fmin(image->rows, image->columns));
  widen_by(&d->longer, fmax(image->rows, image->columns));
  widen_by_spacing(&d->spacing, image->spacing_row);
  widen_by_spacing(&d->spacing, image->spacing_column);
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t kinds_sum(const bf_domain_kinds *k) {
  int64_t sum = 0;
  for (int i = 0; i < k->count; i++) sum += k->kind[i].images;
  return sum;
}

static void unite_kinds(bf_domain_kinds *mine, const bf_domain_kinds *theirs) {
  for (int i = 0; i < theirs->count; i++) add_kind(mine, theirs->kind[i].word, theirs->kind[i].images, false);
}

/* Where one of both does not know a kind of all its images, neither does the union: a sum that is short says so. */
static void join_kinds(bf_domain *d, bf_domain_kinds *mine, const bf_domain *other, const bf_domain_kinds *theirs,
                       int64_t images) {
  bool known = kinds_sum(mine) >= d->images && kinds_sum(theirs) >= other->images;
  unite_kinds(mine, theirs);
  if (!known && kinds_sum(mine) >= images) mine->count = 0;
}

void bf_domain_join(bf_domain *d, const bf_domain *other) {
  int64_t images = larger(d->images, other->images);
  if (d->images == 0 || other->images == 0) {
    *d = (bf_domain){0};
    return;
  }
  join_kinds(d, &d->modality, other, &other->modality, images);
  join_kinds(d, &d->photometric, other, &other->photometric, images);
  unite_kinds(&d->manufacturer, &other->manufacturer);
  d->images = images;
  d->studies = larger(d->studies, other->studies);
  d->patients = larger(d->patients, other->patients);
  widen(&d->rows, other->rows.low, other->rows.high);
  widen(&d->columns, other->columns.low, other->columns.high);
  widen(&d->shorter, other->shorter.low, other->shorter.high);
  widen(&d->longer, other->longer.low, other->longer.high);
  widen(&d->spacing, other->spacing.low, other->spacing.high);
}

/* ---- rules ---- */

void bf_domain_kinds_text(char *text, int capacity, const bf_domain_kinds *k) {
  int used = snprintf(text, (size_t)capacity, "%s", k->count == 0 ? "unknown" : "");
  for (int i = 0; i < k->count && used < capacity; i++)
    used += snprintf(text + used, (size_t)(capacity - used), "%s%s %lld", i ? ", " : "", k->kind[i].word,
                     (long long)k->kind[i].images);
}

/* "US alone", "CT and MR", "CT, MR and US". */
static void seen_words(char *text, int capacity, const bf_domain_kinds *k) {
  int used = 0;
  text[0] = '\0';
  for (int i = 0; i < k->count && used < capacity; i++)
    used += snprintf(text + used, (size_t)(capacity - used), "%s%s",
                     i == 0              ? ""
                     : i + 1 == k->count ? " and "
                                         : ", ",
                     k->kind[i].word);
  if (k->count == 1 && used < capacity) snprintf(text + used, (size_t)(capacity - used), " alone");
}

static bool is_grey(const char *photometric) { return strncmp(photometric, "MONOCHROME", 10) == 0; }

static bool saw_word(const bf_domain_kinds *k, const char *word) {
  for (int i = 0; i < k->count; i++)
    if (strcmp(k->kind[i].word, word) == 0) return true;
  return false;
}

static bool saw_grey(const bf_domain_kinds *k, bool grey) {
  for (int i = 0; i < k->count; i++)
    if (is_grey(k->kind[i].word) == grey) return true;
  return false;
}

/* Of every image, and not by words alone that a joined file gives. */
static bool is_known(const bf_domain *d, const bf_domain_kinds *k) { return k->count > 0 && kinds_sum(k) >= d->images; }

static void add_words(char text[BF_DOMAIN_TEXT], const char *words) {
  size_t used = strlen(text);
  snprintf(text + used, BF_DOMAIN_TEXT - used, "%s%s", used > 0 ? "; " : "", words);
}

static void judge_modality(char text[BF_DOMAIN_TEXT], const bf_domain *d, const bf_domain_image *image) {
  char seen[96], words[160];
  if (!is_known(d, &d->modality) || saw_word(&d->modality, image->modality)) return;
  seen_words(seen, sizeof seen, &d->modality);
  snprintf(words, sizeof words, "modality %.16s: the model was trained on %s",
           image->modality[0] != '\0' ? image->modality : "unknown", seen);
  add_words(text, words);
}

static void judge_colour(char text[BF_DOMAIN_TEXT], const bf_domain *d, const bf_domain_image *image) {
  char words[160];
  bool grey = is_grey(image->photometric);
  if (!is_known(d, &d->photometric) || image->photometric[0] == '\0' || saw_grey(&d->photometric, grey)) return;
  snprintf(words, sizeof words, "%s (%.16s): the model was trained on %s alone", grey ? "a grey picture" : "colour",
           image->photometric, grey ? "colour pictures" : "grey pictures");
  add_words(text, words);
}

static bool out_of(double side, const bf_domain_range *seen) {
  return seen->high > 0 && (side < seen->low / size_factor || side > seen->high * size_factor);
}

static void judge_size(char text[BF_DOMAIN_TEXT], const bf_domain *d, const bf_domain_image *image) {
  char words[200];
  double shorter = fmin(image->rows, image->columns), longer = fmax(image->rows, image->columns);
  if (!out_of(shorter, &d->shorter) && !out_of(longer, &d->longer)) return;
  snprintf(words, sizeof words,
           "size %d x %d: the model was trained on images whose shorter side has %.0f to %.0f pixels, and the longer "
           "one %.0f to %.0f; from half to twice that is taken",
           image->columns, image->rows, d->shorter.low, d->shorter.high, d->longer.low, d->longer.high);
  add_words(text, words);
}

bool bf_domain_differs(char text[BF_DOMAIN_TEXT], const bf_domain *d, const bf_domain_image *image) {
  text[0] = '\0';
  if (d->images == 0) return false;
  judge_modality(text, d, image);
  judge_colour(text, d, image);
  judge_size(text, d, image);
  return text[0] != '\0';
}

/* ---- writing ---- */

static json_t *kinds_json(const bf_domain_kinds *k) {
  json_t *object = json_object();
  for (int i = 0; i < k->count; i++) json_object_set_new(object, k->kind[i].word, json_integer(k->kind[i].images));
  return object;
}

static void put_range(json_t *object, const char *key, const bf_domain_range *r, bool whole) {
  if (r->high <= 0) return;
  json_t *low = whole ? json_integer((json_int_t)r->low) : json_real(r->low),
         *high = whole ? json_integer((json_int_t)r->high) : json_real(r->high);
  json_object_set_new(object, key, json_pack("[o, o]", low, high));
}

char *bf_domain_write(const bf_domain *d) {
  json_t *root = json_object();
  json_object_set_new(root, "images", json_integer(d->images));
  json_object_set_new(root, "studies", json_integer(d->studies));
  json_object_set_new(root, "patients", json_integer(d->patients));
  json_object_set_new(root, "modality", kinds_json(&d->modality));
  json_object_set_new(root, "photometric", kinds_json(&d->photometric));
  json_object_set_new(root, "manufacturer", kinds_json(&d->manufacturer));
  put_range(root, "rows", &d->rows, true);
  put_range(root, "columns", &d->columns, true);
  put_range(root, "shorter_side", &d->shorter, true);
  put_range(root, "longer_side", &d->longer, true);
  put_range(root, "spacing_mm", &d->spacing, false);
  char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17)), *copy = bf_strdup(text);
  free(text);
  json_decref(root);
  return copy;
}

/* ---- reading ---- */

static bool read_count(int64_t *out, const json_t *object, const char *key, double most) {
  const json_t *value = json_object_get(object, key);
  *out = json_integer_value(value);
  return json_is_integer(value) && *out >= 0 && (double)*out <= most;
}

/* Words are such as the headers of images have them: short, ASCII, without control characters. */
static bool is_word(const char *text, size_t most) {
  size_t length = strlen(text);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < 32 || (unsigned char)text[i] > 126) return false;
  return length > 0 && length <= most;
}

static bool read_kinds(bf_domain_kinds *out, json_t *root, const char *key, size_t most, int64_t images) {
  json_t *object = json_object_get(root, key), *value;
  const char *word;
  if (!json_is_object(object) || json_object_size(object) > BF_DOMAIN_KINDS) return false;
  json_object_foreach(object, word, value) {
    int64_t count = json_integer_value(value);
    if (!is_word(word, most) || !json_is_integer(value) || count < 1 || count > images) return false;
    add_kind(out, word, count, true);
  }
  return true;
}

static bool read_range(bf_domain_range *out, const json_t *root, const char *key, double least, double most) {
  const json_t *list = json_object_get(root, key), *low = json_array_get(list, 0), *high = json_array_get(list, 1);
  if (list == NULL) return true;
  *out = (bf_domain_range){json_number_value(low), json_number_value(high)};
  return json_array_size(list) == 2 && json_is_number(low) && json_is_number(high) && out->low >= least &&
         out->low <= out->high && out->high <= most;
}

enum { code_most = 16 }; /* of a code string, PS3.5 6.2 */

/* The key whose value cannot be; NULL: all can. */
static const char *read_all(bf_domain *d, json_t *root) {
  if (!read_count(&d->images, root, "images", images_most) || d->images == 0) return "images";
  if (!read_count(&d->studies, root, "studies", (double)d->images)) return "studies";
  if (!read_count(&d->patients, root, "patients", (double)d->images)) return "patients";
  if (!read_kinds(&d->modality, root, "modality", code_most, d->images)) return "modality";
  if (!read_kinds(&d->photometric, root, "photometric", code_most, d->images)) return "photometric";
  bool tells = json_object_get(root, "manufacturer") != NULL;
  if (tells && !read_kinds(&d->manufacturer, root, "manufacturer", BF_DOMAIN_WORD - 1, d->images))
    return "manufacturer";
  if (!read_range(&d->rows, root, "rows", 1, side_most)) return "rows";
  if (!read_range(&d->columns, root, "columns", 1, side_most)) return "columns";
  if (!read_range(&d->shorter, root, "shorter_side", 1, side_most)) return "shorter_side";
  if (!read_range(&d->longer, root, "longer_side", 1, side_most)) return "longer_side";
  if (!read_range(&d->spacing, root, "spacing_mm", 1 / spacing_most, spacing_most)) return "spacing_mm";
  return NULL;
}

bf_status bf_domain_read(bf_domain *out, const char *text, bf_error *err) {
  *out = (bf_domain){0};
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  const char *fault = json_is_object(root) ? read_all(out, root) : "";
  json_decref(root);
  if (fault == NULL) return BF_OK;
  *out = (bf_domain){0};
  if (fault[0] == '\0') return bf_fail(err, BF_E_FORMAT, "its metadata's domain is not a JSON object");
  return bf_fail(err, BF_E_FORMAT, "its metadata's domain: '%s' cannot be; the file is damaged", fault);
}
