#!/bin/sh
# Runs tests with each of DRIVERS, and the callers `docker` and `podman`; arguments name which, as files of test/e2e
# or with another folder, as security/cgroups. Ends with "N passed, N failed". Called where there is a systemd, by
# test-vm.sh and test-systemd-v1.sh.
set -u

: "${DRIVERS:=cgroupfs systemd}"
PATH=$PWD/bin:$PATH
export PATH RUNTIME="$PWD/dist/tsrun" TAP_TIMEOUT=3000
[ -n "${SEED:-}" ] || unset SEED
passed=0 failed=0 skipped=0

run() { # run DRIVER FILE
  case $2 in */*) file=$2 ;; *) file=e2e/$2 ;; esac
  out=$(CGROUP_DRIVER=$1 node "build/test/$file.test.js" 2>&1)
  cases=$(printf '%s\n' "$out" | grep -E '^(ok|not ok) ' || true)
  bad=$(printf '%s\n' "$cases" | grep -c '^not ok ')
  skips=$(printf '%s\n' "$cases" | grep -c '# SKIP')
  all=$(printf '%s\n' "$cases" | grep -c .)
  if [ "$all" = 0 ]; then # it could not even begin
    printf '%s\n' "$out" | tail -n 12
    all=1 bad=1
  fi
  echo "$1 $2: $((all - bad - skips)) passed, $bad failed, $skips skipped"
  [ "$bad" = 0 ] || printf '%s\n' "$out" | grep -E -A12 '^ *not ok ' | cut -c1-600
  passed=$((passed + all - bad - skips)) failed=$((failed + bad)) skipped=$((skipped + skips))
}

callers() { # callers docker|podman: one case a line, and the sum at the end
  out=$(bash scripts/test-callers.sh "$1")
  printf '%s\n' "$out" | sed '$d'
  ok=$(printf '%s\n' "$out" | grep -c '^ok ')
  bad=$(printf '%s\n' "$out" | grep -c '^not ok ')
  [ "$ok" -gt 0 ] || bad=1
  passed=$((passed + ok)) failed=$((failed + bad))
}

[ $# -gt 0 ] ||
  set -- cgroups rootless update-property cgroup-refusals systemd-reload update pause ps events run kill \
    check diff-devices diff-healthy healthy trace-systemd security/cgroups docker podman
for driver in $DRIVERS; do
  for name; do
    name=${name#e2e/}
    case $driver:$name in
      *:docker | *:podman) ;;
      # Their cases name cgroups themselves, or change resources a thousand times.
      systemd:cgroups | systemd:rootless | systemd:update-property) ;;
      cgroupfs:systemd-reload | cgroupfs:trace-systemd) ;;
      *) run "$driver" "$name" ;;
    esac
  done
done
for name; do case $name in docker | podman) callers "$name" ;; esac; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
