/* ResNets (He, Zhang, Ren, Sun 2016: "Deep Residual Learning for Image Recognition", table 1). Names as torchvision's.
 */
#include <stddef.h>

#include "nn/backbone.h"

/* Adds residual block `index` of a layer. */
typedef bf_value (*block_builder)(bf_graph *g, bf_value x, int width, int stride, int layer, int index);

static bf_value conv_norm(bf_graph *g, bf_value x, int out, int kernel, int stride, const char *conv, const char *norm,
                          int layer, int index) {
  x = bf_conv2d(g, x, (bf_conv){.out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2}, "layer%d.%d.%s",
                layer, index, conv);
  return bf_batch_norm(g, x, "layer%d.%d.%s", layer, index, norm);
}

/* Adds the shortcut from x, projected where shapes differ. */
static bf_value join(bf_graph *g, bf_value y, bf_value x, int stride, int layer, int index) {
  int out = bf_graph_shape(g, y).c;
  if (stride != 1 || bf_graph_shape(g, x).c != out)
    x = conv_norm(g, x, out, 1, stride, "downsample.0", "downsample.1", layer, index);
  return bf_relu(g, bf_add(g, y, x));
}

static bf_value basic_block(bf_graph *g, bf_value x, int width, int stride, int layer, int index) {
  bf_value y = bf_relu(g, conv_norm(g, x, width, 3, stride, "conv1", "bn1", layer, index));
  y = conv_norm(g, y, width, 3, 1, "conv2", "bn2", layer, index);
  return join(g, y, x, stride, layer, index);
}

/* The paper strides in the first 1x1 convolution; torchvision's weights want it in the 3x3 ("v1.5"). */
static bf_value bottleneck(bf_graph *g, bf_value x, int width, int stride, int layer, int index) {
  bf_value y = bf_relu(g, conv_norm(g, x, width, 1, 1, "conv1", "bn1", layer, index));
  y = bf_relu(g, conv_norm(g, y, width, 3, stride, "conv2", "bn2", layer, index));
  y = conv_norm(g, y, 4 * width, 1, 1, "conv3", "bn3", layer, index);
  return join(g, y, x, stride, layer, index);
}

static void build(bf_graph *g, bf_value image, bf_features *f, block_builder block, const int blocks[4]) {
  bf_graph_set_stage(g, 0);
  bf_value x = bf_conv2d(g, image, (bf_conv){.out = 64, .kernel = 7, .stride = 2, .padding = 3}, "conv1");
  x = bf_relu(g, bf_batch_norm(g, x, "bn1"));
  f->count = 5;
  f->value[0] = x;
  x = bf_max_pool(g, x, 3, 2, 1);
  for (int layer = 1; layer <= 4; layer++) {
    bf_graph_set_stage(g, layer);
    for (int i = 0; i < blocks[layer - 1]; i++) x = block(g, x, 32 << layer, i == 0 && layer > 1 ? 2 : 1, layer, i);
    f->value[layer] = x;
  }
  for (int i = 0; i < 5; i++) f->stride[i] = 2 << i;
}

static const int shallow[] = {2, 2, 2, 2}, deep[] = {3, 4, 6, 3}, deeper[] = {3, 4, 23, 3};

static void build18(bf_graph *g, bf_value image, bf_features *f) { build(g, image, f, basic_block, shallow); }

static void build34(bf_graph *g, bf_value image, bf_features *f) { build(g, image, f, basic_block, deep); }

static void build50(bf_graph *g, bf_value image, bf_features *f) { build(g, image, f, bottleneck, deep); }

static void build101(bf_graph *g, bf_value image, bf_features *f) { build(g, image, f, bottleneck, deeper); }

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 4);
  return bf_linear(g, bf_global_average_pool(g, f->value[f->count - 1]), classes, "fc");
}

static const char features[] = "relu,layer1,layer2,layer3,layer4";

const bf_backbone bf_backbone_resnet18 = {
    "resnet18", "ResNet-18 (He et al. 2016), 11.7 million parameters", 5, build18, classifier, features, NULL};
const bf_backbone bf_backbone_resnet34 = {
    "resnet34", "ResNet-34 (He et al. 2016), 21.8 million parameters", 5, build34, classifier, features, NULL};
const bf_backbone bf_backbone_resnet50 = {
    "resnet50", "ResNet-50 (He et al. 2016), 25.6 million parameters", 5, build50, classifier, features, NULL};
const bf_backbone bf_backbone_resnet101 = {
    "resnet101", "ResNet-101 (He et al. 2016), 44.5 million parameters", 5, build101, classifier, features, NULL};
