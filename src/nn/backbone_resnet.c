/* ResNet-18 (He, Zhang, Ren, Sun 2016: "Deep Residual Learning for Image Recognition", table 1). Names as
 * torchvision's. */
#include "nn/backbone.h"

static bf_value conv_norm(bf_graph *g, bf_value x, int out, int kernel, int stride, const char *conv, const char *norm,
                          int layer, int block) {
  x = bf_conv2d(g, x, (bf_conv){.out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2}, "layer%d.%d.%s",
                layer, block, conv);
  return bf_batch_norm(g, x, "layer%d.%d.%s", layer, block, norm);
}

static bf_value basic_block(bf_graph *g, bf_value x, int out, int stride, int layer, int block) {
  bf_value y = bf_relu(g, conv_norm(g, x, out, 3, stride, "conv1", "bn1", layer, block));
  y = conv_norm(g, y, out, 3, 1, "conv2", "bn2", layer, block);
  if (stride != 1 || bf_graph_shape(g, x).c != out)
    x = conv_norm(g, x, out, 1, stride, "downsample.0", "downsample.1", layer, block);
  return bf_relu(g, bf_add(g, y, x));
}

static void build18(bf_graph *g, bf_value image, bf_features *f) {
  static const int channels[] = {64, 128, 256, 512}, repeats[] = {2, 2, 2, 2};
  bf_graph_set_stage(g, 0);
  bf_value x = bf_conv2d(g, image, (bf_conv){.out = 64, .kernel = 7, .stride = 2, .padding = 3}, "conv1");
  x = bf_relu(g, bf_batch_norm(g, x, "bn1"));
  f->count = 5;
  f->value[0] = x;
  x = bf_max_pool(g, x, 3, 2, 1);
  for (int layer = 1; layer <= 4; layer++) {
    bf_graph_set_stage(g, layer);
    for (int b = 0; b < repeats[layer - 1]; b++)
      x = basic_block(g, x, channels[layer - 1], b == 0 && layer > 1 ? 2 : 1, layer, b);
    f->value[layer] = x;
  }
  for (int i = 0; i < 5; i++) f->stride[i] = 2 << i;
}

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 4);
  return bf_linear(g, bf_global_average_pool(g, f->value[f->count - 1]), classes, "fc");
}

const bf_backbone bf_backbone_resnet18 = {"resnet18", "ResNet-18 (He et al. 2016), 11.7 million parameters",
                                          5,          build18,
                                          classifier, "relu,layer1,layer2,layer3,layer4"};
