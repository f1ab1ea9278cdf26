#!/bin/sh
# Runs tests of cgroups, dockerd and Podman in a virtual machine that systemd has booted with cgroup v2. VM is
# the folder of the kit that has one (vm-run); arguments are names of end-to-end test files, `docker` or
# `podman`. Called by `make test-vm`.
set -eu

: "${VM:?folder with vm-run}"
stage=build/vm
rm -rf "$stage"
mkdir -p "$stage/dist" "$stage/bin" "$stage/build"
cp "${BINARY:-dist/tsrun}" "$stage/dist/tsrun"
cp "$(command -v node)" "$stage/bin/"
cp -R build/test build/src "$stage/build/"
# Bun runs a container's peers, such as a seccomp agent, from their sources.
cp -R src test scripts bundle-fixtures "$stage/"
cp package.json "$stage/"
# Leave out files that are only needed to build and check.
tar -c --exclude='node_modules/bun/bin/bunx.exe' --exclude='node_modules/@biomejs' --exclude='node_modules/@typescript' \
  --exclude='node_modules/@oven' --exclude='node_modules/bun-types' --exclude='node_modules/tshy' \
  --exclude='node_modules/es-toolkit' --exclude='node_modules/prettier' --exclude='node_modules/react-dom' \
  node_modules | tar -x -C "$stage"
exec "$VM/vm-run" --docker --copy "$stage:/opt/tsrun" --cwd /opt/tsrun --timeout "${TIMEOUT:-5400}" \
  --env CASES="${CASES:-20}" --env SEED="${SEED:-}" --env DRIVERS="${DRIVERS:-cgroupfs systemd}" \
  -- sh scripts/test-drivers.sh "$@"
