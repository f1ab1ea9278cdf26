#!/bin/sh
# The part of scripts/test-vm.sh that runs in the machine: each file with both cgroup drivers. Ends with
# "N passed, N failed".
set -u

PATH=/opt/tsrun/bin:$PATH
export PATH RUNTIME=/opt/tsrun/dist/tsrun TAP_TIMEOUT=3000
[ -n "${SEED:-}" ] || unset SEED
passed=0 failed=0 skipped=0

run() { # run DRIVER FILE
  out=$(CGROUP_DRIVER=$1 node "build/test/e2e/$2.test.js" 2>&1)
  cases=$(printf '%s\n' "$out" | grep -E '^(ok|not ok) ' || true)
  bad=$(printf '%s\n' "$cases" | grep -c '^not ok ')
  skips=$(printf '%s\n' "$cases" | grep -c '# SKIP')
  all=$(printf '%s\n' "$cases" | grep -c .)
  [ "$all" -gt 0 ] || bad=1
  echo "$1 $2: $((all - bad - skips)) passed, $bad failed, $skips skipped"
  [ "$bad" = 0 ] || printf '%s\n' "$out" | grep -E -A12 '^ *not ok ' | cut -c1-600
  passed=$((passed + all - bad - skips)) failed=$((failed + bad)) skipped=$((skipped + skips))
}

for file in ${*:-cgroups rootless kill update pause ps events update-property}; do run cgroupfs "$file"; done
# Cases that name cgroups of their own are for the other driver.
for file in ${*:-update pause ps events run kill}; do run systemd "$file"; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
