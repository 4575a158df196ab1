/* A page with every block and invented data, for tests that look into it and for those that open it in a browser. */
#ifndef BF_TESTS_PAGE_DEMO_H
#define BF_TESTS_PAGE_DEMO_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "page/page.h"
#include "png_support.h"

enum { demo_positives = 145, demo_negatives = 1355, demo_cases = demo_positives + demo_negatives };

typedef struct demo_curve {
  double threshold[demo_cases], x[demo_cases + 1], y[demo_cases + 1], low[demo_cases + 1], high[demo_cases + 1];
  int64_t true_positive[demo_cases], false_positive[demo_cases];
  int64_t count;
} demo_curve;

/* Scores of two normal classes, from the highest to the lowest. */
static inline void demo_roc(demo_curve *c, uint64_t seed, double apart) {
  static double score[demo_cases];
  static uint8_t label[demo_cases];
  bf_rng rng = bf_rng_make(seed, 0, 0);
  for (int i = 0; i < demo_cases; i++) {
    double v = 1 / (1 + exp(-bf_rng_normal(&rng) - (i < demo_positives ? apart : 0) + 1));
    int k = i;
    for (; k > 0 && score[k - 1] < v; k--) score[k] = score[k - 1], label[k] = label[k - 1];
    score[k] = v, label[k] = i < demo_positives;
  }
  int64_t tp = 0, fp = 0;
  c->x[0] = c->y[0] = 0;
  for (int i = 0; i < demo_cases; i++) {
    label[i] ? tp++ : fp++;
    c->threshold[i] = score[i], c->true_positive[i] = tp, c->false_positive[i] = fp;
    c->x[i + 1] = (double)fp / demo_negatives, c->y[i + 1] = (double)tp / demo_positives;
  }
  for (int i = 0; i <= demo_cases; i++) {
    double reach = 1.96 * sqrt(c->y[i] * (1 - c->y[i]) / demo_positives + 1e-5);
    c->low[i] = fmax(0, c->y[i] - reach), c->high[i] = fmin(1, c->y[i] + reach);
  }
  c->count = demo_cases;
}

static inline void demo_words(bf_page *page) {
  bf_page_add_lead(page, "The model finds %d of %d cancers and sends %d of %d healthy women to a second look.", 129,
                   demo_positives, 190, demo_negatives);
  const bf_page_figure figures[] = {
      {"Area under the ROC curve",
       bf_page_interval(0.9132, 0.8874, 0.9340, 1500),
       {3, false},
       0.5,
       1,
       NAN,
       "1,500 images of 402 patients"},
      {"Sensitivity", bf_page_interval(0.8897, 0.8282, 0.9309, 145), {1, true}, 0, 1, NAN, "at the stored threshold"},
      {"Specificity", bf_page_interval(0.8598, 0.8404, 0.8772, 1355), {1, true}, 0, 1, NAN, "at the stored threshold"},
      {"Lesions found, 1 false an image", bf_page_interval(0.7423, 0.66, 0.81, 97), {1, true}, 0, 1, NAN, NULL},
  };
  bf_page_add_figures(page, figures, 4);
}

static inline void demo_summary(bf_page *page) {
  bf_page_add_section(page, "summary", "What was tested");
  bf_page_add_text(page,
                   "Images of the test part alone. Patients of the test part were never seen in training; "
                   "intervals are of 2,000 resamples of patients.");
  const bf_page_fact facts[] = {{"Model", "ensemble.safetensors, resnet50, five members"},
                                {"Dataset", "mammograms.h5, test part"},
                                {"Patients", "402, of them 97 with a malignant lesion"},
                                {"Threshold", "0.312, chosen on the validation part"}};
  bf_page_add_facts(page, facts, 4);
  bf_page_add_note(page, BF_PAGE_GOOD, "No patient stands on two sides.");
  bf_page_add_note(page, BF_PAGE_WARNING, "23 images are unlike those that the model was trained on.");
  bf_page_add_note(page, BF_PAGE_NOTE, "Scores of lesions are not probabilities.");
}

/* No method's intervals: a page must show those that it is given. None where a share is not defined, or whole. */
static inline void demo_ends(double *low, double *high, int64_t k, int64_t n) {
  double share = (double)k / (double)n;
  *low = n > 0 && k < n ? 0.9 * share : NAN;
  *high = n > 0 && k < n ? 0.5 + 0.5 * share : NAN;
}

static inline const bf_page_stop_intervals *demo_intervals(const bf_page_explorer *e) {
  static bf_page_stop_intervals intervals[BF_PAGE_STOPS_MAX];
  static bf_page_stop stops[BF_PAGE_STOPS_MAX];
  int count = 0;
  bf_error err = {0};
  if (bf_page_explorer_stops(stops, &count, e, &err) != BF_OK) return NULL;
  for (int i = 0; i < count; i++) {
    const int64_t tp = stops[i].true_positive, fp = stops[i].false_positive, fn = e->positives - tp,
                  tn = e->negatives - fp;
    demo_ends(&intervals[i].low[0], &intervals[i].high[0], tp, tp + fn);
    demo_ends(&intervals[i].low[1], &intervals[i].high[1], tn, tn + fp);
    demo_ends(&intervals[i].low[2], &intervals[i].high[2], tp, tp + fp);
    demo_ends(&intervals[i].low[3], &intervals[i].high[3], tn, tn + fn);
  }
  return intervals;
}

static inline void demo_classification(bf_page *page) {
  static demo_curve ours, theirs;
  demo_roc(&ours, 1, 2.0);
  demo_roc(&theirs, 2, 1.3);
  bf_page_add_section(page, "classification", "Malignant or benign");
  bf_page_add_lead(page,
                   "AUC 0.913 (95 %% interval 0.887\xE2\x80\x93"
                   "0.934).");
  /* No score lies between two of them. */
  const bf_page_operating_point points[] = {
      {"high sensitivity", 0.281}, {"balanced", 0.46}, {"high specificity", 0.7}, {"as balanced", 0.46001}};
  bf_page_explorer explorer = {.title = "Choose a threshold",
                               .caption = "ROC curve of 1,500 images, 145 of them malignant.",
                               .positive = "malignant",
                               .negative = "benign",
                               .threshold = ours.threshold,
                               .true_positive = ours.true_positive,
                               .false_positive = ours.false_positive,
                               .count = ours.count,
                               .positives = demo_positives,
                               .negatives = demo_negatives,
                               .points = points,
                               .point_count = 4,
                               .chosen = 1,
                               .stops_most = 500,
                               .interval_words = "Invented intervals."};
  explorer.intervals = demo_intervals(&explorer);
  bf_page_add_explorer(page, &explorer);
  bf_page_add_heading(page, "Two models on the same images");
  const bf_page_series curves[] = {
      {"this model", BF_PAGE_STEPS, ours.x, ours.y, ours.low, ours.high, ours.count + 1},
      {"the last one", BF_PAGE_STEPS, theirs.x, theirs.y, NULL, NULL, theirs.count + 1},
  };
  const bf_page_mark mark = {"stored threshold", 0.14, 0.8897};
  const bf_page_reference chance = {"chance", 0, 0, 1, 1};
  const bf_page_chart roc = {.title = "The newer model is better at every threshold",
                             .caption = "n = 1,500 images.",
                             .shape = BF_PAGE_SQUARE,
                             .x = {"1 \xE2\x88\x92 specificity", NULL, 0, 1, false, true},
                             .y = {"Sensitivity", NULL, 0, 1, false, true},
                             .series = curves,
                             .series_count = 2,
                             .marks = &mark,
                             .mark_count = 1,
                             .references = &chance,
                             .reference_count = 1};
  bf_page_add_chart(page, &roc);
}

static inline void demo_calibration(bf_page *page) {
  static const double predicted[] = {0.02, 0.11, 0.24, 0.37, 0.5, 0.62, 0.77, 0.93};
  static const double seen[] = {0.01, 0.09, 0.28, 0.33, 0.56, 0.68, 0.74, 0.96};
  static const double low[] = {0.0, 0.05, 0.2, 0.2, 0.4, 0.5, 0.6, 0.88};
  static const double high[] = {0.03, 0.14, 0.38, 0.49, 0.7, 0.82, 0.86, 1.0};
  const bf_page_series points = {"images in bins", BF_PAGE_POINTS, predicted, seen, low, high, 8};
  const bf_page_reference ideal = {"as promised", 0, 0, 1, 1};
  const bf_page_chart chart = {.title = "Probabilities keep their promise",
                               .caption = "Share of malignant images by predicted probability; n = 1,500.",
                               .shape = BF_PAGE_SQUARE,
                               .x = {"Predicted probability", NULL, 0, 1, false, true},
                               .y = {"Malignant", NULL, 0, 1, false, true},
                               .series = &points,
                               .series_count = 1,
                               .references = &ideal,
                               .reference_count = 1};
  bf_page_add_section(page, "calibration", "Calibration");
  bf_page_begin_columns(page);
  bf_page_add_chart(page, &chart);
  bf_page_end_columns(page);
}

static inline void demo_froc(bf_page *page) {
  static const double rate[] = {0, 0.03, 0.06, 0.125, 0.2, 0.25, 0.4, 0.5, 0.8, 1, 1.6, 2, 3, 4, 6, 8};
  static const double hit[] = {0.2,  0.31, 0.4,  0.5, 0.55, 0.6,  0.66, 0.68,
                               0.72, 0.74, 0.79, 0.8, 0.83, 0.84, 0.86, 0.87};
  const bf_page_series line = {"lesions", BF_PAGE_STEPS, rate, hit, NULL, NULL, 16};
  const bf_page_reference one = {"1 an image", 1, -INFINITY, 1, INFINITY};
  const bf_page_chart chart = {.title = "Three of four lesions are found at one false box an image",
                               .caption = "FROC curve; n = 97 lesions.",
                               .x = {"False positives an image", NULL, 0.125, 8, true, false},
                               .y = {"Lesions found", NULL, 0, 1, false, true},
                               .series = &line,
                               .series_count = 1,
                               .references = &one,
                               .reference_count = 1};
  bf_page_add_section(page, "lesions", "Where lesions are");
  bf_page_add_chart(page, &chart);
}

static inline void demo_groups(bf_page *page) {
  const bf_page_forest_row rows[] = {{"All", bf_page_interval(0.9132, 0.8874, 0.9340, 1500), false},
                                     {"Age below 50", bf_page_interval(0.874, 0.801, 0.924, 402), false},
                                     {"Age 50-59", bf_page_interval(0.926, 0.899, 0.948, 1078), false},
                                     {"Dense breasts", bf_page_interval(0.851, 0.779, 0.905, 377), false},
                                     {"Maker of the scanner: Fabrikam", bf_page_interval(0.97, 0.41, 1.0, 12), true},
                                     {"Men", bf_page_interval(NAN, NAN, NAN, 3), true}};
  const bf_page_forest forest = {.title = "Dense breasts are harder",
                                 .caption = "AUC with 95 % intervals by group.",
                                 .label_title = "Group",
                                 .axis = {"AUC", NULL, 0.5, 1, false, false},
                                 .format = {3, false},
                                 .reference = 0.9132,
                                 .reference_name = "all images",
                                 .rows = rows,
                                 .row_count = 6};
  const bf_page_forest_row differences[] = {
      {"AUC", bf_page_interval(0.061, 0.034, 0.088, 1500), false},
      {"Sensitivity", bf_page_interval(0.021, -0.03, 0.07, 145), false},
      {"Manufacturers: Northern", bf_page_interval(-0.123, -0.234, 0.389, 97), true}};
  const bf_page_forest against = {.title = "Better than the last model in ranking alone",
                                  .caption = "Differences on the same images, paired.",
                                  .label_title = "Figure",
                                  .axis = {"Difference", NULL, NAN, NAN, false, false},
                                  .format = {3, false},
                                  .reference = 0,
                                  .left = "last better",
                                  .right = "this better",
                                  .rows = differences,
                                  .row_count = 3};
  bf_page_add_section(page, "groups", "Groups of patients");
  bf_page_add_forest(page, &forest);
  bf_page_add_forest(page, &against);
  const bf_page_column columns[] = {{"Group", NULL, true, {0, false}},
                                    {"Prevalence", NULL, false, {1, true}},
                                    {"Sensitivity", NULL, false, {1, true}},
                                    {"Lesion size", "mm", false, {1, false}},
                                    {"Remark", NULL, true, {0, false}}};
  const bf_page_cell cells[] = {
      bf_page_cell_words("Screening"),
      bf_page_cell_value(bf_page_interval(0.041, 0.033, 0.052, 2048)),
      bf_page_cell_value(bf_page_interval(0.871, 0.79, 0.92, 84)),
      bf_page_cell_value(bf_page_interval(11.25, 10.5, 12.75, 84)),
      bf_page_cell_words("as planned"),
      bf_page_cell_words("Referred"),
      bf_page_cell_value(bf_page_plain(0.338)),
      bf_page_cell_value(bf_page_interval(0.917, 0.82, 0.96, 61)),
      bf_page_cell_value(bf_page_plain(18.5)),
      bf_page_cell_words("two hospitals"),
      bf_page_cell_words("Recalled"),
      bf_page_cell_value(bf_page_plain(0.5)),
      bf_page_cell_value(bf_page_interval(NAN, NAN, NAN, 2)),
      bf_page_cell_words("unknown"),
      bf_page_cell_words("no conclusion"),
  };
  static const bool small_group[] = {false, false, true};
  const bf_page_table table = {"How images came", columns, 5, cells, 3, small_group};
  bf_page_add_table(page, &table);
}

enum { demo_epochs = 30 };

static inline void demo_training(bf_page *page) {
  static const char *const tasks[] = {"Malignancy", "Lesions", "Masks"};
  static double epoch[demo_epochs], train[demo_epochs], validation[demo_epochs];
  bf_page_add_section(page, "training", "Training");
  bf_page_begin_columns(page);
  for (int task = 0; task < 3; task++) {
    for (int i = 0; i < demo_epochs; i++) {
      epoch[i] = i + 1;
      train[i] = (0.7 + 0.3 * task) * exp(-0.12 * i) + 0.08;
      validation[i] = (0.65 + 0.3 * task) * exp(-0.11 * i) + 0.18 + 0.0003 * i * i + 0.015 * sin(7.0 * i + task);
    }
    const bf_page_series series[] = {{"training", BF_PAGE_LINE, epoch, train, NULL, NULL, demo_epochs},
                                     {"validation", BF_PAGE_LINE, epoch, validation, NULL, NULL, demo_epochs}};
    const bf_page_reference best = {"best epoch", 17, -INFINITY, 17, INFINITY};
    const bf_page_chart chart = {.title = tasks[task],
                                 .shape = BF_PAGE_SMALL,
                                 .x = {"Epoch", NULL, NAN, NAN, false, false},
                                 .y = {"Loss", NULL, 0, NAN, false, false},
                                 .series = series,
                                 .series_count = 2,
                                 .references = &best,
                                 .reference_count = 1};
    bf_page_add_chart(page, &chart);
  }
  bf_page_end_columns(page);
}

static inline void demo_left_out(bf_page *page) {
  const bf_page_bar bars[] = {{"localizer", 412}, {"for processing", 1210}, {"no pixel data", 3}, {"damaged", 0}};
  const bf_page_bars chart = {"1,625 files were left out", "By reason.", "Reason", "Files", bars, 4};
  bf_page_add_section(page, "left-out", "What was left out");
  bf_page_add_bars(page, &chart);
  static const char *const items[] = {"Files that show nothing of their own", "Copies of images that are there"};
  bf_page_add_list(page, items, 2);
}

/* A breast of sorts: a disc with brighter spots, `side` pixels. */
static inline void demo_grey(png_bytes *b, int side, uint64_t seed) {
  static uint8_t pixels[200 * 200];
  bf_rng rng = bf_rng_make(seed, 3, 0);
  double cx = bf_rng_range(&rng, 0.61, 0.65) * side, cy = bf_rng_range(&rng, 0.47, 0.51) * side;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++) {
      double body = hypot(x, y - 0.5 * side) / (0.85 * side), spot = hypot(x - cx, y - cy) / (0.07 * side);
      double v = body < 1 ? 150 * sqrt(1 - body) + 12 * bf_rng_uniform(&rng) + 90 * exp(-spot * spot) : 4;
      pixels[y * side + x] = (uint8_t)fmin(255, v);
    }
  const png_picture p = {.columns = (uint32_t)side,
                         .rows = (uint32_t)side,
                         .depth = 8,
                         .pixels = pixels,
                         .line = (size_t)side,
                         .lines = (size_t)side};
  png_make(b, &p);
}

static inline void demo_heat(png_bytes *b) {
  uint8_t pixels[14 * 14 * 4];
  for (int i = 0; i < 14 * 14; i++) {
    double d = hypot(i % 14 - 8, i / 14 - 6) / 4;
    const uint8_t rgba[] = {255, (uint8_t)(200 * fmin(1, d)), 40, (uint8_t)(170 * exp(-d * d))};
    memcpy(pixels + 4 * i, rgba, 4);
  }
  const png_picture p = {.columns = 14, .rows = 14, .depth = 8, .colour = 6, .pixels = pixels, .line = 56, .lines = 14};
  png_make(b, &p);
}

static inline void demo_pictures(bf_page *page) {
  static png_bytes grey[4], heat;
  static const bf_page_box truth = {880, 660, 1130, 900, NAN};
  static const bf_page_box found[] = {{900, 640, 1160, 880, 0.91}, {300, 20, 480, 160, 0.34}};
  static const char *const titles[] = {"Row 12", "Row 97", "Row 233", "Row 408"};
  static const char *const tags[] = {"found", "missed", "false alarm", "found"};
  bf_page_picture pictures[4];
  demo_heat(&heat);
  for (int i = 0; i < 4; i++) {
    demo_grey(&grey[i], 160, (uint64_t)i);
    pictures[i] = (bf_page_picture){.png = grey[i].data,
                                    .png_size = grey[i].size,
                                    .heat = heat.data,
                                    .heat_size = heat.size,
                                    .columns = 1600,
                                    .rows = 1600,
                                    .alt = "Mammogram with a bright spot",
                                    .title = titles[i],
                                    .caption = "malignant, probability 0.87",
                                    .tag = tags[i],
                                    .mood = i == 0 || i == 3 ? BF_PAGE_GOOD : BF_PAGE_WARNING,
                                    .truths = &truth,
                                    .truth_count = i != 2,
                                    .found = found,
                                    .found_count = i == 1 ? 0 : 2};
  }
  const bf_page_gallery gallery = {.caption =
                                       "Images of the test part, chosen by rule: two that were found, one missed, one "
                                       "false alarm.",
                                   .pictures = pictures,
                                   .picture_count = 4};
  bf_page_add_section(page, "pictures", "Pictures");
  bf_page_add_gallery(page, &gallery);
}

static inline void demo_methods(bf_page *page) {
  bf_page_add_section(page, "methods", "Methods");
  bf_page_begin_fold(page, "How intervals were made");
  bf_page_add_text(page, "Of shares: Wilson 1927. Of the AUC: DeLong 1988, on the logit scale.");
  bf_page_end_fold(page);
  bf_page_add_lines(page, "The command", "bifocal evaluate scores.h5 \\\n    --labels labels.csv --html report.html");
}

/* All blocks but none of the hostile. */
static inline bf_status demo_page(const char *path, bf_error *err) {
  bf_page *page;
  const bf_page_head head = {.title = "Breast cancer on mammograms: how well the model does",
                             .subtitle = "ensemble.safetensors on the test part of mammograms.h5, 27 November 2026",
                             .footer = "Made by bifocal of invented data. Not for diagnosis."};
  bf_status status = bf_page_create(&page, &head, err);
  if (status != BF_OK) return status;
  demo_words(page);
  demo_summary(page);
  demo_classification(page);
  demo_calibration(page);
  demo_froc(page);
  demo_groups(page);
  demo_training(page);
  demo_left_out(page);
  demo_pictures(page);
  demo_methods(page);
  status = bf_page_finish(page, path, err);
  bf_page_destroy(page);
  return status;
}

#endif
