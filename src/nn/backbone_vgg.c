/* VGG-11, -13, -16 and -19 (Simonyan, Zisserman 2015: "Very Deep Convolutional Networks for Large-Scale Image
 * Recognition", columns A, B, D and E), without and with batch norm. Names as torchvision's. */
#include <stdio.h>
#include <string.h>

#include "nn/backbone.h"

enum { stage_count = 5 };
static const int widths[stage_count] = {64, 128, 256, 512, 512};

/* What heads build on: the last activation before each pooling that halves the side, and the last pooling. */
static void build(bf_graph *g, bf_value x, bf_features *f, const int convolutions[stage_count], bool norm) {
  int number = 0;
  f->count = stage_count;
  for (int stage = 0; stage < stage_count; stage++) {
    bf_graph_set_stage(g, stage);
    for (int i = 0; i < convolutions[stage]; i++) {
      x = bf_conv2d(g, x, (bf_conv){.out = widths[stage], .kernel = 3, .padding = 1, .bias = true}, "features.%d",
                    number++);
      if (norm) x = bf_batch_norm(g, x, "features.%d", number++);
      x = bf_relu(g, x);
      number++;
    }
    if (stage > 0) f->value[stage - 1] = x;
    x = bf_max_pool(g, x, 2, 2, 0);
    number++;
  }
  f->value[stage_count - 1] = x;
  for (int i = 0; i < stage_count; i++) f->stride[i] = 2 << i;
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, stage_count - 1);
  bf_value x = bf_flatten(g, bf_adaptive_average_pool(g, f->value[f->count - 1], 7, 7));
  x = bf_dropout(g, bf_relu(g, bf_linear(g, x, 4096, "classifier.0")), 0.5);
  x = bf_dropout(g, bf_relu(g, bf_linear(g, x, 4096, "classifier.3")), 0.5);
  return bf_linear(g, x, classes, "classifier.6");
}

/* timm keeps the first two linear layers as convolutions over the whole map. */
static bool timm(char theirs[BF_PARAM_NAME_MAX], const char *ours) {
  static const bf_name_pair table[] = {{"features", "features"},
                                       {"classifier.0", "pre_logits.fc1"},
                                       {"classifier.3", "pre_logits.fc2"},
                                       {"classifier.6", "head.fc"},
                                       {0}};
  return bf_naming_replace(theirs, ours, table);
}

/* features.<number> as block<stage>_conv<index>. Keras flattens its maps in another order than torchvision: the linear
 * layers behind are left out. */
static bool keras(char theirs[BF_PARAM_NAME_MAX], const char *ours, const int convolutions[stage_count]) {
  int number, length = 0, at = 0;
  if (sscanf(ours, "features.%d%n", &number, &length) != 1 || ours[length] != '.') return false;
  for (int stage = 0; stage < stage_count; stage++, at++)
    for (int i = 0; i < convolutions[stage]; i++, at += 2)
      if (at == number) {
        snprintf(theirs, BF_PARAM_NAME_MAX, "block%d_conv%d%s", stage + 1, i + 1, ours + length);
        return true;
      }
  return false;
}

/* One depth, with its two rows. */
#define VGG(depth, millions, features, ...)                                                                            \
  static const int convolutions##depth[stage_count] = {__VA_ARGS__};                                                   \
  static void build##depth(bf_graph *g, bf_value image, bf_features *f) {                                              \
    build(g, image, f, convolutions##depth, false);                                                                    \
  }                                                                                                                    \
  static void build##depth##_bn(bf_graph *g, bf_value image, bf_features *f) {                                         \
    build(g, image, f, convolutions##depth, true);                                                                     \
  }                                                                                                                    \
  static bool keras##depth(char theirs[BF_PARAM_NAME_MAX], const char *ours) {                                         \
    return keras(theirs, ours, convolutions##depth);                                                                   \
  }                                                                                                                    \
  static const bf_naming namings##depth[] = {{"timm", timm, false}, {"Keras", keras##depth, true}, {0}};               \
  static const bf_naming namings##depth##_bn[] = {{"timm", timm, false}, {0}};                                         \
  const bf_backbone bf_backbone_vgg##depth = {                                                                         \
      "vgg" #depth,  "VGG-" #depth " (Simonyan, Zisserman 2015), " millions " million parameters with its classifier", \
      stage_count,   build##depth,                                                                                     \
      classifier,    features,                                                                                         \
      namings##depth};                                                                                                 \
  const bf_backbone bf_backbone_vgg##depth##_bn = {                                                                    \
      "vgg" #depth "_bn", "VGG-" #depth " with batch norm", stage_count, build##depth##_bn, classifier, features,      \
      namings##depth##_bn};

VGG(11, "132.9", "conv2_1,conv3_2,conv4_2,conv5_2,pool5", 1, 1, 2, 2, 2)
VGG(13, "133.0", "conv2_2,conv3_2,conv4_2,conv5_2,pool5", 2, 2, 2, 2, 2)
VGG(16, "138.4", "conv2_2,conv3_3,conv4_3,conv5_3,pool5", 2, 2, 3, 3, 3)
VGG(19, "143.7", "conv2_2,conv3_4,conv4_4,conv5_4,pool5", 2, 2, 4, 4, 4)
