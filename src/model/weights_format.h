/* Weight files: the table (weights.def) and the row. Every format is read into the same list of tensors, under the
 * original implementation's names and in its axis order. */
#ifndef BF_MODEL_WEIGHTS_FORMAT_H
#define BF_MODEL_WEIGHTS_FORMAT_H

#include "model/tensors.h"
#include "model/weight_names.h"
#include "model/weights.h"

typedef struct bf_weights_format {
  const char *name, *help;
  /* 0..100: how sure this reader is, from the file's name and bytes; it does not look far. */
  int (*detect)(const char *path, const void *bytes, size_t size);
  /* Adds the tensors of file->memory, ending in bf_tensors_finish. The file is a stranger's: nothing in it is believed
   * unchecked. Messages name tensor and value, not the file. After a failure the caller clears the file. */
  bf_status (*parse)(bf_tensors *file, bf_error *err);
} bf_weights_format;

int bf_weights_format_count(void);
const bf_weights_format *bf_weights_format_at(int index);

/* Finds the format by the file's content and reads it. format may be NULL. Cleared by bf_tensors_clear. */
bf_status bf_weights_open(bf_tensors *out, const bf_weights_format **format, const char *path, bf_error *err);

/* For detect(): the path ends with this, in any case. */
bool bf_weights_is_named(const char *path, const char *ending);

/* One tensor into one parameter: shape (exact: the very one, else any that fits), type and finiteness are checked.
 * Where one has three input channels and the other one, the function is that of one channel repeated three times:
 * weights are summed, or shared out. */
bf_status bf_weights_take(bf_param *param, const bf_tensor *tensor, bool exact, bf_error *err);
/* "[64, 3, 7, 7]" */
void bf_shape_text(char *text, size_t capacity, int rank, const int64_t *shape);
/* Counters of PyTorch's norms, which scoring has no use for. */
bool bf_weights_is_counter(const char *name);
/* How the file's inputs are to be normalised: its metadata's mean and std (three finite numbers each, std > 0; in units
 * of `range`, "0..1" without one, or "0..255"), else what is known of a file with its hash (known_weights.h), else of
 * the naming (Caffe's way). names may be NULL. False where neither says anything. order, may be NULL: "rgb" or "bgr".
 */
bool bf_weights_normalisation(bf_normalisation *out, const char **order, const bf_tensors *file,
                              const bf_weight_names *names);
/* As bf_weights_load, from an open file. */
bf_status bf_weights_apply(bf_weights_report *report, bf_graph *graph, const bf_backbone *backbone, int stage_limit,
                           const bf_tensors *file, bf_error *err);

#endif
