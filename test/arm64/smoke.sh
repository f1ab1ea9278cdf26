# The checks of `make test-arm64` that run in the emulated machine, in busybox' sh: TAP text, a block for each.
# The exit status says whether all have passed.
count=0
failed=0
mkdir -p /tmp/box/rootfs/bin /tmp/box/rootfs/tmp/data /tmp/source
for folder in proc sys dev; do mkdir -p "/tmp/box/rootfs/$folder"; done
echo data >/tmp/source/file
cp -a /bin/busybox /tmp/box/rootfs/bin/
for name in sh echo cat id ls sleep uname grep mount mknod touch true cut; do ln -s busybox "/tmp/box/rootfs/bin/$name"; done
cd /tmp/box

# check SENTENCE PATTERN COMMAND...: its status and what it says, on one line, have to be like PATTERN.
check() {
  sentence=$1 pattern=$2
  shift 2
  "$@" >/tmp/said 2>&1 </dev/null
  said="status=$? $(tr '\n' ' ' </tmp/said)"
  result=ok
  echo "$said" | grep -qE "$pattern" || result="not ok" failed=1
  count=$((count + 1))
  echo "    # Subtest: $sentence"
  echo "        $result 1 - $(echo "$said" | cut -c 1-200)"
  echo "        1..1"
  echo "    $result $count - $sentence"
}

run() {
  cp "/bundles/$1.json" config.json
  tsrun run "$1"
}

check "--version names libseccomp" 'status=0 .*libseccomp: [0-9]' tsrun --version
check "features knows the machine" 'status=0 .*SCMP_ARCH_AARCH64' tsrun features
cp /bundles/hello.json config.json
check "validate finds no faults" 'status=0 .*no faults' tsrun validate
check "explain --syscalls" 'status=0 .*clone3' tsrun explain --syscalls .
check "a first container" '^status=0 hello aarch64 1 $' run hello
check "Docker's profile" '^status=0 Seccomp:.2 .*mount refused $' run filter
check "the program's status" '^status=7 ' run status
check "a program that is not there" '^status=1 .*not found' run wrong
check "a user" '^status=0 uid=1000 gid=1000 groups=.*5' run user
check "a resource limit" '^status=0 50 $' run limit
check "a sysctl" '^status=0 1 $' run sysctl
check "a user namespace" '^status=0 0 +0 +100000 +65536' run users
check "a time namespace" '^status=0 1[0-9]{5} $' run clock
check "a read-only bind mount" '^status=0 file .*read-only $' run bind
check "device rules, a program of the kernel" '^status=0 .*refused null $' run devices
check "the end of memory" '^status=137 ' run memory
check "hooks" '^status=0 ' run hooks
check "hooks in order" '^status=0 createRuntime poststop $' cat /tmp/hooks
cp /bundles/sleep.json config.json
check "create" '^status=0 $' tsrun create box
check "state" '"status": "created"' tsrun state box
check "start" '^status=0 $' tsrun start box
check "exec" '^status=0 uid=0' tsrun exec box id
check "exec's status" '^status=3 ' tsrun exec box sh -c 'exit 3'
check "list" 'running' tsrun list
check "ps" 'sleep' tsrun ps box
check "pause" '^status=0 $' tsrun pause box
check "a paused container" '"status": "paused"' tsrun state box
check "resume" '^status=0 $' tsrun resume box
check "update" '^status=0 $' tsrun update --memory 32M --pids-limit 9 box
check "a limit in its cgroup" '33554432' cat /sys/fs/cgroup/smoke/sleep/memory.max
check "events" '"limit":33554432' tsrun events --stats box
check "explain of a container" 'status=0' tsrun explain box
check "kill" '^status=0 $' tsrun kill box KILL
for _ in $(seq 100); do tsrun state box | grep -q stopped && break; sleep 0.2; done
check "a stopped container" '"status": "stopped"' tsrun state box
check "delete" '^status=0 $' tsrun delete box
check "run detached, delete by force" '^status=0 $' sh -c 'tsrun run -d gone >/dev/null 2>&1 && tsrun delete --force gone'
check "no container is left" '^status=0 \[\] $' sh -c 'tsrun list --format json | sed "s/null/[]/"'
check "no cgroup is left" '^status=0 *$' find /sys/fs/cgroup/smoke -mindepth 1 -type d
echo "    1..$count"
exit "$failed"
