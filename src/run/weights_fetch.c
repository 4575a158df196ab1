/* Known weight files: the list, and fetching one of them. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bifocal/version.h"
#include "bifocal/weights.h"
#include "fetch/fetch.h"
#include "model/known_weights.h"
#include "nn/backbone.h"

static const double megabyte = 1e6;

static bf_status take_text(char **out, char *text, bf_error *err) {
  *out = bf_strdup(text);
  free(text);
  return *out != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the text");
}

static bool has_backbone(const bf_known_weights *row) { return bf_backbone_find(row->backbone, NULL) != NULL; }

/* ---- list ---- */

static json_t *numbers_json(const double values[3]) { return json_pack("[f, f, f]", values[0], values[1], values[2]); }

static json_t *row_json(const bf_known_weights *row) {
  bool whole = bf_known_weights_is_whole(row);
  return json_pack("{s:s, s:s, s:b, s:s, s:o, s:s?, s:s, s:s, s:s, s:{s:f, s:o, s:o, s:s}}", "name", row->name,
                   "backbone", row->backbone, "backbone_known", has_backbone(row), "url", row->url, "bytes",
                   row->bytes > 0 ? json_integer(row->bytes) : json_null(), "sha256", whole ? row->sha256 : NULL,
                   "sha256_begins", row->sha256, "licence", row->licence, "origin", row->origin, "inputs", "range",
                   row->inputs.range, "mean", numbers_json(row->inputs.mean), "std", numbers_json(row->inputs.std),
                   "colour", row->inputs.colour);
}

static bf_status list_json(char **text, bf_error *err) {
  json_t *root = json_array();
  for (int i = 0; i < bf_known_weights_count(); i++) json_array_append_new(root, row_json(bf_known_weights_at(i)));
  char *dumped = json_dumps(root, JSON_REAL_PRECISION(7) | JSON_PRESERVE_ORDER);
  json_decref(root);
  return take_text(text, dumped, err);
}

static void list_row(FILE *f, const bf_known_weights *row) {
  char megabytes[32] = "?", backbone[64];
  if (row->bytes > 0) snprintf(megabytes, sizeof megabytes, "%.1f", (double)row->bytes / megabyte);
  snprintf(backbone, sizeof backbone, "%s%s", row->backbone, has_backbone(row) ? "" : " *");
  fprintf(f, "%-20s %-18s %6s  %s\n", row->name, backbone, megabytes, row->url);
  fprintf(f, "%-47s SHA-256 %s %s\n", "", bf_known_weights_is_whole(row) ? "is" : "begins with", row->sha256);
  fprintf(f, "%-47s %s\n", "", row->licence);
}

static bf_status list_text(char **text, bf_error *err) {
  char *buffer = NULL;
  size_t size;
  FILE *f = open_memstream(&buffer, &size);
  if (f == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list");
  bool all = true;
  fprintf(f, "%-20s %-18s %6s  %s\n", "name", "backbone", "MB", "address, hash, licence");
  for (int i = 0; i < bf_known_weights_count(); i++) {
    list_row(f, bf_known_weights_at(i));
    all = all && has_backbone(bf_known_weights_at(i));
  }
  if (!all) fprintf(f, "* this version has no such backbone\n");
  fprintf(f, "A hash of which only the beginning is published is checked that far.\n");
  if (fclose(f) != 0) {
    free(buffer);
    return bf_fail(err, BF_E_MEMORY, "no memory for the list");
  }
  return take_text(text, buffer, err);
}

bf_status bf_weights_list(char **text, int json, bf_error *err) {
  *text = NULL;
  return json ? list_json(text, err) : list_text(text, err);
}

/* ---- fetch ---- */

static bf_status output_path(char path[BF_PATH_MAX], const bf_known_weights *row, const char *output, bf_error *err) {
  const char *name = bf_path_name(row->url);
  if (output == NULL) return bf_path_join(path, BF_PATH_MAX, "", name, err);
  if (bf_is_folder(output)) return bf_path_join(path, BF_PATH_MAX, output, name, err);
  return bf_path_join(path, BF_PATH_MAX, "", output, err);
}

static bf_status describe_json(char **text, const bf_known_weights *row, const char *path, const char *url,
                               const bf_fetch_report *report, bf_error *err) {
  json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:b, s:s}", "file", path, "name", row->name,
                           "backbone", row->backbone, "url", url, "bytes", (json_int_t)report->bytes, "resumed",
                           (json_int_t)report->resumed, "sha256", report->sha256, "sha256_known_whole",
                           bf_known_weights_is_whole(row), "already", report->already, "licence", row->licence);
  if (root == NULL) return bf_fail(err, BF_E_ARGUMENT, "%s: the name is not UTF-8, which JSON needs", path);
  char *dumped = json_dumps(root, JSON_PRESERVE_ORDER);
  json_decref(root);
  return take_text(text, dumped, err);
}

static bf_status describe_text(char **text, const bf_known_weights *row, const char *path,
                               const bf_fetch_report *report, bf_error *err) {
  char buffer[2 * BF_PATH_MAX + 2048];
  snprintf(buffer, sizeof buffer,
           "%s: %s, %.1f MB, SHA-256 %s, %s\n"
           "licence: %s\n"
           "in a configuration: weights: %s\n%s%s%s",
           path, report->already ? "already there and right" : "fetched", (double)report->bytes / megabyte,
           report->sha256,
           bf_known_weights_is_whole(row) ? "as is known of it" : "whose published beginning is the same", row->licence,
           path, has_backbone(row) ? "" : "this version has no backbone ", has_backbone(row) ? "" : row->backbone,
           has_backbone(row) ? "" : ", which the file is for\n");
  *text = bf_strdup(buffer);
  return *text != NULL ? BF_OK : bf_fail(err, BF_E_MEMORY, "no memory for the text");
}

bf_status bf_weights_fetch(char **text, const bf_weights_fetch_options *o, bf_error *err) {
  char path[BF_PATH_MAX];
  bf_fetch_report report;
  *text = NULL;
  const bf_known_weights *row = bf_known_weights_find(o->name, err);
  if (row == NULL) return BF_E_ARGUMENT;
  bf_status status = output_path(path, row, o->output, err);
  if (status != BF_OK) return status;
  const char *from = o->url != NULL ? o->url : row->url;
  if (strncasecmp(from, "https://", 8) != 0 && !bf_known_weights_is_whole(row))
    bf_log(BF_LOG_WARN,
           "%s: only the beginning of its SHA-256 is published, and %s is no https: that says the file is not damaged, "
           "not who made it",
           row->name, from);
  const bf_fetch_request request = {.url = from,
                                    .output = path,
                                    .sha256 = row->sha256,
                                    .bytes = row->bytes,
                                    .user_agent = "bifocal/" BIFOCAL_VERSION};
  status = bf_fetch(&report, &request, err);
  if (report.unreachable && err != NULL) {
    bf_error network = *err;
    bf_fail(err, status, "%s; 'bifocal weights show %s' checks it", network.message, path);
  }
  if (status != BF_OK) return status;
  return o->json ? describe_json(text, row, path, request.url, &report, err)
                 : describe_text(text, row, path, &report, err);
}
