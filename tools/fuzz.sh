#!/bin/sh
# Builds the fuzz targets with clang, AddressSanitizer and UndefinedBehaviorSanitizer, and runs each for a minute.
#   sh tools/fuzz.sh [SECONDS [TARGET...]]
# Seeds are the small files of tests/fuzz/corpus/<target>; what is found new stays in build/fuzz/corpus.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
seconds=${1:-60}
[ $# -eq 0 ] || shift
if ! command -v clang >/dev/null 2>&1; then
  echo "fuzz: clang is missing; on Debian 12: apt-get install clang libclang-rt-14-dev" >&2
  exit 1
fi
sh tools/build.sh fuzz
targets=${*:-$(cd build/fuzz/tests/fuzz && ls -1 | grep '^fuzz_[a-z0-9_]*$')}
failed=""
for target in $targets; do
  found="build/fuzz/corpus/$target"
  mkdir -p "$found" "tests/fuzz/corpus/$target"
  if ASAN_OPTIONS=allocator_may_return_null=1 LSAN_OPTIONS="suppressions=$top/tests/lsan.supp:print_suppressions=0" \
    "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=10 \
    -artifact_prefix="build/fuzz/$target-" "$found" "tests/fuzz/corpus/$target" >"build/fuzz/$target.log" 2>&1; then
    echo "fuzz: $target: $(grep -c '' "build/fuzz/$target.log") lines, $(sed -n 's/^Done \([0-9]* runs in [0-9]* second.*\)/\1/p' "build/fuzz/$target.log"), no finding"
  else
    echo "fuzz: $target: FOUND something, see build/fuzz/$target.log" >&2
    failed="$failed $target"
  fi
done
[ -z "$failed" ]
