#!/bin/sh
# Installs the missing Debian packages that the build, a release, the tests or the bench use. Without root or apt it only
# names them; tests that need them are then skipped with a reason. What no build can do without ends it, in one sentence.
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

# The commands that a build runs, each with the packages that have it.
own_commands="xz=xz-utils gcc=gcc,libc6-dev objcopy=binutils musl-gcc=musl-tools"
arm64_commands="aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu,libc6-dev-arm64-cross"
arm64_commands="$arm64_commands aarch64-linux-gnu-objcopy=binutils-aarch64-linux-gnu qemu-aarch64-static=$cross"
amd64_commands="x86_64-linux-gnu-gcc=gcc-x86-64-linux-gnu,libc6-dev-amd64-cross"
amd64_commands="$amd64_commands x86_64-linux-gnu-objcopy=binutils-x86-64-linux-gnu qemu-x86_64-static=$cross"
commands=""

case "${1:-test}" in
  test) wanted=$tests ;;
  bench) wanted=$bench ;;
  build) wanted=$build commands=$own_commands ;;
  build-arm64) wanted="$build $cross $arm64" commands="$own_commands $arm64_commands" ;;
  build-x86-64) wanted="$build $cross $amd64" commands="$own_commands $amd64_commands" ;;
  dist)
    other=$arm64 commands="$own_commands $arm64_commands"
    [ "$(uname -m)" != aarch64 ] || other=$amd64 commands="$own_commands $amd64_commands"
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

# Names what a build lacks, all at once; fails if that is something.
report_lacking() {
  lacking=""
  packages=""
  for entry in $commands; do
    if command -v "${entry%%=*}" >/dev/null; then continue; fi
    lacking="$lacking, no ${entry%%=*}"
    packages="$packages $(echo "${entry#*=}" | tr , " ")"
  done
  [ -n "$lacking" ] || return 0
  echo "cannot build tsrun: ${lacking#, }: install$packages (the names of Debian's packages)" >&2
  return 1
}
[ "${1:-test}" != build ] || ! report_lacking 2>/dev/null || exit 0

missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
# A command may be missing although dpkg has its package.
[ -n "$missing" ] || { report_lacking; exit; }

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  case "${1:-test}" in build* | dist) report_lacking; exit ;; esac
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
  [ -n "$commands" ] || echo "cannot install:$missing; what needs it is skipped"
}
report_lacking
