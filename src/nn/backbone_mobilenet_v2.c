/* MobileNetV2, width 1.0 (Sandler, Howard, Zhu, Zhmoginov, Chen 2018: "MobileNetV2: Inverted Residuals and Linear
 * Bottlenecks", table 2). Names as torchvision's. */
#include <stdio.h>

#include "nn/backbone.h"

static bf_value conv_norm_relu6(bf_graph *g, bf_value x, int out, int kernel, int stride, int groups, const char *name,
                                int first) {
  x = bf_conv2d(g, x,
                (bf_conv){.out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2, .groups = groups},
                "%s.%d", name, first);
  x = bf_batch_norm(g, x, "%s.%d", name, first + 1);
  return bf_relu6(g, x);
}

/* Widen by t, filter depthwise, narrow without a non-linearity; a shortcut where shapes agree. */
static bf_value inverted_residual(bf_graph *g, bf_value x, int t, int out, int stride, int index) {
  char name[64];
  int in = bf_graph_shape(g, x).c, step = 0;
  bf_value y = x;
  if (t != 1) {
    snprintf(name, sizeof name, "features.%d.conv.%d", index, step++);
    y = conv_norm_relu6(g, y, in * t, 1, 1, 1, name, 0);
  }
  snprintf(name, sizeof name, "features.%d.conv.%d", index, step++);
  y = conv_norm_relu6(g, y, in * t, 3, stride, in * t, name, 0);
  y = bf_conv2d(g, y, (bf_conv){.out = out, .kernel = 1}, "features.%d.conv.%d", index, step);
  y = bf_batch_norm(g, y, "features.%d.conv.%d", index, step + 1);
  return stride == 1 && in == out ? bf_add(g, x, y) : y;
}

/* Expansion t, channels c, repeats n, stride of the first s; the stage of freezing and learning rates. */
static const struct block {
  int t, c, n, s, stage;
} blocks[] = {{1, 16, 1, 1, 0}, {6, 24, 2, 2, 1},  {6, 32, 3, 2, 2}, {6, 64, 4, 2, 3},
              {6, 96, 3, 1, 3}, {6, 160, 3, 2, 4}, {6, 320, 1, 1, 4}};

static void build(bf_graph *g, bf_value image, bf_features *f) {
  bf_graph_set_stage(g, 0);
  bf_value x = conv_norm_relu6(g, image, 32, 3, 2, 1, "features.0", 0);
  int index = 1;
  f->count = 5;
  for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++) {
    bf_graph_set_stage(g, blocks[b].stage);
    for (int i = 0; i < blocks[b].n; i++)
      x = inverted_residual(g, x, blocks[b].t, blocks[b].c, i == 0 ? blocks[b].s : 1, index++);
    f->value[blocks[b].stage] = x; /* the last block of each stride stays */
  }
  f->value[4] = conv_norm_relu6(g, x, 1280, 1, 1, 1, "features.18", 0);
  for (int i = 0; i < 5; i++) f->stride[i] = 2 << i;
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 4);
  bf_value x = bf_global_average_pool(g, f->value[f->count - 1]);
  x = bf_dropout(g, x, 0.2);
  return bf_linear(g, x, classes, "classifier.1");
}

/* features.<number> as blocks.<row>.<index>. */
static bool timm(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const bf_name_pair ends[] = {{"features.0.0", "conv_stem"},  {"features.0.1", "bn1"},
                                      {"features.18.0", "conv_head"}, {"features.18.1", "bn2"},
                                      {"classifier.1", "classifier"}, {0}};
  static const bf_name_pair first[] = {{"0.0", "conv_dw"}, {"0.1", "bn1"}, {"1", "conv_pw"}, {"2", "bn2"}, {0}};
  static const bf_name_pair later[] = {
      {"0.0", "conv_pw"}, {"0.1", "bn1"}, {"1.0", "conv_dw"}, {"1.1", "bn2"}, {"2", "conv_pwl"}, {"3", "bn3"}, {0}};
  char part[BF_PARAM_NAME_MAX];
  int number, length = 0, row = 0;
  if (bf_naming_replace(theirs, ours, ends)) return true;
  if (sscanf(ours, "features.%d.conv.%n", &number, &length) != 1 || length == 0) return false;
  if (!bf_naming_replace(part, ours + length, number == 1 ? first : later)) return false;
  for (number--; number >= blocks[row].n; row++) number -= blocks[row].n;
  return snprintf(theirs, BF_PARAM_NAME_MAX, "blocks.%d.%d.%s", row, number, part) < BF_PARAM_NAME_MAX;
}

static const bf_naming namings[] = {{"timm", timm, false}, {0}};

const bf_backbone bf_backbone_mobilenet_v2 = {
    "mobilenet_v2", "MobileNetV2 1.0 (Sandler et al. 2018), 3.5 million parameters", 5,      build,
    classifier,     "features.1,features.3,features.6,features.13,features.18",      namings};
