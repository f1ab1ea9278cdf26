#!/bin/bash
# Runs the validation programs of OCI runtime-tools against a runtime: each makes containers with a generated
# config.json and checks from inside, from outside, or from hooks what the specification asks for. They come
# from Debian's source package and are built with Debian sid's Go in a lab's tree.
#
#   runtime-tools.sh --setup              once: source, Go packages, build
#   runtime-tools.sh --list               the programs
#   runtime-tools.sh RUNTIME [WORD...]    run those whose name contains a WORD; default: all
#
# RUNTIME is a file, or the name of a program of the lab's tree (runc, crun). Needs root.
#   LAB     folder with ns.sh, which runs a command in a throw-away root over that tree
#   TREE    where the tree is entered: TREE/enter and TREE/sid
#   OUT     results.tsv (program, pass|fail|skip, milliseconds, reason) and each program's output
#           (default build/conformance/runtime-tools)
#   LIMIT   seconds for one program (default 120)
#   TRIES   for a program that fails (default 3): some race with the container, and may lose
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
: "${TREE:?where the lab has its tree}"
SOURCE=golang-github-opencontainers-runtime-tools
SUITE=/src/runtime-tools # in the tree
IMPORT=src/github.com/opencontainers/runtime-tools
PACKAGES='dpkg-dev patch golang-go golang-github-blang-semver-dev golang-github-google-uuid-dev
  golang-github-hashicorp-go-multierror-dev golang-github-mrunalp-fileutils-dev
  golang-github-opencontainers-selinux-dev golang-github-opencontainers-specs-dev
  golang-github-sirupsen-logrus-dev golang-github-xeipuuv-gojsonschema-dev golang-gocapability-dev'

die() { echo "runtime-tools: $*" >&2; exit 2; }

programs() { (cd "$TREE/sid$SUITE/validation" && printf '%s\n' */*.go | grep -v '^util/' | sed 's|/.*||' | sort -u); }

# ---- once, in the tree

fetch() { # the source, checked against apt's signed index, and Debian's patches
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  # shellcheck disable=SC2086 # a list of words
  apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends --no-upgrade install $3
  local work=$1.part
  rm -rf "$work"
  mkdir -p "$work/tree"
  cd "$work"
  # A mirror may lack the .dsc; only the two archives matter, and apt prints their checksums.
  apt-get -qq --download-only source "$2" || echo "no complete source package: taking its archives"
  apt-cache showsrc --only-source "$2" | sed -n '/^Checksums-Sha256:/,/^[^ ]/s/^ \([0-9a-f]*\) [0-9]* \(.*tar.*\)/\1  \2/p' >sums
  [ "$(wc -l <sums)" = 2 ] || { echo "not one version of $2 with two archives" >&2; exit 1; }
  sha256sum --quiet -c sums
  tar -xf ./*.orig.tar.* -C tree --strip-components 1
  tar -xf ./*.debian.tar.* -C tree
  cd tree
  while read -r patch; do patch -s -p1 <"debian/patches/$patch"; done <debian/patches/series
  mv "$work/tree" "$1"
  rm -rf "$work"
}

build() {
  local suite=$1 gopath=$1/_gopath name
  mkdir -p "$gopath/${2%/*}" "$gopath/src/github.com/mndrix/tap-go" "$suite/bin"
  ln -sfn "$suite" "$gopath/$2"
  cat >"$gopath/src/github.com/mndrix/tap-go/tap.go"
  cd "$gopath/$2"
  # Newer versions of this library have the only function that is called in another package.
  sed -i 's|^\t"\(github.com/opencontainers/selinux/go-selinux\)/label"|\tlabel "\1"|' cmd/runtimetest/main.go
  # Static, so that a program runs in any tree; Debian's packages are a GOPATH.
  export GO111MODULE=off GOPATH=$gopath:/usr/share/gocode GOCACHE=$suite/_gocache CGO_ENABLED=0 HOME=/root
  nice go build -o runtimetest ./cmd/runtimetest
  for name in $3; do nice go build -o "bin/$name" "./validation/$name"; done
}

setup() {
  [ -x "$TREE/enter" ] || die "no $TREE/enter: set the lab up first (runc-bats.sh --setup)"
  [ -d "$TREE/sid$SUITE/validation" ] ||
    "$TREE/enter" bash -euc "$(declare -f fetch)"'; fetch "$@"' - "$SUITE" "$SOURCE" "$PACKAGES"
  "$TREE/enter" bash -euc "$(declare -f build)"'; build "$@"' - "$SUITE" "$IMPORT" "$(programs)" \
    <"$HERE/tap-go/tap.go"
}

ready() { [ -x "$TREE/sid$SUITE/bin/state" ] && [ -x "$TREE/sid$SUITE/runtimetest" ]; }

# ---- in a throw-away root over the tree

# Passed: it exited with 0 and no line reports a failure. Some print nothing if all is well.
judge() { # EXIT-STATUS OUTPUT
  local bad
  bad=$(grep -E '^ *not ok' "$2" | grep -m 1 -v ' # TODO' | sed -E 's/^ *not ok *[0-9]* *-? *//' || true)
  if [ "$1" = 124 ] || [ "$1" = 137 ]; then echo "fail	ran out of time"
  elif [ -n "$bad" ]; then echo "fail	$bad"
  elif [ "$1" != 0 ]; then echo "fail	$(tail -n 1 "$2" | cut -c 1-300)"
  elif grep -q '^ok.*# SKIP' "$2" && ! grep -E '^ok' "$2" | grep -qv '# SKIP'; then
    echo "skip	$(grep -m 1 '# SKIP' "$2" | sed 's/.*# SKIP //')"
  else echo "pass	"; fi
}

run_inside() { # RUNTIME SUITE LIMIT TRIES PROGRAM...
  local name out=/lab/out try verdict reason start status
  RUNTIME=$(command -v "$1") || die "no runtime $1 in the tree"
  export RUNTIME
  mkdir -p $out
  cp "$2/runtimetest" "$2"/rootfs-*.tar.gz /tmp/
  cd /tmp
  for name in "${@:5}"; do
    start=$(date +%s%3N)
    for try in $(seq "$4"); do
      status=0
      timeout -k 5 "$3" "$2/bin/$name" </dev/null >"$out/$name.tap" 2>&1 || status=$?
      IFS=$'\t' read -r verdict reason < <(judge $status "$out/$name.tap") || true
      clean_up "$RUNTIME"
      [ "$verdict" = fail ] || break
    done
    [ "$verdict $try" = "pass 1" ] || [ "$verdict" != pass ] || reason="passed when run again"
    printf '%s\t%s\t%s\t%s\n' "$name" "$verdict" $(($(date +%s%3N) - start)) "$reason" >>$out/results.tsv
    case $verdict in
      pass) echo "ok $name${reason:+ - $reason}" ;;
      skip) echo "ok $name # SKIP $reason" ;;
      *) echo "not ok $name - $reason" ;;
    esac
  done
}

clean_up() { # containers that a program has left, and the cgroups that all of them share by name
  local id folder
  for id in $("$1" list -q 2>/dev/null); do "$1" delete --force "$id" >/dev/null 2>&1 || true; done
  for folder in /sys/fs/cgroup/*/cgrouptest /sys/fs/cgroup/*/testdir; do
    [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

run_suite() { # RUNTIME WORD...
  local runtime=$1 out=${OUT:-build/conformance/runtime-tools} chosen name word lab=${LAB:-}
  shift
  [ -x "$lab/ns.sh" ] || die "LAB=${lab:-} is no folder with ns.sh"
  case $runtime in
  */*)
    runtime=$(readlink -f "$runtime")
    [ -x "$runtime" ] || die "no runtime $runtime"
    export LAB_BIND=${runtime%/*}
    runtime=/rt/${runtime##*/}
    ;;
  esac
  # crun refuses version 1 with a version 2 hierarchy beside it.
  case ${runtime##*/} in crun*) export LAB_UNIFIED=drop ;; esac
  ready || setup
  chosen=$(programs | if [ $# = 0 ]; then cat; else grep -F -e "$(printf '%s\n' "$@")"; fi) || die "no program is called so"
  mkdir -p "$out"
  rm -f "$out"/*.tap "$out/results.tsv"
  # The throw-away root is gone afterwards; a pipe brings the results out.
  export LAB_SELFDIR=$HERE
  # shellcheck disable=SC2086 # a list of names
  "$lab/ns.sh" bash -c "$(declare -f die judge run_inside clean_up)"'
    run_inside "$@" >&2; cd /lab/out; tar -cf - .' - "$runtime" "$SUITE" "${LIMIT:-120}" "${TRIES:-3}" $chosen </dev/null | tar -xf - -C "$out"
  awk -F '\t' '{ n[$2]++ } END { printf "%d passed, %d failed, %d skipped\n", n["pass"], n["fail"], n["skip"] }' "$out/results.tsv"
}

case ${1:-} in
'' | -h | --help) sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//' ;;
--setup) setup ;;
--list) programs ;;
*) run_suite "$@" ;;
esac
