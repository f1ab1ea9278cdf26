#!/bin/bash
# Dockerd (systemd driver) and Podman, root and rootless, with RUNTIME, in the machine of scripts/test-vm.sh.
# Arguments: `docker`, `podman`; without any, both. Prints `ok NAME` or `not ok NAME` with the output, and
# ends with "N passed, N failed".
set -u

: "${RUNTIME:?path of the runtime}"
passed=0 failed=0
script=$(readlink -f "$0")
: "${work:=$(mktemp -d)}"
export work

check() { # check FUNCTION: a case passes when its function ends with 0; the first command that fails ends it
  local status=0
  timeout 600 bash "$script" --case "$1" >"$work/log" 2>&1 </dev/null || status=$?
  if [ $status = 0 ]; then
    passed=$((passed + 1)); echo "ok $1"
  else
    failed=$((failed + 1)); echo "not ok $1 (status $status)"
    tail -n 20 "$work/log" | cut -c1-400 | sed 's/^/  /'
  fi
}

within() { # within SECONDS COMMAND...: until it succeeds
  local end=$((SECONDS + $1)); shift
  until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.2; done
}

equal() { [ "$1" = "$2" ] || { echo "expected \"$2\", got \"$1\""; return 1; }; }

# ---- dockerd ---------------------------------------------------------------------------------------------

start_docker() {
  jq --arg path "$RUNTIME" '. + {runtimes: {ours: {path: $path}}, "default-runtime": "ours"}' \
    /etc/docker/daemon.json >"$work/daemon.json" && cat "$work/daemon.json" >/etc/docker/daemon.json
  systemctl restart docker && within 60 docker version >/dev/null 2>&1
  docker image inspect bb >/dev/null 2>&1 || docker import /opt/busybox.tar bb >/dev/null
}

scope_of() { echo "docker-$(docker inspect -f '{{.Id}}' "$1").scope"; }
cgroup_of() { echo "/sys/fs/cgroup/system.slice/$(scope_of "$1")"; }
unit_of() { systemctl show -P "$2" "$(scope_of "$1")"; }
state_of() { docker inspect -f "{{.State.$2}}" "$1"; }

docker_knows_it() {
  equal "$(docker info -f '{{.DefaultRuntime}} {{.CgroupDriver}} {{.CgroupVersion}}')" "ours systemd 2"
}

docker_run() {
  equal "$(docker run --rm --memory 64m bb cat /sys/fs/cgroup/memory.max)" 67108864
  local code=0
  docker run --rm bb sh -c 'exit 7' || code=$?
  equal $code 7
  docker run -d --name box --memory 64m --memory-swap 96m --cpus 1.5 --cpu-shares 512 --pids-limit 50 \
    bb sleep 1000
  equal "$(docker inspect -f '{{.HostConfig.Runtime}}' box)" ours
  equal "$(unit_of box MemoryMax) $(unit_of box MemorySwapMax)" "67108864 33554432"
  equal "$(unit_of box TasksMax) $(unit_of box CPUQuotaPerSecUSec)" "50 1.500000s"
  equal "$(cd "$(cgroup_of box)" && cat memory.max memory.swap.max pids.max cpu.max | xargs)" \
    "67108864 33554432 50 150000 100000"
}

docker_exec() {
  equal "$(docker exec box echo hi)" hi
  local code=0
  docker exec box sh -c 'exit 42' || code=$?
  equal $code 42
  docker exec -d box sleep 77
  within 20 sh -c "docker top box | grep -q 'sleep 77'"
  local pid
  pid=$(docker top box | awk '/sleep 77/ {print $2}')
  equal "$(cat "/proc/$pid/cgroup")" "0::/system.slice/$(scope_of box)"
}

docker_stats() {
  local line
  line=$(docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' box)
  [[ $line =~ ^[0-9.]+[KM]iB\ /\ 64MiB\ [12]$ ]]
  docker top box -o pid,comm | grep -q sleep
}

docker_update() {
  docker update --memory 96m --memory-swap 96m --cpus 0.5 --pids-limit 77 box
  local want="100663296 0 77 50000 100000"
  equal "$(cd "$(cgroup_of box)" && cat memory.max memory.swap.max pids.max cpu.max | xargs)" "$want"
  equal "$(unit_of box MemoryMax) $(unit_of box TasksMax)" "100663296 77"
  # The values that systemd writes again must be the same.
  systemctl daemon-reload
  equal "$(cd "$(cgroup_of box)" && cat memory.max memory.swap.max pids.max cpu.max | xargs)" "$want"
  docker exec box sh -c 'echo x >/dev/null && head -c 1 /dev/zero' >/dev/null
  docker exec --privileged box sh -c 'mknod /tmp/kmsg c 1 11 && ! head -c 1 /tmp/kmsg'
}

docker_pause() {
  docker pause box
  equal "$(state_of box Status)" paused
  grep -q 'frozen 1' "$(cgroup_of box)/cgroup.events"
  ! docker exec box true
  docker unpause box
  equal "$(state_of box Status)" running
  grep -q 'frozen 0' "$(cgroup_of box)/cgroup.events"
  docker exec box true
}

docker_restart() {
  docker restart -t 0 box
  # The next start must use the limits of the update.
  equal "$(cat "$(cgroup_of box)/memory.max")" 100663296
}

docker_survives_its_daemon() {
  docker exec box true
  local pid
  pid=$(state_of box Pid)
  jq '. + {"live-restore": true}' /etc/docker/daemon.json >"$work/live.json"
  cat "$work/live.json" >/etc/docker/daemon.json
  systemctl reload docker
  within 30 sh -c '[ "$(docker info -f "{{.LiveRestoreEnabled}}")" = true ]'
  systemctl restart docker
  within 60 docker version
  equal "$(state_of box Pid)" "$pid"
  docker exec box true
}

docker_leaves_nothing() {
  local scope
  scope=$(scope_of box)
  docker rm -f box
  within 20 sh -c "[ ! -e /sys/fs/cgroup/system.slice/$scope ]"
  equal "$(systemctl show -P LoadState "$scope")" not-found
  equal "$(find /run/docker/runtime-runc/moby -mindepth 1 -maxdepth 1 -name '[0-9a-f]*')" ""
}

docker_oom_of_a_child() {
  local code=0
  docker run --name hungry --memory 16m --memory-swap 16m bb sh -c 'tail /dev/zero; sleep 2; exit 9' ||
    code=$?
  equal $code 9
  equal "$(state_of hungry OOMKilled)" true
  docker rm hungry
}

docker_oom_of_the_first_process() {
  # The shim's OOM event races with the end of the process, with any runtime, so try several times.
  local attempt killed=
  for attempt in 1 2 3 4 5 6; do
    local code=0
    docker run --name hungry --memory 16m --memory-swap 16m bb tail /dev/zero || code=$?
    equal $code 137
    killed=$(state_of hungry OOMKilled)
    docker rm hungry
    [ "$killed" != true ] || break
  done
  equal "$killed" true
}

# ---- podman ----------------------------------------------------------------------------------------------

as_user() {
  local run=/run/user/1000
  (cd /home/user && exec setpriv --reuid=1000 --regid=1000 --init-groups env -i HOME=/home/user USER=user \
    PATH="$PATH" XDG_RUNTIME_DIR=$run DBUS_SESSION_BUS_ADDRESS=unix:path=$run/bus LANG=C.UTF-8 \
    RUNTIME="$RUNTIME" systemd-run --user --scope --quiet --collect -p Delegate=yes -- "$@")
}

# A call of Podman takes seconds in an emulated machine, so each of these cases does several things.
pod() { podman --log-level error --runtime "$RUNTIME" --cgroup-manager "$manager" "$@"; }

podman_basics() {
  pod image exists localhost/bb || pod import -q /opt/busybox.tar localhost/bb
  pod run -d --name box --network none --memory 64m --pids-limit 50 localhost/bb sleep 1000
  local path=/sys/fs/cgroup
  path+=$(pod inspect -f '{{.State.CgroupPath}}' box)
  equal "$(cat "$path/memory.max" "$path/pids.max" | xargs)" "67108864 50"
  local code=0
  pod exec box sh -c 'echo hi; exit 42' || code=$?
  equal $code 42
  pod update --memory 96m --pids-limit 77 box
  equal "$(cat "$path/memory.max" "$path/pids.max" | xargs)" "100663296 77"
  pod stop -t 0 box
  equal "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' box)" "exited 137"
  [ ! -d "$path" ]
  pod rm box
}

podman_more() {
  pod run -d --name more --network none --memory 64m localhost/bb sleep 1000
  pod stats --no-stream --format '{{.MemUsage}}' more | grep '/ 67.11MB'
  pod top more args | grep 'sleep 1000'
  pod pause more
  equal "$(pod inspect -f '{{.State.Status}}' more)" paused
  pod unpause more
  pod restart -t 0 more
  pod exec more true
  pod rm -f -t 0 more
  # conmon's OOM event races with systemd, which removes the scope with its last process, so try several
  # times.
  local attempt killed=
  for attempt in 1 2 3 4 5 6; do
    local code=0
    pod run --name hungry --network none --memory 16m --memory-swap 16m localhost/bb tail /dev/zero || code=$?
    equal $code 137
    killed=$(pod inspect -f '{{.State.OOMKilled}}' hungry)
    pod rm hungry
    [ "$killed" != true ] || break
  done
  equal "$killed" true
}

podman_root_systemd() { manager=systemd podman_basics; manager=systemd podman_more; }
podman_root_cgroupfs() { manager=cgroupfs podman_basics; }
podman_rootless_systemd() { as_user bash "$script" --case podman_user_basics; }
podman_user_basics() { manager=systemd podman_basics; }
podman_rootless_cgroupfs() { as_user bash "$script" --case podman_user_bare; }
podman_user_bare() {
  manager=cgroupfs
  equal "$(pod run --rm --network none localhost/bb echo hi)" hi
}

# The container's cgroup is made in the caller's own.
podman_split() {
  systemd-run --scope --quiet --collect -p Delegate=yes -- bash "$script" --case podman_in_scope
}
podman_in_scope() {
  manager=systemd
  pod image exists localhost/bb || pod import -q /opt/busybox.tar localhost/bb
  local scope
  scope=$(sed -n 's/^0:://p' /proc/self/cgroup)
  pod run -d --name split --network none --cgroups=split --memory 64m localhost/bb sleep 1000
  local path
  path=$(sed -n 's/^0:://p' "/proc/$(pod inspect -f '{{.State.Pid}}' split)/cgroup")
  [ "${path#"$scope"/}" != "$path" ]
  equal "$(cat "/sys/fs/cgroup$path/memory.max")" 67108864
  equal "$(pod exec split echo hi)" hi
  pod rm -f -t 0 split
  [ ! -d "/sys/fs/cgroup$path" ]
}

podman_rootless_split() { as_user bash "$script" --case podman_in_scope; }

# A unit that Podman's generator makes of a .container file: the container's cgroup is made in the unit's own, and
# systemd counts it as started when conmon says so.
podman_quadlet() { podman_unit /etc/containers/systemd; }
podman_rootless_quadlet() { as_user bash "$script" --case podman_user_unit; }
podman_user_unit() { podman_unit "$HOME/.config/containers/systemd" --user; }

podman_unit() { # podman_unit FOLDER [--user]
  local folder=$1 manager=systemd; shift
  pod image exists localhost/bb || pod import -q /opt/busybox.tar localhost/bb
  mkdir -p "$folder"
  printf '%s\n' '[Container]' Image=localhost/bb ContainerName=quadlet 'Exec=sleep 1000' Network=none \
    "GlobalArgs=--log-level error --runtime $RUNTIME" 'PodmanArgs=--memory 64m' \
    '[Service]' TimeoutStartSec=120 Restart=always RestartSec=1 >"$folder/ours.container"
  systemctl "$@" daemon-reload
  systemctl "$@" cat ours.service | grep -- --cgroups=split
  systemctl "$@" start ours.service
  local unit pid path
  unit=$(systemctl "$@" show -P ControlGroup ours.service)
  pid=$(pod inspect -f '{{.State.Pid}}' quadlet)
  path=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
  [ "${path#"$unit"/}" != "$path" ]
  equal "$(cat "/sys/fs/cgroup$path/memory.max")" 67108864
  equal "$(pod inspect -f '{{.OCIRuntime}}' quadlet)" "$RUNTIME"
  equal "$(pod exec quadlet echo hi)" hi
  # What systemd writes again must not change it.
  systemctl "$@" daemon-reload
  equal "$(cat "/sys/fs/cgroup$path/memory.max")" 67108864
  # A container that dies is started anew.
  kill -9 "$pid"
  within 60 another_runs quadlet "$pid"
  equal "$(systemctl "$@" is-active ours.service)" active
  systemctl "$@" stop ours.service
  within 20 sh -c "[ ! -e '/sys/fs/cgroup$unit' ]"
  ! pod container exists quadlet
  rm "$folder/ours.container"
  systemctl "$@" daemon-reload
}
another_runs() { # another_runs CONTAINER PID
  local now
  now=$(pod inspect -f '{{.State.Status}} {{.State.Pid}}' "$1" 2>/dev/null) || return 1
  [ "${now% *}" = running ] && [ "${now#* }" != "$2" ]
}

if [ "${1:-}" = --case ]; then
  set -ex
  "$2"
  exit
fi

docker_cases="docker_knows_it docker_run docker_exec docker_stats docker_update docker_pause docker_restart
  docker_survives_its_daemon docker_leaves_nothing docker_oom_of_a_child docker_oom_of_the_first_process"
podman_cases="podman_root_systemd podman_root_cgroupfs podman_rootless_systemd podman_rootless_cgroupfs
  podman_split podman_rootless_split podman_quadlet podman_rootless_quadlet"

for caller in ${*:-docker podman}; do
  [ "$caller" != docker ] || start_docker || { echo "not ok: dockerd does not start"; exit 1; }
  cases=${caller}_cases
  for name in ${!cases}; do check "$name"; done
done
rm -rf "$work"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
