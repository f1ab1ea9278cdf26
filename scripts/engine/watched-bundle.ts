// The bundle of the container in which the build watches commands: what a container usually has, as far as a
// user namespace allows it. Called by watch.ts.

import { mkdirSync } from "node:fs";
import { $ } from "bun";
import { NATIVE } from "./quickjs.ts";
import { C_FLAGS } from "./toolchain.ts";

const CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_NET_BIND_SERVICE"];

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  { destination: "/data", type: "bind", source: "data", options: ["rbind", "rprivate", "ro"] },
];

const NAMESPACES = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type }));

function config(resources: object): object {
  return {
    ociVersion: "1.3.0",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/idle"],
      env: ["PATH=/", "TERM=xterm", "HOME=/"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    hostname: "watched",
    mounts: MOUNTS,
    annotations: { "com.example.watched": "yes" },
    linux: {
      namespaces: NAMESPACES,
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
      readonlyPaths: ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"],
      ...resources,
    },
  };
}

const RESOURCES = {
  cgroupsPath: "/watched",
  resources: {
    devices: [{ allow: false, access: "rwm" }],
    memory: { limit: 268435456 },
    cpu: { shares: 512, quota: 50000, period: 100000 },
    pids: { limit: 100 },
  },
};

/** Makes `lived` in this directory, which can be created there, and `explained`, which has limits as well. */
export async function makeWatchedBundles(directory: string): Promise<void> {
  for (const [name, resources] of [
    ["lived", {}],
    ["explained", RESOURCES],
  ] as const) {
    const bundle = `${directory}/${name}`;
    mkdirSync(`${bundle}/rootfs`, { recursive: true });
    mkdirSync(`${bundle}/data`, { recursive: true });
    await Bun.write(`${bundle}/config.json`, JSON.stringify(config(resources)));
    await $`musl-gcc ${C_FLAGS} -static -no-pie -o ${bundle}/rootfs/idle ${NATIVE}/idle.c`;
  }
}
