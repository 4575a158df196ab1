/* The page as a whole: sections and their names, the frame of the document, its security policy, publishing. */
#include "page/page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "page/parts.h"

bf_status bf_page_create(bf_page **out, const bf_page_head *head, bf_error *err) {
  *out = NULL;
  bf_page *page = bf_alloc(1, sizeof *page);
  if (page == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for a report page");
  page->language = bf_strdup(head->language != NULL ? head->language : "en");
  page->title = bf_strdup(head->title != NULL ? head->title : "");
  page->subtitle = bf_strdup(head->subtitle != NULL ? head->subtitle : "");
  page->footer = bf_strdup(head->footer != NULL ? head->footer : "");
  if (page->language == NULL || page->title == NULL || page->subtitle == NULL || page->footer == NULL) {
    bf_page_destroy(page);
    return bf_fail(err, BF_E_MEMORY, "no memory for a report page");
  }
  *out = page;
  return BF_OK;
}

void bf_page_destroy(bf_page *page) {
  if (page == NULL) return;
  bf_free(page->language);
  bf_free(page->title);
  bf_free(page->subtitle);
  bf_free(page->footer);
  bf_markup_clear(&page->intro);
  bf_markup_clear(&page->contents);
  bf_markup_clear(&page->sections);
  bf_markup_clear(&page->ids);
  bf_free(page);
}

bf_markup *bf_page_here(bf_page *page) { return page->in_section ? &page->sections : &page->intro; }

int bf_page_next_figure(bf_page *page) { return ++page->figures; }

void bf_page_refuse(bf_page *page, bf_status status, const char *format, ...) {
  if (page->failure.status != BF_OK) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  bf_fail(&page->failure, status, "%s", text);
}

bool bf_page_array(bf_page *page, const char *block, const char *name, int64_t count, const void *items) {
  if (count == 0 || (count > 0 && items != NULL)) return true;
  bf_page_refuse(page, BF_E_ARGUMENT, "report page, %s: %s has the length %lld%s; give an array and its length", block,
                 name, (long long)count, items == NULL ? " and no items" : "");
  return false;
}

/* ---- sections ---- */

static bool is_taken(const bf_page *page, const char *id) {
  char line[BF_PAGE_ID_MAX + 2];
  snprintf(line, sizeof line, "\n%s\n", id);
  return page->ids.bytes != NULL && strstr(page->ids.bytes, line) != NULL;
}

/* Names of figures hold '_', which those of sections cannot. */
static void make_id(bf_page *page, char id[BF_PAGE_ID_MAX], const char *wanted) {
  char base[BF_PAGE_ID_MAX - 12];
  snprintf(base, sizeof base, "%s", wanted != NULL && wanted[0] != '\0' ? wanted : "section");
  for (char *c = base; *c; c++)
    if (!isalnum((unsigned char)*c) || (unsigned char)*c > 126) *c = '-';
  snprintf(id, BF_PAGE_ID_MAX, "%s", base);
  for (int number = 2; is_taken(page, id); number++) snprintf(id, BF_PAGE_ID_MAX, "%s-%d", base, number);
  bf_markup_put(&page->ids, "\n%s\n", id);
}

static void end_section(bf_page *page) {
  bf_page_end_fold(page);
  bf_page_end_columns(page);
  if (page->in_section) bf_markup_raw(&page->sections, "</section>\n");
}

void bf_page_add_section(bf_page *page, const char *id, const char *title) {
  char name[BF_PAGE_ID_MAX];
  end_section(page);
  make_id(page, name, id);
  page->in_section = true;
  bf_markup_put(&page->contents, "<li><a href=\"#%s\">", name);
  bf_markup_text(&page->contents, title);
  bf_markup_raw(&page->contents, "</a></li>\n");
  bf_markup_put(&page->sections, "<section id=\"%s\" aria-labelledby=\"%s_title\">\n<h2 id=\"%s_title\">", name, name,
                name);
  bf_markup_text(&page->sections, title);
  bf_markup_raw(&page->sections, "</h2>\n");
}

void bf_page_begin_fold(bf_page *page, const char *summary) {
  bf_page_end_fold(page);
  bf_page_end_columns(page);
  bf_markup *m = bf_page_here(page);
  bf_markup_raw(m, "<details class=\"fold\">");
  bf_markup_element(m, "summary", NULL, summary);
  bf_markup_raw(m, "<div class=\"folded\">\n");
  page->in_fold = true;
}

void bf_page_end_fold(bf_page *page) {
  if (!page->in_fold) return;
  bf_page_end_columns(page);
  bf_markup_raw(bf_page_here(page), "</div></details>\n");
  page->in_fold = false;
}

void bf_page_begin_columns(bf_page *page) {
  bf_page_end_columns(page);
  bf_markup_raw(bf_page_here(page), "<div class=\"columns\">\n");
  page->in_columns = true;
}

void bf_page_end_columns(bf_page *page) {
  if (!page->in_columns) return;
  bf_markup_raw(bf_page_here(page), "</div>\n");
  page->in_columns = false;
}

/* ---- the document ---- */

/* 'sha256-...' of CSP 3, 2.3.1: base64 of the hash of the element's text. */
static void put_hash(bf_markup *m, const char *text) {
  char hex[65];
  unsigned char hash[32];
  bf_sha256(hex, text, strlen(text));
  for (int i = 0; i < 32; i++) {
    unsigned byte = 0;
    sscanf(hex + 2 * i, "%2x", &byte);
    hash[i] = (unsigned char)byte;
  }
  bf_markup_raw(m, "'sha256-");
  bf_markup_base64(m, hash, sizeof hash);
  bf_markup_raw(m, "'");
}

static void put_head(bf_markup *m, const bf_page *page) {
  bf_markup_raw(m, "<!DOCTYPE html>\n<html lang=\"");
  bf_markup_text(m, page->language);
  bf_markup_raw(m,
                "\">\n<head>\n<meta charset=\"utf-8\" />\n<meta http-equiv=\"Content-Security-Policy\" content=\""
                "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src ");
  put_hash(m, bf_page_style);
  bf_markup_raw(m, "; script-src ");
  put_hash(m, bf_page_script);
  bf_markup_raw(m,
                "\" />\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
                "<meta name=\"color-scheme\" content=\"light dark\" />\n"
                "<meta name=\"referrer\" content=\"no-referrer\" />\n"
                "<link rel=\"icon\" href=\"data:,\" />\n");
  bf_markup_element(m, "title", NULL, page->title);
  bf_markup_raw(m, "\n<style>");
  bf_markup_raw(m, bf_page_style);
  bf_markup_raw(m, "</style>\n</head>\n");
}

static void put_part(bf_markup *m, const bf_markup *part) {
  if (part->size > 0) bf_markup_bytes(m, part->bytes, part->size);
  if (m->status == BF_OK) m->status = part->status;
}

static const char viewer[] =
    "<dialog class=\"viewer\" id=\"viewer_\" aria-labelledby=\"viewer_title\">\n"
    "<p class=\"viewer-title\" id=\"viewer_title\"></p>\n<div class=\"viewer-picture\"></div>\n"
    "<p class=\"viewer-caption\"></p>\n<div class=\"viewer-controls\">"
    "<button type=\"button\" data-step=\"-1\">Previous</button>"
    "<button type=\"button\" data-step=\"1\">Next</button>"
    "<button type=\"button\" data-close=\"\">Close</button></div>\n</dialog>\n";

static void put_body(bf_markup *m, const bf_page *page) {
  bf_markup_raw(m,
                "<body>\n<a class=\"skip\" href=\"#sections_\">Skip to the content</a>\n<header class=\"masthead\">");
  bf_markup_element(m, "h1", NULL, page->title);
  if (page->subtitle[0] != '\0') bf_markup_element(m, "p", "subtitle", page->subtitle);
  bf_markup_raw(m, "</header>\n<main>\n<div class=\"intro\">\n");
  put_part(m, &page->intro);
  bf_markup_raw(m, "</div>\n");
  if (page->contents.size > 0) {
    bf_markup_raw(m, "<nav class=\"contents\" aria-label=\"Contents\"><ol>\n");
    put_part(m, &page->contents);
    bf_markup_raw(m, "</ol></nav>\n");
  }
  bf_markup_raw(m, "<div class=\"sections\" id=\"sections_\" tabindex=\"-1\">\n");
  put_part(m, &page->sections);
  bf_markup_raw(m, page->in_section ? "</section>\n</div>\n</main>\n" : "</div>\n</main>\n");
  if (page->footer[0] != '\0') bf_markup_element(m, "footer", NULL, page->footer);
  bf_markup_raw(m, "\n");
  if (page->has_gallery) bf_markup_raw(m, viewer);
  bf_markup_raw(m, "<script>");
  bf_markup_raw(m, bf_page_script);
  bf_markup_raw(m, "</script>\n</body>\n</html>\n");
}

bf_status bf_page_finish(bf_page *page, const char *path, bf_error *err) {
  if (page->failure.status != BF_OK) return bf_fail(err, page->failure.status, "%s", page->failure.message);
  bf_page_end_fold(page);
  bf_page_end_columns(page);
  bf_markup m = {.status = page->ids.status};
  put_head(&m, page);
  put_body(&m, page);
  bf_status status = m.status != BF_OK ? bf_fail(err, m.status, "%s: no memory for the report page", path)
                                       : bf_file_write(path, m.bytes, m.size, err);
  bf_markup_clear(&m);
  return status;
}
