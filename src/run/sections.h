/* All sections of the configuration that belong to rooms the model does not know. */
#ifndef BF_RUN_SECTIONS_H
#define BF_RUN_SECTIONS_H

#include "data/prepare.h"
#include "image/augment.h"
#include "model/config.h"

enum { BF_RUN_MAX_SECTIONS = 40 };

/* Fills sections ("prepare", "augment.<name>") and returns their count. Texts are static. */
int bf_run_sections(bf_config_section sections[BF_RUN_MAX_SECTIONS]);

/* The augmentations' options as the configuration has them; cleared by bf_run_augmenter_clear, also after a failure. */
bf_status bf_run_augmenter(bf_augmenter *out, const bf_config *config, bf_error *err);
/* Only row `index` of `from`; all others at their lowest, which is off. */
bf_status bf_run_augmenter_alone(bf_augmenter *out, const bf_augmenter *from, int index, bf_error *err);
/* Every row at its defaults, and where its first option is off by default, that one a quarter up its range. Cleared
 * also after a failure. */
bf_status bf_run_augmenter_moderate(bf_augmenter *out, bf_error *err);
/* "augment.NAME.OPTION=VALUE". */
bf_status bf_run_augmenter_set(bf_augmenter *augmenter, const char *assignment, bf_error *err);
void bf_run_augmenter_clear(bf_augmenter *augmenter);

#endif
