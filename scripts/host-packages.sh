#!/bin/sh
# Installs the missing Debian packages that the build, a release, the tests or the bench use. Without root or apt it only
# names them; tests that need them are then skipped with a reason.
set -eu

tests="busybox-static strace uidmap binutils binutils-aarch64-linux-gnu qemu-user-static libseccomp2 util-linux procps iproute2"
tests="$tests golang-github-opencontainers-specs-dev man-db mandoc bash zsh fish python3"
tests="$tests criu iptables podman buildah fuse-overlayfs catatonit"
bench="runc crun"
build="gcc libc6-dev musl-tools xz-utils"
cross="qemu-user-static"
arm64="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
amd64="gcc-x86-64-linux-gnu libc6-dev-amd64-cross"
emulated="qemu-system-arm cpio xz-utils"
page="chromium fonts-dejavu-core"

case "${1:-test}" in
  test) wanted=$tests ;;
  bench) wanted=$bench ;;
  build) wanted=$build ;;
  build-arm64) wanted="$build $cross $arm64" ;;
  build-x86-64) wanted="$build $cross $amd64" ;;
  dist)
    other=$arm64
    [ "$(uname -m)" != aarch64 ] || other=$amd64
    wanted="$build $cross $other git rpm"
    ;;
  emulated) wanted=$emulated ;;
  page) wanted=$page ;;
  *) echo "usage: $0 [test|bench|build|build-arm64|build-x86-64|dist|emulated|page]" >&2; exit 2 ;;
esac

# containerd's .proto files, unpacked: their packages would install a hundred others.
fetch_protos() {
  protos=build/protos
  [ ! -d "$protos" ] && command -v apt-get >/dev/null || return 0
  folder=$(mktemp -d)
  if (cd "$folder" && apt-get download golang-github-containerd-containerd-dev golang-github-containerd-cgroups-dev) \
    >/dev/null 2>&1 </dev/null; then
    for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$folder/x"; done
    mkdir -p build
    mv "$folder/x" "$protos"
  else
    echo "cannot fetch containerd's .proto files; the test that needs them is skipped"
  fi
  rm -rf "$folder"
}
[ "${1:-test}" != test ] || fetch_protos

# The build itself reports what it lacks, all at once.
has_all() {
  for command in gcc musl-gcc xz; do command -v "$command" >/dev/null || return 1; done
}
[ "${1:-test}" != build ] || ! has_all || exit 0

missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  case "${1:-test}" in build* | dist) exit 0 ;; esac
  echo "not installed, what needs it is skipped:$missing"
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y --no-install-recommends $missing >"$log" 2>&1 </dev/null
}
echo "installing:$missing"
install || { apt-get update >"$log" 2>&1 </dev/null && install; } || {
  tail -n 20 "$log"
  echo "cannot install:$missing; what needs it is skipped"
}
