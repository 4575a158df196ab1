/* Texts of further columns, kept for each image, and joined. */
#include "data/label_columns.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/utf8.h"

void bf_label_columns_clear(bf_label_columns *c) {
  for (int i = 0; i < c->count; i++) bf_free(c->names[i]);
  for (int i = 0; i < c->other_count; i++) bf_free(c->others[i]);
  bf_string_map_clear(&c->texts);
  *c = (bf_label_columns){.count = 0};
}

static int find(char *const *names, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (strcasecmp(names[i], name) == 0) return i;
  return -1;
}

static bf_status add(char **names, int *count, const char *name, bf_error *err) {
  names[*count] = bf_strdup(name);
  if (names[*count] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the columns of labels");
  ++*count;
  return BF_OK;
}

static bf_status refuse_name(const char *name, bf_error *err) {
  char shown[2 * BF_LABEL_TEXT_MAX];
  snprintf(shown, sizeof shown, "%s", name);
  bf_make_plain(shown);
  return bf_fail(err, BF_E_ARGUMENT, "column %s: a name of %zu bytes; columns of the labels have 1 to %d of plain text",
                 shown, strlen(name), BF_LABEL_TEXT_MAX);
}

int bf_labels_keep(bf_labels *labels, const char *name, bf_error *err) {
  bf_label_columns *c = bf_labels_columns(labels);
  int at = find(c->names, c->count, name);
  if (at >= 0) return at;
  bf_status status = BF_OK;
  if (bf_labels_count(labels) > 0)
    status = bf_fail(err, BF_E_INTERNAL, "column %.64s: asked for after labels were read", name);
  else if (name[0] == '\0' || strlen(name) > BF_LABEL_TEXT_MAX || !bf_is_plain_text(name))
    status = refuse_name(name, err);
  else if (bf_labels_csv_means(name))
    status = bf_fail(err, BF_E_ARGUMENT,
                     "column %.64s: has a meaning of its own in label files; name a further column beside it", name);
  else if (c->count == BF_LABEL_COLUMNS_MAX)
    status = bf_fail(err, BF_E_LIMIT, "column %.64s: at most %d columns of the labels are kept at a time", name,
                     BF_LABEL_COLUMNS_MAX);
  if (status == BF_OK) status = add(c->names, &c->count, name, err);
  return status == BF_OK ? c->count - 1 : -1;
}

bf_status bf_label_columns_see(bf_label_columns *c, const char *name, bf_error *err) {
  int at = find(c->names, c->count, name);
  if (at >= 0) c->found[at] = true;
  if (at >= 0 || name[0] == '\0' || c->other_count == BF_LABEL_OTHERS_MAX || !bf_is_plain_text(name) ||
      find(c->others, c->other_count, name) >= 0)
    return BF_OK;
  return add(c->others, &c->other_count, name, err);
}

bool bf_labels_has_column(bf_labels *labels, const char *name) {
  const bf_label_columns *c = bf_labels_columns(labels);
  int kept = find(c->names, c->count, name);
  return (kept >= 0 && c->found[kept]) || find(c->others, c->other_count, name) >= 0;
}

static void list(char *text, size_t size, char *const *names, int count) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < count && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%.40s", i > 0 ? ", " : "", names[i]);
}

bf_status bf_labels_check_kept(bf_labels *labels, bf_error *err) {
  const bf_label_columns *c = bf_labels_columns(labels);
  char *there[BF_LABEL_COLUMNS_MAX + BF_LABEL_OTHERS_MAX], text[600];
  int n = 0, missing = -1;
  for (int i = 0; i < c->count; i++) {
    if (c->found[i])
      there[n++] = c->names[i];
    else if (missing < 0)
      missing = i;
  }
  if (missing < 0) return BF_OK;
  for (int i = 0; i < c->other_count; i++) there[n++] = c->others[i];
  list(text, sizeof text, there, n);
  return bf_fail(err, BF_E_ARGUMENT, "no CSV file of images among the labels has a column %.64s; %s%s",
                 c->names[missing], n > 0 ? "further columns are: " : "they have no further columns", text);
}

/* ---- of an image ---- */

const char *bf_label_text(const bf_label *label, int column) {
  return label->texts != NULL && column >= 0 && column < label->text_count ? label->texts[column] : NULL;
}

static void doubt(bf_label *label, int column) {
  label->texts[column] = NULL;
  label->texts_doubted |= 1u << column;
}

static bf_status need_texts(bf_labels *labels, bf_label *label, bf_error *err) {
  int count = bf_labels_columns(labels)->count;
  if (label->texts != NULL) return BF_OK;
  label->texts = bf_alloc((size_t)count, sizeof *label->texts);
  if (label->texts == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for labels");
  label->text_count = count;
  return BF_OK;
}

/* Plain, and where it is too long cut between two characters, with a mark that the whole text makes. */
static void fit(char plain[BF_LABEL_TEXT_MAX + 1], const char *text) {
  enum { dots = 3, digits = 8 };
  const size_t length = strlen(text);
  char hex[65];
  bf_name_set(plain, BF_LABEL_TEXT_MAX + 1 - (length > BF_LABEL_TEXT_MAX ? dots + digits : 0), text);
  if (length <= BF_LABEL_TEXT_MAX) return;
  bf_sha256(hex, text, length);
  const size_t kept = strlen(plain);
  snprintf(plain + kept, BF_LABEL_TEXT_MAX + 1 - kept, "...%.*s", digits, hex);
}

/* Images by the thousand share few texts: each is there once, and equal ones are the same. */
static bf_status share(const char **out, bool *first, bf_label_columns *c, const char *text, bf_error *err) {
  char plain[BF_LABEL_TEXT_MAX + 1];
  int64_t number, before = c->texts.count;
  fit(plain, text);
  bf_status status = bf_string_map_number(&number, &c->texts, plain, err);
  if (status == BF_OK) *out = bf_string_map_text(&c->texts, plain);
  *first = c->texts.count > before;
  return status;
}

bf_status bf_labels_set_text(bf_labels *labels, bf_label *label, int column, const char *text, const char *path,
                             long line, bf_error *err) {
  bf_label_columns *c = bf_labels_columns(labels);
  char place[32] = "";
  const char *shared = NULL;
  bool first = false;
  if (text[0] == '\0' || (label->texts_doubted >> column & 1) != 0) return BF_OK;
  bf_status status = need_texts(labels, label, err);
  if (status == BF_OK) status = share(&shared, &first, c, text, err);
  if (status != BF_OK) return status;
  if (line > 0) snprintf(place, sizeof place, "line %ld: ", line);
  if (first && strlen(text) > BF_LABEL_TEXT_MAX)
    bf_labels_complain(labels,
                       "%.600s: %scolumn %.64s: a text of %zu bytes, more than %d: it is cut, with eight digits of its "
                       "SHA-256 behind it",
                       path, place, c->names[column], strlen(text), BF_LABEL_TEXT_MAX);
  if (label->texts[column] == NULL) label->texts[column] = shared;
  if (label->texts[column] == shared) return BF_OK;
  bf_labels_complain(labels, "%.600s: %scolumn %.64s: two texts are said of the same image; it is unknown", path, place,
                     c->names[column]);
  doubt(label, column);
  return BF_OK;
}

bf_status bf_labels_join_texts(bf_labels *labels, bf_label *label, const bf_label *other, const char *where,
                               bf_error *err) {
  bf_status status = other->texts != NULL ? need_texts(labels, label, err) : BF_OK;
  for (int i = 0; i < other->text_count && status == BF_OK; i++) {
    if ((other->texts_doubted >> i & 1) != 0) doubt(label, i);
    if (other->texts[i] != NULL) status = bf_labels_set_text(labels, label, i, other->texts[i], where, 0, err);
  }
  return status;
}
