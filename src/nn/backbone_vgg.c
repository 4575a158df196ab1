/* VGG-19 (Simonyan, Zisserman 2015: "Very Deep Convolutional Networks", configuration E), plain and with batch norm.
 * Names as torchvision's: a running number over convolutions, norms, ReLUs and pools. */
#include "nn/backbone.h"

static void build(bf_graph *g, bf_value x, bf_features *f, bool norm) {
  static const int channels[] = {64, 128, 256, 512, 512}, repeats[] = {2, 2, 4, 4, 4};
  int number = 0;
  f->count = 5;
  for (int stage = 0; stage < 5; stage++) {
    bf_graph_set_stage(g, stage);
    for (int i = 0; i < repeats[stage]; i++) {
      x = bf_conv2d(g, x, (bf_conv){.out = channels[stage], .kernel = 3, .padding = 1, .bias = true}, "features.%d",
                    number++);
      if (norm) x = bf_batch_norm(g, x, "features.%d", number++);
      x = bf_relu(g, x);
      number++;
    }
    if (stage > 0) f->value[stage - 1] = x;
    x = bf_max_pool(g, x, 2, 2, 0);
    number++;
  }
  f->value[4] = x;
  for (int i = 0; i < 5; i++) f->stride[i] = 2 << i;
}

static void build19(bf_graph *g, bf_value image, bf_features *f) { build(g, image, f, false); }

static void build19_bn(bf_graph *g, bf_value image, bf_features *f) { build(g, image, f, true); }

static bf_value classifier(bf_graph *g, const bf_features *f, int classes) {
  bf_graph_set_stage(g, 4);
  bf_value x = bf_flatten(g, bf_adaptive_average_pool(g, f->value[f->count - 1], 7, 7));
  x = bf_dropout(g, bf_relu(g, bf_linear(g, x, 4096, "classifier.0")), 0.5);
  x = bf_dropout(g, bf_relu(g, bf_linear(g, x, 4096, "classifier.3")), 0.5);
  return bf_linear(g, x, classes, "classifier.6");
}

const bf_backbone bf_backbone_vgg19 = {
    "vgg19",    "VGG-19 (Simonyan, Zisserman 2015), 143.7 million parameters with its classifier",
    5,          build19,
    classifier, "conv2_2,conv3_4,conv4_4,conv5_4,pool5"};
const bf_backbone bf_backbone_vgg19_bn = {
    "vgg19_bn", "VGG-19 with batch norm", 5, build19_bn, classifier, "conv2_2,conv3_4,conv4_4,conv5_4,pool5"};
