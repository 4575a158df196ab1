/* Names and prefixes of weight files: every naming of every backbone is one to one and found again, well-known names
 * are as their projects write them, and shapes that hold the same numbers are taken. */
#include "model/weight_names.h"
#include "model/weight_unfold.h"
#include "model/weights_format.h"
#include "net_support.h"
#include "tensor/gemm.h"

typedef struct net {
  bf_graph *graph;
  bf_features features;
  int backbone; /* parameters of the backbone alone */
} net;

static net make(const bf_backbone *b, int channels) {
  net n = {.graph = net_graph()};
  b->build(n.graph, bf_graph_input(n.graph, 64, 64, channels), &n.features);
  n.backbone = bf_graph_param_count(n.graph);
  return n;
}

static const bf_naming *naming_of(const bf_backbone *b, const char *name) {
  for (const bf_naming *n = b->namings; n != NULL && n->name != NULL; n++)
    if (strcmp(n->name, name) == 0) return n;
  return NULL;
}

/* A file of the graph's parameters as one naming calls them; number 0 of each is its place in the list. */
static bf_tensors file_of(const net *n, const bf_naming *naming, const char *prefix) {
  bf_tensors file = {0};
  bf_error err = {0};
  for (int i = 0; i < n->backbone; i++) {
    const bf_param *p = bf_graph_param(n->graph, i);
    char theirs[BF_PARAM_NAME_MAX], whole[2 * BF_PARAM_NAME_MAX];
    snprintf(theirs, sizeof theirs, "%s", p->name);
    if (naming != NULL && !naming->translate(theirs, p->name)) continue;
    snprintf(whole, sizeof whole, "%s%s", prefix, theirs);
    bf_tensor *t;
    void *data;
    assert_int_equal(bf_tensors_add(&t, &file, whole, "F32", p->rank, p->shape, &err), BF_OK);
    assert_int_equal(bf_tensors_block(&data, &file, t->bytes, &err), BF_OK);
    memset(data, 0, t->bytes);
    *(float *)data = (float)i;
    t->data = data;
  }
  if (bf_tensors_finish(&file, &err) != BF_OK) fail_msg("%s", err.message);
  return file;
}

static void every_naming_is_found_again(void **unused) {
  (void)unused;
  for (int i = 0; i < bf_backbone_count(); i++) {
    const bf_backbone *b = bf_backbone_at(i);
    if (strncmp(b->name, "vgg", 3) == 0 && strcmp(b->name, "vgg11") != 0 && strcmp(b->name, "vgg11_bn") != 0) continue;
    net n = make(b, 3);
    const bf_naming *naming = NULL, *next = b->namings;
    for (;;) {
      bf_tensors file = file_of(&n, naming, "state_dict.module.");
      assert_int_equal(file.tensor_count, n.backbone);
      bf_weight_names found = bf_weight_names_find(b, n.graph, n.backbone, &file);
      assert_string_equal(found.prefix, "state_dict.module.");
      for (int k = 0; k < n.backbone; k++) {
        const bf_tensor *t = bf_weight_names_tensor(&found, &file, bf_graph_param(n.graph, k)->name);
        if (t == NULL || *(const float *)t->data != (float)k)
          fail_msg("%s, %s: %s", b->name, naming ? naming->name : "torchvision", bf_graph_param(n.graph, k)->name);
      }
      bf_tensors_clear(&file);
      if (next == NULL || next->name == NULL) break;
      naming = next++;
    }
    bf_graph_destroy(n.graph);
  }
}

static void well_known_names(void **unused) {
  (void)unused;
  static const struct {
    const char *backbone, *naming, *ours, *theirs;
  } known[] = {
      {"mobilenet_v2", "timm", "features.0.0.weight", "conv_stem.weight"},
      {"mobilenet_v2", "timm", "features.1.conv.0.0.weight", "blocks.0.0.conv_dw.weight"},
      {"mobilenet_v2", "timm", "features.1.conv.1.weight", "blocks.0.0.conv_pw.weight"},
      {"mobilenet_v2", "timm", "features.1.conv.2.running_var", "blocks.0.0.bn2.running_var"},
      {"mobilenet_v2", "timm", "features.2.conv.1.0.weight", "blocks.1.0.conv_dw.weight"},
      {"mobilenet_v2", "timm", "features.17.conv.3.bias", "blocks.6.0.bn3.bias"},
      {"mobilenet_v2", "timm", "features.18.1.weight", "bn2.weight"},
      {"mobilenet_v2", "timm", "classifier.1.bias", "classifier.bias"},
      {"efficientnet_b0", "timm", "features.1.0.block.1.fc1.bias", "blocks.0.0.se.conv_reduce.bias"},
      {"efficientnet_b0", "timm", "features.2.1.block.2.fc2.weight", "blocks.1.1.se.conv_expand.weight"},
      {"efficientnet_b0", "timm", "features.7.0.block.3.1.bias", "blocks.6.0.bn3.bias"},
      {"efficientnet_b0", "timm", "features.8.0.weight", "conv_head.weight"},
      {"convnext_tiny", "timm", "features.0.1.bias", "stem.1.bias"},
      {"convnext_tiny", "timm", "features.1.2.layer_scale", "stages.0.blocks.2.gamma"},
      {"convnext_tiny", "timm", "features.4.1.weight", "stages.2.downsample.1.weight"},
      {"convnext_tiny", "timm", "features.5.8.block.3.bias", "stages.2.blocks.8.mlp.fc1.bias"},
      {"convnext_tiny", "the authors", "features.0.0.weight", "downsample_layers.0.0.weight"},
      {"convnext_tiny", "the authors", "features.7.1.block.5.weight", "stages.3.1.pwconv2.weight"},
      {"densenet121", "torchvision's released file", "features.denseblock2.denselayer12.norm1.running_mean",
       "features.denseblock2.denselayer12.norm.1.running_mean"},
      {"densenet121", "torchvision's released file", "features.norm5.bias", "features.norm5.bias"},
      {"squeezenet1_1", "Keras", "features.0.weight", "conv1.weight"},
      {"squeezenet1_1", "Keras", "features.7.expand3x3.bias", "fire5/expand3x3.bias"},
      {"squeezenet1_1", "Keras", "features.12.squeeze.weight", "fire9/squeeze1x1.weight"},
      {"vgg16", "Keras", "features.0.weight", "block1_conv1.weight"},
      {"vgg16", "Keras", "features.28.bias", "block5_conv3.bias"},
      {"vgg19", "Keras", "features.34.bias", "block5_conv4.bias"},
      {"vgg19", "timm", "classifier.3.weight", "pre_logits.fc2.weight"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    bf_error err = {0};
    char theirs[BF_PARAM_NAME_MAX] = "";
    const bf_naming *naming = naming_of(bf_backbone_find(known[i].backbone, &err), known[i].naming);
    assert_non_null(naming);
    assert_true(naming->translate(theirs, known[i].ours));
    assert_string_equal(theirs, known[i].theirs);
  }
  char theirs[BF_PARAM_NAME_MAX];
  bf_error err = {0};
  assert_false(naming_of(bf_backbone_find("vgg16", &err), "Keras")->translate(theirs, "classifier.0.weight"));
}

static bf_tensor tensor(int rank, int64_t a, int64_t b, int64_t c, int64_t d) {
  bf_tensor t = {.rank = rank, .shape = {a, b, c, d}, .count = 1};
  for (int i = 0; i < rank; i++) t.count *= t.shape[i];
  return t;
}

static void shapes_that_fit(void **unused) {
  (void)unused;
  bf_graph *g = net_graph();
  bf_value x = bf_graph_input(g, 8, 8, 3);
  x = bf_conv2d(g, x, (bf_conv){.out = 4, .kernel = 3, .bias = true}, "first");
  x = bf_layer_scale(g, x, 1, "s");
  x = bf_linear(g, bf_flatten(g, bf_adaptive_average_pool(g, x, 2, 2)), 5, "last");
  const bf_param *first = bf_graph_find_param(g, "first.weight"), *scale = bf_graph_find_param(g, "s.layer_scale"),
                 *last = bf_graph_find_param(g, "last.weight");
  const struct {
    const bf_param *param;
    bf_tensor tensor;
    bool fits;
  } cases[] = {
      {first, tensor(4, 4, 3, 3, 3), true},  {first, tensor(4, 4, 1, 3, 3), true},
      {first, tensor(4, 4, 2, 3, 3), false}, {first, tensor(4, 4, 3, 3, 5), false},
      {first, tensor(4, 3, 4, 3, 3), false}, {scale, tensor(3, 4, 1, 1, 0), true},
      {scale, tensor(1, 4, 0, 0, 0), true},  {scale, tensor(1, 5, 0, 0, 0), false},
      {last, tensor(2, 5, 16, 0, 0), true},  {last, tensor(4, 5, 4, 2, 2), true},
      {last, tensor(4, 5, 4, 2, 1), false},  {last, tensor(0, 0, 0, 0, 0), false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (bf_weight_fits(cases[i].param, &cases[i].tensor) != cases[i].fits) fail_msg("case %zu", i);
  bf_graph_destroy(g);
}

/* A part of a file, tensors of strangers, and prefixes that end within a name. */
static void the_best_of_several(void **unused) {
  (void)unused;
  bf_error err = {0};
  const bf_backbone *b = bf_backbone_find("resnet18", &err);
  net n = make(b, 3);
  bf_tensors file = {0};
  static const int64_t shape[] = {64, 3, 7, 7}, one[] = {64};
  static const char *const firsts[] = {"conv1.weight", "teacher.conv1.weight", "student.conv1.weight",
                                       "preconv1.weight"};
  bf_tensor *t;
  for (int i = 0; i < 4; i++) assert_int_equal(bf_tensors_add(&t, &file, firsts[i], "F32", 4, shape, &err), BF_OK);
  assert_int_equal(bf_tensors_add(&t, &file, "student.bn1.weight", "F32", 1, one, &err), BF_OK);
  for (int64_t i = 0; i < file.tensor_count; i++) file.tensors[i].data = &one;
  assert_int_equal(bf_tensors_finish(&file, &err), BF_OK);
  bf_weight_names found = bf_weight_names_find(b, n.graph, n.backbone, &file);
  assert_string_equal(found.prefix, "student.");
  char text[200];
  bf_weight_names_describe(text, sizeof text, &found);
  assert_string_equal(text, "as in torchvision, behind 'student.'");
  bf_tensors_clear(&file);
  bf_graph_destroy(n.graph);
}

/* ---- numbered convolutions ---- */

/* As torch.onnx writes a resnet18: each convolution's weight and, with its norm folded in, a bias, numbered with gaps;
 * the rest by name. `left_out`: which pair is not there; -1: all are. */
static bf_tensors numbered_file(const net *n, int left_out) {
  bf_tensors file = {0};
  bf_error err = {0};
  int pair = 0;
  for (int i = 0; i < n->backbone; i++) {
    const bf_param *p = bf_graph_param(n->graph, i);
    if (p->kind != BF_PARAM_CONV) continue;
    for (int bias = 0; bias < 2 && pair != left_out; bias++) {
      char name[32];
      bf_tensor *t;
      void *data;
      snprintf(name, sizeof name, "onnx::Conv_%d", 98 + 3 * pair + bias);
      assert_int_equal(bf_tensors_add(&t, &file, name, "F32", bias ? 1 : 4, p->shape, &err), BF_OK);
      assert_int_equal(bf_tensors_block(&data, &file, t->bytes, &err), BF_OK);
      net_fill(data, t->count, (uint64_t)(1000 + 2 * pair + bias),
               bias ? 0.5f : (float)sqrt(4.0 / (double)(t->count / p->shape[0])));
      t->data = data;
    }
    pair++;
  }
  assert_int_equal(pair, 20);
  assert_int_equal(bf_tensors_finish(&file, &err), BF_OK);
  return file;
}

static void numbered_convolutions(void **unused) {
  (void)unused;
  bf_error err = {0};
  const bf_backbone *b = bf_backbone_find("resnet18", &err);
  net n = make(b, 3);
  bf_tensors file = numbered_file(&n, -1);
  bf_weights_report report;
  net_finish(n.graph, 1);
  assert_int_equal(bf_weights_apply(&report, n.graph, b, BF_STAGE_HEAD, &file, &err), BF_OK);
  assert_int_equal(report.loaded, n.backbone);
  assert_int_equal(report.missing, 0);
  assert_true(report.names.unfolded && report.folded);
  /* The last pair: its convolution has the weight, its norm adds the bias and nothing else. */
  const bf_param *weight = bf_graph_find_param(n.graph, "layer4.1.conv2.weight"),
                 *shift = bf_graph_find_param(n.graph, "layer4.1.bn2.bias"),
                 *var = bf_graph_find_param(n.graph, "layer4.1.bn2.running_var");
  float *original = net_floats(weight->count);
  bf_param_to_original(weight, original);
  for (int k = 0; k < 50; k++) {
    assert_true(original[k] == (float)sqrt(4.0 / (512 * 9)) * net_noise(1038, (uint64_t)k));
    assert_true(shift->data[k] == 0.5f * net_noise(1039, (uint64_t)k));
    assert_float_equal(1 / sqrt((double)var->data[k] + 1e-5), 1, 1e-7);
  }
  bf_free(original);
  bf_graph_destroy(n.graph);
  bf_tensors_clear(&file);
}

/* A pair too few, or another network: nothing is guessed. */
static void numbered_convolutions_of_another_network(void **unused) {
  (void)unused;
  bf_error err = {0};
  net n = make(bf_backbone_find("resnet18", &err), 3), other = make(bf_backbone_find("resnet34", &err), 3);
  bf_tensors made;
  for (int left_out = -1; left_out < 20; left_out += 7) {
    bf_tensors file = numbered_file(&n, left_out);
    assert_int_equal(bf_weight_unfold(&made, n.graph, n.backbone, &file, &err), BF_OK);
    assert_int_equal(made.tensor_count, left_out < 0 ? n.backbone : 0);
    bf_tensors_clear(&made);
    assert_int_equal(bf_weight_unfold(&made, other.graph, other.backbone, &file, &err), BF_OK);
    assert_int_equal(made.tensor_count, 0);
    bf_tensors_clear(&file);
  }
  bf_graph_destroy(n.graph), bf_graph_destroy(other.graph);
}

/* ---- values ---- */

static void load(net *n, const bf_backbone *b, const bf_tensors *file) {
  bf_error err = {0};
  bf_weights_report report;
  net_finish(n->graph, 1);
  if (bf_weights_apply(&report, n->graph, b, BF_STAGE_HEAD, file, &err) != BF_OK) fail_msg("%s", err.message);
  assert_int_equal(report.missing, 0);
}

static float *run(net *n, bf_value input, const float *x, int64_t count, int64_t *size) {
  bf_value last = n->features.value[n->features.count - 1];
  bf_graph_output(n->graph, last);
  bf_exec *e = net_exec(n->graph, 1, false, NULL);
  memcpy(bf_exec_value(e, input), x, (size_t)count * sizeof *x);
  bf_exec_forward(e, 1, 0);
  *size = net_size(bf_graph_shape(n->graph, last));
  float *y = net_floats(*size);
  memcpy(y, bf_exec_value(e, last), (size_t)*size * sizeof *y);
  bf_exec_destroy(e);
  return y;
}

/* A network of one channel with the weights of one of three gives what that one gives for the channel three times. And
 * the other way about. */
static void one_channel_and_three(void **unused) {
  (void)unused;
  bf_error err = {0};
  const bf_backbone *b = bf_backbone_find("resnet18", &err);
  enum { pixels = 64 * 64 };
  static float grey[pixels], colour[3 * pixels];
  for (int i = 0; i < pixels; i++)
    for (int c = 0; c < 3; c++) grey[i] = colour[3 * i + c] = net_noise(5, (uint64_t)i);
  for (int channels = 1; channels <= 3; channels += 2) {
    net same = make(b, channels), other = make(b, 4 - channels);
    bf_tensors file = file_of(&same, NULL, "");
    for (int64_t i = 0; i < file.tensor_count; i++) {
      float *values = (float *)file.tensors[i].data;
      bool variance = strstr(file.tensors[i].name, "running_var") != NULL;
      for (int64_t k = 0; k < file.tensors[i].count; k++)
        values[k] = variance ? 1.5f : 0.1f * net_noise(7 + (uint64_t)i, (uint64_t)k);
    }
    load(&same, b, &file), load(&other, b, &file);
    int64_t size;
    float *x = run(&same, 0, channels == 1 ? grey : colour, (int64_t)channels * pixels, &size);
    float *y = run(&other, 0, channels == 1 ? colour : grey, (int64_t)(4 - channels) * pixels, &size);
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < size; i++) worst = fmax(worst, fabs(x[i] - y[i])), largest = fmax(largest, fabs(x[i]));
    assert_true(largest > 0 && worst <= 1e-5 * largest);
    bf_free(x), bf_free(y);
    bf_tensors_clear(&file);
    bf_graph_destroy(same.graph), bf_graph_destroy(other.graph);
  }
}

static bf_tensors with_notes(const char *const *notes) {
  bf_tensors file = {0};
  bf_error err = {0};
  for (; notes[0] != NULL; notes += 2) assert_int_equal(bf_tensors_note(&file, notes[0], notes[1], &err), BF_OK);
  return file;
}

static void normalisation_of_files_and_namings(void **unused) {
  (void)unused;
  bf_error err = {0};
  bf_weight_names keras = {naming_of(bf_backbone_find("vgg16", &err), "Keras"), "", false}, ours = {NULL, "", false};
  bf_normalisation n;
  const char *order;
  bf_tensors file = with_notes((const char *const[]){NULL});
  assert_false(bf_weights_normalisation(&n, &order, &file, &ours));
  assert_true(bf_weights_normalisation(&n, &order, &file, &keras));
  assert_string_equal(order, "bgr");
  assert_float_equal(n.mean[0] * 255, 103.939, 1e-4);
  assert_float_equal(n.std[2] * 255, 1, 1e-6);
  bf_tensors_clear(&file);
  file = with_notes((const char *const[]){"mean", "[127.5, 51, 0]", "std", "[255, 25.5, 1]", "range", "0..255",
                                          "colour_order", "bgr", NULL});
  assert_true(bf_weights_normalisation(&n, &order, &file, &ours));
  assert_string_equal(order, "bgr");
  assert_float_equal(n.mean[0], 0.5, 1e-6);
  assert_float_equal(n.mean[1], 0.2, 1e-6);
  assert_float_equal(n.std[1], 0.1, 1e-6);
  bf_tensors_clear(&file);
  file = with_notes((const char *const[]){"mean", "[0.5, 0.5, 0.5]", "std", "[0.5, 0, 0.5]", NULL});
  assert_false(bf_weights_normalisation(&n, &order, &file, &ours));
  bf_tensors_clear(&file);
}

int main(void) {
  bf_error err = {0};
  if (bf_blas_init(&err) != BF_OK) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_naming_is_found_again),
                                     cmocka_unit_test(well_known_names),
                                     cmocka_unit_test(shapes_that_fit),
                                     cmocka_unit_test(the_best_of_several),
                                     cmocka_unit_test(numbered_convolutions),
                                     cmocka_unit_test(numbered_convolutions_of_another_network),
                                     cmocka_unit_test(one_channel_and_three),
                                     cmocka_unit_test(normalisation_of_files_and_namings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
