/* A growing text of HTML and SVG: what is trusted, what is escaped, and numbers. After a failure all calls are passed
 * over and the status stays. Decimal points are points in every locale. */
#ifndef BF_PAGE_MARKUP_H
#define BF_PAGE_MARKUP_H

#include <stdarg.h>

#include "page/page.h"

/* Zero is the empty text. */
typedef struct bf_markup {
  char *bytes; /* owned; NULL or NUL-terminated */
  size_t size, room;
  bf_status status;
} bf_markup;

void bf_markup_clear(bf_markup *m);

/* As it stands: our own elements. */
void bf_markup_raw(bf_markup *m, const char *html);
void bf_markup_bytes(bf_markup *m, const char *bytes, size_t size);
/* Our own elements with numbers and trusted names in them; strangers' texts go through bf_markup_text. */
void bf_markup_put(bf_markup *m, const char *format, ...) BF_PRINTF(2, 3);

/* Escaped, for elements and for attributes in double quotes; NULL is empty. */
void bf_markup_text(bf_markup *m, const char *text);
/* The same of a name: short words with a hyphen or a dash in them, such as "30-39", stay on one line. */
void bf_markup_label(bf_markup *m, const char *text);
void bf_markup_words(bf_markup *m, const char *format, va_list arguments) BF_PRINTF(2, 0);
/* <tag class="name">text</tag>; name may be NULL. */
void bf_markup_element(bf_markup *m, const char *tag, const char *name, const char *text);
/* A JSON string with its quotes, for a script element: no '<', no line separators (RFC 8259; HTML 4.12.1.3). */
void bf_markup_json(bf_markup *m, const char *text);
/* RFC 4648. */
void bf_markup_base64(bf_markup *m, const void *data, size_t size);

/* A coordinate with at most one decimal, cut to -99999 .. 99999. */
void bf_markup_at(bf_markup *m, double v);
/* Two, with a blank between. */
void bf_markup_pair(bf_markup *m, double x, double y);
/* name="v", and a blank before it. */
void bf_markup_attribute(bf_markup *m, const char *name, double v);
/* A share of 0 .. 1 as "12.34%", cut to 0 .. 1. */
void bf_markup_share(bf_markup *m, double share);

/* ---- numbers ---- */

/* Not defined, and so not drawn: NaN, infinite, or so large that differences overflow. */
bool bf_defined(double v);
/* "12,345". Returns dst. */
char *bf_count(char dst[BF_PAGE_NUMBER_MAX], int64_t n);
/* Of so many significant digits, zeros at the end left out: for tables of a chart's numbers. Returns dst. */
char *bf_number_short(char dst[BF_PAGE_NUMBER_MAX], double v, int digits);

bool bf_has_interval(const bf_page_value *v);
/* The number, and its interval and n in elements of their own. */
void bf_markup_value(bf_markup *m, const bf_page_value *v, bf_page_format format);

#endif
