#!/bin/sh
# Builds tsrun twice, in folders with different names, at different times, in different time zones and locales
# and, if called by root, as different users; and tells whether the bytes are the same. verify.sh [SUMS],
# where SUMS is a release's SHA256SUMS. The snapshot is laid out by what commands use, which depends on the
# host (docs/adr/0019-layout-by-use.md). So the second build gets the layout of the first, and the first that
# of LAYOUT, which a release comes with.
set -eu
cd "$(dirname "$0")/.."
sums=${1:-}
[ -z "$sums" ] || sums=$(readlink -f "$sums")
here=$PWD
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
chmod 755 "$made"

# copy FOLDER: the tree as it is, with what npm has installed, and without what was built.
copy() {
  mkdir -p "$made/$1"
  tar -C "$here" --exclude=./build --exclude=./dist --exclude=./.tap -cf - . | tar -C "$made/$1" -xf -
  mkdir -p "$made/$1/dist/.engine"
  cp "$here"/dist/.engine/*.orig.tar.* "$made/$1/dist/.engine/" 2>/dev/null || true
}

copy one
copy "a/much-longer-place"

# build FOLDER WORDS: with WORDS as arguments of env(1). git wants to know who owns a folder.
build() {
  cd "$made/$1"
  shift
  env -u MAKEFLAGS -u MAKELEVEL GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
    "$@" make build >/dev/null
  cd "$here"
}

layout=${LAYOUT:-}
[ -z "$layout" ] || layout=$(readlink -f "$layout")
build one TZ=UTC LC_ALL=C LAYOUT="$layout"
cp "$made/one/dist/.engine/build/layout" "$made/layout"
layout=$made/layout
if [ "$(id -u)" -eq 0 ]; then
  user=65534
  chown -R "$user" "$made/a"
  mkdir "$made/home" && chown "$user" "$made/home"
  build "a/much-longer-place" LAYOUT="$layout" TZ=Asia/Tokyo LC_ALL=C.UTF-8 HOME="$made/home" USER=nobody \
    setpriv --reuid "$user" --regid "$user" --clear-groups sh -c 'umask 077; exec "$@"' sh
else
  build "a/much-longer-place" LAYOUT="$layout" TZ=Asia/Tokyo LC_ALL=C.UTF-8
fi

one=$(sha256sum <"$made/one/dist/tsrun" | cut -d' ' -f1)
two=$(sha256sum <"$made/a/much-longer-place/dist/tsrun" | cut -d' ' -f1)
if [ "$one" != "$two" ]; then
  echo "two builds differ, by so many bytes: $(cmp -l "$made/one/dist/tsrun" "$made/a/much-longer-place/dist/tsrun" | wc -l)"
  exit 1
fi
echo "two builds are the same: $one"
[ -n "$sums" ] || exit 0
case "$(uname -m)" in x86_64) name=amd64 ;; aarch64) name=arm64 ;; *) name=$(uname -m) ;; esac
released=$(sed -n "s/^\([0-9a-f]\{64\}\)  tsrun-[^ ]*-linux-$name\$/\1/p" "$sums")
if [ "$released" = "$one" ]; then
  echo "and the same as the release's"
else
  echo "the release's is another: ${released:-none for $name}"
  exit 1
fi
