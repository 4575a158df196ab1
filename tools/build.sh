#!/bin/sh
# Configures and builds one preset (default: release), quietly unless it fails. The build is left in build/<preset>.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
preset=${1:-release}
mkdir -p "$top/build"
log="$top/build/$preset.log"
cd "$top"
echo "build: preset $preset (log: build/$preset.log)"
if ! { cmake --preset "$preset" && cmake --build --preset "$preset"; } >"$log" 2>&1; then
  tail -n 60 "$log" >&2
  exit 1
fi
