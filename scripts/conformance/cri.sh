#!/bin/bash
# Runs containerd's CRI plugin, driven as by a kubelet, with a runtime: the lab's scenarios, then those of
# test/cri, all under one containerd in a throw-away root.
#
#   cri.sh RUNTIME [WORD...]    the scenarios whose name contains a WORD; default: all
#
# RUNTIME is a file, or the name of a program of the lab's tree (runc, crun). Needs root.
#   LAB       folder with ns.sh and cri/cri-e2e.sh, which fetches its dependencies the first time
#   TREE      where the lab has its tree; fetched files are kept in TREE/cri
#   OUT       where results.txt goes: a line for each scenario with its name, handler, time, and how it went
#             (default build/conformance/cri)
#   DIRS      mode of containerd's folders (default: as it makes them)
#   UNIFIED   keep: with the version 2 hierarchy beside version 1 (default drop: crun refuses it)
#   LAB_SHIM  io.containerd.tsrun.v2: RUNTIME is the shim, too, as this type
#   LIMIT     seconds for all of it (default 1500)
set -eu
cd "$(dirname "$0")/../.."

die() { echo "cri: $*" >&2; exit 2; }

: "${TREE:?where the lab has its tree}"
[ -x "${LAB:-}/cri/cri-e2e.sh" ] || die "LAB=${LAB:-} is no folder with cri/cri-e2e.sh"
OUT=${OUT:-build/conformance/cri}
KEPT=$TREE/cri # shown as /rt in the throw-away root
WORDS=$(IFS='|'; echo "${*:2}")

case ${1:?which runtime} in
*/*) handler=tsrun program=/rt/bin/tsrun binary=$(readlink -f "$1") ;;
runc) handler=runc program=/usr/sbin/runc binary=/bin/true ;;
crun) handler=crun program=/usr/bin/crun binary=/bin/true ;;
*) die "no runtime $1" ;;
esac
[ -x "$binary" ] || die "no runtime $1"

mkdir -p "$OUT" "$KEPT"
# Without a scenario, it only fetches and prepares.
env LAB="$TREE" CACHE="$KEPT" RUNTIMES="$handler" "$LAB/cri/cri-e2e.sh" "$binary" '^$' >"$OUT/setup.log" 2>&1 ||
  { cat "$OUT/setup.log" >&2; die "the lab cannot be prepared"; }
node_modules/.bin/bun build test/cri/main.ts --target=node --outfile "$KEPT/own.mjs" >"$OUT/bundle.log" 2>&1 ||
  { cat "$OUT/bundle.log" >&2; die "test/cri cannot be bundled"; }

# containerd 2.1 makes no pod with a user namespace if a runtime that is not its own has options.
[ -z "${LAB_SHIM:-}" ] || sed -i '/runtimes\.tsrun\.options\]/,+1d' "$KEPT/containerd.toml"

# For the scenarios of runtime classes.
cat >>"$KEPT/containerd.toml" <<TOML
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.$handler-limited]
  runtime_type = "${LAB_SHIM:-io.containerd.runc.v2}"
  base_runtime_spec = "/tmp/limited.json"
  privileged_without_host_devices = true
TOML
[ -n "${LAB_SHIM:-}" ] || cat >>"$KEPT/containerd.toml" <<TOML
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.$handler-limited.options]
    BinaryName = "$program"
TOML

run_inside() { # HANDLER PATTERN DIRS
  ctr oci spec | jq '.process.rlimits = [
    { type: "RLIMIT_NOFILE", soft: 300, hard: 400 }, { type: "RLIMIT_CORE", soft: 0, hard: 0 }
  ]' >/tmp/limited.json
  export LAB_CRI_DIRS=$3
  # The lab's `stats` fails where a busy container gets little of the processor: test/cri has one that waits.
  # Its `shim_killed` knows containerd's shim by name alone, and kills itself where there is none; containerd 2.1
  # ends with a nil pointer when a recursively read-only mount is asked for with another shim than its own.
  local passed_over='stats$'
  [ -z "${LAB_SHIM:-}" ] || passed_over='(stats|shim_killed|recursive_read_only)$'
  # shellcheck disable=SC2016 # the arguments of the inner shell
  exec bash /rt/lab.sh bash -c 'node /rt/run.js "$1" "^(?!$3).*($2)"; node /rt/own.mjs "$1" "$2"' - "$1" "$2" "$passed_over"
}

export LAB_BIND=$KEPT LAB_UNIFIED=${UNIFIED:-drop}
LAB_TOOLS=$(readlink -f "$(command -v node)")
export LAB_TOOLS
timeout "${LIMIT:-1500}" "$LAB/ns.sh" bash -c "$(declare -f run_inside)"'; run_inside "$@"' - \
  "$handler" "${WORDS:-.}" "${DIRS:-}" </dev/null 2>"$OUT/errors.log" | tee "$OUT/results.txt"
