// What DCMTK's own decoding costs: files named on standard input, one a line, are loaded and decoded by DCMTK's codecs
// in this process, and every byte of the first frame is looked at. Prints pictures a second. tools/bench_ingest.py runs
// it beside bifocal; it is no part of the program.
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmdata/dcrledrg.h"
#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpls/djdecode.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

namespace {

bool decode(const std::string &path, unsigned long *sum) {
  DcmFileFormat file;
  if (file.loadFile(path.c_str()).bad()) return false;
  DcmDataset *set = file.getDataset();
  if (set->chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad()) return false;
  DcmElement *element = nullptr;
  Uint8 *bytes = nullptr;
  if (set->findAndGetElement(DCM_PixelData, element).bad() || element->getUint8Array(bytes).bad()) {
    Uint16 *words = nullptr;
    if (element == nullptr || element->getUint16Array(words).bad()) return false;
    bytes = reinterpret_cast<Uint8 *>(words);
  }
  for (Uint32 i = 0; i < element->getLength(); i++) *sum += bytes[i];
  return true;
}

}  // namespace

int main() {
  DJDecoderRegistration::registerCodecs();
  DJLSDecoderRegistration::registerCodecs();
  DcmRLEDecoderRegistration::registerCodecs();
  std::vector<std::string> paths;
  for (std::string line; std::getline(std::cin, line);) paths.push_back(line);
  unsigned long sum = 0, good = 0;
  auto start = std::chrono::steady_clock::now();
  for (const auto &path : paths) good += decode(path, &sum);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%zu files, %lu decoded, %.2f a second (sum %lu)\n", paths.size(), good, good / seconds, sum);
  return good == paths.size() ? 0 : 1;
}
