#!/bin/sh
# confine.sh [--aside] NAME COMMAND…: runs a command where a runtime with a fault can do no harm, and leaves
# nothing that lives. Processes are in a pid namespace that ends with the command, mounts in a mount
# namespace, /tmp and /run are empty (but for a clone that is in /tmp), and of each cgroup hierarchy only the
# part NAME is seen. Whoever calls removes the cgroups NAME. With --aside the command is in a cgroup of its own
# below that part in v2.
set -eu
ASIDE=
if [ "$1" = --aside ]; then
  ASIDE=yes
  shift
fi
export ASIDE
name=$1
shift
CGROUPS=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5, $(i + 1), $(i + 3) }' \
  /proc/self/mountinfo)
export CGROUPS
echo "$CGROUPS" | while read -r at type _; do
  # In cgroup v2 the part has the controllers that its parent gives it.
  if [ "$type" = cgroup2 ]; then
    for one in $(cat "$at/cgroup.controllers"); do echo "+$one" >"$at/cgroup.subtree_control"; done
  fi
  mkdir -p "$at/$name"
  # A cpuset without processors takes no process (cpuset(7)).
  if [ -e "$at/$name/cpuset.mems" ] && [ -e "$at/cgroup.clone_children" ]; then
    cat "$at/cpuset.cpus" >"$at/$name/cpuset.cpus"
    cat "$at/cpuset.mems" >"$at/$name/cpuset.mems"
  fi
  echo $$ >"$at/$name/cgroup.procs"
done
INSIDE='
  echo "$CGROUPS" | while read -r at type options; do
    umount "$at"
    mount -t "$type" -o "${options#r[wo],}" cgroup "$at"
  done
  case "$PWD" in /tmp/*) ;; *) mount -t tmpfs -o mode=1777 tmpfs /tmp ;; esac
  mount -t tmpfs -o mode=0755 tmpfs /run
  freezers=$(echo "$CGROUPS" | awk "\$2 == \"cgroup\" && \$3 ~ /freezer/ { print \$1 }")
  unset CGROUPS INSIDE ASIDE
  # Not exec: the first process of a pid namespace has to reap what others leave, and a shell does.
  status=0
  "$@" || status=$?
  # On v1 a frozen process cannot even be killed, and the namespace does not end before it has.
  [ -z "$freezers" ] || find $freezers -name freezer.state -exec sh -c "echo THAWED >\"\$0\"" {} \;
  exit "$status"
'
export INSIDE
exec unshare --cgroup sh -euc '
  name=$1
  shift
  # A cgroup of v2 that has processes gives no controllers to those below it, and NAME is the root now.
  echo "$CGROUPS" | while read -r at type _; do
    [ "$type$ASIDE" = cgroup2yes ] || continue
    mkdir -p "$at/$name/caller"
    echo $$ >"$at/$name/caller/cgroup.procs"
  done
  exec unshare --mount --pid --fork --kill-child --mount-proc sh -euc "$INSIDE" sh "$@"
' sh "$name" "$@"
