/* ConvNeXt-Tiny (Liu, Mao, Wu, Feichtenhofer, Darrell, Xie 2022: "A ConvNet for the 2020s", section 2). Names as
 * torchvision's. Its first convolution has stride 4: there are no features of stride 2. */
#include <stdio.h>

#include "nn/backbone.h"

enum { stage_count = 4, block_count = 18 };
static const int widths[stage_count] = {96, 192, 384, 768}, depths[stage_count] = {3, 3, 9, 3};

/* Filter 7x7 depthwise, then widen and narrow each pixel; block `number` of all. */
static bf_value block(bf_graph *g, bf_value x, const char *name, int number) {
  int c = bf_graph_shape(g, x).c;
  bf_value y =
      bf_conv2d(g, x, (bf_conv){.out = c, .kernel = 7, .padding = 3, .groups = c, .bias = true}, "%s.block.0", name);
  y = bf_layer_norm(g, y, "%s.block.2", name);
  y = bf_conv2d(g, y, (bf_conv){.out = 4 * c, .kernel = 1, .bias = true, .linear = true}, "%s.block.3", name);
  y = bf_conv2d(g, bf_gelu(g, y), (bf_conv){.out = c, .kernel = 1, .bias = true, .linear = true}, "%s.block.5", name);
  y = bf_layer_scale(g, y, 1e-6, "%s", name);
  return bf_add(g, x, bf_drop_path(g, y, 0.1 * number / (block_count - 1)));
}

static void build(bf_graph *g, bf_value image, bf_features *f) {
  int number = 0;
  bf_value x = image;
  f->count = stage_count;
  for (int stage = 0; stage < stage_count; stage++) {
    bf_graph_set_stage(g, stage);
    if (stage == 0) {
      x = bf_conv2d(g, x, (bf_conv){.out = widths[0], .kernel = 4, .stride = 4, .bias = true}, "features.0.0");
      x = bf_layer_norm(g, x, "features.0.1");
    } else {
      x = bf_layer_norm(g, x, "features.%d.0", 2 * stage);
      x = bf_conv2d(g, x, (bf_conv){.out = widths[stage], .kernel = 2, .stride = 2, .bias = true}, "features.%d.1",
                    2 * stage);
    }
    for (int i = 0; i < depths[stage]; i++) {
      char name[32];
      snprintf(name, sizeof name, "features.%d.%d", 2 * stage + 1, i);
      x = block(g, x, name, number++);
    }
    f->value[stage] = x;
    f->stride[stage] = 4 << stage;
  }
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, stage_count - 1);
  bf_value x = bf_layer_norm(g, bf_global_average_pool(g, f->value[f->count - 1]), "classifier.0");
  return bf_linear(g, x, classes, "classifier.2");
}

/* Theirs: the parts of a block, and where blocks and steps down stand. */
typedef struct places {
  const bf_name_pair *ends, *parts;
  const char *block, *step; /* with stage and index; stage and part */
} places;

static bool translate(char theirs[BF_PARAM_NAME_MAX], const char *ours, const places *p) {
  char part[BF_PARAM_NAME_MAX];
  int feature, index, length = 0, used;
  if (bf_naming_replace(theirs, ours, p->ends)) return true;
  if (sscanf(ours, "features.%d.%d.%n", &feature, &index, &length) != 2 || length == 0) return false;
  if (feature % 2 == 0) {
    used = snprintf(theirs, BF_PARAM_NAME_MAX, p->step, feature / 2, index, ours + length);
  } else {
    if (!bf_naming_replace(part, ours + length, p->parts)) return false;
    used = snprintf(theirs, BF_PARAM_NAME_MAX, p->block, feature / 2, index, part);
  }
  return used < BF_PARAM_NAME_MAX;
}

static bool timm(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const bf_name_pair ends[] = {{"features.0.0", "stem.0"},
                                      {"features.0.1", "stem.1"},
                                      {"classifier.0", "head.norm"},
                                      {"classifier.2", "head.fc"},
                                      {0}};
  static const bf_name_pair parts[] = {{"block.0", "conv_dw"}, {"block.2", "norm"},      {"block.3", "mlp.fc1"},
                                       {"block.5", "mlp.fc2"}, {"layer_scale", "gamma"}, {0}};
  static const places at = {ends, parts, "stages.%d.blocks.%d.%s", "stages.%d.downsample.%d.%s"};
  return translate(theirs, ours, &at);
}

/* The authors' own release. */
static bool authors(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const bf_name_pair ends[] = {{"features.0.0", "downsample_layers.0.0"},
                                      {"features.0.1", "downsample_layers.0.1"},
                                      {"classifier.0", "norm"},
                                      {"classifier.2", "head"},
                                      {0}};
  static const bf_name_pair parts[] = {{"block.0", "dwconv"},  {"block.2", "norm"},      {"block.3", "pwconv1"},
                                       {"block.5", "pwconv2"}, {"layer_scale", "gamma"}, {0}};
  static const places at = {ends, parts, "stages.%d.%d.%s", "downsample_layers.%d.%d.%s"};
  return translate(theirs, ours, &at);
}

static const bf_naming namings[] = {{"timm", timm, false}, {"the authors", authors, false}, {0}};

const bf_backbone bf_backbone_convnext_tiny = {
    "convnext_tiny", "ConvNeXt-Tiny (Liu et al. 2022), 28.6 million parameters",
    stage_count,     build,
    classifier,      "features.1,features.3,features.5,features.7",
    namings};
