// DCMTK's input stream over a file descriptor. Its own streams open files by name, which a process that may open none
// cannot; long values are read later through the factory, from the same descriptor.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "dicom/reader.hpp"

namespace {

/* Reads by position: several streams share one descriptor. */
class descriptor_producer : public DcmProducer {
 public:
  descriptor_producer(int file, offile_off_t size, offile_off_t at) : file_(file), size_(size), at_(at) {}
  OFBool good() const override { return status_.good(); }
  OFCondition status() const override { return status_; }
  OFBool eos() override { return at_ >= size_; }
  offile_off_t avail() override { return size_ - at_; }

  offile_off_t read(void *dst, offile_off_t wanted) override {
    offile_off_t done = 0;
    while (done < wanted && at_ < size_) {
      if (at_ < start_ || at_ >= start_ + held_) {
        if (wanted - done >= most) { /* long values go past the buffer */
          if (!fill(static_cast<char *>(dst) + done, size_ - at_ < wanted - done ? size_ - at_ : wanted - done)) break;
          done += held_;
          at_ += held_;
          held_ = 0;
          continue;
        }
        if (!fill(buffer_, size_ - at_ < most ? size_ - at_ : most)) break;
      }
      offile_off_t from = at_ - start_, n = held_ - from < wanted - done ? held_ - from : wanted - done;
      memcpy(static_cast<char *>(dst) + done, buffer_ + from, static_cast<size_t>(n));
      done += n;
      at_ += n;
    }
    return done;
  }

  offile_off_t skip(offile_off_t wanted) override {
    offile_off_t n = wanted < size_ - at_ ? wanted : size_ - at_;
    at_ += n;
    return n;
  }

  void putback(offile_off_t n) override {
    if (n > at_) status_ = EC_PutbackFailed;
    at_ -= n > at_ ? at_ : n;
  }

 private:
  static const offile_off_t most = 1 << 14;

  bool fill(char *to, offile_off_t n) {
    ssize_t got;
    while ((got = pread(file_, to, static_cast<size_t>(n), at_)) < 0 && errno == EINTR) continue;
    start_ = at_;
    held_ = got > 0 ? got : 0;
    if (got > 0) return true;
    if (got < 0) status_ = makeOFCondition(OFM_dcmdata, 18, OF_error, strerror(errno));
    size_ = at_; /* shorter than it was when it was opened */
    return false;
  }

  int file_;
  offile_off_t size_, at_, start_ = 0, held_ = 0;
  OFCondition status_ = EC_Normal;
  char buffer_[most];
};

class descriptor_stream;

class descriptor_factory : public DcmInputStreamFactory {
 public:
  descriptor_factory(int file, offile_off_t size, offile_off_t at) : file_(file), size_(size), at_(at) {}
  DcmInputStream *create() const override;
  DcmInputStreamFactory *clone() const override { return new descriptor_factory(*this); }
  /* The other kind makes DCMTK look for a file name. */
  DcmInputStreamFactoryType ident() const override { return DFT_DcmInputTempFileStreamFactory; }

 private:
  int file_;
  offile_off_t size_, at_;
};

class descriptor_stream : public DcmInputStream {
 public:
  descriptor_stream(int file, offile_off_t size, offile_off_t at)
      : DcmInputStream(&producer_), file_(file), size_(size), start_(at), producer_(file, size, at) {}
  DcmInputStreamFactory *newFactory() const override {
    /* Behind a decompressor positions say nothing about the file. */
    return currentProducer() == &producer_ ? new descriptor_factory(file_, size_, start_ + tell()) : nullptr;
  }

 private:
  int file_;
  offile_off_t size_, start_;
  descriptor_producer producer_;
};

DcmInputStream *descriptor_factory::create() const { return new descriptor_stream(file_, size_, at_); }

}  // namespace

DcmInputStream *bf_reader_stream(int file, int64_t size) { return new descriptor_stream(file, size, 0); }
