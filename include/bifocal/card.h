/* A model's card: what it is for, on what it was trained, how good it was, and where its limits are. */
#ifndef BIFOCAL_CARD_H
#define BIFOCAL_CARD_H

#include "bifocal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* path: MODEL.safetensors, a fold's model or an ensemble. text: for people, or a JSON object; freed with bf_text_free.
 * What the file says is not believed: texts lose their control characters, numbers that cannot be are left out. */
bf_status bf_card(char **text, const char *path, int json, bf_error *err);

#ifdef __cplusplus
}
#endif
#endif
