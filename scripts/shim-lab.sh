#!/bin/bash
# Runs a program of test/ beside a containerd in a throw-away root, where tsrun is one of its shims:
# `tsrun-shim` is its name as a runtime of pods.
#
#   shim-lab.sh FOLDER TSRUN [ARGUMENT...]    FOLDER of test/ has the program, main.ts
#
# Needs root.
#   LAB       folder with ns.sh and cri/cri-e2e.sh, which fetches its dependencies the first time
#   TREE      where the lab has its tree
#   CACHE     where fetched files are kept (default TREE/cri)
set -eu
cd "$(dirname "$0")/.."

die() { echo "shim-lab: $*" >&2; exit 2; }

: "${TREE:?where the lab has its tree}"
[ -x "${LAB:-}/cri/cri-e2e.sh" ] || die "LAB=${LAB:-} is no folder with cri/cri-e2e.sh"
folder=${1:?which folder of test/}
binary=$(readlink -f "${2:?which tsrun}")
OUT=build/shim-lab/${folder//\//-}
KEPT=${CACHE:-$TREE/cri} # shown as /rt in the throw-away root

mkdir -p "$OUT" "$KEPT"
# Without a scenario to run, it only fetches and prepares.
env LAB="$TREE" CACHE="$KEPT" RUNTIMES=tsrun "$LAB/cri/cri-e2e.sh" "$binary" '^$' >"$OUT/setup.log" 2>&1 ||
  { cat "$OUT/setup.log" >&2; die "the lab cannot be prepared"; }
node_modules/.bin/bun build "test/$folder/main.ts" --target=node \
  --outfile "$KEPT/program.mjs" >"$OUT/bundle.log" 2>&1 ||
  { cat "$OUT/bundle.log" >&2; die "test/$folder cannot be bundled"; }
cat >>"$KEPT/containerd.toml" <<'TOML'
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.tsrun-shim]
  runtime_type = "io.containerd.tsrun.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.tsrun-watched]
  runtime_type = "io.containerd.tsrunwatched.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc-watched]
  runtime_type = "io.containerd.runcwatched.v2"
TOML

# crun refuses the version 2 hierarchy beside version 1; LAB_SHIM makes the link.
export LAB_BIND=$KEPT LAB_UNIFIED=drop LAB_SHIM=io.containerd.tsrun.v2
LAB_TOOLS=$(readlink -f "$(command -v node)")
export LAB_TOOLS
"$LAB/ns.sh" bash /rt/lab.sh node /rt/program.mjs "${@:3}" </dev/null
