#!/bin/busybox sh
# The first process of the emulated machine: a root without a pivot_root(2) that fails, as on the root of an
# initramfs, and what a system has mounted; then the checks.
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
  echo "# Linux $(uname -r), page size $(awk "/^KernelPageSize/ { print \$2; exit }" /proc/self/smaps) KiB"
  sh /smoke.sh </dev/null
  poweroff -f'
