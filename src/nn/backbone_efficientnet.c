/* EfficientNet-B0 (Tan, Le 2019: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1).
 * Names as torchvision's. */
#include <stdio.h>

#include "nn/backbone.h"

static bf_value conv_norm(bf_graph *g, bf_value x, int out, int kernel, int stride, int groups, const char *name) {
  x = bf_conv2d(g, x,
                (bf_conv){.out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2, .groups = groups},
                "%s.0", name);
  return bf_batch_norm(g, x, "%s.1", name);
}

/* Squeeze and excitation (Hu, Shen, Sun 2018): a factor for each channel from the means of all. */
static bf_value excite(bf_graph *g, bf_value x, int squeeze, const char *name) {
  int c = bf_graph_shape(g, x).c;
  bf_value s = bf_global_average_pool(g, x);
  s = bf_silu(g, bf_conv2d(g, s, (bf_conv){.out = squeeze, .kernel = 1, .bias = true}, "%s.fc1", name));
  s = bf_sigmoid_map(g, bf_conv2d(g, s, (bf_conv){.out = c, .kernel = 1, .bias = true}, "%s.fc2", name));
  return bf_gate(g, x, s);
}

typedef struct stage_row {
  int expansion, kernel, stride, out, count, stage; /* stage: of freezing and learning rates */
} stage_row;
static const stage_row rows[] = {{1, 3, 1, 16, 1, 0},  {6, 3, 2, 24, 2, 1},  {6, 5, 2, 40, 2, 2}, {6, 3, 2, 80, 3, 3},
                                 {6, 5, 1, 112, 3, 3}, {6, 5, 2, 192, 4, 4}, {6, 3, 1, 320, 1, 4}};
enum { row_count = sizeof rows / sizeof rows[0], block_count = 16 };

/* Mobile inverted bottleneck: widen, filter depthwise, excite, narrow; block `number` of all. */
static bf_value block(bf_graph *g, bf_value x, const stage_row *row, int stride, const char *where, int number) {
  char name[64];
  int in = bf_graph_shape(g, x).c, wide = in * row->expansion, step = 0;
  bf_value y = x;
  if (row->expansion != 1) {
    snprintf(name, sizeof name, "%s.block.%d", where, step++);
    y = bf_silu(g, conv_norm(g, y, wide, 1, 1, 1, name));
  }
  snprintf(name, sizeof name, "%s.block.%d", where, step++);
  y = bf_silu(g, conv_norm(g, y, wide, row->kernel, stride, wide, name));
  snprintf(name, sizeof name, "%s.block.%d", where, step++);
  y = excite(g, y, in / 4, name);
  snprintf(name, sizeof name, "%s.block.%d", where, step);
  y = conv_norm(g, y, row->out, 1, 1, 1, name);
  if (stride != 1 || in != row->out) return y;
  return bf_add(g, x, bf_drop_path(g, y, 0.2 * number / block_count));
}

static void build(bf_graph *g, bf_value image, bf_features *f) {
  bf_graph_set_stage(g, 0);
  bf_value x = bf_silu(g, conv_norm(g, image, 32, 3, 2, 1, "features.0"));
  int number = 0;
  f->count = 5;
  for (int r = 0; r < row_count; r++) {
    bf_graph_set_stage(g, rows[r].stage);
    for (int i = 0; i < rows[r].count; i++) {
      char where[32];
      snprintf(where, sizeof where, "features.%d.%d", r + 1, i);
      x = block(g, x, &rows[r], i == 0 ? rows[r].stride : 1, where, number++);
    }
    f->value[rows[r].stage] = x; /* the last block of each stride stays */
  }
  f->value[4] = bf_silu(g, conv_norm(g, x, 1280, 1, 1, 1, "features.8"));
  for (int i = 0; i < 5; i++) f->stride[i] = 2 << i;
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 4);
  bf_value x = bf_dropout(g, bf_global_average_pool(g, f->value[f->count - 1]), 0.2);
  return bf_linear(g, x, classes, "classifier.1");
}

static bool timm(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const bf_name_pair ends[] = {{"features.0.0", "conv_stem"},  {"features.0.1", "bn1"},
                                      {"features.8.0", "conv_head"},  {"features.8.1", "bn2"},
                                      {"classifier.1", "classifier"}, {0}};
  static const bf_name_pair first[] = {{"0.0", "conv_dw"},
                                       {"0.1", "bn1"},
                                       {"1.fc1", "se.conv_reduce"},
                                       {"1.fc2", "se.conv_expand"},
                                       {"2.0", "conv_pw"},
                                       {"2.1", "bn2"},
                                       {0}};
  static const bf_name_pair later[] = {{"0.0", "conv_pw"},
                                       {"0.1", "bn1"},
                                       {"1.0", "conv_dw"},
                                       {"1.1", "bn2"},
                                       {"2.fc1", "se.conv_reduce"},
                                       {"2.fc2", "se.conv_expand"},
                                       {"3.0", "conv_pwl"},
                                       {"3.1", "bn3"},
                                       {0}};
  char part[BF_PARAM_NAME_MAX];
  int row, index, length = 0;
  if (bf_naming_replace(theirs, ours, ends)) return true;
  if (sscanf(ours, "features.%d.%d.block.%n", &row, &index, &length) != 2 || length == 0) return false;
  return bf_naming_replace(part, ours + length, row == 1 ? first : later) &&
         snprintf(theirs, BF_PARAM_NAME_MAX, "blocks.%d.%d.%s", row - 1, index, part) < BF_PARAM_NAME_MAX;
}

static const bf_naming namings[] = {{"timm", timm, false}, {0}};

const bf_backbone bf_backbone_efficientnet_b0 = {
    "efficientnet_b0", "EfficientNet-B0 (Tan, Le 2019), 5.3 million parameters", 5,      build,
    classifier,        "features.1,features.2,features.3,features.5,features.8", namings};
