#!/bin/bash
# Runs end-to-end tests with the systemd driver on cgroup v1, under a systemd that is the first process of new
# namespaces. The host must have the v1 or hybrid layout and a systemd before 258, which dropped v1. Arguments
# are names of test files. Called by `make test-systemd-v1`, as root.
set -eu

systemd=/lib/systemd/systemd
version=$(systemctl --version 2>/dev/null | sed -n '1s/systemd \([0-9]*\).*/\1/p')
[ -x $systemd ] && [ "${version:-999}" -lt 258 ] ||
  { echo "needs systemd before 258 (package systemd)"; exit 2; }
[ -e /sys/fs/cgroup/devices/tasks ] || { echo "needs cgroup v1, mounted below /sys/fs/cgroup"; exit 2; }
name=tsrun-systemd-$$
root=$(mktemp -d)
hierarchies=''
for mount in /sys/fs/cgroup/*; do
  if [ -e "$mount/cgroup.procs" ] && [ ! -L "$mount" ]; then hierarchies="$hierarchies ${mount##*/}"; fi
done
export name root hierarchies

clean() {
  [ -z "${outer:-}" ] || { kill -KILL "$outer"; wait "$outer" 2>/dev/null || true; }
  while [ -n "${init:-}" ] && [ -e "/proc/$init" ]; do sleep 0.1; done
  for hierarchy in $hierarchies; do
    find "/sys/fs/cgroup/$hierarchy/$name" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
  rmdir "$root"
}
trap clean EXIT

# The root of its cgroup namespace: it sees only the cgroups below.
enter_cgroups() {
  for hierarchy in $hierarchies; do
    cgroup=/sys/fs/cgroup/$hierarchy/$name
    mkdir "$cgroup"
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$cgroup/$file" ] || cat "/sys/fs/cgroup/$hierarchy/$file" >"$cgroup/$file"
    done
    echo 0 >"$cgroup/cgroup.procs"
  done
}

# A new root over the host's, so that nothing of the host can be changed.
boot() {
  mount -t tmpfs none "$root"
  mkdir "$root/upper" "$root/work" "$root/new"
  mount -t overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" none "$root/new"
  sources=$PWD
  cd "$root/new"
  mount -t proc none proc
  mount --bind /sys sys
  mount -o remount,bind,ro sys
  for folder in sys/fs/cgroup run tmp dev; do mount -t tmpfs -o mode=755 none $folder; done
  chmod 1777 tmp
  # After those, since it may be below /tmp.
  mkdir -p "./$sources"
  mount --bind "$sources" "./$sources"
  for hierarchy in $hierarchies; do
    mkdir "sys/fs/cgroup/$hierarchy"
    case $hierarchy in
      systemd) mount -t cgroup -o none,name=systemd none sys/fs/cgroup/systemd ;;
      unified) mount -t cgroup2 none sys/fs/cgroup/unified ;;
      *) mount -t cgroup -o "$hierarchy" none "sys/fs/cgroup/$hierarchy" ;;
    esac
  done
  for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  mkdir -p run/systemd/system
  printf '[Unit]\nDescription=Nothing else\nDefaultDependencies=no\n' >run/systemd/system/bare.target
  mkdir -p .old
  pivot_root . .old
  umount -l .old
  exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin $systemd --unit=bare.target \
    --log-target=console --log-level=warning --show-status=no
}

export systemd
export -f boot
(
  enter_cgroups
  exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child --propagation private \
    bash -euc 'mount --make-rprivate / && boot'
) </dev/null &
outer=$!
for _ in $(seq 100); do
  init=$(pgrep -P $outer || true)
  [ -z "$init" ] || [ ! -S "/proc/$init/root/run/systemd/private" ] || break
  sleep 0.1
done
[ $# -gt 0 ] || set -- update pause ps events run kill cgroup-refusals trace-systemd
nsenter --target "$init" --mount --pid --uts --ipc --net --cgroup \
  sh -c 'cd "$0" && DRIVERS=systemd exec sh scripts/test-drivers.sh "$@"' "$PWD" "$@"
