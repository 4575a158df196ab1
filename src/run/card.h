/* A model's card in the making: one JSON object, which is printed as it is or told in words. */
#ifndef BF_RUN_CARD_H
#define BF_RUN_CARD_H

#include <jansson.h>

#include "model/model.h"

enum { BF_CARD_LINE = 900 };

/* What the model's file and its training record say, all texts and numbers checked. NULL when memory is short. */
json_t *bf_card_make(const bf_model *model, const char *path);
/* Sentences on what the figures of a card cannot show; the card as bf_card_make has it. */
json_t *bf_card_limits(const json_t *card);
/* For people; freed with bf_free, NULL when memory is short. */
char *bf_card_tell(const json_t *card);
/* What it is for and on what it was trained, in one line. */
void bf_card_line(char text[BF_CARD_LINE], const bf_model *model);

#endif
