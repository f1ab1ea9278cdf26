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

callers() { # callers docker|podman: one case a line, and the sum at the end
  out=$(bash test-vm-callers.sh "$1")
  printf '%s\n' "$out" | sed '$d'
  ok=$(printf '%s\n' "$out" | grep -c '^ok ')
  bad=$(printf '%s\n' "$out" | grep -c '^not ok ')
  [ "$ok" -gt 0 ] || bad=1
  passed=$((passed + ok)) failed=$((failed + bad))
}

tests=''
if [ $# = 0 ]; then
  set -- docker podman
  by_path='cgroups cgroup-refusals rootless kill update pause ps events update-property'
  # Cases that name cgroups of their own are for the other driver.
  by_systemd='cgroup-refusals update pause ps events run kill'
else
  for name; do case $name in docker | podman) ;; *) tests="$tests ${name##*/}" ;; esac; done
  by_path=$tests by_systemd=$tests
fi
for file in $by_path; do run cgroupfs "$file"; done
for file in $by_systemd; do run systemd "$file"; done
for name; do case $name in docker | podman) callers "$name" ;; esac; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
