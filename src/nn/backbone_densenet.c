/* DenseNet-121 (Huang, Liu, van der Maaten, Weinberger 2017: "Densely Connected Convolutional Networks", table 1,
 * DenseNet-BC with growth 32). Names as torchvision's. */
#include <stdio.h>
#include <string.h>

#include "nn/backbone.h"

enum { growth = 32, bottleneck = 4 * growth };

/* What every layer sees first: the norm and ReLU come before the convolution. */
static bf_value norm_relu(bf_graph *g, bf_value x, const char *where, const char *norm) {
  return bf_relu(g, bf_batch_norm(g, x, "features.%s%s", where, norm));
}

/* Appends `growth` new channels to all that came before. */
static bf_value dense_layer(bf_graph *g, bf_value x, int block, int index) {
  char where[64];
  snprintf(where, sizeof where, "denseblock%d.denselayer%d.", block, index);
  bf_value y = norm_relu(g, x, where, "norm1");
  y = bf_conv2d(g, y, (bf_conv){.out = bottleneck, .kernel = 1}, "features.%sconv1", where);
  y = norm_relu(g, y, where, "norm2");
  y = bf_conv2d(g, y, (bf_conv){.out = growth, .kernel = 3, .padding = 1}, "features.%sconv2", where);
  return bf_concat(g, x, y);
}

/* Halves channels and sides. What heads build on is its activation before both. */
static bf_value transition(bf_graph *g, bf_value x, int block, bf_value *activation) {
  char where[64];
  snprintf(where, sizeof where, "transition%d.", block);
  x = *activation = norm_relu(g, x, where, "norm");
  x = bf_conv2d(g, x, (bf_conv){.out = bf_graph_shape(g, x).c / 2, .kernel = 1}, "features.%sconv", where);
  return bf_average_pool(g, x, 2, 2);
}

static void build(bf_graph *g, bf_value image, bf_features *f) {
  static const int layers[] = {6, 12, 24, 16};
  bf_graph_set_stage(g, 0);
  bf_value x = bf_conv2d(g, image, (bf_conv){.out = 64, .kernel = 7, .stride = 2, .padding = 3}, "features.conv0");
  x = norm_relu(g, x, "", "norm0");
  f->count = 5;
  f->value[0] = x;
  x = bf_max_pool(g, x, 3, 2, 1);
  for (int block = 1; block <= 4; block++) {
    bf_graph_set_stage(g, block);
    for (int i = 1; i <= layers[block - 1]; i++) x = dense_layer(g, x, block, i);
    if (block < 4) x = transition(g, x, block, &f->value[block]);
  }
  f->value[4] = norm_relu(g, x, "", "norm5");
  for (int i = 0; i < 5; i++) f->stride[i] = 2 << i;
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 4);
  return bf_linear(g, bf_global_average_pool(g, f->value[f->count - 1]), classes, "classifier");
}

/* The released files are older than torchvision's names: denselayer1.norm.1 is today's denselayer1.norm1. */
static bool released(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const char *const layers[] = {".norm1.", ".norm2.", ".conv1.", ".conv2."};
  if (strstr(ours, "denselayer") != NULL)
    for (int i = 0; i < 4; i++) {
      const char *at = strstr(ours, layers[i]);
      if (at == NULL) continue;
      return snprintf(theirs, BF_PARAM_NAME_MAX, "%.*s.%c.%s", (int)(at + 5 - ours), ours, at[5], at + 7) <
             BF_PARAM_NAME_MAX;
    }
  return snprintf(theirs, BF_PARAM_NAME_MAX, "%s", ours) < BF_PARAM_NAME_MAX;
}

static const bf_naming namings[] = {{"torchvision's released file", released, false}, {0}};

const bf_backbone bf_backbone_densenet121 = {
    "densenet121", "DenseNet-121 (Huang et al. 2017), 8.0 million parameters",       5,      build,
    classifier,    "relu0,transition1.relu,transition2.relu,transition3.relu,relu5", namings};
