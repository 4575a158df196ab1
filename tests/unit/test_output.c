/* What stands in the outputs' files, and the canvas under the contact sheet. */
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
#include "output/canvas.h"
#include "output/output.h"
#include "output/sheet.h"

static char folder[64], path[160];

static int set_up(void **state) {
  (void)state;
  strcpy(folder, "/tmp/bifocal-test-XXXXXX");
  return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
  (void)state;
  static const char *const names[] = {"images.csv", "boxes.csv", "csv.sha256", "scores.jsonl", "json.sha256", "x.png"};
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
static const bf_output_row rows[] = {
    {0, "a \"b\",\n.dcm", "1.2.3", "1.2", "1", "US", "ok", "", 2, 13, 127, 0.1f, -2.1972246f, 2, boxes, ""},
    {1, "\xFFx\xC3", "", "", "", "", "damaged", "cut", 0, 0, 0, NAN, INFINITY, 0, NULL, "size 9 x 9"},
};

static void publish(const char *name) {
  bf_output *output;
  bf_error err = {0};
  assert_int_equal(bf_output_open(&output, name, folder, &err), BF_OK);
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
      "malignant_probability,malignant_logit,boxes,unlike\r\n"
      "0,\"a \"\"b\"\",\n.dcm\",\"1.2.3\",\"1.2\",\"1\",2,13,127,\"US\",\"ok\",\"\",0.100000001,-2.19722462,2,\"\"\r\n"
      "1,\"\xEF\xBF\xBDx\xEF\xBF\xBD\",\"\",\"\",\"\",0,0,0,\"\",\"damaged\",\"cut\",,,0,\"size 9 x 9\"\r\n");
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
  assert_int_equal(bf_canvas_create(&c, 40000, 7, 0, &err), BF_E_LIMIT);
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

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(csv_says_this),
      CASE(json_says_this),
      CASE(the_canvas_covers_by_area),
      CASE(every_letter_is_drawn_inside_its_place),
      CASE(a_sheet_is_a_png),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
