/* Every attribute of the data dictionary that can hold text, among them all that PS3.15 table E.1-1 names, is filled
 * with a marker of its own, at the top, inside sequences and in private elements, in files that are taken and in files
 * that are refused; none may be found in anything that the program prints or writes. Kept by design: the maker's name,
 * which may stand where this test says and nowhere else, the decade of the age, and what is not searched for: instance
 * identifiers (the option "retain UIDs"), the modality, and file names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <glob.h>
#include <hdf5.h>

#include "dicom_support.h"
#include "program.h"

enum { side = 48, patients = 8, most_attributes = 6000 };

/* What is looked for. Text markers go on with the tag. */
static const char *const markers[] = {"CANARY", "18881231", "235911.88", "188Y", "1888.123118", "2.25.1888123111"};

/* ---- files ---- */

typedef struct attribute {
  uint32_t tag;
  char vr[3];
} attribute;

static attribute attributes[most_attributes];
static int attribute_count;

static bool is_text(const char *vr) { return strstr("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT", vr) != NULL; }

/* What a picture is made of, or what identifies the instance: given by this test, or left out. Its free text is not. */
static bool is_needed(uint32_t tag, const char *vr) {
  static const uint32_t needed[] = {0x00080005, 0x00080016, 0x00080018, 0x0008001a, 0x00080060,
                                    0x0020000d, 0x0020000e, 0x00200052, 0xfffcfffc};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    if (needed[i] == tag) return true;
  uint32_t group = tag >> 16;
  if (group < 8 || group > 0x7000 || (group >= 0x5000 && group < 0x5300) || group % 2) return true;
  if (tag == 0x00181164) return true; /* Imager Pixel Spacing */
  return group == 0x0028 && strstr("LO LT SH ST UT", vr) == NULL;
}

/* Tags of the dictionary that DCMTK's package brings: "(gggg,eeee)<tab>VR<tab>...", repeating groups left out. */
static void read_dictionary(void) {
  glob_t found;
  char line[512], vr[8];
  unsigned group, element;
  assert_int_equal(glob("/usr/share/libdcmtk*/dicom.dic", 0, NULL, &found), 0);
  FILE *file = fopen(found.gl_pathv[0], "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL && attribute_count < most_attributes) {
    if (sscanf(line, "(%4x,%4x)\t%2s\t", &group, &element, vr) != 3 || line[10] != ')') continue;
    attribute *a = &attributes[attribute_count];
    *a = (attribute){.tag = group << 16 | element};
    memcpy(a->vr, vr, 2);
    /* A file has each tag once, in rising order; the dictionary is sorted. */
    if (is_needed(a->tag, vr) || (attribute_count > 0 && a[-1].tag >= a->tag)) continue;
    if (is_text(vr) || strcmp(vr, "SQ") == 0 || strcmp(vr, "OB") == 0 || strcmp(vr, "UN") == 0) attribute_count++;
  }
  fclose(file);
  globfree(&found);
  assert_true(attribute_count > 2500);
}

static const char *marker_of(const attribute *a) {
  static char text[64];
  const char *vr = a->vr;
  if (strcmp(vr, "DA") == 0) return "18881231";
  if (strcmp(vr, "DT") == 0) return "18881231235911.88";
  if (strcmp(vr, "TM") == 0) return "235911.88";
  if (strcmp(vr, "AS") == 0) return "188Y";
  if (strcmp(vr, "DS") == 0) return "1888.123118";
  if (strcmp(vr, "IS") == 0) return "18881231";
  if (strcmp(vr, "UI") == 0)
    snprintf(text, sizeof text, "2.25.1888123111.%u.%u", a->tag >> 16, a->tag & 0xffff);
  else
    snprintf(text, sizeof text, "CANARY%08X", a->tag);
  return text;
}

typedef struct heap {
  unsigned char *data;
  size_t size, room;
} heap;

static void add(heap *h, const bytes *b) {
  if (h->size + b->size > h->room) {
    h->room = 2 * (h->size + b->size);
    h->data = realloc(h->data, h->room);
    if (h->data == NULL) abort();
  }
  memcpy(h->data + h->size, b->data, b->size);
  h->size += b->size;
}

/* Person, institution and free text, as items of sequences have them. */
static void put_item_content(bytes *item) {
  static const attribute inside[] = {{0x0008002a, "DT"}, {0x00080050, "SH"}, {0x00080080, "LO"}, {0x00100010, "PN"},
                                     {0x00100020, "LO"}, {0x00100030, "DA"}, {0x00104000, "LT"}, {0x00204000, "LT"},
                                     {0x00401101, "SQ"}, {0x0040a123, "PN"}};
  static bytes inner;
  item->size = 0;
  for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
    inner.size = 0;
    put_text(&inner, 0x00080104, "LO", "CANARYINNER");
    if (strcmp(inside[i].vr, "SQ") == 0)
      put_sequence(item, inside[i].tag, &inner, 1);
    else
      put_text(item, inside[i].tag, inside[i].vr, marker_of(&inside[i]));
  }
}

static void put_marked(bytes *b, const attribute *a, int patient) {
  static bytes item;
  char id[32];
  b->size = 0;
  if (a->tag == 0x00100020) { /* Patient ID: each patient its own */
    snprintf(id, sizeof id, "CANARY%08X-%d", a->tag, patient);
    put_text(b, a->tag, a->vr, id);
  } else if (strcmp(a->vr, "SQ") == 0) {
    put_item_content(&item);
    put_sequence(b, a->tag, &item, 1);
  } else {
    put_text(b, a->tag, a->vr, marker_of(a));
  }
}

static void put_private(bytes *b) {
  b->size = 0;
  put_text(b, 0x00090010, "LO", "CANARY CREATOR");
  put_text(b, 0x00091001, "LO", "CANARY PRIVATE");
  put_text(b, 0x00091002, "UN", "CANARY UNKNOWN");
  put_text(b, 0x00091003, "PN", "CANARY^PRIVATE");
}

/* Elements of this test's own, in between. Returns whether there was one at or below `tag`. */
static bool put_own(bytes *b, uint32_t tag, int *next, const char *class, int patient, int image) {
  static const uint32_t order[] = {0x00080016, 0x00080018, 0x00080060, 0x00090010,
                                   0x0020000d, 0x0020000e, 0x00280002, 0xffffffff};
  char uid[64];
  uint32_t own = order[*next];
  if (own > tag || own == 0xffffffff) return false;
  (*next)++;
  b->size = 0;
  switch (own) {
    case 0x00080016: put_text(b, own, "UI", class); break;
    case 0x00080018:
      snprintf(uid, sizeof uid, "1.2.3.%d.%d", patient, image);
      put_text(b, own, "UI", uid);
      break;
    case 0x00080060: put_text(b, own, "CS", "US"); break;
    case 0x00090010: put_private(b); break;
    case 0x0020000d:
    case 0x0020000e:
      snprintf(uid, sizeof uid, "1.2.3.%d", patient);
      put_text(b, own, "UI", uid);
      break;
    default: put_shape(b, 1, "MONOCHROME2", 0, side, side, 8, 0);
  }
  return true;
}

static void put_pixels(bytes *b, int patient, int image) {
  static unsigned char grey[side * side];
  for (int i = 0; i < side * side; i++) grey[i] = (unsigned char)(40 + (i * (patient + 3) + image * 17) % 160);
  b->size = 0;
  put_text(b, 0x60000022, "LO", "CANARY OVERLAY");
  put_text(b, 0x60001500, "LO", "CANARY OVERLAY");
  put_element(b, 0x7fe00010, "OB", grey, sizeof grey);
  put_text(b, 0xfffcfffc, "OB", "CANARY TRAILING");
}

/* image < 0: without pixels. */
static void make_file(heap *h, const char *class, int patient, int image) {
  static bytes b;
  int next = 0;
  h->size = 0;
  put_start(&b, "1.2.840.10008.1.2.1");
  memcpy(b.data, "CANARY PREAMBLE", 15);
  add(h, &b);
  for (int i = 0; i < attribute_count; i++) {
    while (put_own(&b, attributes[i].tag, &next, class, patient, image)) add(h, &b);
    put_marked(&b, &attributes[i], patient);
    add(h, &b);
  }
  while (put_own(&b, 0xfffffffe, &next, class, patient, image)) add(h, &b);
  put_pixels(&b, patient, image);
  if (image >= 0) add(h, &b);
}

static void write_heap(const heap *h, size_t size, const char *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(h->data, 1, size, file) != size || fclose(file) != 0) abort();
}

static void make_folder(void) {
  static const char *const us = "1.2.840.10008.5.1.4.1.1.6.1";
  heap h = {0};
  char name[64];
  assert_int_equal(mkdir(in_scratch("in"), 0700), 0);
  for (int p = 0; p < patients; p++)
    for (int i = 0; i < 2; i++) {
      make_file(&h, us, p, i);
      snprintf(name, sizeof name, "in/%d-%d.dcm", p, i);
      write_heap(&h, h.size, in_scratch(name));
    }
  /* Refused, each in another way: their messages speak of what was found. */
  write_heap(&h, h.size - 200, in_scratch("in/cut-pixels.dcm"));
  write_heap(&h, h.size / 2, in_scratch("in/cut-header.dcm"));
  write_heap(&h, 132, in_scratch("in/meta-only.dcm"));
  make_file(&h, "1.2.840.10008.5.1.4.1.1.88.11", patients, -1);
  write_heap(&h, h.size, in_scratch("in/report.dcm"));
  make_file(&h, "1.2.840.10008.5.1.4.1.1.66.4", patients, 1);
  write_heap(&h, h.size, in_scratch("in/segmentation.dcm"));
  make_file(&h, us, 0, 0);
  write_heap(&h, h.size, in_scratch("in/twice.dcm"));
  free(h.data);
}

static void make_labels(void) {
  FILE *images = fopen(in_scratch("images.csv"), "w"), *boxes = fopen(in_scratch("boxes.csv"), "w");
  fputs("SOPInstanceUID,PatientID,pathology\n", images);
  fputs("SOPInstanceUID,xmin,ymin,xmax,ymax\n", boxes);
  for (int p = 0; p < patients; p++)
    for (int i = 0; i < 2; i++) {
      fprintf(images, "1.2.3.%d.%d,CANARY00100020-%d,%s\n", p, i, p, p % 2 ? "malignant" : "benign");
      fprintf(boxes, "1.2.3.%d.%d,%d,8,%d,30\n", p, i, 4 + p, 24 + p);
    }
  fputs("1.2.3.77.1,CANARY-ABSENT,benign\n", images);
  if (fclose(images) != 0 || fclose(boxes) != 0) abort();
  write_text(in_scratch("tiny.yaml"),
             "size: 64\nepochs: 1\nbatch: 4\nbackbone: mobilenet_v2\nvalidation: 0.3\nheads:\n  lesion:\n    "
             "channels: 16\n");
}

static int make_inputs(void **state) {
  (void)state;
  setenv("BIFOCAL_PATIENT_KEY", "key of this test", 1);
  scratch_make();
  read_dictionary();
  make_folder();
  make_labels();
  assert_int_equal(mkdir(in_scratch("out"), 0700), 0);
  return 0;
}

/* ---- the search ---- */

static int searched;

/* The marker of Manufacturer (0008,0070), which cleaning leaves as it is. */
static const char maker[] = "CANARY00080070";

static const char *next_marker(const char *from, const char *end, const char *marker) {
  return from < end ? memmem(from, (size_t)(end - from), marker, strlen(marker)) : NULL;
}

/* No marker but the maker's: how often that one stands there. */
static int64_t find_makers(const void *data, size_t size, const char *where) {
  const char *end = (const char *)data + size;
  int64_t makers = 0;
  for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
    for (const char *at = data; (at = next_marker(at, end, markers[i])) != NULL; at++, makers++) {
      size_t left = (size_t)(end - at);
      if (left < sizeof maker - 1 || memcmp(at, maker, sizeof maker - 1) != 0)
        fail_msg("%s holds %.*s", where, (int)(left < 40 ? left : 40), at);
    }
  searched++;
  return makers;
}

static void find_none(const void *data, size_t size, const char *where) {
  if (find_makers(data, size, where) != 0) fail_msg("%s holds the maker's name", where);
}

/* Of the file at hand, in its column of makers. */
static int64_t makers_in_column;

static int64_t search_value(hid_t type, hid_t space, void *data, size_t size, const char *where) {
  int64_t makers = 0;
  if (H5Tis_variable_str(type) > 0) {
    hssize_t n = H5Sget_simple_extent_npoints(space);
    for (hssize_t i = 0; i < n; i++) {
      const char *text = ((char **)data)[i];
      if (text != NULL) makers += find_makers(text, strlen(text), where);
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, data);
  } else {
    makers = find_makers(data, size, where);
  }
  return makers;
}

static void *room_for(hid_t type, hid_t space, size_t *size) {
  hssize_t n = H5Sget_simple_extent_npoints(space);
  *size = n > 0 ? (size_t)n * H5Tget_size(type) : 0;
  return calloc(*size + 1, 1);
}

static herr_t search_attribute(hid_t object, const char *name, const H5A_info_t *info, void *where) {
  (void)info;
  size_t size;
  hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a);
  find_none(name, strlen(name), where);
  void *data = room_for(type, space, &size);
  assert_true(H5Aread(a, type, data) >= 0);
  assert_int_equal(search_value(type, space, data, size, where), 0);
  free(data);
  H5Sclose(space), H5Tclose(type), H5Aclose(a);
  return 0;
}

static herr_t search_object(hid_t root, const char *name, const H5O_info_t *info, void *path) {
  char where[700];
  snprintf(where, sizeof where, "%.500s:%.150s", (const char *)path, name);
  find_none(name, strlen(name), where);
  hid_t object = H5Oopen(root, name, H5P_DEFAULT);
  assert_true(object >= 0);
  H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, search_attribute, where);
  if (info->type == H5O_TYPE_DATASET) {
    size_t size;
    hid_t type = H5Dget_type(object), space = H5Dget_space(object);
    void *data = room_for(type, space, &size);
    assert_true(H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    int64_t makers = search_value(type, space, data, size, where);
    if (strcmp(name, "images/manufacturer") == 0)
      makers_in_column = makers;
    else
      assert_int_equal(makers, 0);
    free(data);
    H5Sclose(space), H5Tclose(type);
  }
  H5Oclose(object);
  return 0;
}

static bool ends_with(const char *path, const char *end) {
  size_t length = strlen(path), most = strlen(end);
  return length >= most && strcmp(path + length - most, end) == 0;
}

/* Rows that were read from a file. */
enum { rows_taken = 2 * patients, rows_scored = rows_taken + 1 };

/* Of files that are no HDF5: a model and its page count makers, lists name that of each row that was read. */
static void check_makers(const char *path, int64_t makers) {
  if (ends_with(path, ".safetensors") || ends_with(path, "run/report.html"))
    assert_int_equal(makers, 1);
  else if (ends_with(path, "csv/images.csv") || ends_with(path, "json/scores.jsonl"))
    assert_int_equal(makers, rows_scored);
  else if (makers != 0)
    fail_msg("%s holds the maker's name", path);
}

/* Chunks may be packed, so what an HDF5 file holds is read, and its bytes are looked at, too. */
static void search_file(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  void *data = malloc(size + 1);
  assert_int_equal(fread(data, 1, size, file), size);
  fclose(file);
  int64_t makers = find_makers(data, size, path);
  free(data);
  makers_in_column = 0;
  if (H5Fis_hdf5(path) <= 0) {
    check_makers(path, makers);
    return;
  }
  hid_t h5 = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(h5 >= 0);
  assert_true(H5Ovisit(h5, H5_INDEX_NAME, H5_ITER_NATIVE, search_object, (void *)path) >= 0);
  H5Fclose(h5);
  assert_int_equal(makers, makers_in_column);
}

static int search_folder(const char *path) {
  DIR *folder = opendir(path);
  assert_non_null(folder);
  int files = 0;
  for (struct dirent *e; (e = readdir(folder)) != NULL;) {
    char full[1024];
    struct stat s;
    if (e->d_name[0] == '.' && (e->d_name[1] == '\0' || e->d_name[1] == '.')) continue;
    snprintf(full, sizeof full, "%s/%s", path, e->d_name);
    assert_int_equal(lstat(full, &s), 0);
    if (S_ISDIR(s.st_mode))
      files += search_folder(full);
    else
      search_file(full), files++;
  }
  closedir(folder);
  return files;
}

/* Runs well, or with exit 3 (some rows failed), and prints no marker; the maker's so often. */
static void says_makers(outcome o, int code, int makers, const char *command) {
  if (o.code != code) print_message("%s: exit %d: %s\n", command, o.code, o.err);
  assert_int_equal(o.code, code);
  assert_int_equal(find_makers(o.out, strlen(o.out), command), makers);
  find_none(o.err, strlen(o.err), command);
  outcome_free(&o);
}

static void says_none(outcome o, int code, const char *command) { says_makers(o, code, 0, command); }

/* ---- tests ---- */

/* Else nothing would be tested: the files are pictures, and hold what is looked for. */
static void test_inputs_are_marked(void **state) {
  (void)state;
  json_t *first = json_of(RUN("inspect", in_scratch("in/1-1.dcm"), "--json"));
  assert_string_equal(json_string_value(json_object_get(first, "status")), "ok");
  json_decref(first);
  heap h = {0};
  make_file(&h, "1.2.840.10008.5.1.4.1.1.6.1", 1, 1);
  char name[64];
  for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
    assert_non_null(memmem(h.data, h.size, markers[i], strlen(markers[i])));
  for (int i = 0; i < attribute_count; i++)
    if (strstr("PN LO SH LT ST UT UC UR AE CS", attributes[i].vr) != NULL) {
      snprintf(name, sizeof name, "CANARY%08X", attributes[i].tag);
      assert_non_null(memmem(h.data, h.size, name, strlen(name)));
    }
  free(h.data);
}

static void test_whole_way(void **state) {
  (void)state;
  /* in_scratch's buffers come round again. */
  char in[300], images[300], boxes[300];
  snprintf(in, sizeof in, "%s", in_scratch("in"));
  snprintf(images, sizeof images, "%s", in_scratch("images.csv"));
  snprintf(boxes, sizeof boxes, "%s", in_scratch("boxes.csv"));
  says_none(RUN("inspect", in), 3, "inspect");
  says_none(RUN("inspect", in, "--json"), 3, "inspect --json");
  says_none(RUN("ingest", in, "--labels", images, "--labels", boxes, "-o", in_scratch("out/data.h5")), 3, "ingest");
  says_none(RUN("ingest", in, "--labels", images, "--labels", boxes, "-o", in_scratch("out/data.h5"), "--json"), 3,
            "ingest --json");
  says_none(RUN("train", in_scratch("tiny.yaml"), "--data", in_scratch("out/data.h5"), "-o", in_scratch("out/run")), 0,
            "train");
  says_makers(RUN("data", "show", in_scratch("out/data.h5")), 0, 1, "data show");
  says_makers(RUN("data", "show", in_scratch("out/data.h5"), "--json"), 0, 1, "data show --json");
  says_makers(RUN("card", in_scratch("out/run/model.safetensors")), 0, 1, "card");
  says_none(RUN("data", "merge", in_scratch("out/data.h5"), "-o", in_scratch("out/all.h5")), 0, "data merge");
  says_none(RUN("score", in_scratch("out/run/model.safetensors"), in, "-o", in_scratch("out/scores.h5")), 3, "score");
  says_none(RUN("embed", in_scratch("out/run/model.safetensors"), in, "-o", in_scratch("out/embed.h5")), 3, "embed");
  says_none(RUN("evaluate", in_scratch("out/scores.h5"), "--labels", images, "--labels", boxes, "-o",
                in_scratch("out/report")),
            0, "evaluate");
  says_none(RUN("export", in_scratch("out/scores.h5"), "--format", "csv", "-o", in_scratch("out/csv")), 0, "csv");
  says_none(RUN("export", in_scratch("out/scores.h5"), "--format", "json", "-o", in_scratch("out/json")), 0, "json");
  says_none(RUN("export", in_scratch("out/scores.h5"), "--format", "sheet", "-o", in_scratch("out/sheet")), 0, "sheet");
  says_none(
      RUN("export", in_scratch("out/scores.h5"), "--format", "hdf5", "-o", in_scratch("out/part"), "--rows", "1-"), 0,
      "hdf5");
  says_none(RUN("export", in_scratch("out/scores.h5"), "--format", "overlay", "-o", in_scratch("out/overlay")), 0,
            "overlay");
  assert_true(search_folder(in_scratch("out")) > 8);
  print_message("%d attributes, %d places searched\n", attribute_count, searched);
}

/* Folders may be named after patients. Lists of rows name files by design, and so does what is said of a file that
 * cannot be read; a page, which is handed on, does not. */
static void test_pictures_that_are_gone(void **state) {
  (void)state;
  char images[300], named[300], in[300], wanted[64];
  snprintf(wanted, sizeof wanted, "%d pictures cannot be shown", rows_scored);
  snprintf(images, sizeof images, "%s", in_scratch("images.csv"));
  snprintf(named, sizeof named, "%s", in_scratch("CANARY^NAME"));
  snprintf(in, sizeof in, "%s", in_scratch("in"));
  assert_int_equal(rename(in, named), 0);
  says_none(RUN("score", in_scratch("out/run/model.safetensors"), named, "-o", in_scratch("named.h5")), 3, "score");
  assert_int_equal(rename(named, in), 0);
  outcome o = RUN("evaluate", in_scratch("named.h5"), "--labels", images, "-o", in_scratch("gone"));
  assert_int_equal(o.code, 0);
  find_none(o.out, strlen(o.out), "evaluate");
  assert_non_null(strstr(o.err, "a picture cannot be shown"));
  outcome_free(&o);
  char *page = read_text(in_scratch("gone/report.html"));
  assert_non_null(strstr(page, wanted));
  free(page);
  assert_true(search_folder(in_scratch("gone")) > 4);
}

/* The texts of a column of /images, each with its number of rows. */
static json_t *words_of(const char *path, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "/images/%s", name);
  hid_t h5 = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), column = H5Dopen2(h5, full, H5P_DEFAULT);
  hid_t type = H5Dget_type(column), space = H5Dget_space(column);
  size_t size, each = H5Tget_size(type);
  char *values = room_for(type, space, &size);
  assert_true(H5Dread(column, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  json_t *count = json_object();
  for (size_t i = 0; i < size / each; i++) {
    char key[80];
    snprintf(key, sizeof key, "%.*s", (int)each, values + i * each);
    json_object_set_new(count, key, json_integer(json_integer_value(json_object_get(count, key)) + 1));
  }
  free(values);
  H5Sclose(space), H5Tclose(type), H5Dclose(column), H5Fclose(h5);
  return count;
}

static int64_t rows_with(const json_t *words, const char *word) {
  return json_integer_value(json_object_get(words, word));
}

/* An age of 188 years, and every date of 1888: what is left of them is one word. */
static void test_what_is_kept(void **state) {
  (void)state;
  json_t *makers = words_of(in_scratch("out/data.h5"), "manufacturer"),
         *ages = words_of(in_scratch("out/data.h5"), "age_group"),
         *scored = words_of(in_scratch("out/scores.h5"), "age_group"),
         *held_out = words_of(in_scratch("out/run/validation-scores.h5"), "age_group");
  assert_int_equal(json_object_size(makers), 1);
  assert_int_equal(rows_with(makers, maker), rows_taken);
  assert_int_equal(json_object_size(ages), 1);
  assert_int_equal(rows_with(ages, "90+"), rows_taken);
  assert_int_equal(json_object_size(scored), 2);
  assert_int_equal(rows_with(scored, "90+"), rows_scored);
  assert_true(rows_with(scored, "") > 0); /* of files that were refused */
  assert_int_equal(json_object_size(held_out), 1);
  assert_true(rows_with(held_out, "90+") > 0);
  json_decref(makers), json_decref(ages), json_decref(scored), json_decref(held_out);
}

/* The keyed hash: a patient's files have one, other patients have others, and another key gives other ones. Scoring
 * with the key of the dataset gives the same ones. */
static void test_keyed_hash(void **state) {
  (void)state;
  setenv("BIFOCAL_PATIENT_KEY", "quite another key", 1);
  says_none(RUN("ingest", in_scratch("in"), "-o", in_scratch("other.h5")), 3, "ingest");
  json_t *first = words_of(in_scratch("out/data.h5"), "patient"), *other = words_of(in_scratch("other.h5"), "patient"),
         *scored = words_of(in_scratch("out/scores.h5"), "patient"), *value;
  assert_int_equal(json_object_size(first), patients);
  assert_int_equal(json_object_size(other), patients);
  const char *key;
  json_object_foreach(first, key, value) {
    assert_int_equal(json_integer_value(value), 2);
    assert_int_equal(strlen(key), 64);
    assert_null(json_object_get(other, key));
    assert_true(rows_with(scored, key) >= 2);
  }
  json_decref(scored);
  json_decref(first);
  json_decref(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_inputs_are_marked), cmocka_unit_test(test_whole_way),
                                     cmocka_unit_test(test_pictures_that_are_gone), cmocka_unit_test(test_what_is_kept),
                                     cmocka_unit_test(test_keyed_hash)};
  return cmocka_run_group_tests_name("privacy", tests, make_inputs, scratch_teardown);
}
