#!/bin/busybox sh
# The first process of an emulated machine for test files: makes /debian the root, with what a system has
# mounted, and runs the files of /tsrun/arm64-tests there. It prints TAP text. The kernel's command line gives
# it KIND.
export PATH=/bin
busybox mount -o bind /debian /debian
for module in /modules/*; do busybox insmod "$module"; done
cd /debian || exit
busybox mount -o move . /
exec busybox chroot . /usr/bin/bash -c '
  export PATH=/usr/sbin:/usr/bin HOME=/root
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t devtmpfs dev /dev
  mkdir -p /dev/pts /dev/shm
  mount -t devpts -o ptmxmode=0666 devpts /dev/pts
  mount -t tmpfs shm /dev/shm
  mount -t tmpfs -o mode=1777 tmp /tmp
  mount -t tmpfs run /run
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  ln -sf /proc/self/fd /dev/fd
  ip link set lo up
  echo arm64 >/proc/sys/kernel/hostname
  dmesg --console-level 1
  pages=$(awk "/^KernelPageSize/ { print \$2; exit }" /proc/self/smaps)
  echo "# machine: Linux $(uname -r), pages of $pages KiB, Node $(node --version)"
  cd /tsrun
  # What tap says to the tests it starts: no case has a limit of its own.
  export TAP_TIMEOUT=3600
  set -o pipefail
  count=0
  while read -r name; do
    count=$((count + 1))
    echo "# Subtest: arm64/$KIND/$name"
    result=ok
    timeout 3600 node "build/bundled/$name/test.mjs" </dev/null 2>&1 | sed "s/^/    /" || result="not ok"
    echo "$result $count - arm64/$KIND/$name"
  done <arm64-tests
  echo "1..$count"
  busybox poweroff -f'
