// Opening DICOM files: what is a file, its data set, its header; and the decoders' registration.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dcmtk/dcmdata/dcrleerg.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpeg/djencode.h"
#include "dicom/dicom.h"
#include "dicom/reader.hpp"
#include "dicom/scan.h"

namespace {

const off_t most_bytes = off_t(2) << 30;

/* Part 10 files say DICM behind a preamble of 128 bytes; older ones begin with a tag of group 0002 or 0008. */
bool looks_like_dicom(const unsigned char *head, ssize_t got) {
  if (got == 132 && memcmp(head + 128, "DICM", 4) == 0) return true;
  if (got < 8) return false;
  bool little = (head[0] == 2 || head[0] == 8) && head[1] == 0 && head[3] == 0;
  bool big = head[0] == 0 && (head[1] == 2 || head[1] == 8) && head[2] == 0;
  return little || big;
}

bf_status check_file(int64_t *size, int file, const char *path, bf_error *err) {
  struct stat info;
  unsigned char head[132];
  if (fstat(file, &info) != 0) return bf_fail(err, BF_E_IO, "%s: cannot read: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return bf_fail(err, BF_E_ARGUMENT, "%s: is no regular file", path);
  *size = info.st_size;
  if (info.st_size > most_bytes)
    return bf_fail(err, BF_E_LIMIT, "%s: %lld bytes, more than the limit of %lld", path,
                   static_cast<long long>(info.st_size), static_cast<long long>(most_bytes));
  if (info.st_size == 0) return bf_fail(err, BF_E_NOT_DICOM, "%s: not DICOM: the file is empty", path);
  ssize_t got;
  while ((got = pread(file, head, sizeof head, 0)) < 0 && errno == EINTR) continue;
  if (got < 0) return bf_fail(err, BF_E_IO, "%s: cannot read: %s", path, strerror(errno));
  if (looks_like_dicom(head, got)) return BF_OK;
  return bf_fail(err, BF_E_NOT_DICOM, "%s: not DICOM: no DICM mark, and it does not begin like a DICOM data set", path);
}

/* What was read of a header, without its tables, whose owner is another. */
void show(bf_image *seen, const bf_image *image) {
  if (seen == nullptr) return;
  *seen = *image;
  seen->modality_lut.values = seen->voi_lut.values = nullptr;
  for (bf_lut &table : seen->palette) table.values = nullptr;
}

struct closer {
  void operator()(bf_reader *reader) const { bf_reader_close(reader); }
};

bf_status open(bf_reader **out, bf_image *seen, int file, int64_t size, const char *path, bf_error *err) {
  std::unique_ptr<bf_reader, closer> reader(new bf_reader);
  bf_image_init(&reader->image);
  bf_status status = bf_reader_load(reader.get(), file, size, path, err);
  if (status == BF_OK) status = bf_reader_header(reader.get(), err);
  if (status == BF_OK) status = bf_reader_check_length(reader.get(), err);
  show(seen, &reader->image);
  if (status == BF_OK) *out = reader.release();
  return status;
}

const Uint32 longest_at_once = 4096;

/* Meta header and data set as the meta header says. */
OFCondition read_all(bf_reader *reader, int file, int64_t size) {
  std::unique_ptr<DcmInputStream> stream(bf_reader_stream(file, size));
  reader->file.transferInit();
  OFCondition result = reader->file.read(*stream, EXS_Unknown, EGL_noChange, longest_at_once);
  reader->file.transferEnd();
  return result;
}

/* Some writers compress the pixels of an implicit VR data set and say so in the meta header, as if the transfer syntax
 * were of the pixels alone. */
OFCondition read_as_implicit(bf_reader *reader, int file, int64_t size) {
  std::unique_ptr<DcmInputStream> stream(bf_reader_stream(file, size));
  DcmMetaInfo *meta = reader->file.getMetaInfo();
  DcmDataset *set = reader->file.getDataset();
  reader->file.clear();
  meta->transferInit();
  OFCondition result = meta->read(*stream, EXS_Unknown, EGL_noChange, longest_at_once);
  meta->transferEnd();
  if (result.bad()) return result;
  set->transferInit();
  result = set->read(*stream, EXS_LittleEndianImplicit, EGL_noChange, longest_at_once);
  set->transferEnd();
  if (result.good() && !set->tagExistsWithValue(DCM_SOPClassUID)) return EC_InvalidStream;
  return result;
}

}  // namespace

bf_status bf_reader_load(bf_reader *reader, int file, int64_t size, const char *path, bf_error *err) {
  OFString syntax;
  reader->path = path;
  if (bf_scan(file, size, err) != BF_OK) return bf_error_prefix(err, "%s", path);
  OFCondition result = read_all(reader, file, size);
  reader->file.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, syntax);
  if (result.bad() && DcmXfer(syntax.c_str()).isEncapsulated() && read_as_implicit(reader, file, size).good())
    result = EC_Normal;
  if (result == EC_MemoryExhausted) return bf_fail(err, BF_E_MEMORY, "%s: no memory to read it", path);
  if (result.bad()) return bf_fail(err, BF_E_FORMAT, "%s: damaged or cut short: %s", path, result.text());
  reader->syntax = syntax.c_str();
  return BF_OK;
}

extern "C" bf_status bf_reader_init(bf_error *err) {
  return bf_reader_guarded("DCMTK", err, [&]() -> bf_status {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    /* Archives that did not know a tag pass it on as UN: the dictionary tells what it is. */
    dcmEnableUnknownVRConversion.set(OFTrue);
    bool whole = dcmDataDict.isDictionaryLoaded() && dcmDataDict.rdlock().numberOfNormalTagEntries() >= 1000;
    dcmDataDict.rdunlock();
    if (!whole)
      return bf_fail(err, BF_E_NOT_FOUND,
                     "DCMTK found no data dictionary: files without explicit types would be read wrongly; unset "
                     "DCMDICTPATH or install libdcmtk17");
    DJDecoderRegistration::registerCodecs();
    DcmRLEEncoderRegistration::registerCodecs();
    DJEncoderRegistration::registerCodecs();
    return BF_OK;
  });
}

extern "C" bf_status bf_reader_file(int *file, int64_t *size, const char *path, bf_error *err) {
  /* Without O_NONBLOCK opening a pipe would wait for its writer. */
  *file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*file < 0)
    return bf_fail(err, errno == ENOENT ? BF_E_NOT_FOUND : BF_E_IO, "%s: cannot open: %s", path, strerror(errno));
  bf_status status = check_file(size, *file, path, err);
  if (status == BF_OK) return BF_OK;
  close(*file);
  *file = -1;
  return status;
}

extern "C" bf_status bf_reader_open(bf_reader **out, bf_image *seen, int file, int64_t size, const char *path,
                                    bf_error *err) {
  *out = nullptr;
  if (seen != nullptr) bf_image_init(seen);
  return bf_reader_guarded(path, err, [&] { return open(out, seen, file, size, path, err); });
}

extern "C" void bf_reader_close(bf_reader *reader) {
  if (reader == nullptr) return;
  bf_image_clear(&reader->image);
  try {
    delete reader;
  } catch (...) { /* nothing is left to free */
  }
}

extern "C" bf_image *bf_reader_image(bf_reader *reader) { return &reader->image; }

extern "C" void bf_reader_identity(char out[BF_IDENTITY_MAX], bf_reader *reader) {
  snprintf(out, BF_IDENTITY_MAX, "%s", reader->identity.c_str());
}

extern "C" const char *bf_dicom_library_version(void) { return OFFIS_DCMTK_VERSION_STRING; }
