/* What stands in the outputs' files, and what is drawn: the canvas, the contact sheet, marks and overlays. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "image/mask.h"
#include "output/canvas.h"
#include "output/mark.h"
#include "output/output.h"
#include "output/overlay.h"
#include "output/sheet.h"
#include "store/scores.h"

static char folder[64], path[160];

static int set_up(void **state) {
  (void)state;
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
  (void)state;
  static const char *const names[] = {"images.csv",    "boxes.csv", "csv.sha256",  "scores.jsonl",
                                      "json.sha256",   "x.png",     "overlay.csv", "overlay.sha256",
                                      "row-00002.png", "scores.h5", "hdf5.sha256"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  return rmdir(folder);
}

static char *content(const char *name) {
  char *text;
  size_t size;
  bf_error err = {0};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (bf_file_read(&text, &size, path, 1 << 24, &err) != BF_OK) fail_msg("%s", err.message);
  return text;
}

static const bf_output_box boxes[] = {{1, 2, 30.5f, 40, 0.75f}, {0, 0, 1, 1, 0.1f}};
static const bf_score_row scored_rows[] = {{.patient = "77ab",
                                            .laterality = "L",
                                            .view = "MLO",
                                            .manufacturer = "Acme, Inc. (US)",
                                            .age_group = "90+",
                                            .spacing_row = 0.125,
                                            .spacing_column = 0.25},
                                           {.file = ""}};
static const bf_output_row rows[] = {
    {0,  "a \"b\",\n.dcm", "1.2.3", "1.2", "1", "US", "ok", "", 2, 13, 127, 0.1f, -2.1972246f, 2, boxes,
     "", &scored_rows[0],  NULL,    NULL,  NULL},
    {1, "\xFFx\xC3", "",       "", "",   "",           "damaged",       "cut", 0,    0,
     0, NAN,         INFINITY, 0,  NULL, "size 9 x 9", &scored_rows[1], NULL,  NULL, NULL},
};

static const bf_output_job job = {.scores = "scores.h5", .count = 12345, .min_score = 0.5};

static void publish(const char *name) {
  bf_output *output;
  bf_error err = {0};
  assert_int_equal(bf_output_open(&output, name, folder, &job, &err), BF_OK);
  for (int i = 0; i < 2; i++) assert_int_equal(bf_output_append(output, &rows[i], &err), BF_OK);
  assert_int_equal(bf_output_finish(output, &err), BF_OK);
}

static void csv_says_this(void **state) {
  (void)state;
  publish("csv");
  char *images = content("images.csv"), *found = content("boxes.csv");
  assert_string_equal(
      images,
      "row,file,sop_instance_uid,series_instance_uid,study_instance_uid,frame,rows,columns,modality,status,message,"
      "malignant_probability,malignant_logit,boxes,unlike,patient,laterality,view,manufacturer,age_group,spacing_row,"
      "spacing_column\r\n"
      "0,\"a \"\"b\"\",\n.dcm\",\"1.2.3\",\"1.2\",\"1\",2,13,127,\"US\",\"ok\",\"\",0.100000001,-2.19722462,2,\"\","
      "\"77ab\",\"L\",\"MLO\",\"Acme, Inc. (US)\",\"90+\",0.125,0.25\r\n"
      "1,\"\xEF\xBF\xBDx\xEF\xBF\xBD\",\"\",\"\",\"\",0,0,0,\"\",\"damaged\",\"cut\",,,0,\"size 9 x 9\","
      "\"\",\"\",\"\",\"\",\"\",,\r\n");
  assert_string_equal(found,
                      "row,sop_instance_uid,frame,xmin,ymin,xmax,ymax,score\r\n"
                      "0,\"1.2.3\",2,1,2,30.5,40,0.75\r\n0,\"1.2.3\",2,0,0,1,1,0.100000001\r\n");
  bf_free(images);
  bf_free(found);
}

static void json_says_this(void **state) {
  (void)state;
  publish("json");
  char *text = content("scores.jsonl"), *second = strchr(text, '\n') + 1;
  json_t *a = json_loadb(text, (size_t)(second - text), JSON_REJECT_DUPLICATES, NULL),
         *b = json_loads(second, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(a);
  assert_non_null(b);
  assert_string_equal(json_string_value(json_object_get(a, "file")), "a \"b\",\n.dcm");
  assert_true((float)json_real_value(json_object_get(a, "malignant_probability")) == 0.1f);
  assert_int_equal(json_integer_value(json_object_get(a, "frame")), 2);
  const json_t *box = json_array_get(json_object_get(a, "boxes"), 0);
  assert_true(json_number_value(json_object_get(box, "xmax")) == 30.5);
  assert_int_equal(json_array_size(json_object_get(a, "boxes")), 2);
  assert_true(json_is_null(json_object_get(b, "malignant_probability")));
  assert_true(json_is_null(json_object_get(b, "malignant_logit")));
  assert_string_equal(json_string_value(json_object_get(a, "unlike")), "");
  assert_string_equal(json_string_value(json_object_get(b, "unlike")), "size 9 x 9");
  assert_string_equal(json_string_value(json_object_get(a, "manufacturer")), "Acme, Inc. (US)");
  assert_string_equal(json_string_value(json_object_get(a, "age_group")), "90+");
  assert_true(json_real_value(json_object_get(a, "spacing_column")) == 0.25);
  assert_string_equal(json_string_value(json_object_get(b, "patient")), "");
  assert_true(json_is_null(json_object_get(b, "spacing_row")));
  assert_string_equal(json_string_value(json_object_get(b, "status")), "damaged");
  assert_string_equal(json_string_value(json_object_get(b, "file")), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  json_decref(a);
  json_decref(b);
  bf_free(text);
}

static const uint8_t *pixel(const bf_canvas *c, int x, int y) { return c->pixels + 3 * (y * c->width + x); }

static void the_canvas_covers_by_area(void **state) {
  (void)state;
  bf_canvas c;
  bf_error err = {0};
  assert_int_equal(bf_canvas_create(&c, 13, 7, 0x000000, &err), BF_OK);
  bf_canvas_fill(&c, 2, 1, 4.5, 3, 0x64C8FF, 1);
  assert_int_equal(pixel(&c, 1, 1)[0], 0);
  assert_int_equal(pixel(&c, 2, 1)[0], 0x64);
  assert_int_equal(pixel(&c, 3, 2)[2], 0xFF);
  assert_int_equal(pixel(&c, 4, 2)[1], 100); /* half covered */
  assert_int_equal(pixel(&c, 5, 2)[1], 0);
  assert_int_equal(pixel(&c, 3, 3)[1], 0);
  /* Outside, upside down and not a number: nothing is drawn, nothing is touched. */
  bf_canvas_fill(&c, -50, -50, -1, 99, 0xFFFFFF, 1);
  bf_canvas_fill(&c, 8, 5, 7, 6, 0xFFFFFF, 1);
  bf_canvas_fill(&c, NAN, 0, NAN, 7, 0xFFFFFF, 1);
  bf_canvas_frame(&c, -1e9, -1e9, 1e9, 1e9, 2, 0xFFFFFF, 1);
  bf_canvas_text(&c, 500, -300, 12, 0xFFFFFF, "away");
  assert_int_equal(pixel(&c, 12, 6)[0], 0);
  bf_canvas_clear(&c);
  assert_int_equal(bf_canvas_create(&c, 0, 7, 0, &err), BF_E_LIMIT);
  assert_int_equal(bf_canvas_create(&c, 40001, 7, 0, &err), BF_E_LIMIT);
}

static void every_letter_is_drawn_inside_its_place(void **state) {
  (void)state;
  for (char letter = ' ' + 1; letter < 127; letter++) {
    const char text[] = {letter, '\0'};
    double width = bf_text_width(12, text);
    bf_canvas c;
    bf_error err = {0};
    int lit = 0;
    if (strchr("\"$&*;@[\\]^`{}~", letter) != NULL) continue; /* not in the font */
    assert_true(width > 0);
    assert_int_equal(bf_canvas_create(&c, 40, 40, 0, &err), BF_OK);
    bf_canvas_text(&c, 10, 24, 12, 0xFFFFFF, text);
    for (int y = 0; y < 40; y++)
      for (int x = 0; x < 40; x++) {
        bool inside = x >= 8 && x <= 10 + width + 2 && y >= 10 && y <= 30;
        if (pixel(&c, x, y)[0] > 0 && !inside) fail_msg("'%c' at %d, %d", letter, x, y);
        lit += pixel(&c, x, y)[0] > 128;
      }
    if (lit == 0) fail_msg("'%c' is not to be seen", letter);
    bf_canvas_clear(&c);
  }
}

static void a_sheet_is_a_png(void **state) {
  (void)state;
  enum { side = 127, tiles = 7 };
  static uint8_t grey[side * side];
  const bf_mark marks[] = {{BF_MARK_TRUTH, 10, 10, 60, 60, ""},
                           {BF_MARK_FOUND, -20, 12, 500, 61, "0.91"},
                           {BF_MARK_FAINT, 90, 0, 120, 5, "0.10"}};
  bf_sheet_head head = {
      .title = "title", .subtitle = "subtitle", .found_legend = "found", .faint_legend = "faint", .truth_legend = true};
  bf_sheet *sheet;
  bf_error err = {0};
  memset(grey, 77, sizeof grey);
  assert_int_equal(bf_sheet_create(&sheet, &head, tiles, side, &err), BF_OK);
  for (int i = 0; i < tiles; i++) {
    bf_tile tile = {.grey = i == 3 ? NULL : grey,
                    .marks = marks,
                    .mark_count = i == 3 ? 0 : 3,
                    .headline = "malignant, p 0.91",
                    .detail = "a very long second line that does not fit into the tile",
                    .mood = (bf_mood)(i % 3)};
    strcpy(tile.verdict, i == 3 ? "the picture cannot be read" : "missed");
    bf_sheet_add(sheet, &tile);
  }
  snprintf(path, sizeof path, "%s/x.png", folder);
  assert_int_equal(bf_sheet_write(sheet, path, &err), BF_OK);
  bf_sheet_destroy(sheet);
  char *png = content("x.png");
  assert_memory_equal(png, "\x89PNG\r\n\x1A\n", 8);
  assert_memory_equal(png + 12, "IHDR", 4);
  int width = (uint8_t)png[18] << 8 | (uint8_t)png[19];
  assert_true(width > 4 * side && width < 6 * side);
  bf_free(png);
}

/* ---- marks and overlays ---- */

enum { tile = 100, around = 20, whole = tile + 2 * around };

/* How many pixels of the canvas are not black, and how many of those lie farther out of the tile than a halo. */
static void count_lit(const bf_canvas *c, int *lit, int *out) {
  *lit = *out = 0;
  for (int y = 0; y < whole; y++)
    for (int x = 0; x < whole; x++) {
      const uint8_t *p = pixel(c, x, y);
      int any = p[0] > 0 || p[1] > 0 || p[2] > 0;
      *lit += any;
      *out += any && (x < around - 2 || y < around - 2 || x >= around + tile + 2 || y >= around + tile + 2);
    }
}

/* Pixels of the box's colour: of its line, and of its label's plate. */
static int draw_box(const double *at, double scale, const char *label) {
  const bf_mark_area area = {around, around, tile, tile, scale};
  bf_mark m = {BF_MARK_FOUND, at[0], at[1], at[2], at[3], ""};
  bf_canvas c;
  bf_error err = {0};
  int lit, out, coloured = 0;
  strcpy(m.label, label);
  assert_int_equal(bf_canvas_create(&c, whole, whole, 0, &err), BF_OK);
  bf_marks_draw(&c, &area, &m, 1, BF_MARK_FAINT);
  count_lit(&c, &lit, &out);
  assert_int_equal(lit, 0); /* it is of another kind */
  bf_marks_draw(&c, &area, &m, 1, BF_MARK_FOUND);
  count_lit(&c, &lit, &out);
  assert_int_equal(out, 0);
  for (int p = 0; p < whole * whole; p++) coloured += c.pixels[3 * p] == 0xFF && c.pixels[3 * p + 1] == 0xA6;
  bf_canvas_clear(&c);
  return coloured;
}

/* Whatever the box, and whatever the scale, lines and labels stay in the picture, and labels are whole. */
static void marks_stay_in_their_picture(void **state) {
  (void)state;
  static const double middle[] = {30, 40, 60, 60};
  static const double at[][4] = {{0, 0, 10, 10},     {90, 0, 100, 10},       {0, 90, 10, 100},
                                 {90, 90, 100, 100}, {0, 0, 100, 100},       {50, 0, 60, 100},
                                 {0, 50, 100, 60},   {-500, -500, 900, 900}, {40, 5, 45, 99.5}};
  for (double scale = 0.9; scale < 2; scale += 0.45) {
    int plate = draw_box(middle, scale, "0.93") - draw_box(middle, scale, "");
    assert_true(plate > 200);
    for (int i = 0; i < 9; i++) {
      int drawn = draw_box(at[i], scale, "0.93") - draw_box(at[i], scale, "");
      if (drawn < plate / 2) fail_msg("box %d, scale %g: a label of %d pixels, not %d", i, scale, drawn, plate);
    }
  }
  const double low[] = {10, 56, 60, 99}, tiny[] = {0, 0, 5, 5};
  assert_true(draw_box(low, 3.3, "1") > draw_box(low, 3.3, "") + 800); /* no room above, below, or right within */
  assert_int_equal(draw_box(tiny, 8, "0.93"), draw_box(tiny, 8, ""));  /* larger than the picture: left out */
}

/* The line follows the mask's edge, the mask itself and the end of the picture are left alone. */
static void outlines_follow_masks(void **state) {
  (void)state;
  uint8_t mask[50 * 8] = {0};
  bf_canvas c;
  bf_error err = {0};
  for (int y = 10; y < 40; y++)
    for (int x = 30; x < 60; x++) bf_mask_set(mask, 60, x, y);
  assert_int_equal(bf_canvas_create(&c, 60, 50, 0x808080, &err), BF_OK);
  assert_int_equal(bf_mark_outline(&c, 1.5, mask, 50, 60, &err), BF_OK);
  for (int y = 15; y < 35; y++) {
    assert_true(pixel(&c, 29, y)[0] == 0xFF && pixel(&c, 30, y)[0] == 0xFF);
    assert_true(pixel(&c, 29, y)[2] == 0x2B && pixel(&c, 30, y)[2] == 0x2B);
    assert_true(pixel(&c, 25, y)[0] == 0x80 && pixel(&c, 34, y)[0] == 0x80);
    assert_int_equal(pixel(&c, 59, y)[0], 0x80);
  }
  assert_true(pixel(&c, 45, 9)[0] == 0xFF && pixel(&c, 45, 10)[0] == 0xFF && pixel(&c, 45, 39)[0] == 0xFF);
  /* One side is as thick as the other, also where the line turns. */
  for (int k = 0; k < 12; k++) assert_int_equal(pixel(&c, 24 + k, 20)[0], pixel(&c, 35 - k, 20)[0]);
  bf_canvas_clear(&c);
}

/* Very large and very small, without boxes and with more words than there is room for. */
static void overlays_of_any_size(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1}, {1, 700}, {700, 1}, {13, 127}, {64, 64}, {200, 200}, {1500, 900}};
  static uint8_t grey[1500 * 900];
  const bf_output_original original = {grey, ""};
  memset(grey, 77, sizeof grey);
  for (int i = 0; i < 7; i++) {
    bf_output_row row = {.number = 123456,
                         .frame = 17,
                         .rows = sizes[i][0],
                         .columns = sizes[i][1],
                         .malignant_probability = i % 2 ? NAN : 1,
                         .box_count = i % 3,
                         .boxes = boxes,
                         .original = &original,
                         .file = "",
                         .message = "",
                         .unlike = ""};
    bf_canvas c = {0};
    bf_error err = {0};
    int lit = 0;
    assert_int_equal(bf_overlay_draw(&c, &row, &job, &err), BF_OK);
    assert_true(c.width >= row.columns && c.height > row.rows + 30);
    if (row.columns >= 200) assert_int_equal(c.width, row.columns);
    for (int y = row.rows; y < c.height; y++) {
      for (int x = 0; x < c.width; x++) lit += pixel(&c, x, y)[0] > 0x80;
      /* Words end before the picture does. */
      for (int x = c.width - 4; x < c.width; x++) assert_int_equal(pixel(&c, x, y)[0], 0x14);
    }
    assert_true(lit > 100);
    if (row.box_count == 0) assert_int_equal(pixel(&c, row.columns - 1, row.rows - 1)[1], 77);
    bf_canvas_clear(&c);
  }
}

/* A good row whose picture is gone is listed, counted, and no end. */
static void overlays_go_on_without_a_picture(void **state) {
  (void)state;
  static const uint8_t grey[13 * 127] = {0};
  const bf_output_original gone = {NULL, "x.dcm: cannot open"}, there = {grey, ""};
  bf_output_row three[] = {rows[0], rows[1], rows[0]};
  bf_output *output;
  bf_error err = {0};
  three[0].original = &gone;
  three[2].original = &there;
  three[2].number = 2;
  three[2].frame = 0;
  assert_int_equal(bf_output_open(&output, "overlay", folder, &job, &err), BF_OK);
  for (int i = 0; i < 3; i++) assert_int_equal(bf_output_append(output, &three[i], &err), BF_OK);
  assert_int_equal(bf_output_failed(output), 1);
  assert_int_equal(bf_output_finish(output, &err), BF_OK);
  char *index = content("overlay.csv");
  assert_string_equal(index,
                      "row,sop_instance_uid,frame,png,reason\r\n0,\"1.2.3\",2,\"\",\"x.dcm: cannot open\"\r\n"
                      "1,\"\",0,\"\",\"cut\"\r\n2,\"1.2.3\",0,\"row-00002.png\",\"\"\r\n");
  bf_free(index);
}

static void hdf5_comes_back(void **state) {
  (void)state;
  static const bf_found_box found[] = {{0, 0, 1, 1, 0.1f}, {1, 2, 30.5f, 40, 0.75f}};
  uint8_t mask[13 * 16] = {[20] = 0x18}, again[13 * 16];
  const bf_score_row scored[] = {
      {.file = "a",
       .message = "",
       .rows = 13,
       .columns = 127,
       .view = "CC",
       .seen = 1,
       .malignant_probability = 0.5f,
       .box_count = 2,
       .boxes = found},
      {.file = "b", .message = "cut", .status = BF_ROW_DAMAGED, .malignant_probability = NAN}};
  bf_output_row two[] = {rows[0], rows[1]};
  const bf_output_job of = {.scores = "s.h5", .model_sha256 = "abc", .notes = "{}", .count = 2};
  bf_output *output;
  bf_scores s;
  bf_error err = {0};
  two[0].scored = &scored[0];
  two[0].mask = mask;
  two[1].scored = &scored[1];
  assert_int_equal(bf_output_open(&output, "hdf5", folder, &of, &err), BF_OK);
  for (int i = 0; i < 2; i++) assert_int_equal(bf_output_append(output, &two[i], &err), BF_OK);
  assert_int_equal(bf_output_finish(output, &err), BF_OK);
  snprintf(path, sizeof path, "%s/scores.h5", folder);
  assert_int_equal(bf_scores_read(&s, path, &err), BF_OK);
  assert_int_equal(s.count, 2);
  assert_string_equal(s.model_sha256, "abc");
  assert_string_equal(s.rows[0].view, "CC");
  assert_int_equal(s.rows[0].seen, 1);
  assert_true(s.rows[0].boxes[0].score == 0.75f && s.rows[0].boxes[1].score == 0.1f);
  assert_string_equal(s.rows[1].message, "cut");
  assert_true(s.rows[0].has_mask && !s.rows[1].has_mask);
  assert_int_equal(bf_scores_mask(&s, 0, again, &err), BF_OK);
  assert_memory_equal(again, mask, sizeof mask);
  bf_scores_clear(&s);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
/* A hot cell colours its place in the original, turned by the affine, and nothing else; what is below 0 is not drawn.
 */
static void heat_lies_where_it_is(void **state) {
  (void)state;
  static uint8_t grey[40 * 60];
  static const bf_output_original seen = {grey, ""};
  static const bf_heat_grid grids[BF_HEATS] = {{2, 3, 10}, {0}};
  static const float map[6] = {-5, 0, 0, 0, 0, 4}; /* the last column, the second row */
  /* The network sees the picture mirrored, at half its size. */
  const bf_output_heat heat = {{map, NULL}, {{-0.5, 0, 30, 0, 0.5, 0}}};
  bf_output_job with = job;
  with.heat = BF_HEAT_MALIGNANCY;
  with.grids = grids;
  bf_output_row row = {
      .rows = 40, .columns = 60, .original = &seen, .heat = &heat, .file = "", .message = "", .unlike = ""};
  bf_canvas c = {0};
  bf_error err = {0};
  memset(grey, 77, sizeof grey);
  for (int drawn = 0; drawn < 2; drawn++) {
    with.heat = drawn ? BF_HEAT_MALIGNANCY : -1;
    assert_int_equal(bf_overlay_draw(&c, &row, &with, &err), BF_OK);
    /* The hot cell's middle is (25, 15) for the network: (10, 30) in the original. */
    for (int y = 0; y < 40; y++)
      for (int x = 0; x < 60; x++) {
        bool near = drawn && x < 30 && y >= 10; /* between its middle and its neighbours' */
        if (!near) assert_int_equal(pixel(&c, x, y)[0], 77), assert_int_equal(pixel(&c, x, y)[2], 77);
      }
    const uint8_t *hot = pixel(&c, 10, 30), *warm = pixel(&c, 18, 30);
    assert_int_equal(hot[2] > hot[1] + 40, drawn);
    assert_int_equal(warm[2] > 80, drawn);
    if (drawn) assert_true(hot[0] > warm[0] && warm[2] > warm[1]);
    bf_canvas_clear(&c);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(heat_lies_where_it_is),
      CASE(csv_says_this),
      CASE(json_says_this),
      CASE(the_canvas_covers_by_area),
      CASE(every_letter_is_drawn_inside_its_place),
      CASE(a_sheet_is_a_png),
      CASE(marks_stay_in_their_picture),
      CASE(outlines_follow_masks),
      CASE(overlays_of_any_size),
      CASE(overlays_go_on_without_a_picture),
      CASE(hdf5_comes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
