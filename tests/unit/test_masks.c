/* Masks as files: PNG of every kind read alike, hostile ones refused; and the rule that makes boxes of masks. */
#include "labels_support.h"

#include "base/memory.h"
#include "data/mask_label.h"
#include "png_support.h"

enum { columns = 13, rows = 7, room = rows * 2 };

static png_bytes file;

/* A lesion of irregular outline, as a judge of every kind of file. */
static bool is_lesion(int x, int y) { return (x * 5 + y * 3) % 7 < 3 && x > 1; }

static void expect(const uint8_t *mask, const char *what) {
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++)
      if (bf_mask_get(mask, columns, x, y) != is_lesion(x, y)) fail_msg("%s: column %d, row %d", what, x, y);
}

static void read_as_drawn(const png_picture *p, const char *what) {
  uint8_t mask[room] = {0};
  bf_error bad = {0};
  png_make(&file, p);
  png_put(&file, file.size, in_folder("kind.png"));
  if (bf_mask_png_read(mask, in_folder("kind.png"), rows, columns, &bad) != BF_OK)
    fail_msg("%s: %s", what, bad.message);
  expect(mask, what);
}

/* One sample of `depth` bits at place i of a scan line. */
static void put_sample(uint8_t *line, int i, int depth, unsigned value) {
  if (depth == 16) {
    line[2 * i] = (uint8_t)(value >> 8);
    line[2 * i + 1] = (uint8_t)value;
  } else {
    line[i * depth / 8] |= (uint8_t)(value << (8 - depth - i * depth % 8));
  }
}

static void every_kind_of_grey(void **state) {
  (void)state;
  static const int depths[] = {1, 2, 4, 8, 16};
  for (int d = 0; d < 5; d++) {
    uint8_t pixels[rows * columns * 2] = {0};
    int depth = depths[d];
    size_t line = ((size_t)(columns * depth) + 7) / 8;
    unsigned half = 1u << (depth - 1); /* the smallest lesion value, beside the largest that is none */
    char what[32];
    for (int y = 0; y < rows; y++)
      for (int x = 0; x < columns; x++)
        put_sample(pixels + (size_t)y * line, x, depth, is_lesion(x, y) ? half : half - 1);
    snprintf(what, sizeof what, "grey of %d bits", depth);
    read_as_drawn(&(png_picture){columns, rows, .depth = depth, .pixels = pixels, .line = line, .lines = rows}, what);
  }
}

static void colours_and_palettes(void **state) {
  (void)state;
  uint8_t rgb[rows * columns * 3], indices[rows * columns];
  for (int i = 0; i < rows * columns; i++) {
    bool lesion = is_lesion(i % columns, i / columns);
    memcpy(rgb + 3 * i, lesion ? "\x20\xff\x20" : "\xff\x20\x20", 3); /* luminance 166 and 99 */
    indices[i] = lesion ? 0 : 3;
  }
  read_as_drawn(
      &(png_picture){columns, rows, .depth = 8, .colour = 2, .pixels = rgb, .line = 3 * columns, .lines = rows}, "RGB");
  read_as_drawn(&(png_picture){columns, rows, .depth = 8, .colour = 3, .pixels = indices, .line = columns,
                               .lines = rows, .palette = "\xff\xff\xff\1\1\1\2\2\2\xff\0\0", .palette_size = 12},
                "palette");
}

/* White that nobody sees is no lesion; half transparent white is one. */
static void transparency(void **state) {
  (void)state;
  uint8_t pixels[rows * columns * 2], indices[rows * columns];
  for (int i = 0; i < rows * columns; i++) {
    pixels[2 * i] = 255;
    pixels[2 * i + 1] = is_lesion(i % columns, i / columns) ? 1 : 0;
    indices[i] = is_lesion(i % columns, i / columns);
  }
  read_as_drawn(
      &(png_picture){columns, rows, .depth = 8, .colour = 4, .pixels = pixels, .line = 2 * columns, .lines = rows},
      "grey with alpha");
  read_as_drawn(&(png_picture){columns, rows, .depth = 8, .colour = 3, .pixels = indices, .line = columns,
                               .lines = rows, .palette = "\xff\xff\xff\xff\xff\xff", .palette_size = 6,
                               .transparency = "\0\x80", .transparency_size = 2},
                "palette with transparency");
}

/* PNG specification 8.2: seven passes. */
static void interlaced(void **state) {
  (void)state;
  static const int first_x[] = {0, 4, 0, 2, 0, 1, 0}, first_y[] = {0, 0, 4, 0, 2, 0, 1},
                   step_x[] = {8, 8, 4, 4, 2, 2, 1}, step_y[] = {8, 8, 8, 4, 4, 2, 2};
  uint8_t pixels[rows * columns];
  size_t passes[7][2], n = 0;
  for (int k = 0; k < 7; k++) {
    passes[k][0] = passes[k][1] = 0;
    for (int y = first_y[k]; y < rows; y += step_y[k], passes[k][1]++) {
      passes[k][0] = 0;
      for (int x = first_x[k]; x < columns; x += step_x[k], passes[k][0]++) pixels[n++] = is_lesion(x, y) ? 255 : 0;
    }
  }
  const png_picture p = {
      columns, rows, .depth = 8, .interlace = 1, .pixels = pixels, .passes = (const size_t(*)[2])passes};
  read_as_drawn(&p, "interlaced");
}

static void good_file(void) {
  uint8_t mask[room] = {0};
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < columns; x++)
      if (is_lesion(x, y)) bf_mask_set(mask, columns, x, y);
  png_make(&file, &(png_picture){columns, rows, .depth = 1, .pixels = mask, .line = 2, .lines = rows});
}

static void refused(size_t size, bf_status wanted, const char *words) {
  uint8_t mask[room] = {0};
  bf_error bad = {0};
  png_put(&file, size, in_folder("bad.png"));
  assert_int_not_equal(bf_mask_png_read(mask, in_folder("bad.png"), rows, columns, &bad), BF_OK);
  assert_message(bad, wanted, words);
  assert_message(bad, wanted, "bad.png");
}

/* Wherever the file ends: never padded. */
static void cut_files(void **state) {
  (void)state;
  good_file();
  for (size_t size = 0; size < 8; size++) refused(size, BF_E_FORMAT, "is no PNG file");
  for (size_t size = 8; size < file.size; size++) refused(size, BF_E_FORMAT, "damaged or cut short");
  /* Whole chunks, and too few lines in them. */
  uint8_t lines[2 * rows] = {0xff};
  png_make(&file, &(png_picture){columns, rows, .depth = 1, .pixels = lines, .line = 2, .lines = rows - 1});
  refused(file.size, BF_E_FORMAT, "damaged or cut short");
}

static void changed_bytes(void **state) {
  (void)state;
  uint8_t mask[room];
  good_file();
  for (size_t at = 0; at < file.size; at++)
    for (int bit = 0; bit < 8; bit += 3) {
      file.data[at] ^= (unsigned char)(1 << bit);
      memset(mask, 0, sizeof mask);
      png_put(&file, file.size, in_folder("changed.png"));
      bf_mask_png_read(mask, in_folder("changed.png"), rows, columns, NULL); /* an error as a rule, never a crash */
      file.data[at] ^= (unsigned char)(1 << bit);
    }
}

/* Headers that promise more than the image has are refused before memory is asked for; so are honest ones of another
 * size. */
static void lying_headers(void **state) {
  (void)state;
  static const uint8_t lines[4 * 14 * 8];
  static const struct {
    uint32_t columns, rows;
    const char *words;
  } sizes[] = {{32768, 32768, "the mask has 32768 columns and 32768 rows"},
               {32769, 7, "damaged"},
               {0x7fffffff, 0x7fffffff, "damaged"},
               {13, 8, "the mask has 13 columns and 8 rows, the image 13 columns and 7 rows"},
               {14, 7, "the mask has 14 columns and 7 rows, the image 13 columns and 7 rows"},
               {12, 7, "the mask has 12 columns"},
               {0, 0, "damaged"}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (int interlace = 0; interlace < 2; interlace++) {
      png_make(&file, &(png_picture){sizes[i].columns, sizes[i].rows, .depth = 8, .colour = 6, .interlace = interlace,
                                     .pixels = lines, .line = 4 * 14, .lines = 8});
      refused(file.size, BF_E_FORMAT, sizes[i].words);
    }
}

/* A text chunk before the pixels that unpacks to a hundred times its size is passed over unread. */
static void other_chunks(void **state) {
  (void)state;
  static png_bytes packed, whole;
  static unsigned char text[100000];
  uint8_t mask[room] = {0};
  good_file();
  packed.size = whole.size = 0;
  png_raw(&packed, "Comment\0\0", 9);
  png_deflate(&packed, text, sizeof text);
  png_raw(&whole, file.data, 8 + 25);
  for (int i = 0; i < 2; i++) png_chunk(&whole, "zTXt", packed.data, packed.size);
  png_chunk(&whole, "iCCP", "x\0\0nonsense", 11);
  png_raw(&whole, file.data + 33, file.size - 33);
  png_put(&whole, whole.size, in_folder("texts.png"));
  assert_ok(bf_mask_png_read(mask, in_folder("texts.png"), rows, columns, err));
  expect(mask, "texts");
}

/* A mask of 0 and 1 is not called empty; black all over is. */
static void faint_masks(void **state) {
  (void)state;
  uint8_t pixels[rows * columns] = {0}, mask[room] = {0};
  pixels[20] = pixels[21] = 1;
  png_make(&file, &(png_picture){columns, rows, .depth = 8, .pixels = pixels, .line = columns, .lines = rows});
  refused(file.size, BF_E_FORMAT, "2 are not black");
  pixels[20] = pixels[21] = 0;
  png_make(&file, &(png_picture){columns, rows, .depth = 8, .pixels = pixels, .line = columns, .lines = rows});
  png_put(&file, file.size, in_folder("black.png"));
  assert_ok(bf_mask_png_read(mask, in_folder("black.png"), rows, columns, err));
  for (int i = 0; i < room; i++) assert_int_equal(mask[i], 0);
  bf_error bad = {0};
  bf_mask_png_read(mask, in_folder("absent.png"), rows, columns, &bad);
  assert_message(bad, BF_E_NOT_FOUND, "absent.png");
}

/* ---- the rule ---- */

enum { side = 400, side_bytes = side * side / 8 }; /* 0.02 % of it are 32 pixels */

static bf_mask_scratch scratch;

static int end_rule(void **state) {
  bf_mask_scratch_clear(&scratch);
  return end(state);
}

static bf_label *label_with(const char *name, const uint8_t *mask, int32_t frame) {
  bf_label *label = bf_labels_touch(labels, "1.1", NULL, NULL);
  png_put_mask(in_folder(name), mask, side, side);
  assert_ok(bf_label_add_mask(label, BF_MASK_PNG, in_folder(name), frame, err));
  return label;
}

static void boxes_of_pieces(void **state) {
  (void)state;
  static uint8_t mask[side_bytes];
  bf_mask_found found;
  memset(mask, 0, sizeof mask);
  mask_box(mask, side, 10, 20, 50, 30);     /* 400 pixels */
  mask_box(mask, side, 50, 30, 60, 40);     /* touches its corner */
  mask_box(mask, side, 100, 100, 131, 101); /* 31 pixels: below 0.02 % and below a tenth */
  mask_box(mask, side, 200, 200, 206, 206); /* 36 pixels: enough */
  mask_box(mask, side, 300, 300, 302, 304); /* 8 pixels */
  bf_label *label = label_with("pieces.png", mask, -1);
  bf_label_set_class(label, 1);
  assert_ok(bf_label_take_mask(&found, &scratch, label, 3, side, side, NULL, err));
  assert_true(found.known);
  assert_int_equal(found.boxes, 2);
  assert_int_equal(found.specks, 2);
  assert_int_equal(found.pixels, 400 + 100 + 31 + 36 + 8);
  assert_memory_equal(scratch.mask, mask, sizeof mask);
  assert_int_equal(label->lesion_count, 2);
  const bf_lesion *l = &label->lesions[0].box, *small = &label->lesions[1].box;
  assert_true(l->xmin == 10 && l->ymin == 20 && l->xmax == 60 && l->ymax == 40 && l->malignant == 1);
  assert_true(small->xmin == 200 && small->xmax == 206);
  assert_int_equal(label->lesions[0].frame, 3);
  assert_true(bf_label_knows_frame(label, 3));
  assert_false(bf_label_knows_frame(label, 4)); /* its mask has not been read */
}

/* Small beside the image alone is no speck: a mask may mark nothing but small lesions. */
static void small_lesions(void **state) {
  (void)state;
  static uint8_t mask[side_bytes];
  bf_mask_found found;
  memset(mask, 0, sizeof mask);
  mask_box(mask, side, 10, 10, 15, 14); /* 20 pixels */
  mask_box(mask, side, 40, 40, 43, 43); /* 9 */
  bf_label *label = label_with("small.png", mask, -1);
  assert_ok(bf_label_take_mask(&found, &scratch, label, 0, side, side, NULL, err));
  assert_int_equal(found.boxes, 2);
  assert_int_equal(found.specks, 0);
  assert_int_equal(label->lesions[0].box.malignant, -1);
}

static void empty_and_specks(void **state) {
  (void)state;
  static uint8_t mask[side_bytes];
  bf_mask_found found;
  memset(mask, 0, sizeof mask);
  bf_label *label = label_with("black.png", mask, 1);
  mask_box(mask, side, 40, 40, 42, 44);
  label_with("specks.png", mask, 2);
  assert_ok(bf_label_take_mask(&found, &scratch, label, 0, side, side, NULL, err));
  assert_false(found.known); /* nobody speaks of frame 0 */
  assert_false(bf_label_knows_frame(label, 0));
  assert_ok(bf_label_take_mask(&found, &scratch, label, 1, side, side, NULL, err));
  assert_true(found.known && found.pixels == 0 && found.boxes == 0);
  assert_true(bf_label_knows_frame(label, 1)); /* looked at, no lesion */
  assert_ok(bf_label_take_mask(&found, &scratch, label, 2, side, side, NULL, err));
  assert_true(found.known && found.boxes == 0 && found.specks == 1);
  assert_false(bf_label_knows_frame(label, 2)); /* something is there, too small to be sure of */
  assert_int_equal(label->lesion_count, 0);
}

/* What has thousands of pieces is noise, or a mask of something else. */
static void too_many_pieces(void **state) {
  (void)state;
  static uint8_t mask[side_bytes];
  bf_mask_found found;
  bf_error bad = {0};
  memset(mask, 0, sizeof mask);
  for (int y = 0; y < side; y += 8)
    for (int x = 0; x < side; x += 8) mask_box(mask, side, x, y, x + 4, y + 4);
  bf_label *label = label_with("noise.png", mask, -1);
  bf_label_take_mask(&found, &scratch, label, 0, side, side, NULL, &bad);
  assert_message(bad, BF_E_LIMIT, "noise.png: the mask has 2500 pieces");
  assert_true(!found.known && !bf_label_knows_frame(label, 0) && label->lesion_count == 0);
}

static void boxes_stand_and_masks_join(void **state) {
  (void)state;
  static uint8_t one[side_bytes], other[side_bytes];
  bf_mask_found found;
  memset(one, 0, sizeof one);
  memset(other, 0, sizeof other);
  mask_box(one, side, 10, 10, 30, 30);
  mask_box(other, side, 20, 20, 50, 50);
  bf_label *label = label_with("one.png", one, -1);
  label_with("one.png", one, -1);
  label_with("other.png", other, 0);
  assert_int_equal(label->mask_count, 2);
  assert_ok(bf_label_add_lesion(label, (bf_label_lesion){.box = {.xmax = 5, .ymax = 5}, .frame = 1}, err));
  assert_ok(bf_label_take_mask(&found, &scratch, label, 0, side, side, NULL, err));
  assert_int_equal(found.pixels, 400 + 900 - 100);
  assert_int_equal(found.boxes, 1);
  assert_true(label->lesions[1].box.xmin == 10 && label->lesions[1].box.xmax == 50);
  assert_ok(bf_label_take_mask(&found, &scratch, label, 1, side, side, NULL, err));
  assert_true(found.known);
  assert_int_equal(found.boxes, 0); /* a box file spoke of frame 1 */
  assert_int_equal(found.pixels, 400);
  assert_int_equal(label->lesion_count, 2);
  bf_error bad = {0};
  assert_int_not_equal(bf_label_take_mask(&found, &scratch, label, 2, side, side + 1, NULL, &bad), BF_OK);
  assert_message(bad, BF_E_FORMAT, "one.png: the mask has 400 columns and 400 rows");
  assert_false(found.known);
  assert_false(bf_label_knows_frame(label, 2));
}

/* Drawn where a row says that there is none: nobody can tell who erred. Specks and black masks say nothing against it.
 */
static void masks_against_clean_rows(void **state) {
  (void)state;
  static uint8_t mask[side_bytes];
  bf_mask_found found;
  memset(mask, 0, sizeof mask);
  bf_label *label = label_with("none.png", mask, 1);
  mask_box(mask, side, 40, 40, 42, 44);
  label_with("speck.png", mask, 2);
  mask_box(mask, side, 10, 10, 30, 30);
  label_with("drawn.png", mask, 0);
  for (int frame = 0; frame < 3; frame++) assert_ok(bf_label_look_at(label, frame, BF_LOOK_CLEAN, err));
  for (int frame = 2; frame >= 0; frame--)
    assert_ok(bf_label_take_mask(&found, &scratch, label, frame, side, side, NULL, err));
  assert_true(bf_label_knows_frame(label, 1) && bf_label_knows_frame(label, 2));
  assert_false(bf_label_knows_frame(label, 0));
  /* Said of all frames, and drawn on one: the others stand, whether they are read before it or behind it. */
  bf_label *all = bf_labels_touch(labels, "1.5", NULL, NULL);
  assert_ok(bf_label_add_mask(all, BF_MASK_PNG, in_folder("drawn.png"), 1, err));
  assert_ok(bf_label_look_at(all, -1, BF_LOOK_CLEAN, err));
  for (int frame = 0; frame < 3; frame++) {
    assert_ok(bf_label_take_mask(&found, &scratch, all, frame, side, side, NULL, err));
    for (int k = 0; k < 3; k++) assert_int_equal(bf_label_knows_frame(all, k), k != 1 || frame < 1);
    assert_int_equal(found.boxes, 0);
  }
  bf_labels_tell(labels, label, "x.dcm", 0);
  bf_labels_tell(labels, label, "x.dcm", 0);
  assert_int_equal(bf_labels_complaints(labels), 1);
  assert_string_equal(bf_labels_complaint(labels, 0),
                      "x.dcm: a lesion, and that there is none, are said of the same image; its lesions are unknown");
}

#define with_labels(f) cmocka_unit_test_setup_teardown(f, begin, end_rule)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_grey),
      cmocka_unit_test(colours_and_palettes),
      cmocka_unit_test(transparency),
      cmocka_unit_test(interlaced),
      cmocka_unit_test(cut_files),
      cmocka_unit_test(changed_bytes),
      cmocka_unit_test(lying_headers),
      cmocka_unit_test(other_chunks),
      cmocka_unit_test(faint_masks),
      with_labels(boxes_of_pieces),
      with_labels(small_lesions),
      with_labels(empty_and_specks),
      with_labels(too_many_pieces),
      with_labels(boxes_stand_and_masks_join),
      with_labels(masks_against_clean_rows),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
