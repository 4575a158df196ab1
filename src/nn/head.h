/* Heads: the table (heads.def) and the row. A head turns shared features into one task's outputs, its loss and its
 * answer. A missing label adds nothing to the loss. */
#ifndef BF_NN_HEAD_H
#define BF_NN_HEAD_H

#include "base/options.h"
#include "nn/backbone.h"

/* Pixels, max exclusive. In truth: score is unused. */
typedef struct bf_box {
  float xmin, ymin, xmax, ymax;
  float score; /* 0 to 1 */
} bf_box;

/* What is known of one image of a batch; boxes in network pixels. An image may have several truths: of each of the
 * pictures that were mixed into it, with weights that sum to 1. */
typedef struct bf_truth {
  int image;     /* its place in the batch */
  double weight; /* of this truth's losses, 0 to 1 */
  int malignant; /* 0, 1, or -1 unknown */
  bool lesions_known;
  int box_count;
  const bf_box *boxes; /* borrowed */
  /* Lesion in 255ths of each pixel, [mask_h][mask_w] of the network's input, borrowed; NULL: unknown. */
  const uint8_t *mask;
  int mask_h, mask_w;
} bf_truth;

#define BF_MAX_BOXES 32 /* found boxes an image */

typedef struct bf_prediction {
  float malignant_logit; /* NaN where no head gives it */
  bool has_boxes;        /* a head looked for lesions */
  int box_count;
  bf_box boxes[BF_MAX_BOXES]; /* network pixels, best score first */
  /* Lesion logits [mask_h][mask_w] at the middles of cells of mask_stride network pixels; borrowed from the executor
   * until its next pass; NULL where no head gives it. */
  const float *mask;
  int mask_h, mask_w, mask_stride;
  double mask_sides; /* how far boxes take the sides of the mask's pieces: 0 not at all, 1 wholly */
} bf_prediction;

/* Labels that a head may be trained from. */
enum { BF_READS_CLASS = 1, BF_READS_LESIONS = 2, BF_READS_MASK = 4 };

typedef struct bf_head bf_head;

typedef struct bf_head_type {
  const char *name; /* config key and tensor prefix "heads.<name>." */
  const char *help;
  const bf_option *options; /* this head's table; every table has "weight" (REAL >= 0; 0 leaves the head out) */
  size_t options_size;
  size_t weight_offset; /* of "weight" in the options struct */
  size_t state_size;    /* bytes of the head's own state */
  int most_boxes;       /* that it finds in an image; 0: none */
  unsigned reads;       /* what it is trained from: BF_READS_... */
  /* Adds the head to the graph and marks its outputs. May fill features->where where it is not filled. */
  void (*build)(bf_head *head, bf_graph *graph, bf_features *features);
  /* Optional: with these options the head reads features->where, and is built after those that do not. */
  bool (*reads_where)(const void *options);
  /* Weighted mean loss over the n truths of a batch (over images, or over a head's own items); the gradient of
   * `scale` x loss is ADDED to the outputs' gradients. labelled: the weights of the truths that have the label, summed:
   * of pictures as they are, how many had one. Loss 0 when none had. */
  void (*loss)(bf_head *head, bf_exec *exec, const bf_truth *truth, int n, float scale, double *loss, double *labelled);
  /* Fills this head's part of each prediction. Boxes that a head before it found stay. */
  void (*decode)(bf_head *head, bf_exec *exec, int n, bf_prediction *predictions);
  /* Optional. The one number an image that its answer is the logit of, for heat maps. */
  bf_value (*answer)(const bf_head *head);
  /* Optional. What the head wants to know of the training part (class counts, mean positives) before training. */
  void (*prepare)(bf_head *head, const bf_truth *truth, int64_t n);
  /* Optional. First values of parameters that must not start like any other layer's, called once after the graph is
   * finished. */
  void (*initialise)(bf_head *head, bf_graph *graph);
} bf_head_type;

struct bf_head {
  const bf_head_type *type;
  void *options; /* options_size bytes, owned */
  void *state;   /* state_size bytes, zeroed, owned */
};

/* The sum of the weights of the truths that have one of the labels BF_READS_.... */
double bf_truths_labelled(const bf_truth *truth, int n, unsigned reads);

int bf_head_type_count(void);
const bf_head_type *bf_head_type_at(int index);
const bf_head_type *bf_head_type_find(const char *name, bf_error *err);

#endif
