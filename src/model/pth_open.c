/* The two layouts of torch.save: a zip archive (from 1.6 on), and pickles with the numbers behind them (before). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/pth.h"

static const uint64_t inflated_max = 16 << 20;

/* ---- zip ---- */

/* The name in front of every record, up to the slash before data.pkl. */
static bf_status find_archive(bf_pth *pth, bf_error *err) {
  static const char ending[] = "/data.pkl";
  for (int64_t i = 0; i < pth->zip.count; i++) {
    const char *name = pth->zip.records[i].name, *slash = strchr(name, '/');
    if (slash == NULL || strcmp(slash, ending) != 0) continue;
    if (pth->archive[0] != '\0')
      return bf_fail(err, BF_E_FORMAT, "the archive holds two checkpoints, '%s' and '%.*s'", pth->archive,
                     (int)(slash - name), name);
    if (slash - name >= (long)sizeof pth->archive || slash == name)
      return bf_fail(err, BF_E_FORMAT, "record '%s': a checkpoint without a usable name", name);
    snprintf(pth->archive, sizeof pth->archive, "%.*s", (int)(slash - name), name);
  }
  if (pth->archive[0] == '\0')
    return bf_fail(err, BF_E_UNSUPPORTED, "a zip archive without data.pkl: not written by torch.save");
  return BF_OK;
}

static bf_zip_record *find_record(const bf_pth *pth, const char *part) {
  char name[sizeof pth->archive + 32];
  snprintf(name, sizeof name, "%s/%s", pth->archive, part);
  return bf_zip_find(&pth->zip, name);
}

static bool is_script(const bf_pth *pth) {
  char code[sizeof pth->archive + 8];
  if (find_record(pth, "constants.pkl") != NULL) return true;
  snprintf(code, sizeof code, "%s/code/", pth->archive);
  for (int64_t i = 0; i < pth->zip.count; i++)
    if (strncmp(pth->zip.records[i].name, code, strlen(code)) == 0) return true;
  return false;
}

/* Nothing is inflated but one small record, so that the archive cannot hold more than its size. */
static bf_status check_records(const bf_pth *pth, const bf_zip_record *pickle, bf_error *err) {
  uint64_t total = 0;
  for (int64_t i = 0; i < pth->zip.count; i++) {
    const bf_zip_record *r = &pth->zip.records[i];
    if (r->is_encrypted) return bf_fail(err, BF_E_UNSUPPORTED, "record '%s' is encrypted", r->name);
    if (r == pickle && !r->is_stored) {
      if (r->size > inflated_max)
        return bf_fail(err, BF_E_LIMIT, "record '%s' claims %llu bytes when inflated, the limit is %llu", r->name,
                       (unsigned long long)r->size, (unsigned long long)inflated_max);
      continue;
    }
    if (!r->is_stored)
      return bf_fail(err, BF_E_UNSUPPORTED,
                     "record '%s' is compressed, which torch.save never does; load it and torch.save it again",
                     r->name);
    if (__builtin_add_overflow(total, r->size, &total) || total > pth->zip.memory_size)
      return bf_fail(err, BF_E_FORMAT, "the archive's records claim more bytes than the file's %zu",
                     pth->zip.memory_size);
  }
  return BF_OK;
}

static bf_status check_byte_order(bf_pth *pth, bf_error *err) {
  bf_zip_record *record = find_record(pth, "byteorder");
  const void *bytes;
  if (record == NULL) return BF_OK;
  bf_status status = bf_zip_bytes(&bytes, &pth->zip, record, err);
  if (status != BF_OK) return status;
  if (record->size != 6 || memcmp(bytes, "little", 6) != 0)
    return bf_fail(err, BF_E_UNSUPPORTED,
                   "record '%s' says '%.*s', little is read: load it and torch.save it on a common machine",
                   record->name, record->size == 3 && memcmp(bytes, "big", 3) == 0 ? 3 : 1,
                   record->size == 3 && memcmp(bytes, "big", 3) == 0 ? "big" : "?");
  return BF_OK;
}

static bf_status read_pickle(bf_pth *pth, bf_zip_record *record, bf_error *err) {
  const void *bytes;
  bf_status status;
  if (record->is_stored) {
    status = bf_zip_bytes(&bytes, &pth->zip, record, err);
  } else {
    bytes = pth->inflated = bf_alloc_raw((size_t)record->size, 1);
    if (bytes == NULL)
      return bf_fail(err, BF_E_MEMORY, "no memory for record '%s' of %llu bytes", record->name,
                     (unsigned long long)record->size);
    status = bf_zip_inflate(pth->inflated, &pth->zip, record, err);
  }
  return status == BF_OK ? bf_pickle_read(&pth->pickle, bytes, (size_t)record->size, err) : status;
}

static bf_status open_zip(bf_pth *pth, bf_error *err) {
  bf_status status = bf_zip_open(&pth->zip, pth->file->memory, pth->file->memory_size, err);
  if (status == BF_OK) status = find_archive(pth, err);
  if (status != BF_OK) return status;
  if (is_script(pth))
    return bf_fail(err, BF_E_UNSUPPORTED,
                   "a TorchScript archive, which holds a program; save its tensors alone: "
                   "torch.save(torch.jit.load(FILE).state_dict(), NEW)");
  bf_zip_record *record = find_record(pth, "data.pkl");
  status = check_records(pth, record, err);
  if (status == BF_OK) status = check_byte_order(pth, err);
  return status == BF_OK ? read_pickle(pth, record, err) : status;
}

static void begin(bf_pth *pth, bf_tensors *file, bool is_zip) {
  const size_t least = 16 << 20;
  *pth = (bf_pth){.file = file, .is_zip = is_zip};
  pth->gather_left = file->memory_size > least ? file->memory_size : least;
}

bf_status bf_pth_open_zip(bf_pth *out, bf_tensors *file, bf_error *err) {
  begin(out, file, true);
  bf_status status = open_zip(out, err);
  if (status != BF_OK) bf_pth_close(out);
  return status;
}

/* ---- legacy ---- */

typedef struct cursor {
  const uint8_t *at;
  size_t left;
} cursor;

static bf_status next_pickle(bf_pickle *pickle, cursor *c, const char *what, bf_error *err) {
  bf_status status = bf_pickle_read(pickle, c->at, c->left, err);
  if (status != BF_OK) return bf_error_prefix(err, "%s", what);
  c->at += pickle->used;
  c->left -= pickle->used;
  return BF_OK;
}

static bf_status check_magic(cursor *c, bf_error *err) {
  static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  bf_pickle pickle;
  bf_status status = next_pickle(&pickle, c, "its first pickle", err);
  if (status != BF_OK) return status;
  if (pickle.root->kind != BF_PICKLE_BIG_INT || !bf_pickle_text_is(pickle.root->text, magic))
    status = bf_fail(err, BF_E_UNSUPPORTED,
                     "a pickle that torch.save did not write; save a state_dict: torch.save(model.state_dict(), NEW)");
  bf_pickle_clear(&pickle);
  return status;
}

static bf_status check_version(cursor *c, bf_error *err) {
  bf_pickle pickle;
  bf_status status = next_pickle(&pickle, c, "its protocol version", err);
  if (status != BF_OK) return status;
  if (pickle.root->kind != BF_PICKLE_INT || pickle.root->integer != 1001)
    status = bf_fail(err, BF_E_UNSUPPORTED, "its protocol version is not 1001, the only one there is");
  bf_pickle_clear(&pickle);
  return status;
}

static bf_status check_system(cursor *c, bf_error *err) {
  bf_pickle pickle;
  bf_status status = next_pickle(&pickle, c, "its system information", err);
  if (status != BF_OK) return status;
  const bf_pickle_value *little = bf_pickle_entry(pickle.root, "little_endian");
  if (little == NULL || little->kind != BF_PICKLE_BOOL || !little->truth)
    status = bf_fail(err, BF_E_UNSUPPORTED,
                     "its numbers are not said to be little endian: load it and torch.save it on a common machine");
  bf_pickle_clear(&pickle);
  return status;
}

static int by_key(const void *a, const void *b) {
  return bf_pickle_text_compare(((const bf_pth_section *)a)->storage.key, ((const bf_pth_section *)b)->storage.key);
}

static bool is_storage(const bf_pickle_value *persistent) {
  const bf_pickle_value *id = persistent->id;
  return id->kind != BF_PICKLE_TUPLE || id->count == 0 || id->items[0]->kind != BF_PICKLE_TEXT ||
         !bf_pickle_text_is(id->items[0]->text, "module");
}

/* Every storage that the pickle names, once. */
static bf_status collect_storages(bf_pth *pth, bf_error *err) {
  const bf_pickle *p = &pth->pickle;
  bf_pth_section *s = pth->sections = bf_alloc(p->persistent_count, sizeof *s);
  int64_t count = 0, kept = 0;
  if (s == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the list of storages");
  for (uint32_t i = 0; i < p->persistent_count; i++) {
    if (!is_storage(p->persistent[i])) continue; /* a class with its source text */
    bf_status status = bf_pth_read_storage(&s[count].storage, p->persistent[i], err);
    if (status != BF_OK) return status;
    count++;
  }
  if (count > 0) qsort(s, (size_t)count, sizeof *s, by_key);
  for (int64_t i = 0; i < count; i++) {
    if (kept == 0 || by_key(&s[kept - 1], &s[i]) != 0)
      s[kept++] = s[i];
    else if (s[kept - 1].storage.item_size != s[i].storage.item_size || s[kept - 1].storage.count != s[i].storage.count)
      return bf_fail(err, BF_E_FORMAT, "storage '%.*s' is described in two ways", (int)s[i].storage.key.length,
                     s[i].storage.key.bytes);
  }
  pth->section_count = kept;
  return BF_OK;
}

/* One storage: its count, then its numbers. */
static bf_status place(bf_pth_section *section, cursor *c, bf_error *err) {
  const bf_pth_storage *s = &section->storage;
  uint64_t count, bytes;
  int length = (int)s->key.length;
  if (c->left < 8) return bf_fail(err, BF_E_FORMAT, "the file ends before storage '%.*s'", length, s->key.bytes);
  memcpy(&count, c->at, 8);
  c->at += 8, c->left -= 8;
  if (s->item_size == 0)
    return bf_fail(err, BF_E_UNSUPPORTED, "storage '%.*s': its type of numbers is not known", length, s->key.bytes);
  if (count != (uint64_t)s->count)
    return bf_fail(err, BF_E_FORMAT, "storage '%.*s' has %llu numbers where %lld are due", length, s->key.bytes,
                   (unsigned long long)count, (long long)s->count);
  if (__builtin_mul_overflow(count, (uint64_t)s->item_size, &bytes) || bytes > c->left)
    return bf_fail(err, BF_E_FORMAT, "storage '%.*s' of %llu numbers reaches beyond the file's end: cut short", length,
                   s->key.bytes, (unsigned long long)count);
  if (section->bytes != NULL) return bf_fail(err, BF_E_FORMAT, "storage '%.*s' is listed twice", length, s->key.bytes);
  section->bytes = c->at;
  c->at += bytes, c->left -= bytes;
  return BF_OK;
}

static bf_status place_all(bf_pth *pth, const bf_pickle_value *keys, cursor *c, bf_error *err) {
  if (keys->kind != BF_PICKLE_LIST) return bf_fail(err, BF_E_FORMAT, "its list of storages is no list");
  for (uint32_t i = 0; i < keys->count; i++) {
    bf_pth_section wanted = {.storage.key = {"", 0}}, *found;
    if (keys->items[i]->kind == BF_PICKLE_TEXT) wanted.storage.key = keys->items[i]->text;
    found = pth->section_count == 0
                ? NULL
                : bsearch(&wanted, pth->sections, (size_t)pth->section_count, sizeof wanted, by_key);
    if (found == NULL)
      return bf_fail(err, BF_E_FORMAT, "storage %u of the file's list belongs to no tensor: damaged", i);
    bf_status status = place(found, c, err);
    if (status != BF_OK) return status;
  }
  return BF_OK;
}

static bf_status open_legacy(bf_pth *pth, bf_error *err) {
  cursor c = {pth->file->memory, pth->file->memory_size};
  bf_pickle keys;
  bf_status status = check_magic(&c, err);
  if (status == BF_OK) status = check_version(&c, err);
  if (status == BF_OK) status = check_system(&c, err);
  if (status == BF_OK) status = next_pickle(&pth->pickle, &c, "its object", err);
  if (status == BF_OK) status = collect_storages(pth, err);
  if (status == BF_OK) status = next_pickle(&keys, &c, "its list of storages", err);
  if (status != BF_OK) return status;
  status = place_all(pth, keys.root, &c, err);
  bf_pickle_clear(&keys);
  return status;
}

bf_status bf_pth_open_legacy(bf_pth *out, bf_tensors *file, bf_error *err) {
  begin(out, file, false);
  bf_status status = open_legacy(out, err);
  if (status != BF_OK) bf_pth_close(out);
  return status;
}
