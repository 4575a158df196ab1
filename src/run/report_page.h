/* What a report says beside figures: rows that are not in them, where everything came from, the model's card. */
#ifndef BF_RUN_REPORT_PAGE_H
#define BF_RUN_REPORT_PAGE_H

#include "evaluation/report.h"

enum { BF_LOSSES_MAX = 40, BF_FACTS_MAX = 24 };

typedef struct bf_loss_list {
  bf_page_bar bars[BF_LOSSES_MAX];
  char labels[BF_LOSSES_MAX][96];
  int count;
} bf_loss_list;
/* Counts of 0 are left out. What finds no place of its own is summed up in the last, "other reasons". */
void bf_loss_add(bf_loss_list *list, const char *label, int64_t count);
/* Rows of scores that take no part. */
void bf_loss_add_rows(bf_loss_list *list, const bf_case_counts *counts);
/* Images of which some figure can say nothing. */
void bf_loss_add_unknown(bf_loss_list *list, const bf_assessment *assessment);
/* Files that ingest left out, by reason. */
bf_status bf_loss_add_files(bf_loss_list *list, const bf_dataset *data, bf_error *err);

/* Zeroed: nothing. */
typedef struct bf_fact_list {
  bf_page_fact facts[BF_FACTS_MAX];
  char *words[BF_FACTS_MAX]; /* owned */
  int count;
} bf_fact_list;
void bf_fact_list_clear(bf_fact_list *list);
/* term: static, and in all no more than BF_FACTS_MAX calls. Empty words are left out, and what there is no memory for.
 */
void bf_fact_add(bf_fact_list *list, const char *term, const char *format, ...) BF_PRINTF(3, 4);
/* All names in one fact, with commas between. */
void bf_fact_add_names(bf_fact_list *list, const char *term, const char *const *names, int count);
/* How probabilities were made of logits, a sentence, from the notes of scores; "" where they do not say. */
enum { BF_CALIBRATION_WORDS = 400 };
void bf_calibration_words(char words[BF_CALIBRATION_WORDS], const char *notes);

#endif
