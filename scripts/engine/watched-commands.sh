#!/bin/sh
# The commands that the build watches: sh watched-commands.sh lives|words WATCHED DIRECTORY [EMULATOR]. `lives` makes a
# container, for which the caller gives it namespaces (watch.ts); `words` needs no privilege and changes
# nothing. What a command has used goes to a file in DIRECTORY. Whether it succeeds does not matter.

watched=$2
directory=$3
emulator=${4-}

# watch NAME WORD...
watch() {
  file=$directory/$1
  shift
  truncate -s 1572864 "$file"
  TSRUN_WATCH=$file $emulator "$watched" --root "$directory/root" "$@" </dev/null >/dev/null 2>&1
}

# What a command finds where it has a cgroup of v2 and is root of the machine (src/engine/native/pretend.c).
pretend() {
  TSRUN_PRETEND=$directory/pretended
  export TSRUN_PRETEND
  mkdir -p "$TSRUN_PRETEND/mounted"
  echo "0::/" >"$TSRUN_PRETEND/cgroup"
  echo "0 0 4294967295" >"$TSRUN_PRETEND/uid_map"
  grep -v cgroup /proc/self/mountinfo >"$TSRUN_PRETEND/mountinfo"
  echo "9999 1 0:9999 / $TSRUN_PRETEND/mounted rw - cgroup2 cgroup2 rw" >>"$TSRUN_PRETEND/mountinfo"
  echo "cpu memory pids" >"$TSRUN_PRETEND/mounted/cgroup.controllers"
  : >"$TSRUN_PRETEND/mounted/cgroup.subtree_control"
}

lives() {
  without="--cgroup-manager disabled"
  watch create $without create --bundle "$directory/lived" watched
  watch state $without state watched
  watch list $without list
  watch start $without start watched
  # Several times, since it races with the process that it adds (plainest in layout.ts).
  for run in "" -2 -3; do watch "exec$run" $without exec watched /idle awhile; done
  watch traced-exec $without --trace "$directory/trace" exec watched /idle awhile
  watch traced $without --trace "$directory/trace" create --bundle "$directory/lived" traced
  "$watched" $without --root "$directory/root" delete --force traced
  watch kill $without kill watched KILL
  while "$watched" --root "$directory/root" state watched | grep -q '"status": "running"'; do :; done
  watch delete $without delete watched
  pretend
  watch root-create create --bundle "$directory/lived" watched
  "$watched" --root "$directory/root" delete --force watched
  for run in "" -2 -3; do watch "root-run$run" run --bundle "$directory/ended" watched; done
  unset TSRUN_PRETEND
}

words() {
  watch no-state state none
  watch no-delete delete none
  watch no-kill kill none KILL
  watch no-start start none
  watch no-list list
  watch no-exec exec none /idle
  watch no-traced --trace "$directory/trace" state none
  watch explain explain --syscalls --bundle "$directory/explained"
}

$1
