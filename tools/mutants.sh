#!/bin/sh
# Good DICOM files of thirteen encodings with random damage, through reading, decoding and preparing.
#   sh tools/mutants.sh [COUNT [SEED]]
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
sh tools/build.sh release
BIFOCAL_MUTANTS=${1:-100000} BIFOCAL_SEED=${2:-1} build/release/tests/test_mutants
