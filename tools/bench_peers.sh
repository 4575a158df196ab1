#!/bin/sh
# Times bifocal beside ONNX Runtime (inference) and PyTorch (training, memory, start) on this machine, from the repository
# root: sh tools/bench_peers.sh [--quick] [--write] [--backbones NAME...]; --help tells all. Installs what is missing: the
# Debian packages of PyTorch and Node.js, and ONNX Runtime for Node.js into the cache folder (--cache, default build/peers).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
ort=onnxruntime-node@1.30.0

cache="$top/build/peers"
program=""
previous=""
for word in "$@"; do
  case "$previous" in
    --cache) cache=$word ;;
    --program) program=$word ;;
  esac
  case "$word" in
    --cache=*) cache=${word#--cache=} ;;
    --program=*) program=${word#--program=} ;;
    -h | --help) exec python3 "$top/tools/bench_peers.py" --help ;;
  esac
  previous=$word
done

# The first Python that has all that is needed; Debian's packages serve Debian's own.
find_python() {
  for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$candidate" -c 'import torch, torchvision, h5py' >/dev/null 2>&1; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

missing=""
find_python >/dev/null || missing="python3-torch python3-torchvision python3-h5py"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "bench_peers: please install these Debian packages first, as root: apt-get install $missing" >&2
    exit 1
  fi
  echo "bench_peers: installing Debian packages: $missing" >&2
  apt-get update -q >&2
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
fi
python=$(find_python) || {
  echo "bench_peers: no Python here imports torch, torchvision and h5py" >&2
  exit 1
}

mkdir -p "$cache"
version=$(sed -n 's/^ *"version": "\(.*\)".*/\1/p' "$cache/node_modules/onnxruntime-node/package.json" 2>/dev/null || true)
if [ "onnxruntime-node@$version" != "$ort" ]; then
  echo "bench_peers: installing $ort into $cache" >&2
  # A package file of its own: npm would otherwise look for one in the folders above.
  echo '{"private": true}' >"$cache/package.json"
  # Without the package's scripts: they fetch libraries for graphics processors.
  (cd "$cache" && npm install --ignore-scripts --no-audit --no-fund "$ort") >&2
fi

[ -n "$program" ] || [ -x "$top/build/release/bifocal" ] || sh "$top/tools/build.sh" release >&2
exec "$python" "$top/tools/bench_peers.py" "$@"
