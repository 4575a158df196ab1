/* SqueezeNet 1.1 (Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer 2016: "SqueezeNet: AlexNet-level accuracy with 50x
 * fewer parameters and <0.5MB model size"; the authors' release 1.1 of its table 1). Names as torchvision's. No
 * convolution of stride 2 pads and poolings round up: sides shrink by a pixel more than those of other networks, and
 * the coarsest stride is 16. */
#include <stdio.h>

#include "nn/backbone.h"

/* Squeezes to few channels, then widens by 1x1 and 3x3 convolutions side by side. */
static bf_value fire(bf_graph *g, bf_value x, int squeeze, int expand, int index) {
  x = bf_relu(g, bf_conv2d(g, x, (bf_conv){.out = squeeze, .kernel = 1, .bias = true}, "features.%d.squeeze", index));
  bf_value small =
      bf_relu(g, bf_conv2d(g, x, (bf_conv){.out = expand, .kernel = 1, .bias = true}, "features.%d.expand1x1", index));
  bf_value large = bf_relu(g, bf_conv2d(g, x, (bf_conv){.out = expand, .kernel = 3, .padding = 1, .bias = true},
                                        "features.%d.expand3x3", index));
  return bf_concat(g, small, large);
}

/* Squeezed and expanded channels of the modules between two poolings. */
static const struct { int squeeze, expand, count; } groups[] = {{16, 64, 2}, {32, 128, 2}, {48, 192, 2}, {64, 256, 2}};

static void build(bf_graph *g, bf_value image, bf_features *f) {
  bf_graph_set_stage(g, 0);
  bf_value x =
      bf_relu(g, bf_conv2d(g, image, (bf_conv){.out = 64, .kernel = 3, .stride = 2, .bias = true}, "features.0"));
  int index = 2;
  f->count = 4;
  f->value[0] = x;
  for (int k = 0; k < 4; k++) {
    if (k < 3) { /* the last two groups share a stride and a stage */
      bf_graph_set_stage(g, k + 1);
      x = bf_max_pool_up(g, x, 3, 2);
      index++;
    }
    for (int i = 0; i < groups[k].count; i++) x = fire(g, x, groups[k].squeeze, groups[k].expand, index++);
    f->value[k < 3 ? k + 1 : 3] = x;
  }
  for (int i = 0; i < 4; i++) f->stride[i] = 2 << i;
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 3);
  bf_value x = bf_dropout(g, f->value[f->count - 1], 0.5);
  x = bf_relu(g, bf_conv2d(g, x, (bf_conv){.out = classes, .kernel = 1, .bias = true}, "classifier.1"));
  return bf_global_average_pool(g, x);
}

/* The Keras port counts modules as the paper does: fire2 .. fire9. */
static bool keras(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const bf_name_pair parts[] = {
      {"squeeze", "squeeze1x1"}, {"expand1x1", "expand1x1"}, {"expand3x3", "expand3x3"}, {0}};
  static const bf_name_pair ends[] = {{"features.0", "conv1"}, {"classifier.1", "conv10"}, {0}};
  static const int modules[] = {3, 4, 6, 7, 9, 10, 11, 12};
  char part[BF_PARAM_NAME_MAX];
  int index, length = 0;
  if (bf_naming_replace(theirs, ours, ends)) return true;
  if (sscanf(ours, "features.%d.%n", &index, &length) != 1 || !bf_naming_replace(part, ours + length, parts))
    return false;
  for (int i = 0; i < 8; i++)
    if (modules[i] == index) return snprintf(theirs, BF_PARAM_NAME_MAX, "fire%d/%s", i + 2, part) < BF_PARAM_NAME_MAX;
  return false;
}

static const bf_naming namings[] = {{"Keras", keras, true}, {0}};

const bf_backbone bf_backbone_squeezenet1_1 = {"squeezenet1_1",
                                               "SqueezeNet 1.1 (Iandola et al. 2016), 1.2 million parameters",
                                               4,
                                               build,
                                               classifier,
                                               "relu1,fire3,fire5,fire9",
                                               namings};
