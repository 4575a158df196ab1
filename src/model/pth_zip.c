/* Zip archives in memory. libzip checks them, names the records and inflates; it does not say where a record's bytes
 * stand, so the directory is walked here a second time, and what both say must agree.
 * The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
#include "model/pth_zip.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "model/tensors.h"

enum {
  local_size = 30,
  entry_size = 46,
  end_size = 22,
  comment_max = 65535,
  end64_size = 56,
  locator_size = 20,
  name_max = 255,
  records_max = 1 << 14
};

typedef struct directory {
  uint64_t offset, size, count;
} directory;

static uint64_t number(const uint8_t *at, int width) {
  uint64_t value = 0;
  for (int i = width - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

static bool is_signed(const uint8_t *at, const char *signature) { return memcmp(at, signature, 4) == 0; }

/* ---- the directory ---- */

/* The end record is the last of the file but for a comment, whose length must fit. */
static bf_status find_end(size_t *where, const bf_zip *zip, bf_error *err) {
  size_t size = zip->memory_size, farthest = size > end_size + comment_max ? size - end_size - comment_max : 0;
  for (size_t at = size >= end_size ? size - end_size + 1 : 0; at-- > farthest;)
    if (is_signed(zip->memory + at, "PK\5\6") && number(zip->memory + at + 20, 2) == size - at - end_size) {
      *where = at;
      return BF_OK;
    }
  return bf_fail(err, BF_E_FORMAT, "the archive has no directory at its end: cut short or damaged");
}

static bf_status read_end64(directory *d, const bf_zip *zip, size_t end, bf_error *err) {
  if (end < locator_size || !is_signed(zip->memory + end - locator_size, "PK\6\7")) return BF_OK;
  uint64_t at = number(zip->memory + end - locator_size + 8, 8);
  if (at > end || end - at < end64_size || !is_signed(zip->memory + at, "PK\6\6"))
    return bf_fail(err, BF_E_FORMAT, "the archive's directory is not where byte %zu says: damaged", end - 12);
  *d =
      (directory){number(zip->memory + at + 48, 8), number(zip->memory + at + 40, 8), number(zip->memory + at + 32, 8)};
  return BF_OK;
}

static bf_status find_directory(directory *d, const bf_zip *zip, bf_error *err) {
  size_t end;
  bf_status status = find_end(&end, zip, err);
  if (status != BF_OK) return status;
  const uint8_t *at = zip->memory + end;
  *d = (directory){number(at + 16, 4), number(at + 12, 4), number(at + 10, 2)};
  status = read_end64(d, zip, end, err);
  if (status != BF_OK) return status;
  if (d->offset > end || d->size > end - d->offset)
    return bf_fail(err, BF_E_FORMAT, "the archive's directory reaches beyond the file: cut short or damaged");
  if (d->count > records_max)
    return bf_fail(err, BF_E_LIMIT, "the archive has %llu records, more than the limit of %d",
                   (unsigned long long)d->count, records_max);
  if (d->count * entry_size > d->size)
    return bf_fail(err, BF_E_FORMAT, "the archive claims %llu records, its directory holds fewer: damaged",
                   (unsigned long long)d->count);
  return BF_OK;
}

/* Sizes and offset of more than 32 bits stand in an extra field, in this order, those that are needed alone. */
static void read_extra64(uint64_t values[3], const uint8_t *extra, size_t length) {
  while (length >= 4) {
    size_t id = (size_t)number(extra, 2), size = (size_t)number(extra + 2, 2);
    if (size > length - 4) return;
    if (id == 1) {
      for (int i = 0; i < 3; i++) {
        if (values[i] != UINT32_MAX) continue;
        if (size < 8) return;
        values[i] = number(extra + 4, 8);
        extra += 8, size -= 8;
      }
      return;
    }
    extra += 4 + size, length -= 4 + size;
  }
}

/* One entry of the directory; *length is what it takes there. */
static bf_status read_entry(bf_zip_record *r, size_t *length, const bf_zip *zip, const directory *d, uint64_t at,
                            bf_error *err) {
  const uint8_t *e = zip->memory + at;
  uint64_t left = d->offset + d->size - at;
  if (left < entry_size || !is_signed(e, "PK\1\2"))
    return bf_fail(err, BF_E_FORMAT, "the archive's directory is damaged at byte %llu", (unsigned long long)at);
  size_t name = (size_t)number(e + 28, 2), extra = (size_t)number(e + 30, 2), comment = (size_t)number(e + 32, 2);
  *length = entry_size + name + extra + comment;
  if (*length > left)
    return bf_fail(err, BF_E_FORMAT, "the archive's directory is damaged at byte %llu", (unsigned long long)at);
  uint64_t values[3] = {number(e + 24, 4), number(e + 20, 4), number(e + 42, 4)};
  read_extra64(values, e + entry_size + name, extra);
  r->size = values[0];
  r->stored = values[1];
  r->begin = values[2];
  r->crc = (uint32_t)number(e + 16, 4);
  return BF_OK;
}

/* Where the record's bytes are, behind its own header. */
static bf_status locate(bf_zip_record *r, const bf_zip *zip, const directory *d, bf_error *err) {
  if (r->begin > d->offset || d->offset - r->begin < local_size || !is_signed(zip->memory + r->begin, "PK\3\4"))
    return bf_fail(err, BF_E_FORMAT, "record '%s' does not begin at byte %llu as claimed: damaged", r->name,
                   (unsigned long long)r->begin);
  const uint8_t *h = zip->memory + r->begin;
  r->data = r->begin + local_size + number(h + 26, 2) + number(h + 28, 2);
  if (r->data > d->offset || r->stored > d->offset - r->data)
    return bf_fail(err, BF_E_FORMAT, "record '%s' of %llu bytes reaches beyond the archive's %llu: damaged", r->name,
                   (unsigned long long)r->stored, (unsigned long long)d->offset);
  return BF_OK;
}

/* ---- libzip's view ---- */

static bf_status open_archive(bf_zip *zip, bf_error *err) {
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_buffer_create(zip->memory, zip->memory_size, 0, &why);
  if (source != NULL) zip->archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why);
  bf_status status = BF_OK;
  if (zip->archive == NULL) {
    status = zip_error_code_zip(&why) == ZIP_ER_MEMORY ? BF_E_MEMORY : BF_E_FORMAT;
    bf_fail(err, status, "the zip archive is damaged or cut short: %s", zip_error_strerror(&why));
    zip_source_free(source);
  }
  zip_error_fini(&why);
  return status;
}

static bf_status compare(bf_zip_record *r, bf_zip *zip, bf_error *err) {
  zip_stat_t stat;
  if (zip_stat_index(zip->archive, r->index, ZIP_FL_ENC_RAW, &stat) != 0 || stat.name == NULL)
    return bf_fail(err, BF_E_FORMAT, "record %llu of the archive: %s", (unsigned long long)r->index,
                   zip_strerror(zip->archive));
  if (strlen(stat.name) > name_max || !bf_is_plain_text(stat.name))
    return bf_fail(err, BF_E_FORMAT,
                   "record %llu of the archive: its name is longer than %d bytes or holds control characters",
                   (unsigned long long)r->index, name_max);
  if (stat.size != r->size || stat.comp_size != r->stored || stat.crc != r->crc)
    return bf_fail(err, BF_E_FORMAT, "record '%s': the archive says two things about its size: damaged", stat.name);
  r->name = stat.name;
  r->is_stored = stat.comp_method == ZIP_CM_STORE;
  r->is_encrypted = stat.encryption_method != ZIP_EM_NONE;
  if (r->is_stored && !r->is_encrypted && r->size != r->stored)
    return bf_fail(err, BF_E_FORMAT, "record '%s': the archive says two things about its size: damaged", r->name);
  return BF_OK;
}

static bf_status read_records(bf_zip *zip, const directory *d, bf_error *err) {
  bf_status status = BF_OK;
  if ((uint64_t)zip_get_num_entries(zip->archive, 0) != d->count)
    return bf_fail(err, BF_E_FORMAT, "the archive says two things about the number of its records: damaged");
  zip->records = bf_alloc(d->count, sizeof *zip->records);
  if (zip->records == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the archive's directory");
  uint64_t at = d->offset;
  for (uint64_t i = 0; i < d->count; i++) {
    bf_zip_record *r = &zip->records[i];
    size_t length;
    r->index = i;
    status = read_entry(r, &length, zip, d, at, err);
    if (status == BF_OK) status = compare(r, zip, err);
    if (status == BF_OK) status = locate(r, zip, d, err);
    if (status != BF_OK) return status;
    at += length;
  }
  zip->count = (int64_t)d->count;
  return BF_OK;
}

/* ---- all records together ---- */

static int by_place(const void *a, const void *b) {
  const bf_zip_record *x = a, *y = b;
  return (x->begin > y->begin) - (x->begin < y->begin);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const bf_zip_record *)a)->name, ((const bf_zip_record *)b)->name);
}

static bf_status check_records(bf_zip *zip, bf_error *err) {
  bf_zip_record *r = zip->records;
  if (zip->count == 0) return bf_fail(err, BF_E_FORMAT, "the archive is empty");
  qsort(r, (size_t)zip->count, sizeof *r, by_place);
  for (int64_t i = 1; i < zip->count; i++)
    if (r[i].begin < r[i - 1].data + r[i - 1].stored)
      return bf_fail(err, BF_E_FORMAT, "records '%s' and '%s' of the archive overlap", r[i - 1].name, r[i].name);
  qsort(r, (size_t)zip->count, sizeof *r, by_name);
  for (int64_t i = 1; i < zip->count; i++)
    if (by_name(&r[i - 1], &r[i]) == 0)
      return bf_fail(err, BF_E_FORMAT, "two records of the archive are called '%s'", r[i].name);
  return BF_OK;
}

bf_status bf_zip_open(bf_zip *out, const void *memory, size_t size, bf_error *err) {
  *out = (bf_zip){.memory = memory, .memory_size = size};
  /* Its size is judged before libzip takes it in, whose table of names can be made to take a square of their number. */
  directory d;
  bf_status status = find_directory(&d, out, err);
  if (status == BF_OK) status = open_archive(out, err);
  if (status == BF_OK) status = read_records(out, &d, err);
  if (status == BF_OK) status = check_records(out, err);
  if (status != BF_OK) bf_zip_close(out);
  return status;
}

void bf_zip_close(bf_zip *zip) {
  if (zip->archive != NULL) zip_discard(zip->archive);
  bf_free(zip->records);
  *zip = (bf_zip){0};
}

bf_zip_record *bf_zip_find(const bf_zip *zip, const char *name) {
  bf_zip_record wanted = {.name = name};
  return bsearch(&wanted, zip->records, (size_t)zip->count, sizeof wanted, by_name);
}

/* ---- bytes ---- */

/* libzip reads the record, which verifies its checksum; the bytes go to `into`, or are compared with `same`. */
static bf_status read_whole(uint8_t *into, const uint8_t *same, bf_zip *zip, const bf_zip_record *r, bf_error *err) {
  uint8_t buffer[8192];
  uint64_t done = 0;
  zip_int64_t got = 0;
  zip_file_t *file = zip_fopen_index(zip->archive, r->index, 0);
  if (file == NULL) return bf_fail(err, BF_E_UNSUPPORTED, "record '%s': %s", r->name, zip_strerror(zip->archive));
  /* One read more than needed: only at the end is the checksum compared. */
  while ((got = zip_fread(file, buffer, sizeof buffer)) > 0) {
    if ((uint64_t)got > r->size - done) break;
    if (into != NULL) memcpy(into + done, buffer, (size_t)got);
    if (same != NULL && memcmp(same + done, buffer, (size_t)got) != 0) break;
    done += (uint64_t)got;
  }
  bf_status status = BF_OK;
  if (got < 0)
    status =
        bf_fail(err, BF_E_FORMAT, "record '%s' is damaged: %s", r->name, zip_error_strerror(zip_file_get_error(file)));
  else if (got > 0 || done != r->size)
    status = bf_fail(err, BF_E_FORMAT, "record '%s' is damaged: it does not hold the %llu bytes claimed", r->name,
                     (unsigned long long)r->size);
  zip_fclose(file);
  return status;
}

bf_status bf_zip_bytes(const void **bytes, bf_zip *zip, bf_zip_record *r, bf_error *err) {
  *bytes = zip->memory + r->data;
  if (!r->is_stored || r->is_encrypted)
    return bf_fail(err, BF_E_UNSUPPORTED, "record '%s' is compressed or encrypted", r->name);
  if (r->crc == 0 || r->is_checked) return BF_OK;
  bf_status status = read_whole(NULL, *bytes, zip, r, err);
  r->is_checked = status == BF_OK;
  return status;
}

bf_status bf_zip_inflate(void *bytes, bf_zip *zip, const bf_zip_record *record, bf_error *err) {
  return read_whole(bytes, NULL, zip, record, err);
}
