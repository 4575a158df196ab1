/* Counting a dataset. */
#include "run/data_summary.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/groups.h"

typedef struct counting {
  const bf_dataset *data;
  int64_t rows;
  bf_owner *owners;
  int64_t *group, *numbers; /* numbers: of whatever is counted at the moment */
  uint64_t *seen;           /* of each number: a bit a part or a fold */
} counting;

static bf_status counting_open(counting *c, const bf_dataset *data, bf_error *err) {
  size_t n = (size_t)bf_dataset_count(data);
  int64_t groups;
  *c = (counting){.data = data,
                  .rows = (int64_t)n,
                  .owners = bf_alloc(n, sizeof *c->owners),
                  .group = bf_alloc(n, sizeof *c->group),
                  .numbers = bf_alloc(n, sizeof *c->numbers),
                  .seen = bf_alloc(n, sizeof *c->seen)};
  if (!c->owners || !c->group || !c->numbers || !c->seen)
    return bf_fail(err, BF_E_MEMORY, "no memory to count %zu images", n);
  bf_status status = bf_owners_of(c->owners, data, err);
  return status == BF_OK ? bf_groups_of(c->group, &groups, data, err) : status;
}

static void counting_clear(counting *c) {
  bf_free(c->owners);
  bf_free(c->group);
  bf_free(c->numbers);
  bf_free(c->seen);
}

enum { most_places = 64 };

typedef int (*place_of)(const bf_record *r);

static int part_of(const bf_record *r) { return r->split; }
static int fold_of(const bf_record *r) { return r->fold < most_places ? r->fold : -1; }

/* How many different numbers each place has; counts[most_places], and all in *all. Returns how many stand on several of
 * the places of `sides`. */
static int64_t count_numbers(int64_t counts[most_places], int64_t *all, const counting *c, place_of place,
                             uint64_t sides) {
  int64_t crossing = 0;
  memset(c->seen, 0, (size_t)c->rows * sizeof *c->seen);
  memset(counts, 0, most_places * sizeof *counts);
  *all = 0;
  for (int64_t i = 0; i < c->rows; i++) {
    int at = place(bf_dataset_record(c->data, i));
    if (c->numbers[i] >= 0 && at >= 0) c->seen[c->numbers[i]] |= UINT64_C(1) << at;
  }
  for (int64_t i = 0; i < c->rows; i++) {
    uint64_t on = c->seen[i] & sides;
    *all += c->seen[i] != 0;
    crossing += (on & (on - 1)) != 0;
    for (int k = 0; k < most_places; k++) counts[k] += c->seen[i] >> k & 1;
  }
  return crossing;
}

static void add_row(bf_part_summary *s, const bf_record *r) {
  s->images++;
  s->malignant += r->malignant == 1;
  s->benign += r->malignant == 0;
  s->unknown += r->malignant < 0;
  s->lesions_known += r->lesions_known;
  s->lesions += r->lesions_count;
  s->masks += r->mask_known;
}

static void count_members(bf_data_summary *out, counting *c) {
  static const uint64_t sides = 1u << BF_SPLIT_TRAIN | 1u << BF_SPLIT_VALIDATION | 1u << BF_SPLIT_TEST;
  int64_t counts[most_places], all;
  for (int which = 0; which < 3; which++) {
    for (int64_t i = 0; i < c->rows; i++)
      c->numbers[i] = which == 0 ? c->owners[i].patient : which == 1 ? c->owners[i].study : c->group[i];
    int64_t crossing = count_numbers(counts, &all, c, part_of, sides);
    if (which == 0) out->patients_on_two_sides = crossing;
    if (which == 2) out->groups_on_two_sides = crossing;
    for (int k = 0; k < BF_SUMMARY_PARTS; k++) {
      int64_t *to[3] = {&out->parts[k].patients, &out->parts[k].studies, &out->parts[k].groups};
      *to[which] = k == BF_SUMMARY_ALL ? all : counts[k];
    }
    count_numbers(counts, &all, c, fold_of, 0);
    for (int k = 0; k < out->fold_count; k++) {
      int64_t *to[3] = {&out->folds[k].patients, &out->folds[k].studies, &out->folds[k].groups};
      *to[which] = counts[k];
    }
  }
}

static bf_status count_rows(bf_data_summary *out, const counting *c, bf_error *err) {
  int64_t last_volume = -1;
  for (int64_t i = 0; i < c->rows; i++) {
    int fold = fold_of(bf_dataset_record(c->data, i));
    if (fold >= out->fold_count) out->fold_count = fold + 1;
  }
  out->folds = bf_alloc((size_t)out->fold_count, sizeof *out->folds);
  if (out->folds == NULL) return bf_fail(err, BF_E_MEMORY, "no memory to count folds");
  for (int64_t i = 0; i < c->rows; i++) {
    const bf_record *r = bf_dataset_record(c->data, i);
    add_row(&out->parts[r->split], r);
    add_row(&out->parts[BF_SUMMARY_ALL], r);
    if (fold_of(r) >= 0) add_row(&out->folds[fold_of(r)], r);
    out->volumes += r->volume >= 0 && r->volume != last_volume; /* slices of one follow each other */
    last_volume = r->volume;
    out->without_patient += c->owners[i].patient < 0 && c->owners[i].study >= 0;
    out->without_identity += c->owners[i].patient < 0 && c->owners[i].study < 0;
  }
  return BF_OK;
}

static void add_word(bf_words_summary *s, const char *word) {
  int k = 0;
  while (k < s->count && strcmp(s->words[k].word, word) != 0) k++;
  if (k == BF_SUMMARY_WORDS) k--;
  if (k == s->count) snprintf(s->words[s->count++].word, sizeof s->words[k].word, "%s", word);
  s->words[k].images++;
}

static int by_images(const void *a, const void *b) {
  const bf_word_summary *x = a, *y = b;
  if (x->images != y->images) return x->images > y->images ? -1 : 1;
  return strcmp(x->word, y->word);
}

/* "0-9" comes before "10-19", and "90+" last, by their letters. */
static int by_word(const void *a, const void *b) {
  const bf_word_summary *x = a, *y = b;
  return strcmp(x->word, y->word);
}

static void count_words(bf_data_summary *out, const bf_dataset *data) {
  static const size_t offsets[BF_SUMMARY_COLUMNS] = {offsetof(bf_record, modality), offsetof(bf_record, manufacturer),
                                                     offsetof(bf_record, age_group), offsetof(bf_record, laterality),
                                                     offsetof(bf_record, view)};
  for (int c = 0; c < BF_SUMMARY_COLUMNS; c++) {
    bf_words_summary *s = &out->columns[c];
    for (int64_t i = 0; i < bf_dataset_count(data); i++)
      add_word(s, (const char *)bf_dataset_record(data, i) + offsets[c]);
    qsort(s->words, (size_t)s->count, sizeof *s->words, c == BF_SUMMARY_AGE_GROUP ? by_word : by_images);
  }
}

static int by_value(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Quantiles by linear interpolation (Hyndman and Fan 1996, type 7). */
static void take_quantiles(bf_size_summary *out, double *values, int64_t n) {
  qsort(values, (size_t)n, sizeof *values, by_value);
  out->count = n;
  for (int q = 0; q < BF_SUMMARY_SIZES; q++) {
    double at = (double)q / (BF_SUMMARY_SIZES - 1) * (double)(n - 1);
    int64_t low = n > 0 ? (int64_t)floor(at) : 0, high = low + 1 < n ? low + 1 : low;
    out->quantiles[q] = n > 0 ? values[low] + (at - (double)low) * (values[high] - values[low]) : NAN;
  }
}

static bf_status measure_lesions(bf_data_summary *out, const counting *c, bf_error *err) {
  size_t room = (size_t)out->parts[BF_SUMMARY_ALL].lesions;
  double *pixels = bf_alloc(room, sizeof *pixels), *lengths = bf_alloc(room, sizeof *lengths);
  int64_t n = 0, known = 0;
  bf_status status =
      pixels && lengths ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the sizes of %zu lesions", room);
  for (int64_t i = 0; i < c->rows && status == BF_OK; i++) {
    const bf_record *r = bf_dataset_record(c->data, i);
    const bf_lesion *lesions = bf_dataset_lesions(c->data, i);
    for (int32_t k = 0; k < r->lesions_count; k++) {
      double w = (double)lesions[k].xmax - lesions[k].xmin, h = (double)lesions[k].ymax - lesions[k].ymin;
      pixels[n++] = fmax(w, h);
      if (r->spacing_row > 0 && r->spacing_column > 0)
        lengths[known++] = fmax(w * r->spacing_column, h * r->spacing_row);
    }
  }
  if (status == BF_OK) {
    take_quantiles(&out->pixels, pixels, n);
    take_quantiles(&out->millimetres, lengths, known);
  }
  bf_free(pixels);
  bf_free(lengths);
  return status;
}

bf_status bf_data_summarise(bf_data_summary *out, const bf_dataset *data, bf_error *err) {
  counting c;
  *out = (bf_data_summary){.folds = NULL};
  bf_status status = counting_open(&c, data, err);
  if (status == BF_OK) status = count_rows(out, &c, err);
  if (status == BF_OK) status = measure_lesions(out, &c, err);
  if (status == BF_OK) {
    count_members(out, &c);
    count_words(out, data);
    for (int64_t i = 0; i < bf_dataset_duplicate_count(data); i++)
      out->labels_differ += bf_dataset_duplicates(data)[i].labels_differ != 0;
  }
  counting_clear(&c);
  if (status != BF_OK) bf_data_summary_clear(out);
  return status;
}

void bf_data_summary_clear(bf_data_summary *summary) {
  bf_free(summary->folds);
  *summary = (bf_data_summary){.folds = NULL};
}
