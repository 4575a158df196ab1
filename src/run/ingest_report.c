/* The story of an ingest as text and as JSON. */
#include "run/ingest_report.h"

#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "run/reasons.h"

/* Lists on the screen and in JSON stop here; the file holds all that was left out. */
enum { most_shown = 10, most_outside = 1000, most_unfit = 1000 };

bf_status bf_ingest_story_leave_out(bf_ingest_story *story, const char *file, const char *reason, const char *message,
                                    bf_error *err) {
  int64_t n = story->counts.left_out;
  if (n == story->left_out_room) {
    int64_t room = n == 0 ? 64 : n * 2;
    bf_ingest_left_out *grown = bf_grow(story->left_out, (size_t)n, (size_t)room, sizeof *grown);
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the report");
    story->left_out = grown;
    story->left_out_room = room;
  }
  story->left_out[n] = (bf_ingest_left_out){bf_strdup(file), bf_strdup(message), reason};
  story->counts.left_out++;
  return story->left_out[n].file && story->left_out[n].message ? BF_OK
                                                               : bf_fail(err, BF_E_MEMORY, "no memory for the report");
}

static bf_status add_outside(bf_ingest_story *story, bf_ingest_outside box, const char *file, bf_error *err) {
  if (story->outside_count == most_outside) return BF_OK;
  bf_ingest_outside *grown =
      bf_grow(story->outside, (size_t)story->outside_count, (size_t)story->outside_count + 1, sizeof *grown);
  if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the report");
  box.file = bf_strdup(file);
  story->outside = grown;
  story->outside[story->outside_count++] = box;
  return BF_OK;
}

bf_status bf_ingest_story_outside(bf_ingest_story *story, const char *file, bf_lesion box, int32_t rows,
                                  int32_t columns, bf_error *err) {
  story->counts.boxes_outside++;
  if (story->counts.boxes_outside <= most_shown)
    bf_log(BF_LOG_WARN,
           "%s: the box xmin %g, ymin %g, xmax %g, ymax %g reaches outside of the image (%d columns, %d rows); the "
           "image is kept, "
           "its lesions count as unknown",
           file, (double)box.xmin, (double)box.ymin, (double)box.xmax, (double)box.ymax, columns, rows);
  return add_outside(story, (bf_ingest_outside){.box = box, .rows = rows, .columns = columns, .frame = -1}, file, err);
}

bf_status bf_ingest_story_absent_frame(bf_ingest_story *story, const char *file, bf_lesion box, int32_t frame,
                                       int32_t frames, bf_error *err) {
  story->counts.boxes_outside++;
  if (story->counts.boxes_outside <= most_shown)
    bf_log(BF_LOG_WARN, "%s: a box for frame %d, and the file has frames 0 to %d; the box is not used", file, frame,
           frames - 1);
  return add_outside(story, (bf_ingest_outside){.box = box, .frame = frame}, file, err);
}

bf_status bf_ingest_story_unfit(bf_ingest_story *story, const char *file, const char *message, bf_error *err) {
  story->counts.masks_unfit++;
  if (story->counts.masks_unfit <= most_shown)
    bf_log(BF_LOG_WARN, "%s: %s; the image is kept, its mask counts as unknown", file, message);
  if (story->unfit_count == most_unfit) return BF_OK;
  bf_ingest_unfit *grown =
      bf_grow(story->unfit, (size_t)story->unfit_count, (size_t)story->unfit_count + 1, sizeof *grown);
  if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the report");
  story->unfit = grown;
  grown[story->unfit_count++] = (bf_ingest_unfit){bf_strdup(file), bf_strdup(message)};
  return BF_OK;
}

void bf_ingest_story_clear(bf_ingest_story *story) {
  for (int64_t i = 0; i < story->counts.images_unlabelled; i++) bf_free(story->unlabelled[i]);
  bf_free(story->unlabelled);
  for (int64_t i = 0; i < story->counts.left_out && story->left_out != NULL; i++) {
    bf_free(story->left_out[i].file);
    bf_free(story->left_out[i].message);
  }
  for (int i = 0; i < story->outside_count; i++) bf_free(story->outside[i].file);
  bf_free(story->left_out);
  bf_free(story->outside);
  for (int i = 0; i < story->unfit_count; i++) {
    bf_free(story->unfit[i].file);
    bf_free(story->unfit[i].message);
  }
  bf_free(story->unfit);
  *story = (bf_ingest_story){0};
}

static bf_reasons count_reasons(const bf_ingest_story *story) {
  bf_reasons reasons = {.count = 0};
  for (int64_t i = 0; i < story->counts.left_out; i++) bf_reasons_add(&reasons, story->left_out[i].reason);
  return reasons;
}

static void tell_unmatched(const bf_ingest_story *story, bf_labels *labels) {
  int shown = 0;
  if (story->counts.labels_unmatched == 0) return;
  bf_log(BF_LOG_WARN,
         "%lld labels name no image that was found; the first of them:", (long long)story->counts.labels_unmatched);
  for (int64_t i = 0; i < bf_labels_count(labels) && shown < most_shown; i++) {
    const bf_label *label = bf_labels_at(labels, i);
    if (label->matched == 0 && !label->ambiguous) bf_log(BF_LOG_WARN, "  %s", bf_label_title(label)), shown++;
  }
}

static void tell_masks(const bf_ingest_report *c) {
  if (c->masks + c->masks_unfit + c->masks_unmatched == 0) return;
  bf_log(BF_LOG_INFO, "masks of %lld images with %lld lesion pixels; %lld boxes made from masks, %lld specks left out",
         (long long)c->masks, (long long)c->mask_pixels, (long long)c->boxes_from_masks, (long long)c->specks);
  if (c->masks_unfit > 0)
    bf_log(BF_LOG_WARN,
           "%lld masks could not be used: of another size than their images, damaged, or for frames that are "
           "not there",
           (long long)c->masks_unfit);
  if (c->masks_unmatched > 0)
    bf_log(BF_LOG_WARN, "%lld masks are of images that were not found", (long long)c->masks_unmatched);
}

bf_status bf_ingest_story_unlabelled(bf_ingest_story *story, const char *file, bf_error *err) {
  int64_t n = story->counts.images_unlabelled;
  if (n == story->unlabelled_room) {
    int64_t room = n == 0 ? 16 : 2 * n;
    char **grown = bf_grow(story->unlabelled, (size_t)n, (size_t)room, sizeof(char *));
    if (grown == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the report");
    story->unlabelled = grown;
    story->unlabelled_room = room;
  }
  story->unlabelled[n] = bf_strdup(file);
  if (story->unlabelled[n] == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the report");
  story->counts.images_unlabelled++;
  return BF_OK;
}

/* What label files say twice, of several images, or not at all. */
static void tell_labels(const bf_ingest_story *story, const bf_labels *labels) {
  const bf_ingest_report *c = &story->counts;
  if (c->contradictions > 0)
    bf_log(BF_LOG_WARN, "%lld rows of the label files contradict others or cannot be used; the first of them:",
           (long long)c->contradictions);
  for (int64_t i = 0; i < c->contradictions && i < most_shown; i++)
    if (bf_labels_complaint(labels, i) != NULL) bf_log(BF_LOG_WARN, "  %s", bf_labels_complaint(labels, i));
  if (c->labels_ambiguous > 0)
    bf_log(
        BF_LOG_WARN,
        "%lld labels are met by several images and used for none; give SOPInstanceUID, or the folders that the labels "
        "were made for",
        (long long)c->labels_ambiguous);
  if (c->passed_over > 0)
    bf_log(BF_LOG_INFO, "%lld files are label files, or masks and pieces that they name, and no images",
           (long long)c->passed_over);
  if (c->images_unlabelled > 0)
    bf_log(BF_LOG_INFO, "%lld of %lld images have no label: their class and lesions are unknown; the first: %s",
           (long long)c->images_unlabelled, (long long)c->taken, story->unlabelled[0]);
}

void bf_ingest_story_take_protocol(bf_ingest_story *story, const bf_protocol_counts *p) {
  bf_ingest_report *c = &story->counts;
  c->patients = p->patients;
  c->studies = p->studies;
  c->groups = p->groups;
  c->without_patient = p->without_patient;
  c->without_identity = p->without_identity;
  c->duplicates = p->duplicates;
  c->duplicates_labels_differ = p->labels_differ;
  c->excluded = p->excluded;
  c->crowded = p->crowded;
  c->largest_group = p->largest;
  c->train = p->parts[BF_SPLIT_TRAIN];
  c->validation = p->parts[BF_SPLIT_VALIDATION];
  c->test = p->parts[BF_SPLIT_TEST];
  c->folds = p->folds;
}

/* An identity that is not there is said, never made up. */
static void tell_protocol(const bf_ingest_report *c) {
  if (c->without_patient + c->without_identity > 0)
    bf_log(BF_LOG_WARN,
           "%lld images have no Patient ID: %lld are held together by their study alone, %lld by nothing but what they "
           "look like; give PatientID in a label file, or one person may stand on both sides of a split",
           (long long)(c->without_patient + c->without_identity), (long long)c->without_patient,
           (long long)c->without_identity);
  if (c->duplicates > 0)
    bf_log(BF_LOG_WARN,
           "%lld pairs of images of different patients look alike and are kept on one side; of %lld of them one is "
           "benign and one malignant; 'bifocal data show' lists them",
           (long long)c->duplicates, (long long)c->duplicates_labels_differ);
  if (c->crowded > 0)
    bf_log(
        BF_LOG_WARN,
        "%lld images look like more than %d others each, of which the nearest are listed: such collections are often "
        "of one kind of picture, or hold empty ones",
        (long long)c->crowded, BF_NEAR_MOST);
  if (c->excluded > 0)
    bf_log(BF_LOG_WARN, "%lld images are in no part: images that look like them judge what is learnt",
           (long long)c->excluded);
  if (c->largest_group > 20 && c->largest_group * 10 > c->frames)
    bf_log(BF_LOG_WARN,
           "one group holds %lld of %lld images: if these are different patients, take --set split.alike=20, or 0",
           (long long)c->largest_group, (long long)c->frames);
  if (c->train + c->validation + c->test > 0)
    bf_log(BF_LOG_INFO, "%lld images to train on, %lld to validate, %lld to test", (long long)c->train,
           (long long)c->validation, (long long)c->test);
}

void bf_ingest_story_tell(const bf_ingest_story *story, bf_labels *labels) {
  const bf_ingest_report *c = &story->counts;
  bf_reasons reasons = count_reasons(story);
  for (int r = 0; r < reasons.count; r++) {
    const bf_reason *reason = &reasons.items[r];
    int shown = 0;
    bf_log(BF_LOG_INFO, "left out, %s: %lld", reason->name, (long long)reason->count);
    for (int64_t i = 0; i < c->left_out && shown < 3; i++)
      if (strcmp(story->left_out[i].reason, reason->name) == 0)
        bf_log(BF_LOG_INFO, "  %s", story->left_out[i].message), shown++;
    if (reason->count > shown)
      bf_log(BF_LOG_INFO, "  ... and %lld more, all listed in the dataset under /left_out",
             (long long)reason->count - shown);
  }
  if (c->boxes_outside > most_shown)
    bf_log(BF_LOG_WARN, "%lld boxes in all lie outside of their images, or in frames that are not there",
           (long long)c->boxes_outside);
  if (labels != NULL) tell_unmatched(story, labels);
  if (labels != NULL) tell_labels(story, labels);
  bf_log(BF_LOG_INFO, "%lld files, %lld taken with %lld frames, %lld left out; %lld patients, %lld studies",
         (long long)c->files, (long long)c->taken, (long long)c->frames, (long long)c->left_out, (long long)c->patients,
         (long long)c->studies);
  bf_log(BF_LOG_INFO, "%lld malignant, %lld benign, %lld of unknown class; lesions known in %lld images, %lld lesions",
         (long long)c->malignant, (long long)c->benign, (long long)c->unknown_class, (long long)c->lesions_known,
         (long long)c->lesions);
  tell_masks(c);
  tell_protocol(c);
}

static void put_count(json_t *root, const char *name, int64_t value) {
  json_object_set_new(root, name, json_integer(value));
}

/* File names are bytes. */
static json_t *text(const char *bytes) {
  char *copy = bf_utf8_copy(bytes);
  json_t *value = json_string(copy != NULL ? copy : "?");
  bf_free(copy);
  return value;
}

static json_t *unfit_list(const bf_ingest_story *story) {
  json_t *list = json_array();
  for (int i = 0; i < story->unfit_count; i++) {
    const bf_ingest_unfit *u = &story->unfit[i];
    json_array_append_new(list, json_pack("{s:o, s:o}", "file", text(u->file != NULL ? u->file : ""), "message",
                                          text(u->message != NULL ? u->message : "")));
  }
  return list;
}

static void list_unmatched(json_t *names, json_t *masks, bf_labels *labels) {
  for (int64_t i = 0; labels != NULL && i < bf_labels_count(labels); i++) {
    const bf_label *label = bf_labels_at(labels, i);
    if (label->matched > 0 || label->ambiguous) continue;
    json_array_append_new(names, text(bf_label_title(label)));
    for (int32_t k = 0; k < label->mask_count; k++) json_array_append_new(masks, text(label->masks[k].path));
  }
}

static void put_counts(json_t *root, const bf_ingest_report *c) {
  const struct {
    const char *name;
    int64_t value;
  } counts[] = {{"files", c->files},
                {"taken", c->taken},
                {"frames", c->frames},
                {"left_out", c->left_out},
                {"failed", c->failed},
                {"patients", c->patients},
                {"studies", c->studies},
                {"malignant", c->malignant},
                {"benign", c->benign},
                {"unknown_class", c->unknown_class},
                {"lesions_known", c->lesions_known},
                {"lesions", c->lesions},
                {"boxes_outside", c->boxes_outside},
                {"passed_over", c->passed_over},
                {"labels_unmatched", c->labels_unmatched},
                {"labels_ambiguous", c->labels_ambiguous},
                {"images_unlabelled", c->images_unlabelled},
                {"contradictions", c->contradictions},
                {"masks", c->masks},
                {"mask_pixels", c->mask_pixels},
                {"boxes_from_masks", c->boxes_from_masks},
                {"specks", c->specks},
                {"masks_unfit", c->masks_unfit},
                {"masks_unmatched", c->masks_unmatched},
                {"groups", c->groups},
                {"largest_group", c->largest_group},
                {"without_patient", c->without_patient},
                {"without_identity", c->without_identity},
                {"duplicates", c->duplicates},
                {"duplicates_labels_differ", c->duplicates_labels_differ},
                {"excluded", c->excluded},
                {"crowded", c->crowded},
                {"train", c->train},
                {"validation", c->validation},
                {"test", c->test},
                {"folds", c->folds}};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) put_count(root, counts[i].name, counts[i].value);
}

char *bf_ingest_story_counts(const bf_ingest_story *story) {
  json_t *root = json_object();
  put_counts(root, &story->counts);
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  return text;
}

static json_t *unlabelled_list(const bf_ingest_story *story) {
  json_t *list = json_array();
  for (int64_t i = 0; i < story->counts.images_unlabelled; i++) json_array_append_new(list, text(story->unlabelled[i]));
  return list;
}

static json_t *contradiction_list(const bf_labels *labels) {
  json_t *list = json_array();
  for (int64_t i = 0; labels != NULL && i < bf_labels_complaints(labels); i++)
    if (bf_labels_complaint(labels, i) != NULL) json_array_append_new(list, text(bf_labels_complaint(labels, i)));
  return list;
}

static json_t *ambiguous_list(bf_labels *labels) {
  json_t *list = json_array();
  for (int64_t i = 0; labels != NULL && i < bf_labels_count(labels); i++)
    if (bf_labels_at(labels, i)->ambiguous) json_array_append_new(list, text(bf_label_title(bf_labels_at(labels, i))));
  return list;
}

char *bf_ingest_story_json(const bf_ingest_story *story, const char *output, bf_labels *labels) {
  const bf_ingest_report *c = &story->counts;
  json_t *root = json_object(), *reasons = json_object(), *left_out = json_array(), *outside = json_array(),
         *unmatched = json_array(), *masks_unmatched = json_array();
  json_object_set_new(root, "dataset", text(output));
  put_counts(root, c);
  bf_reasons found = count_reasons(story);
  for (int i = 0; i < found.count; i++) put_count(reasons, found.items[i].name, found.items[i].count);
  for (int64_t i = 0; i < c->left_out; i++)
    json_array_append_new(left_out, json_pack("{s:o, s:s, s:o}", "file", text(story->left_out[i].file), "reason",
                                              story->left_out[i].reason, "message", text(story->left_out[i].message)));
  for (int i = 0; i < story->outside_count; i++) {
    const bf_ingest_outside *o = &story->outside[i];
    json_t *entry = json_pack("{s:o, s:[f,f,f,f]}", "file", text(o->file != NULL ? o->file : ""), "box",
                              (double)o->box.xmin, (double)o->box.ymin, (double)o->box.xmax, (double)o->box.ymax);
    if (o->frame >= 0) {
      put_count(entry, "absent_frame", o->frame);
    } else {
      put_count(entry, "rows", o->rows);
      put_count(entry, "columns", o->columns);
    }
    json_array_append_new(outside, entry);
  }
  list_unmatched(unmatched, masks_unmatched, labels);
  json_object_set_new(root, "reasons", reasons);
  json_object_set_new(root, "left_out_files", left_out);
  json_object_set_new(root, "boxes_outside_list", outside);
  json_object_set_new(root, "labels_unmatched_list", unmatched);
  json_object_set_new(root, "images_unlabelled_list", unlabelled_list(story));
  json_object_set_new(root, "contradictions_list", contradiction_list(labels));
  json_object_set_new(root, "labels_ambiguous_list", ambiguous_list(labels));
  json_object_set_new(root, "masks_unfit_list", unfit_list(story));
  json_object_set_new(root, "masks_unmatched_list", masks_unmatched);
  char *dumped = json_dumps(root, JSON_INDENT(2));
  json_decref(root);
  return dumped;
}
