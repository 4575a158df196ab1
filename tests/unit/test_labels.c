/* Label files as people write them: quoting, byte order mark, CRLF, columns in any order, both kinds of rows; and the
 * mistakes that are told with line and column. */
#include "labels_support.h"

#include "base/utf8.h"

#define SUBJECT(uid, file) (&(bf_subject){.sop_instance_uid = (uid), .path = (file)})

static void read_good(const char *text) {
  const char *path = write_text("labels.csv", text);
  assert_ok(bf_labels_read(labels, path, err));
}

/* words: what the message must say. */
static void read_bad(const char *text, const char *words) {
  bf_error bad = {0};
  const char *path = write_text("labels.csv", text);
  assert_int_not_equal(bf_labels_read(labels, path, &bad), BF_OK);
  assert_message(bad, BF_E_FORMAT, words);
  assert_non_null(strstr(bad.message, "labels.csv"));
}

static void reads_images(void **state) {
  (void)state;
  read_good(
      "\xef\xbb\xbfnote,PATHOLOGY,\"sopinstanceuid\",split,PatientID\r\n"
      "\"a, \"\"quoted\"\"\r\nnote over two lines\",Malignant,1.2.3,train,P1\r\n"
      " x , BENIGN ,1.2.4,,\r\n"
      "\r\n"
      "x,,1.2.5,test,P2");
  assert_int_equal(bf_labels_count(labels), 3);
  const bf_label *l = label_of(labels, SUBJECT("1.2.3", NULL));
  assert_non_null(l);
  assert_int_equal(l->malignant, 1);
  assert_int_equal(l->split, BF_SPLIT_TRAIN);
  assert_string_equal(l->patient_id, "P1");
  assert_int_equal(l->looked_count, 0);
  l = label_of(labels, SUBJECT("1.2.4", NULL));
  assert_int_equal(l->malignant, 0);
  assert_null(l->patient_id);
  l = label_of(labels, SUBJECT("1.2.5", NULL));
  assert_int_equal(l->malignant, -1); /* unknown, not benign */
  assert_int_equal(l->split, BF_SPLIT_TEST);
  assert_null(label_of(labels, SUBJECT("1.2", NULL)));
  assert_null(label_of(labels, SUBJECT("", NULL)));
}

static void reads_boxes(void **state) {
  (void)state;
  read_good(
      "ymax,ymin,xmax,xmin,SOPInstanceUID,frame,pathology\n"
      "40,30.5,20,10,1.1,,malignant\n"
      "4,3,2,1,1.1,,\n"
      ",,,,1.2,,\n"
      "9,8,7,6,1.3,2,benign\n"
      ",,,,1.3,3,\n");
  const bf_label *l = label_of(labels, SUBJECT("1.1", NULL));
  assert_int_equal(l->lesion_count, 2);
  assert_true(l->lesions[0].box.xmin == 10 && l->lesions[0].box.ymin == 30.5f && l->lesions[0].box.xmax == 20 &&
              l->lesions[0].box.ymax == 40);
  assert_int_equal(l->lesions[0].box.malignant, 1);
  assert_int_equal(l->lesions[1].box.malignant, -1);
  assert_int_equal(l->lesions[0].frame, -1);
  assert_int_equal(l->malignant, -1); /* of the image, which no image file has spoken of */
  assert_true(bf_label_knows_frame(l, 0) && bf_label_knows_frame(l, 99));
  l = label_of(labels, SUBJECT("1.2", NULL));
  assert_true(l->lesion_count == 0 && bf_label_knows_frame(l, 5));
  l = label_of(labels, SUBJECT("1.3", NULL));
  assert_int_equal(l->lesion_count, 1);
  assert_int_equal(l->lesions[0].frame, 2);
  assert_false(bf_label_knows_frame(l, 1));
  assert_true(bf_label_knows_frame(l, 2) && bf_label_knows_frame(l, 3));
}

static void same_rows_twice(void **state) {
  (void)state;
  const char *boxes = "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,1,2,3,4\n1.1,5,6,7,8\n1.2,,,,\n";
  read_good(boxes);
  read_good(boxes);
  read_good("SOPInstanceUID,pathology\n1.1,benign\n1.1,\n1.1,benign\n");
  assert_int_equal(bf_labels_count(labels), 2);
  assert_int_equal(label_of(labels, SUBJECT("1.1", NULL))->lesion_count, 2);
  assert_int_equal(label_of(labels, SUBJECT("1.1", NULL))->malignant, 0);
}

static void by_file(void **state) {
  (void)state;
  char other[600];
  assert_ok(bf_make_folders(in_folder("sub"), err));
  write_text("sub/a.dcm", "x");
  write_text("sub/b.dcm", "x");
  read_good("file,pathology\nsub/a.dcm,malignant\n./sub/../sub/b.dcm,benign\n");
  assert_int_equal(label_of(labels, SUBJECT("9.9", in_folder("sub/a.dcm")))->malignant, 1);
  snprintf(other, sizeof other, "%s/../%s/sub/./b.dcm", test_folder, bf_path_name(test_folder));
  assert_int_equal(label_of(labels, SUBJECT("", other))->malignant, 0);
  assert_null(label_of(labels, SUBJECT("9.9", in_folder("sub/c.dcm"))));
  /* A row with a UID is matched by its UID alone. */
  read_good("SOPInstanceUID,file,pathology\n7.7,sub/c.dcm,benign\n,sub/d.dcm,malignant\n");
  assert_null(label_of(labels, SUBJECT("9.9", in_folder("sub/c.dcm"))));
  assert_non_null(label_of(labels, SUBJECT("9.9", in_folder("sub/d.dcm"))));
}

/* Whichever way a file is reached, and whether it is there yet or not. */
static void by_file_through_links(void **state) {
  (void)state;
  kept_path target, link;
  assert_ok(bf_make_folders(in_folder("real"), err));
  keep(target, write_text("real/a.dcm", "x"));
  keep(link, in_folder("link.dcm"));
  assert_int_equal(symlink(target, link), 0);
  keep(target, in_folder("real"));
  keep(link, in_folder("way"));
  assert_int_equal(symlink(target, link), 0);
  read_good("file,pathology\nlink.dcm,malignant\nway/absent.dcm,benign\nnowhere/b.dcm,benign\n");
  assert_int_equal(label_of(labels, &(bf_subject){.path = in_folder("real/a.dcm")})->malignant, 1);
  assert_int_equal(label_of(labels, &(bf_subject){.path = in_folder("way/a.dcm")})->malignant, 1);
  assert_int_equal(label_of(labels, &(bf_subject){.path = in_folder("real/absent.dcm")})->malignant, 0);
  assert_int_equal(label_of(labels, &(bf_subject){.path = in_folder("nowhere/b.dcm")})->malignant, 0);
  assert_null(label_of(labels, &(bf_subject){.path = in_folder("real/b.dcm")}));
}

static void reads_a_column_of_masks(void **state) {
  (void)state;
  assert_ok(bf_make_folders(in_folder("drawn"), err));
  write_text("drawn/a.png", "x"); /* not looked into before the image is there */
  write_text("drawn/b.png", "x");
  read_good(
      "SOPInstanceUID,mask,frame,pathology\n"
      "1.1,drawn/a.png,,malignant\n"
      "1.1,drawn/b.png,,\n"
      "1.1,drawn/a.png,,\n"
      "1.2,drawn/a.png,3,\n"
      "1.3,,,benign\n");
  const bf_label *l = label_of(labels, SUBJECT("1.1", NULL));
  assert_int_equal(l->mask_count, 2);
  assert_string_equal(l->masks[0].path, in_folder("drawn/a.png"));
  assert_int_equal(l->masks[0].frame, -1);
  assert_int_equal(l->masks[0].kind, BF_MASK_PNG);
  assert_int_equal(l->malignant, 1);
  assert_int_equal(l->looked_count, 0); /* before it is read */
  assert_int_equal(label_of(labels, SUBJECT("1.2", NULL))->masks[0].frame, 3);
  assert_int_equal(label_of(labels, SUBJECT("1.3", NULL))->mask_count, 0);
  /* Beside boxes, and by file; both names of an image are joined. */
  bf_label *joined = NULL;
  read_good("file,xmin,ymin,xmax,ymax,frame,mask\na.dcm,1,2,3,4,,drawn/a.png\n");
  read_good("file,mask\na.dcm,drawn/b.png\n");
  assert_int_equal(label_of(labels, SUBJECT("", in_folder("a.dcm")))->mask_count, 2);
  assert_ok(bf_labels_match(&joined, labels, SUBJECT("1.3", in_folder("a.dcm")), err));
  assert_int_equal(joined->mask_count, 2);
  assert_int_equal(joined->lesion_count, 1);
  read_bad("SOPInstanceUID,mask\n1.1,drawn/a.png\n1.4,drawn/absent.png\n", "line 3, column mask: 'drawn/absent.png'");
  read_bad("SOPInstanceUID,mask\n1.4,drawn\n", "line 2, column mask");
  read_bad("SOPInstanceUID,mask,frame\n1.4,drawn/a.png,-1\n", "line 2, column frame");
}

static void reads_a_folder_of_masks(void **state) {
  (void)state;
  bf_error bad = {0};
  char hex[2][65];
  kept_path folder, file;
  keep(folder, in_folder("masks"));
  assert_ok(bf_make_folders(in_folder("masks/more"), err));
  bf_labels_read(labels, folder, &bad);
  assert_message(bad, BF_E_NOT_FOUND, "<SOP Instance UID>.png");
  write_text("masks/notes.txt", "x");
  bf_labels_read(labels, folder, &bad);
  assert_message(bad, BF_E_FORMAT, "notes.txt: no reader knows this label file");
  write_text("masks/1.2.3.png", "x");
  write_text("masks/1.2.4_7.png", "x");
  write_text("masks/more/1.2.4_8.PNG", "x");
  assert_ok(bf_labels_read(labels, folder, err));
  assert_int_equal(bf_labels_count(labels), 2);
  assert_int_equal(bf_labels_complaints(labels), 1);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), "masks: 1 files that are no PNG masks"));
  const bf_label *l = label_of(labels, SUBJECT("1.2.3", NULL));
  assert_int_equal(l->mask_count, 1);
  assert_int_equal(l->masks[0].frame, -1);
  l = label_of(labels, SUBJECT("1.2.4", NULL));
  assert_int_equal(l->mask_count, 2);
  assert_int_equal(l->masks[0].frame, 7);
  assert_int_equal(l->masks[1].frame, 8);
  /* What the dataset notes of it changes with what it holds, not with where it lies. */
  assert_ok(bf_labels_sha256(hex[0], folder, err));
  assert_string_equal(hex[0], "058c6e2a5ce1b76b90cdcb1c354c2fe02fc319d869fb90ad71c779ce9baf2b1b");
  write_text("masks/1.2.3.png", "y");
  assert_ok(bf_labels_sha256(hex[1], folder, err));
  assert_string_not_equal(hex[0], hex[1]);
  static const char *const wrong[] = {"benign (1)_mask.png", "1.2.3_.png", "1.2.3_x.png",
                                      "1.2.3_4_5.png",       "mask.png",   "1.2.3_123456789.png"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    char name[64];
    snprintf(name, sizeof name, "masks/%s", wrong[i]);
    keep(file, write_text(name, "x"));
    bf_labels_read(labels, folder, &bad);
    assert_message(bad, BF_E_FORMAT, wrong[i]);
    assert_message(bad, BF_E_FORMAT, "is not named after an image");
    assert_int_equal(remove(file), 0);
  }
}

static void joins_uid_and_file(void **state) {
  (void)state;
  bf_label *l = NULL;
  bf_error bad = {0};
  read_good("file,pathology\na.dcm,malignant\n");
  read_good("SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,1,2,3,4\n");
  assert_ok(bf_labels_match(&l, labels, SUBJECT("1.1", in_folder("a.dcm")), err));
  assert_int_equal(l->malignant, 1);
  assert_int_equal(l->lesion_count, 1);
  read_good("SOPInstanceUID,pathology\n1.2,benign\n");
  assert_ok(bf_labels_match(&l, labels, SUBJECT("1.2", in_folder("a.dcm")), err));
  assert_int_equal(l->malignant, -1);
  assert_int_equal(bf_labels_complaints(labels), 1);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), "benign and malignant"));
  assert_null(bf_labels_complaint(labels, 1));
  /* Once is enough. */
  assert_ok(bf_labels_match(&l, labels, SUBJECT("1.2", in_folder("a.dcm")), err));
  assert_int_equal(bf_labels_complaints(labels), 1);
  /* What was told of a file is not told again of what it is joined to. */
  read_good("file,pathology\nd.dcm,malignant\nd.dcm,benign\n");
  read_good("file,xmin,ymin,xmax,ymax\nd.dcm,1,2,3,4\nd.dcm,,,,\n");
  read_good("SOPInstanceUID,xmin,ymin,xmax,ymax\n1.4,1,2,3,4\n");
  assert_int_equal(bf_labels_complaints(labels), 3);
  assert_ok(bf_labels_match(&l, labels, SUBJECT("1.4", in_folder("d.dcm")), err));
  assert_true(l->malignant == -1 && !bf_label_knows_frame(l, 0));
  assert_int_equal(bf_labels_complaints(labels), 3);
  read_good("SOPInstanceUID,split\n1.3,train\n");
  read_good("file,split\nc.dcm,test\n");
  assert_int_equal(bf_labels_match(&l, labels, SUBJECT("1.3", in_folder("c.dcm")), &bad), BF_E_FORMAT);
  assert_message(bad, BF_E_FORMAT, "split");
}

/* What two rows say against each other is unknown from then on, and listed. */
static void lists_contradictions(void **state) {
  (void)state;
  read_good("SOPInstanceUID,pathology\n1.1,benign\n1.1,malignant\n1.1,malignant\n1.2,benign\n");
  assert_int_equal(bf_labels_complaints(labels), 1);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), "line 3"));
  assert_int_equal(label_of(labels, SUBJECT("1.1", NULL))->malignant, -1);
  assert_int_equal(label_of(labels, SUBJECT("1.2", NULL))->malignant, 0);
  read_good("SOPInstanceUID,xmin,ymin,xmax,ymax\n1.8,1,2,3,4\n1.8,,,,\n1.9,,,,\n1.9,1,2,3,4\n1.9,5,6,7,8\n");
  assert_int_equal(bf_labels_complaints(labels), 3);
  assert_non_null(strstr(bf_labels_complaint(labels, 1), "line 3"));
  assert_non_null(strstr(bf_labels_complaint(labels, 2), "line 5"));
  assert_false(bf_label_knows_frame(label_of(labels, SUBJECT("1.8", NULL)), 0));
  assert_false(bf_label_knows_frame(label_of(labels, SUBJECT("1.9", NULL)), 0));
}

/* What is said of the image, of its lesions, and of no lesion, in every order. */
static void order_changes_nothing(void **state) {
  (void)state;
  enum { statements = 5, orders = 120 };
  const bf_label_lesion dark = {.box = {.xmax = 4, .ymax = 4, .malignant = 0}, .frame = -1},
                        third = {.box = {.xmax = 4, .ymax = 4, .malignant = 1}, .frame = 3};
  for (int subset = 0; subset < 1 << statements; subset++)
    for (int order = 0; order < orders; order++) {
      bf_labels *fresh;
      int left[statements] = {0, 1, 2, 3, 4}, rest = order;
      assert_ok(bf_labels_create(&fresh, err));
      bf_label *l = bf_labels_touch(fresh, "1.1", NULL, NULL);
      for (int n = statements; n > 0; n--) {
        int pick = rest % n, what = left[pick];
        rest /= n;
        left[pick] = left[n - 1];
        if ((subset >> what & 1) == 0) continue;
        if (what == 0) bf_label_set_class(l, 0);
        if (what == 1) bf_label_add_class(l, 1);
        if (what == 2) assert_ok(bf_label_look_at(l, -1, BF_LOOK_CLEAN, err));
        if (what == 3) assert_ok(bf_label_add_lesion(l, dark, err));
        if (what == 4) assert_ok(bf_label_add_lesion(l, third, err));
        bf_labels_tell(fresh, l, "t.csv", 1);
      }
      bool benign = subset & 1, evil = subset & 2, clean = subset & 4, boxes = subset & 24, evil_box = subset & 16;
      bool against = benign && (evil || evil_box), doubted = clean && boxes;
      assert_int_equal(l->malignant, against ? -1 : benign ? 0 : evil ? 1 : -1);
      assert_int_equal(bf_label_knows_frame(l, 3), !doubted && (clean || boxes));
      assert_int_equal(bf_label_knows_frame(l, 5), !doubted && (clean || (subset & 8)));
      assert_int_equal(bf_labels_complaints(fresh), against + doubted);
      bf_labels_destroy(fresh);
    }
}

static void lesions_of_unknown_class(void **state) {
  (void)state;
  for (int order = 0; order < 2; order++) {
    bf_label *l = bf_labels_touch(labels, order ? "1.1" : "1.2", NULL, NULL);
    bf_label_add_class(l, (int8_t)(order ? -1 : 0));
    bf_label_add_class(l, (int8_t)(order ? 0 : -1));
    assert_int_equal(l->malignant, -1);
    bf_label_add_class(l, 1);
    assert_int_equal(l->malignant, 1);
  }
}

static void boxes_of_two_classes(void **state) {
  (void)state;
  for (int order = 0; order < 6; order++) {
    static const int8_t said[6][3] = {{0, 1, -1}, {1, 0, -1}, {-1, 0, 1}, {1, 0, 1}, {0, 1, 0}, {0, -1, 1}};
    char uid[8];
    snprintf(uid, sizeof uid, "1.%d", order);
    bf_label *l = bf_labels_touch(labels, uid, NULL, NULL);
    for (int i = 0; i < 3; i++) {
      assert_ok(bf_label_add_lesion(
          l, (bf_label_lesion){.box = {.xmax = 4, .ymax = 4, .malignant = said[order][i]}, .frame = -1}, err));
      bf_labels_tell(labels, l, "t.csv", i + 1);
    }
    assert_int_equal(l->lesion_count, 1);
    assert_int_equal(l->lesions[0].box.malignant, -1);
    assert_int_equal(bf_labels_complaints(labels), order + 1);
  }
}

/* Thousands of rows against thousands: what is doubted once is not doubted again for each of them. */
static void many_doubts(void **state) {
  (void)state;
  enum { many = 4000 };
  bf_label *l = bf_labels_touch(labels, "1.1", NULL, NULL);
  for (int i = 0; i < many; i++)
    assert_ok(bf_label_add_lesion(l, (bf_label_lesion){.box = {.xmax = 4, .ymax = 4}, .frame = i}, err));
  for (int i = 0; i < many; i++) {
    assert_ok(bf_label_look_at(l, -1, BF_LOOK_CLEAN, err));
    bf_labels_tell(labels, l, "t.csv", i);
  }
  assert_true(l->looked_count <= many + 2);
  assert_int_equal(bf_labels_complaints(labels), 1);
}

/* A lesion lies as it was drawn, whatever else is joined to its label. */
static void places_lesions(void **state) {
  (void)state;
  bf_label *l = NULL;
  bf_lesion out[3];
  int32_t count;
  const bf_label_lesion whole = {.box = {.xmin = 10, .ymin = 20, .xmax = 30, .ymax = 40, .malignant = 1}, .frame = -1};
  const bf_label_picture picture = {2, 50, 60, 'L'};
  bf_label_lesion turned = whole, sized = whole, other = whole, outside = whole, edge = whole;
  turned.lies = 'R';
  turned.frame = 2;
  sized.rows = 50, sized.columns = 60;
  other.rows = 60, other.columns = 50;
  outside.box.xmax = 61.5f;
  edge.box = (bf_lesion){.xmin = -1, .ymin = 45, .xmax = 5, .ymax = 51};
  assert_int_equal(bf_label_place(out, &whole, &picture), BF_LESION_FITS);
  assert_int_equal(bf_label_place(out, &sized, &picture), BF_LESION_FITS);
  assert_int_equal(bf_label_place(out, &other, &picture), BF_LESION_OTHER_SIZE);
  assert_int_equal(bf_label_place(out, &outside, &picture), BF_LESION_OUTSIDE);
  assert_int_equal(bf_label_place(out, &turned, &(bf_label_picture){1, 50, 60, 'L'}), BF_LESION_ELSEWHERE);
  assert_int_equal(bf_label_place(out, &edge, &picture), BF_LESION_FITS);
  assert_true(out->xmin == 0 && out->ymin == 45 && out->xmax == 5 && out->ymax == 50);
  assert_ok(bf_label_add_lesion(bf_labels_touch(labels, "1.1", NULL, NULL), whole, err));
  assert_ok(bf_label_add_lesion(bf_labels_touch_by(labels, BF_LABEL_STEM, "a", NULL), turned, err));
  assert_ok(bf_label_add_lesion(bf_labels_touch_by(labels, BF_LABEL_SERIES, "1.9", NULL), sized, err));
  const bf_subject subject = {.sop_instance_uid = "1.1", .series_instance_uid = "1.9", .path = "a.dcm"};
  assert_ok(bf_labels_match(&l, labels, &subject, err));
  assert_true(bf_label_lesions(out, &count, l, &picture));
  assert_int_equal(count, 2); /* one was said with and without its size */
  assert_true(out[0].xmin == 10 && out[0].ymax == 40);
  assert_true(out[1].xmin == 30 && out[1].ymin == 10 && out[1].xmax == 50 && out[1].ymax == 30);
  assert_true(bf_label_lesions(out, &count, l, &(bf_label_picture){1, 50, 60, 'L'}) && count == 1);
  /* Of a picture of another size one of them is not known, and so none of it. */
  assert_false(bf_label_lesions(out, &count, l, &(bf_label_picture){1, 51, 60, 'L'}));
  assert_int_equal(count, 0);
  /* The same numbers mean other places. */
  bf_label_lesion taller = sized, mirrored = whole;
  taller.rows = 51;
  mirrored.lies = 'L';
  assert_ok(bf_label_add_lesion(l, sized, err));
  assert_int_equal(l->lesion_count, 2);
  assert_ok(bf_label_add_lesion(l, taller, err));
  assert_ok(bf_label_add_lesion(l, mirrored, err));
  assert_int_equal(l->lesion_count, 4);
}

static void finds_by_other_keys(void **state) {
  (void)state;
  char view[BF_VIEW_TEXT_MAX];
  bf_label_view_text(view, "5.5", "L", "MLO");
  bf_label_add_class(bf_labels_touch_by(labels, BF_LABEL_STEM, "abc", NULL), 1);
  bf_label_add_class(bf_labels_touch_by(labels, BF_LABEL_STEM, "p7/x.y", NULL), 0);
  bf_label_add_class(bf_labels_touch_by(labels, BF_LABEL_SERIES, "4.4", NULL), 1);
  bf_label_add_class(bf_labels_touch_by(labels, BF_LABEL_VIEW, view, NULL), 0);
  const bf_subject stem = {.sop_instance_uid = "1.1", .path = "there/abc.dicom"},
                   uid = {.sop_instance_uid = "abc", .path = "IM0001"},
                   folder = {.sop_instance_uid = "1.2", .path = "/data/p7/x.y.dcm"},
                   other_folder = {.sop_instance_uid = "1.3", .path = "/data/p8/x.y.dcm"},
                   series = {.sop_instance_uid = "1.4", .series_instance_uid = "4.4", .path = "q"},
                   side = {.sop_instance_uid = "1.5", .study_instance_uid = "5.5", .laterality = "L", .view = "MLO"},
                   other_side = {
                       .sop_instance_uid = "1.6", .study_instance_uid = "5.5", .laterality = "R", .view = "MLO"};
  assert_int_equal(label_of(labels, &stem)->malignant, 1);
  assert_int_equal(label_of(labels, &uid)->malignant, 1);
  assert_int_equal(label_of(labels, &folder)->malignant, 0);
  assert_null(label_of(labels, &other_folder));
  assert_int_equal(label_of(labels, &series)->malignant, 1);
  assert_int_equal(label_of(labels, &side)->malignant, 0);
  assert_null(label_of(labels, &other_side));
  /* A second image of the same key: the label is for neither. The same image again is no second. */
  const bf_subject copy = {.sop_instance_uid = "1.4", .series_instance_uid = "4.4", .path = "r"},
                   second = {.sop_instance_uid = "1.9", .series_instance_uid = "4.4", .path = "s"};
  assert_true(bf_labels_claim(labels, &stem));
  assert_false(bf_labels_claim(labels, &series)); /* its series is spoken of, not just this image */
  assert_false(bf_labels_claim(labels, &copy));
  assert_int_equal(bf_labels_ambiguous(labels), 0);
  assert_false(bf_labels_claim(labels, &second));
  assert_false(bf_labels_claim(labels, &other_side));
  assert_int_equal(bf_labels_ambiguous(labels), 1);
  assert_null(label_of(labels, &series));
  assert_null(label_of(labels, &second));
  assert_non_null(label_of(labels, &stem));
  /* Without UIDs images are told apart by their paths; frames of one file are one image. */
  bf_label_add_class(bf_labels_touch_by(labels, BF_LABEL_STEM, "1.2.77", NULL), 1);
  assert_non_null(label_of(labels, &(bf_subject){.path = "d/1.2.77"}));
  assert_non_null(label_of(labels, &(bf_subject){.path = "d/1.2.77.dcm"}));
  const bf_subject nameless = {.path = "d/p7/x.y.dcm"}, another = {.path = "e/p7/x.y.dcm"};
  bf_labels_claim(labels, &nameless);
  bf_labels_claim(labels, &nameless);
  assert_int_equal(bf_labels_ambiguous(labels), 1);
  bf_labels_claim(labels, &another);
  assert_int_equal(bf_labels_ambiguous(labels), 2);
}

static void tells_mistakes(void **state) {
  (void)state;
  read_bad("SOPInstanceUID,pathology\n1.1,benign\n1.2,probably benign\n", "line 3, column pathology");
  read_bad("SOPInstanceUID,pathology\n1.1,normal\n", "benign, malignant or empty");
  read_bad("SOPInstanceUID,pathology,split\n1.1,benign,dev\n", "train, validation, test");
  read_bad("SOPInstanceUID,split\n1.1,train\n1.1,test\n", "line 3, column split");
  read_bad("SOPInstanceUID,pathology\nabc,benign\n", "line 2, column SOPInstanceUID");
  read_bad("SOPInstanceUID,pathology\n,benign\n", "names no image");
  read_bad("SOPInstanceUID,pathology\n1.1,benign,more\n", "3 cells, and the header has 2");
  read_bad("SOPInstanceUID,pathology\n1.1\n", "1 cells, and the header has 2");
  read_bad("SOPInstanceUID,pathology\n\"1.1,benign\n", "quoted cell does not end");
  read_bad("SOPInstanceUID,pathology\n\"1.1\"x,benign\n", "behind a closing quote");
  read_bad("SOPInstanceUID,pathology,Pathology\n1.1,benign,benign\n", "twice");
  read_bad("SOPInstanceUID,comment\n1.1,fine\n", "no column says anything");
  read_bad("SOPInstanceUID,xmin,ymin,xmax\n1.1,1,2,3\n", "ymax is missing");
  read_bad("name,pathology\n1.1,benign\n", "no reader knows");
  read_bad("SOPInstanceUID;pathology\n1.1;benign\n", "no reader knows");
  read_bad("", "no reader knows");
  const char *box = "SOPInstanceUID,xmin,ymin,xmax,ymax\n";
  char text[256];
  const struct {
    const char *row, *words;
  } rows[] = {{"8.1,1,2,x,4", "line 2, column xmax: 'x'"}, {"8.2,1,2,1,4", "greater than xmin"},
              {"8.3,1,4,3,4", "greater than ymin"},        {"8.4,1,,3,4", "column ymin: ''"},
              {"8.5,nan,2,3,4", "column xmin: 'nan'"},     {"8.6,1e300,2,3,4", "column xmin"},
              {"8.7,0x10,2,30,4", "column xmin"},          {"8.8,1 2,2,30,4", "column xmin"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    snprintf(text, sizeof text, "%s%s\n", box, rows[i].row);
    read_bad(text, rows[i].words);
  }
  read_bad("SOPInstanceUID,xmin,ymin,xmax,ymax,frame\n1.7,1,2,3,4,-1\n", "column frame");
  bf_error bad = {0};
  bf_labels_read(labels, in_folder("absent.csv"), &bad);
  assert_message(bad, BF_E_NOT_FOUND, "absent.csv");
}

static void keeps_patients_quiet(void **state) {
  (void)state;
  bf_error bad = {0};
  const char *path = write_text("p.csv", "SOPInstanceUID,PatientID\n1.1,CANARY-1\n1.1,CANARY-2\n");
  assert_int_equal(bf_labels_read(labels, path, &bad), BF_E_FORMAT);
  assert_null(strstr(bad.message, "CANARY"));
}

static void line_numbers_survive_quotes(void **state) {
  (void)state;
  read_bad("SOPInstanceUID,note,pathology\n1.1,\"two\nlines\",benign\n1.2,x,wrong\n", "line 4,");
}

static void binary_and_cut_files(void **state) {
  (void)state;
  static const char whole[] = "SOPInstanceUID,xmin,ymin,xmax,ymax\n\"1.1\",1,2,3,4\n1.2,,,,\n";
  bf_error bad = {0};
  for (size_t cut = 0; cut < sizeof whole; cut++) {
    bf_labels *fresh = NULL;
    assert_ok(bf_labels_create(&fresh, err));
    replace_bytes("cut.csv", whole, cut);
    bf_labels_read(fresh, in_folder("cut.csv"), NULL); /* an error or fewer rows, never a crash */
    bf_labels_destroy(fresh);
  }
  replace_bytes("nul.csv", "SOPInstanceUID,pathology\n1.1,ben\0gn\n", 36);
  bf_labels_read(labels, in_folder("nul.csv"), &bad);
  assert_message(bad, BF_E_FORMAT, "NUL");
}

static void reads_a_folder_of_tables(void **state) {
  (void)state;
  char hex[2][65];
  bf_error bad = {0};
  kept_path folder;
  keep(folder, in_folder("tables"));
  assert_ok(bf_make_folders(in_folder("tables/more"), err));
  write_text("tables/boxes.csv", "SOPInstanceUID,xmin,ymin,xmax,ymax\n1.1,1,2,3,4\n");
  write_text("tables/more/images.csv", "SOPInstanceUID,pathology\n1.1,benign\n");
  assert_ok(bf_labels_read(labels, folder, err));
  const bf_label *l = label_of(labels, SUBJECT("1.1", NULL));
  assert_true(l->lesion_count == 1 && l->malignant == 0);
  assert_ok(bf_labels_sha256(hex[0], folder, err));
  write_text("tables/more/images.csv", "SOPInstanceUID,pathology\n1.1,malign\n");
  assert_ok(bf_labels_sha256(hex[1], folder, err));
  assert_string_not_equal(hex[0], hex[1]);
  bf_labels_read(labels, folder, &bad);
  assert_message(bad, BF_E_FORMAT, "tables/more/images.csv: line 2, column pathology");
}

/* ---- further columns ---- */

static const char *text_of(const char *uid, int column) {
  const bf_label *l = label_of(labels, SUBJECT(uid, NULL));
  return l != NULL ? bf_label_text(l, column) : NULL;
}

static void keeps_columns(void **state) {
  (void)state;
  int scanner = bf_labels_keep(labels, "scanner", NULL), site = bf_labels_keep(labels, "Site", NULL);
  assert_true(scanner >= 0 && site >= 0 && scanner != site);
  assert_int_equal(bf_labels_keep(labels, "SCANNER", NULL), scanner);
  read_good(
      "SOPInstanceUID,note,Scanner,pathology,SITE\n"
      "1.1,x,A-1,benign,north\n"
      "1.2,\"a, b\",\" B\n2 \",malignant,\n"
      "1.3,,,benign,caf\xc3\xa9\n");
  assert_ok(bf_labels_check_kept(labels, err));
  assert_string_equal(text_of("1.1", scanner), "A-1");
  assert_string_equal(text_of("1.1", site), "north");
  assert_string_equal(text_of("1.2", scanner), "B?2"); /* a line stays a line */
  assert_null(text_of("1.2", site));
  assert_null(text_of("1.3", scanner));
  assert_string_equal(text_of("1.3", site), "caf\xc3\xa9");
  assert_null(text_of("1.3", 2));
  assert_null(text_of("1.3", -1));
  assert_int_equal(bf_labels_complaints(labels), 0);
}

static void keeps_no_column_unasked(void **state) {
  (void)state;
  read_good("SOPInstanceUID,scanner,pathology\n1.1,A-1,benign\n");
  const bf_label *l = label_of(labels, SUBJECT("1.1", NULL));
  assert_null(l->texts);
  assert_null(bf_label_text(l, 0));
  assert_ok(bf_labels_check_kept(labels, err));
}

/* Whatever the order of rows; one complaint for an image and a column; an empty cell says nothing. */
static void doubts_texts(void **state) {
  (void)state;
  int scanner = bf_labels_keep(labels, "scanner", NULL);
  char longest[BF_LABEL_TEXT_MAX + 1], text[512];
  memset(longest, 'x', BF_LABEL_TEXT_MAX);
  longest[BF_LABEL_TEXT_MAX] = '\0';
  snprintf(text, sizeof text,
           "SOPInstanceUID,scanner,pathology\n"
           "1.1,A,benign\n1.1,B,\n1.1,A,\n1.1,C,\n"
           "1.2,A,\n1.2,,\n1.2,A,\n"
           "1.3,%s,\n1.5,A,\n1.5,a,\n",
           longest);
  read_good(text);
  assert_null(text_of("1.1", scanner));
  assert_string_equal(text_of("1.2", scanner), "A");
  assert_string_equal(text_of("1.3", scanner), longest);
  assert_null(text_of("1.5", scanner));
  assert_int_equal(bf_labels_complaints(labels), 2);
  assert_non_null(strstr(bf_labels_complaint(labels, 0),
                         "line 3: column scanner: two texts are said of the same image; it is unknown"));
  assert_int_equal(label_of(labels, SUBJECT("1.1", NULL))->malignant, 0);
}

/* What is too long is cut, and stays apart from what begins alike. Told once a text. */
static void cuts_long_texts(void **state) {
  (void)state;
  int scanner = bf_labels_keep(labels, "scanner", NULL);
  static const char head[] = "A hospital whose name takes more room than there's f\xc3\xbcr it anywhere";
  char text[1024], told[256];
  snprintf(text, sizeof text,
           "SOPInstanceUID,scanner,pathology\n1.1,%s 1,benign\n1.2,%s 2,\n1.3,%s 1,\n1.4,,\n1.5,%s 1,\n1.5,%s 2,\n",
           head, head, head, head, head);
  read_good(text);
  const char *one = text_of("1.1", scanner), *two = text_of("1.2", scanner);
  assert_non_null(one);
  assert_non_null(two);
  assert_ptr_equal(text_of("1.3", scanner), one);
  assert_null(text_of("1.4", scanner));
  assert_null(text_of("1.5", scanner)); /* two that differ behind the cut */
  assert_string_not_equal(one, two);
  assert_true(strlen(one) <= BF_LABEL_TEXT_MAX && strlen(two) <= BF_LABEL_TEXT_MAX);
  assert_memory_equal(one, "A hospital whose name takes more room than there's f...", 55);
  assert_true(bf_is_plain_text(one) && bf_is_plain_text(two));
  assert_int_equal(bf_labels_complaints(labels), 3);
  snprintf(told, sizeof told, "line 2: column scanner: a text of %d bytes, more than 64: it is cut",
           (int)strlen(head) + 2);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), told));
  assert_non_null(strstr(bf_labels_complaint(labels, 2), "two texts are said of the same image"));
}

static void knows_columns(void **state) {
  (void)state;
  read_good("SOPInstanceUID,scanner,pathology\n1.1,A,benign\n");
  write_text("boxes.csv", "SOPInstanceUID,xmin,ymin,xmax,ymax,reader\n1.1,1,2,3,4,A\n");
  assert_ok(bf_labels_read(labels, in_folder("boxes.csv"), err));
  assert_true(bf_labels_has_column(labels, "Scanner"));
  assert_false(bf_labels_has_column(labels, "pathology"));
  assert_false(bf_labels_has_column(labels, "reader"));
}

/* By UID in one file and by path in another: one image. */
static void joins_texts(void **state) {
  (void)state;
  int scanner = bf_labels_keep(labels, "scanner", NULL), site = bf_labels_keep(labels, "site", NULL);
  read_good("SOPInstanceUID,scanner,site\n1.1,A,\n1.2,A,n\n1.3,A,n\n");
  const char *path = write_text("more.csv", "file,scanner,site\na.dcm,A,s\nb.dcm,B,n\nc.dcm,A,\nc.dcm,B,\nd.dcm,D,e\n");
  assert_ok(bf_labels_read(labels, path, err));
  const bf_label *a = label_of(labels, SUBJECT("1.1", in_folder("a.dcm")));
  assert_string_equal(bf_label_text(a, scanner), "A");
  assert_string_equal(bf_label_text(a, site), "s");
  for (int again = 0; again < 2; again++) {
    const bf_label *b = label_of(labels, SUBJECT("1.2", in_folder("b.dcm")));
    assert_null(bf_label_text(b, scanner));
    assert_string_equal(bf_label_text(b, site), "n");
  }
  const bf_label *c = label_of(labels, SUBJECT("1.3", in_folder("c.dcm")));
  assert_null(bf_label_text(c, scanner)); /* doubted before they were joined */
  assert_string_equal(bf_label_text(label_of(labels, SUBJECT("1.9", in_folder("d.dcm"))), scanner), "D");
  assert_int_equal(bf_labels_complaints(labels), 2);
  assert_non_null(strstr(bf_labels_complaint(labels, 1), "b.dcm: column scanner: two texts"));
  assert_null(label_of(labels, SUBJECT("1.9", NULL)));
}

/* Of boxes, and of other tables, no column is kept: they speak of lesions. */
static void tells_absent_columns(void **state) {
  (void)state;
  bf_error bad = {0};
  assert_true(bf_labels_keep(labels, "scanner", NULL) == 0 && bf_labels_keep(labels, "site", NULL) == 1);
  write_text("boxes.csv", "SOPInstanceUID,xmin,ymin,xmax,ymax,scanner,reader\n1.1,1,2,3,4,A,Z\n");
  assert_ok(bf_labels_read(labels, in_folder("boxes.csv"), err));
  assert_null(text_of("1.1", 0));
  assert_int_equal(bf_labels_check_kept(labels, &bad), BF_E_ARGUMENT);
  assert_message(bad, BF_E_ARGUMENT,
                 "no CSV file of images among the labels has a column scanner; they have no further");
  read_good("SOPInstanceUID,Density,site,\"Year\nmade\",pathology,note\n1.1,b,n,1,benign,x\n");
  assert_int_equal(bf_labels_check_kept(labels, &bad), BF_E_ARGUMENT);
  assert_message(bad, BF_E_ARGUMENT, "has a column scanner; further columns are: site, Density, note");
  assert_null(strstr(bad.message, "reader"));
}

static void refuses_columns(void **state) {
  (void)state;
  static const char *const known[] = {"PatientID", "patientid", "pathology", "split", "file", "xmin", "mask"};
  bf_error bad = {0};
  char name[80];
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    assert_int_equal(bf_labels_keep(labels, known[i], &bad), -1);
    assert_message(bad, BF_E_ARGUMENT, "has a meaning of its own");
  }
  assert_int_equal(bf_labels_keep(labels, "", &bad), -1);
  assert_int_equal(bf_labels_keep(labels, "a\nb", &bad), -1);
  assert_message(bad, BF_E_ARGUMENT, "column a?b: a name of 3 bytes; columns of the labels have 1 to 64 of plain text");
  for (int i = 0; i < BF_LABEL_COLUMNS_MAX; i++) {
    snprintf(name, sizeof name, "c%d", i);
    assert_int_equal(bf_labels_keep(labels, name, NULL), i);
  }
  assert_int_equal(bf_labels_keep(labels, "one more", &bad), -1);
  assert_message(bad, BF_E_LIMIT, "column one more: at most 16 columns");
  bf_error twice = {0};
  const char *path = write_text("labels.csv", "SOPInstanceUID,c3,C3,pathology\n1.1,a,b,benign\n");
  assert_int_equal(bf_labels_read(labels, path, &twice), BF_E_FORMAT);
  assert_message(twice, BF_E_FORMAT, "the column c3 stands there twice");
}

#define with_labels(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_labels(reads_images),
      with_labels(reads_boxes),
      with_labels(same_rows_twice),
      with_labels(by_file),
      with_labels(by_file_through_links),
      with_labels(joins_uid_and_file),
      with_labels(lists_contradictions),
      with_labels(order_changes_nothing),
      with_labels(lesions_of_unknown_class),
      with_labels(boxes_of_two_classes),
      with_labels(many_doubts),
      with_labels(places_lesions),
      with_labels(finds_by_other_keys),
      with_labels(tells_mistakes),
      with_labels(keeps_patients_quiet),
      with_labels(line_numbers_survive_quotes),
      with_labels(binary_and_cut_files),
      with_labels(reads_a_column_of_masks),
      with_labels(reads_a_folder_of_masks),
      with_labels(reads_a_folder_of_tables),
      with_labels(keeps_columns),
      with_labels(keeps_no_column_unasked),
      with_labels(doubts_texts),
      with_labels(joins_texts),
      with_labels(cuts_long_texts),
      with_labels(knows_columns),
      with_labels(tells_absent_columns),
      with_labels(refuses_columns),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
