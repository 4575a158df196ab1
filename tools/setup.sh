#!/bin/sh
# Installs the Debian packages of tools/packages.txt that are not there yet. Does nothing, and asks nothing, when all are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

missing=""
for package in $(sed -e 's/#.*//' -e 's/[[:space:]].*//' "$here/packages.txt"); do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup: all packages are installed"
  exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: these packages are missing, and this is no Debian system:$missing" >&2
  exit 1
fi
echo "setup: installing Debian packages:$missing"
as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: run this once as root, or install sudo" >&2
    exit 1
  fi
  as_root="sudo"
  $as_root -v
fi
$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
