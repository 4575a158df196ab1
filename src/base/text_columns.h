/* Texts in tables of terminals: their width in columns, and cutting to it. Plain UTF-8 (utf8.h). Any thread. */
#ifndef BF_BASE_TEXT_COLUMNS_H
#define BF_BASE_TEXT_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

/* East Asian wide characters and emoji take two columns, combining marks none, all others and bytes that are no UTF-8
 * one. */
int bf_text_columns(const char *text);
/* Writes the text and blanks behind it up to `width` columns; a wider text is written whole. */
void bf_text_pad(FILE *f, const char *text, int width);
/* The text, where it is wider than `width` (at least 5) without its middle: "begin...end". size: of out, strlen(text)
 * + 4 or more. */
void bf_text_shorten(char *out, size_t size, const char *text, int width);
/* Shortens `count` texts so that those that differ still do: where beginnings and ends are the same, by a number that
 * is the text's place from 1 on. texts[k] and out + k * size; size and width as above, width at least 16. */
void bf_texts_shorten(char *out, size_t size, const char *const *texts, int count, int width);

#endif
