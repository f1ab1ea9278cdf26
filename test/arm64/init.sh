#!/bin/busybox sh
# The first process of the emulated machine: a root without a pivot_root(2) that fails, as on the root of an
# initramfs, and what a system has mounted; then the checks. It prints TAP text. The kernel's command line
# gives it KIND.
export PATH=/bin
busybox mkdir -p /proc /new
busybox mount -t tmpfs -o size=80% tmpfs /new
busybox cp -a /bin /bundles /smoke.sh /new/
busybox mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/etc /new/root
exec busybox switch_root /new /bin/busybox sh -c '
  /bin/busybox --install -s /bin
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t devtmpfs dev /dev
  mkdir -p /dev/pts /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  ln -sf /proc/self/fd /dev/fd
  echo root:x:0:0::/root:/bin/sh >/etc/passwd
  # The console has TAP text alone from here on.
  dmesg -n 1
  pages=$(awk "/^KernelPageSize/ { print \$2; exit }" /proc/self/smaps)
  echo "# machine: Linux $(uname -r), pages of $pages KiB"
  echo "# Subtest: arm64/$KIND/smoke"
  sh /smoke.sh </dev/null && echo "ok 1 - arm64/$KIND/smoke" || echo "not ok 1 - arm64/$KIND/smoke"
  echo 1..1
  poweroff -f'
