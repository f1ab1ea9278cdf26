#!/bin/sh
# namespaces.sh FOLDER CGROUPS LIBRARIES MARK COMMAND...: runs a command where `make bench` measures. Called in a
# mount namespace of its own:
#   FOLDER/state  a tmpfs, since that is what /run is where containers are run
#   CGROUPS       v1: the hierarchies of v1 alone, since crun refuses both at once; v2: a cgroup2 mount alone
#   LIBRARIES     a folder of libraries to see in place of this machine's, for runtimes of a newer system; or ""
#   MARK          what the cgroups of the bench have in their names: those that are left are removed
set -eu
folder=$1 cgroups=$2 libraries=$3 mark=$4
shift 4
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t tmpfs -o mode=755 tmpfs "$folder/state"
if [ "$cgroups" = v1 ]; then
  awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | while read -r target; do umount -l "$target"; done
elif [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount -l /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
# This machine's programs find the C library by a path that every system has; the newer library serves them
# too.
[ -z "$libraries" ] || mount --bind "$libraries" "$(dirname "$(readlink -f /lib*/*/libc.so.6 | head -n 1)")"

# When this is told to end, everything inside is ended too.
status=0
exec 3<&0
env -i PATH="$PATH" unshare --pid --fork --kill-child --mount-proc "$@" <&3 3<&- &
inside=$!
trap 'kill -KILL "$inside"' INT TERM
wait "$inside" || status=$?
trap '' INT TERM
# A process that has just ended may stay in its cgroup for another moment.
for _ in 1 2 3 4 5; do
  find /sys/fs/cgroup -depth -type d -name "*$mark*" -exec rmdir {} + 2>/dev/null && break
  sleep 0.2
done
exit "$status"
