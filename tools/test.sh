#!/bin/sh
# Installs what is needed, builds, and runs every test: release first, then under AddressSanitizer and
# UndefinedBehaviorSanitizer. BIFOCAL_SANITIZERS=no leaves the second round out.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
sh tools/setup.sh
sh tools/build.sh release
ctest --preset release -j 2
if [ "${BIFOCAL_SANITIZERS:-yes}" != no ]; then
  sh tools/build.sh asan
  # The learning tests judge numbers, for minutes; the code that they run is run by others, too.
  # ITK, HDF5 and DCMTK keep process-wide tables until exit: only our own leaks count.
  LSAN_OPTIONS="suppressions=$top/tests/lsan.supp:print_suppressions=0" \
    ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1" \
    UBSAN_OPTIONS="print_stacktrace=1" ctest --preset asan -j 2 -LE learn
fi
