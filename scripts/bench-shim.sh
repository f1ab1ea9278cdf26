#!/bin/bash
# tsrun as containerd's shim beside containerd's own with runc, crun and tsrun, under one containerd in a
# throw-away root: memory, threads, and the time of whole runs, of probes and of copied output.
#
#   bench-shim.sh TSRUN [ROUNDS]    default: 10 rounds
#
# Needs root.
#   LAB       folder with ns.sh and cri/cri-e2e.sh, which fetches its dependencies the first time
#   TREE      where the lab has its tree; fetched files are kept in TREE/cri
set -eu
cd "$(dirname "$0")/.."

die() { echo "bench-shim: $*" >&2; exit 2; }

: "${TREE:?where the lab has its tree}"
[ -x "${LAB:-}/cri/cri-e2e.sh" ] || die "LAB=${LAB:-} is no folder with cri/cri-e2e.sh"
OUT=build/bench-shim
KEPT=$TREE/cri # shown as /rt in the throw-away root
binary=$(readlink -f "${1:?which tsrun}")

mkdir -p "$OUT" "$KEPT"
# Without a scenario to run, it only fetches and prepares.
env LAB="$TREE" CACHE="$KEPT" RUNTIMES=tsrun "$LAB/cri/cri-e2e.sh" "$binary" '^$' >"$OUT/setup.log" 2>&1 ||
  { cat "$OUT/setup.log" >&2; die "the lab cannot be prepared"; }
node_modules/.bin/bun build test/bench/shim/main.ts --target=node \
  --outfile "$KEPT/bench.mjs" >"$OUT/bundle.log" 2>&1 ||
  { cat "$OUT/bundle.log" >&2; die "test/bench/shim cannot be bundled"; }
cat >>"$KEPT/containerd.toml" <<'TOML'
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.tsrun-shim]
  runtime_type = "io.containerd.tsrun.v2"
TOML

# crun refuses the version 2 hierarchy beside version 1; LAB_SHIM makes the link.
export LAB_BIND=$KEPT LAB_UNIFIED=drop LAB_SHIM=io.containerd.tsrun.v2
LAB_TOOLS=$(readlink -f "$(command -v node)")
export LAB_TOOLS
"$LAB/ns.sh" bash /rt/lab.sh node /rt/bench.mjs "${2:-10}" </dev/null
