/* Label tables of public collections: small files of the true form, and each way in which they may be broken. */
#include "labels_support.h"

#include "bifocal/ingest.h"
#include "dicom/dicom.h"

static void read_good(const char *text) { assert_ok(bf_labels_read(labels, write_text("t.csv", text), err)); }

static void read_bad(const char *text, const char *words) {
  bf_error bad = {0};
  const char *path = write_text("t.csv", text);
  if (bf_labels_read(labels, path, &bad) == BF_OK) fail_msg("was read: %s", text);
  if (strstr(bad.message, "t.csv") == NULL || strstr(bad.message, words) == NULL)
    fail_msg("'%s' does not say '%s'", bad.message, words);
}

static bf_label *by_stem(const char *path) { return label_of(labels, &(bf_subject){.path = path}); }

static void is_box(const bf_lesion *l, float xmin, float ymin, float xmax, float ymax, int malignant) {
  assert_true(l->xmin == xmin && l->ymin == ymin && l->xmax == xmax && l->ymax == ymax);
  assert_int_equal(l->malignant, malignant);
}

static bool fits(const bf_label *l, int index, int32_t rows, int32_t columns) {
  bf_lesion box;
  return bf_label_place(&box, &l->lesions[index], &(bf_label_picture){0, rows, columns, 0}) == BF_LESION_FITS;
}

#define VINDR                                                                                       \
  "study_id,series_id,laterality,view_position,image_id,height,width,breast_birads,breast_density," \
  "finding_categories,finding_birads,xmin,ymin,xmax,ymax,split\n"

static void vindr(void **state) {
  (void)state;
  read_good(
      VINDR
      "s1,e1,R,CC,aa11,3518,2800,BI-RADS 4,DENSITY C,\"['Mass', 'Skin Thickening']\",BI-RADS "
      "4,2355.1,1731.5,2482.9,1852.7,"
      "training\n"
      "s1,e1,R,CC,aa11,3518,2800,BI-RADS 4,DENSITY C,['Suspicious Calcification'],BI-RADS 2,10,20,30,40,training\n"
      "s1,e1,R,MLO,bb22,3518,2800,BI-RADS 1,DENSITY C,['No Finding'],,,,,,test\n"
      "s2,e2,L,CC,cc33,3518,2800,BI-RADS 3,DENSITY B,['Asymmetry'],BI-RADS 3,1,2,3,4,\n");
  bf_label *l = by_stem("images/s1/aa11.dicom");
  assert_non_null(l);
  assert_int_equal(l->malignant, 1);
  assert_int_equal(l->split, BF_SPLIT_TRAIN);
  assert_int_equal(l->lesion_count, 2);
  is_box(&l->lesions[0].box, 2355.1f, 1731.5f, 2482.9f, 1852.7f, 1);
  is_box(&l->lesions[1].box, 10, 20, 30, 40, 0);
  assert_true(fits(l, 0, 3518, 2800) && fits(l, 1, 3518, 2800) && !fits(l, 0, 3518, 2801) && !fits(l, 0, 3519, 2800));
  l = by_stem("bb22.dicom");
  assert_int_equal(l->malignant, 0);
  assert_int_equal(l->split, BF_SPLIT_TEST);
  assert_true(l->lesion_count == 0 && bf_label_knows_frame(l, 0));
  l = by_stem("cc33");
  assert_int_equal(l->malignant, -1);
  is_box(&l->lesions[0].box, 1, 2, 3, 4, -1);
  /* Known as an image of that UID, too. */
  assert_non_null(label_of(labels, &(bf_subject){.sop_instance_uid = "aa11", .path = "x"}));
  read_good("study_id,image_id,breast_birads,split\ns3,dd44,BI-RADS 5,training\n");
  l = by_stem("dd44.dicom");
  assert_true(l->malignant == 1 && !bf_label_knows_frame(l, 0));
}

/* A finding and none of the same image, whichever comes first. */
static void vindr_contradictions(void **state) {
  (void)state;
#define NONE(id) "s1,e1,R,MLO," id ",3518,2800,BI-RADS 1,DENSITY C,['No Finding'],,,,,,test\n"
#define MASS(id) "s1,e1,R,MLO," id ",3518,2800,BI-RADS 1,DENSITY C,['Mass'],BI-RADS 2,1,2,3,4,test\n"
  read_good(VINDR NONE("aa") MASS("aa") MASS("bb") NONE("bb") MASS("cc"));
  assert_int_equal(bf_labels_complaints(labels), 2);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), "t.csv: line 3: a lesion"));
  assert_non_null(strstr(bf_labels_complaint(labels, 1), "t.csv: line 5: a lesion"));
  assert_false(bf_label_knows_frame(by_stem("aa"), 0));
  assert_false(bf_label_knows_frame(by_stem("bb"), 0));
  assert_true(bf_label_knows_frame(by_stem("cc"), 0));
}

static void vindr_broken(void **state) {
  (void)state;
  read_bad("image_id,breast_birads,finding_categories,xmin,ymin,xmax\na,BI-RADS 1,['Mass'],1,2,3\n", "ymax is missing");
  read_bad(VINDR "s,e,R,CC,,1,1,BI-RADS 1,D,['No Finding'],,,,,,\n", "column image_id");
  read_bad(VINDR "s,e,R,CC,a,1,1,BI-RADS 9,D,['No Finding'],,,,,,\n", "'BI-RADS 9' is not a BI-RADS");
  read_bad(VINDR "s,e,R,CC,a,1,1,BI-RADS 4,D,['Mass'],BI-RADS 4,1,2,x,4,\n", "column xmax: 'x'");
  read_bad(VINDR "s,e,R,CC,a,1,1,BI-RADS 4,D,['Mass'],BI-RADS 4,,,,,\n", "column xmin: ''");
  read_bad(VINDR "s,e,R,CC,a,1,1,BI-RADS 4,D,['Mass'],BI-RADS 4,5,2,3,4,\n", "greater than xmin");
  read_bad(VINDR "s,e,R,CC,a,1,1,BI-RADS 4,D,['Mass'],BI-RADS 4,1,2,3,4,dev\n", "training or test");
  read_bad(VINDR "s,e,R,CC,a,1,1,BI-RADS 4\n", "8 cells");
  read_good(VINDR "s,e,R,CC,a,1,1,BI-RADS 4,D,['No Finding'],,,,,,\ns,e,R,CC,a,1,1,BI-RADS 1,D,['No Finding'],,,,,,\n");
  assert_int_equal(by_stem("a")->malignant, -1);
  assert_int_equal(bf_labels_complaints(labels), 1);
}

static void rsna(void **state) {
  (void)state;
  read_good(
      "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,"
      "difficult_negative_case\n"
      "2,10006,462822612,L,CC,61.0,0,0,0,,0,,29,False\n"
      "2,10006,1459541791,L,MLO,61.0,1,1,0,,0,,29,False\n");
  bf_label *l = by_stem("/data/train_images/10006/1459541791.dcm");
  assert_int_equal(l->malignant, 1);
  assert_string_equal(l->patient_id, "10006");
  assert_string_equal(bf_label_title(l), "1459541791"); /* no word of the patient */
  assert_false(bf_label_knows_frame(l, 0));
  assert_int_equal(by_stem("10006/462822612.dcm")->malignant, 0);
  assert_null(by_stem("10007/462822612.dcm"));
  read_bad("patient_id,image_id,cancer\n1,2,yes\n", "column cancer: 'yes' is not 0 or 1");
  read_bad("patient_id,image_id,cancer\n1,,0\n", "column image_id");
  read_good("patient_id,image_id,cancer\n1,3,\n");
  assert_int_equal(by_stem("1/3.dcm")->malignant, -1);
}

static void dbt(void **state) {
  (void)state;
  read_good(
      "PatientID,StudyUID,View,Subject,Slice,X,Y,Width,Height,Class,AD,VolumeSlices\n"
      "DBT-P00013,1.2.5,rmlo,13,28,100,200,30,40,benign,0,70\n"
      "DBT-P00013,1.2.5,rmlo,13,31,1,2,3,4,cancer,0,70\n"
      "DBT-P00014,1.2.6,lcc2,14,5,10,20,30,40,benign,1,60\n");
  const bf_subject right = {.study_instance_uid = "1.2.5", .laterality = "R", .view = "MLO"},
                   left = {.study_instance_uid = "1.2.6", .laterality = "L", .view = "CC"};
  bf_label *l = label_of(labels, &right);
  assert_non_null(l);
  assert_int_equal(l->malignant, 1);
  assert_int_equal(l->lesion_count, 2);
  is_box(&l->lesions[0].box, 100, 200, 130, 240, 0);
  assert_int_equal(l->lesions[0].frame, 28);
  assert_true(bf_label_knows_frame(l, 28) && !bf_label_knows_frame(l, 29));
  assert_string_equal(l->patient_id, "DBT-P00013");
  /* As it lies, and turned where the brighter edge is on the other side. */
  bf_lesion as_is, turned;
  assert_int_equal(bf_label_place(&as_is, &l->lesions[0], &(bf_label_picture){28, 1000, 500, 'R'}), BF_LESION_FITS);
  assert_int_equal(bf_label_place(&turned, &l->lesions[0], &(bf_label_picture){28, 1000, 500, 'L'}), BF_LESION_FITS);
  is_box(&as_is, 100, 200, 130, 240, 0);
  is_box(&turned, 370, 760, 400, 800, 0);
  assert_int_equal(label_of(labels, &left)->malignant, 0);
  read_good(
      "PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer\n"
      "DBT-P00020,1.2.7,lmlo,1,0,0,0\nDBT-P00020,1.2.7,lcc,0,1,0,0\nDBT-P00013,1.2.5,rmlo,0,0,0,1\n");
  l = label_of(labels, &(bf_subject){.study_instance_uid = "1.2.7", .laterality = "L", .view = "MLO"});
  assert_true(l->malignant == 0 && l->lesion_count == 0 && bf_label_knows_frame(l, 17));
  l = label_of(labels, &(bf_subject){.study_instance_uid = "1.2.7", .laterality = "L", .view = "CC"});
  assert_true(l->malignant == -1 && !bf_label_knows_frame(l, 0));
  assert_int_equal(bf_labels_complaints(labels), 0);
  /* Called normal, and a box; called benign, and a cancer. */
  read_good(
      "PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer\n"
      "DBT-P00013,1.2.5,rmlo,1,0,0,0\nDBT-P00014,1.2.6,lcc,0,0,1,0\n");
  assert_int_equal(bf_labels_complaints(labels), 2);
  assert_false(bf_label_knows_frame(label_of(labels, &right), 28));
  read_good("PatientID,StudyUID,View,Slice,X,Y,Width,Height,Class\nDBT-P00014,1.2.6,lcc,9,10,20,30,40,cancer\n");
  assert_int_equal(bf_labels_complaints(labels), 3);
  l = label_of(labels, &left);
  assert_true(l->malignant == -1 && bf_label_knows_frame(l, 9));
  static const char boxes[] = "PatientID,StudyUID,View,Slice,X,Y,Width,Height,Class\n";
  char text[300];
  const struct {
    const char *row, *words;
  } broken[] = {{"p,1.2,xcc,1,1,2,3,4,benign\n", "a view such as lcc"},
                {"p,1.2,lcc,,1,2,3,4,benign\n", "column Slice"},
                {"p,1.2,lcc,1,1,2,0,4,benign\n", "column Width"},
                {"p,1.2,lcc,1,1,2,3,-4,benign\n", "column Height"},
                {"p,1.2,lcc,1,1,2,3,4,normal\n", "benign or cancer"},
                {"p,,lcc,1,1,2,3,4,benign\n", "column StudyUID"},
                {"p,1.2,lcc,1,a,2,3,4,benign\n", "column X"}};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    snprintf(text, sizeof text, "%s%s", boxes, broken[i].row);
    read_bad(text, broken[i].words);
  }
  read_bad("PatientID,StudyUID,View,Slice,X,Y,Width,Height\np,1.2,lcc,1,1,2,3,4\n", "Class is missing");
  read_bad("PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer\np,1.2,lcc,1,0,0,1\n", "2 of Normal");
  read_bad("PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer\np,1.2,lcc,1,0,0,x\n", "column Cancer");
}

#define CBIS                                                                                                           \
  "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,mass margins," \
  "assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path\n"

static void cbis(void **state) {
  (void)state;
  read_good(
      CBIS
      "P_00001,3,LEFT,CC,1,mass,OVAL,SPICULATED,4,MALIGNANT,4,Mass-Training_P_00001_LEFT_CC/1.3.6.1/1.3.6.2/000000.dcm,"
      "\"a/1.3/1.4/000001.dcm\n\",\"a/1.3/1.4/000000.dcm\n\"\n"
      "P_00001,3,LEFT,CC,2,mass,OVAL,OBSCURED,3,BENIGN,4,Mass-Training_P_00001_LEFT_CC/1.3.6.1/1.3.6.2/000000.dcm,,\n"
      "P_00009,3,LEFT,CC,1,calcification,N/A,N/A,2,BENIGN_WITHOUT_CALLBACK,4,"
      "Calc-Test_P_00009_LEFT_CC/1.3.6.5/1.3.6.6/000000.dcm,,\n");
  bf_label *l = label_of(labels, &(bf_subject){.series_instance_uid = "1.3.6.2"});
  assert_non_null(l);
  assert_int_equal(l->malignant, 1); /* one of its abnormalities is */
  assert_int_equal(l->split, BF_SPLIT_TRAIN);
  assert_string_equal(l->patient_id, "P_00001");
  /* Masks that are not there are told. */
  assert_int_equal(l->mask_count, 0);
  assert_int_equal(bf_labels_complaints(labels), 1);
  assert_non_null(strstr(bf_labels_complaint(labels, 0), "line 2"));
  l = label_of(labels, &(bf_subject){.series_instance_uid = "1.3.6.6"});
  assert_true(l->malignant == 0 && l->split == BF_SPLIT_TEST);
  read_bad(CBIS "P,3,LEFT,CC,1,mass,O,S,4,UNSURE,4,Mass-Training_P/1.3/1.4/0.dcm,,\n", "column pathology: 'UNSURE'");
  read_bad(CBIS "P,3,LEFT,CC,1,mass,O,S,4,BENIGN,4,000000.dcm,,\n", "column image file path");
  read_bad(CBIS "P,3,LEFT,CC,1,mass,O,S,4,BENIGN,4,a/b/c/0.dcm,,\n", "StudyUID/SeriesUID");
}

/* A rectangle of white, or noise where there is none. */
static void write_image(const char *path, const char *series, const char *sop, const char *laterality, int columns,
                        int rows, int x0, int y0, int x1, int y1) {
  static uint16_t pixels[64 * 64];
  for (int i = 0; i < rows * columns; i++) {
    int x = i % columns, y = i / columns;
    bool white = x >= x0 && x < x1 && y >= y0 && y < y1;
    pixels[i] = (uint16_t)(white ? 255 : x1 > x0 ? 0 : (i * 2654435761u >> 24) / 2 + (x < 8 ? 100 : 0));
  }
  bf_dicom_write w = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.1.2",
                      .modality = "MG",
                      .patient_id = "P",
                      .study_instance_uid = "1.3.6.1",
                      .series_instance_uid = series,
                      .sop_instance_uid = sop,
                      .transfer_syntax_uid = "1.2.840.10008.1.2.1",
                      .laterality = laterality,
                      .view = "CC",
                      .rows = rows,
                      .columns = columns,
                      .bits_stored = 8,
                      .slope = 1,
                      .pixels = pixels};
  assert_ok(bf_dicom_write_image(path, &w, err));
}

static bf_dataset *ingest(const char *folder, const char *table) {
  bf_ingest_report report;
  bf_dataset *d = NULL;
  const char *paths[] = {folder}, *tables[] = {table};
  const bf_ingest_options o = {
      .paths = paths, .path_count = 1, .labels = tables, .label_count = 1, .output = in_folder("d.h5"), .threads = 1};
  assert_ok(bf_ingest(&report, NULL, &o, err));
  assert_ok(bf_dataset_open(&d, in_folder("d.h5"), err));
  return d;
}

/* The mask is the larger of the two files, whichever the row calls so; neither is an image. Two abnormalities of an
 * image have a class each. */
static void cbis_masks(void **state) {
  (void)state;
  kept_path folder, table;
  assert_ok(bf_make_folders(in_folder("cbis/a/1.3/1.5"), err));
  assert_ok(bf_make_folders(in_folder("cbis/a/1.3/1.4"), err));
  assert_ok(bf_make_folders(in_folder("cbis/b/1.3/1.6"), err));
  assert_ok(bf_make_folders(in_folder("cbis/full"), err));
  write_image(in_folder("cbis/full/1-1.dcm"), "1.3.6.2", "1.1", "L", 64, 48, 0, 0, 0, 0);
  write_image(in_folder("cbis/a/1.3/1.4/000000.dcm"), "1.4", "1.2", "L", 64, 48, 10, 12, 20, 30);
  write_image(in_folder("cbis/a/1.3/1.4/000001.dcm"), "1.4", "1.3", "L", 12, 20, 1, 1, 9, 9);
  write_image(in_folder("cbis/b/1.3/1.6/1-2.dcm"), "1.6", "1.4", "L", 64, 48, 40, 5, 50, 15); /* called otherwise */
  keep(folder, in_folder("cbis"));
  keep(table,
       write_text(
           "cbis/mass.csv", CBIS
           "P,3,LEFT,CC,1,mass,O,S,4,MALIGNANT,4,Mass-Training_P/1.3.6.1/1.3.6.2/000000.dcm,a/1.3/1.4/000000.dcm,"
           "a/1.3/1.4/000001.dcm\n"
           "P,3,LEFT,CC,2,mass,O,S,4,BENIGN,4,Mass-Training_P/1.3.6.1/1.3.6.2/000000.dcm,,b/1.3/1.6/000001.dcm\n"));
  bf_dataset *d = ingest(folder, table);
  assert_int_equal(bf_dataset_count(d), 1);
  assert_int_equal(bf_dataset_left_out_count(d), 0);
  const bf_record *r = bf_dataset_record(d, 0);
  assert_true(r->malignant == 1 && r->split == BF_SPLIT_TRAIN && r->mask_known == 1);
  assert_int_equal(r->lesions_count, 2);
  is_box(&bf_dataset_lesions(d, 0)[0], 10, 12, 20, 30, 1);
  is_box(&bf_dataset_lesions(d, 0)[1], 40, 5, 50, 15, 0);
  bf_dataset_close(d);
}

/* A box of the collection is turned where the volume lies the other way round. */
static void dbt_turned(void **state) {
  (void)state;
  kept_path folder, table;
  assert_ok(bf_make_folders(in_folder("dbt"), err));
  write_image(in_folder("dbt/one"), "1.7", "1.7.1", "L", 64, 48, 0, 0, 0, 0);
  keep(folder, in_folder("dbt"));
  for (int turned = 0; turned < 2; turned++) {
    char text[300];
    snprintf(text, sizeof text,
             "PatientID,StudyUID,View,Subject,Slice,X,Y,Width,Height,Class,AD,VolumeSlices\n"
             "P,1.3.6.1,%s,13,0,10,12,20,30,benign,0,1\n",
             turned ? "rcc" : "lcc");
    if (turned) write_image(in_folder("dbt/one"), "1.7", "1.7.1", "R", 64, 48, 0, 0, 0, 0);
    keep(table, write_text("dbt.csv", text));
    bf_dataset *d = ingest(folder, table);
    assert_string_equal(bf_dataset_record(d, 0)->bright_edge, "L");
    assert_int_equal(bf_dataset_record(d, 0)->lesions_count, 1);
    if (turned)
      is_box(bf_dataset_lesions(d, 0), 34, 6, 54, 36, 0);
    else
      is_box(bf_dataset_lesions(d, 0), 10, 12, 30, 42, 0);
    bf_dataset_close(d);
  }
}

/* Boxes that were drawn on another size are none of this image. */
static void vindr_of_another_size(void **state) {
  (void)state;
  kept_path folder, table;
  assert_ok(bf_make_folders(in_folder("vindr/s1"), err));
  write_image(in_folder("vindr/s1/aa.dicom"), "1.8", "1.8.1", "R", 64, 48, 0, 0, 0, 0);
  write_image(in_folder("vindr/s1/bb.dicom"), "1.8", "1.8.2", "R", 64, 48, 0, 0, 0, 0);
  keep(folder, in_folder("vindr"));
  keep(table, write_text("vindr.csv", VINDR "s1,e,R,CC,aa,48,64,BI-RADS 5,D,['Mass'],BI-RADS 5,1,2,3,4,training\n"
                                            "s1,e,R,CC,bb,64,48,BI-RADS 5,D,['Mass'],BI-RADS 5,1,2,3,4,training\n"));
  bf_dataset *d = ingest(folder, table);
  assert_int_equal(bf_dataset_count(d), 2);
  for (int i = 0; i < 2; i++) {
    const bf_record *r = bf_dataset_record(d, i);
    bool fits = strcmp(r->sop_instance_uid, "1.8.1") == 0;
    assert_true(r->malignant == 1 && r->lesions_known == fits && r->lesions_count == fits);
  }
  bf_dataset_close(d);
}

/* What a table of one kind has must not make it be taken for another. */
static void kinds_are_told_apart(void **state) {
  (void)state;
  static const struct {
    const char *name, *header;
  } cases[] = {{"vindr", VINDR},
               {"cbis", CBIS},
               {"rsna", "patient_id,image_id,cancer\n"},
               {"dbt", "StudyUID,View,Slice,Width\n"},
               {"csv", "SOPInstanceUID,pathology,image_id\n"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const bf_label_format *best = NULL;
    int surest = 0;
    for (int f = 0; bf_labels_format(f) != NULL; f++) {
      int sure = bf_labels_format(f)->detect("t.csv", cases[i].header, strlen(cases[i].header));
      if (sure > surest) best = bf_labels_format(f), surest = sure;
    }
    assert_non_null(best);
    assert_string_equal(best->name, cases[i].name);
  }
}

int main(void) {
  bf_error why = {0};
  if (bf_dicom_init(&why) != BF_OK) return 1;
#define with_labels(test) cmocka_unit_test_setup_teardown(test, begin, end)
  const struct CMUnitTest tests[] = {with_labels(vindr),
                                     with_labels(vindr_contradictions),
                                     with_labels(vindr_broken),
                                     with_labels(rsna),
                                     with_labels(dbt),
                                     with_labels(cbis),
                                     cmocka_unit_test(cbis_masks),
                                     cmocka_unit_test(dbt_turned),
                                     cmocka_unit_test(vindr_of_another_size),
                                     with_labels(kinds_are_told_apart)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
