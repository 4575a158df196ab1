/* Whether a picture is of the kind that a model was trained on, and what becomes of one that is not: joins the rules of
 * model/domain.h with what the prepared pixels show. */
#ifndef BF_RUN_LIKENESS_H
#define BF_RUN_LIKENESS_H

#include "data/prepare.h"
#include "model/domain.h"

/* What is done with an unlike picture. PASS: nobody looks. */
typedef enum bf_unlike { BF_UNLIKE_PASS, BF_UNLIKE_REFUSE, BF_UNLIKE_SCORE } bf_unlike;

/* "refuse", "score"; NULL: refuse. Another word: BF_E_ARGUMENT names the option. */
bf_status bf_unlike_parse(bf_unlike *out, const char *word, bf_error *err);
const char *bf_unlike_name(bf_unlike unlike); /* static */

/* text: how the picture differs, "" where it does not. BF_E_UNLIKE where it does and `unlike` is REFUSE; the message
 * names the path and says what to do. A picture of fewer than 4 of 256 grey levels shows nothing, whatever the model
 * saw, one whose domain is not known included. */
bf_status bf_likeness_judge(char text[BF_DOMAIN_TEXT], const bf_domain *domain, bf_unlike unlike, const bf_image *image,
                            const bf_prepared *prepared, const char *path, bf_error *err);

#endif
