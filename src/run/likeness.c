/* Header and pixels against the model's domain. */
#include "run/likeness.h"

#include <stdio.h>
#include <string.h>

#include "image/levels.h"

/* A frame that is black, or black with a white mark, uses two levels; where resampling blurs the mark's edges there are
 * more, and that frame passes. The flattest pictures that a network was ever trained on, of 4 bits, use 16. */
enum { least_levels = 4 };

static const char *const names[] = {"pass", "refuse", "score"};

const char *bf_unlike_name(bf_unlike unlike) { return names[unlike]; }

bf_status bf_unlike_parse(bf_unlike *out, const char *word, bf_error *err) {
  *out = BF_UNLIKE_REFUSE;
  if (word == NULL || strcmp(word, names[BF_UNLIKE_REFUSE]) == 0) return BF_OK;
  *out = BF_UNLIKE_SCORE;
  if (strcmp(word, names[BF_UNLIKE_SCORE]) == 0) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "--unlike: '%.64s' is neither refuse nor score", word);
}

static void judge_pixels(char text[BF_DOMAIN_TEXT], const bf_prepared *p) {
  int levels = bf_image_levels(p->pixels, (int64_t)p->rows * p->columns);
  if (levels >= least_levels) return;
  size_t used = strlen(text);
  snprintf(text + used, BF_DOMAIN_TEXT - used, "%san empty picture: its pixels have %d of 256 grey levels",
           used > 0 ? "; " : "", levels);
}

bf_status bf_likeness_judge(char text[BF_DOMAIN_TEXT], const bf_domain *domain, bf_unlike unlike, const bf_image *image,
                            const bf_prepared *prepared, const char *path, bf_error *err) {
  text[0] = '\0';
  if (unlike == BF_UNLIKE_PASS) return BF_OK;
  bf_domain_differs(text, domain,
                    &(bf_domain_image){.modality = image->modality,
                                       .photometric = image->photometric_name,
                                       .rows = image->rows,
                                       .columns = image->columns});
  judge_pixels(text, prepared);
  if (text[0] == '\0' || unlike == BF_UNLIKE_SCORE) return BF_OK;
  return bf_fail(err, BF_E_UNLIKE, "%s: %s; --unlike score scores it all the same, and marks it", path, text);
}
