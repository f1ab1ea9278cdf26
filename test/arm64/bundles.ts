// The configurations of the smoke checks (smoke.sh), by their names: one is what stands in BASE and what is
// given for it. Called by main.ts.

import { DOCKER_DEFAULT } from "../unit/seccomp/docker-default.ts";

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const NAMESPACES = ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type }));
const REFUSE_ALL = { allow: false, access: "rwm" };

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
  { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
];

/** What a configuration has other than BASE. */
interface Difference {
  readonly process?: object;
  readonly linux?: object;
  readonly mounts?: readonly object[];
  readonly capabilities?: readonly string[];
  readonly hooks?: object;
}

function config(command: string, { process, linux, mounts = [], capabilities, hooks }: Difference = {}) {
  const set = capabilities ?? CAPABILITIES;
  return {
    ociVersion: "1.3.0",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["sh", "-c", command],
      env: ["PATH=/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: set, effective: set, permitted: set },
      noNewPrivileges: true,
      ...process,
    },
    root: { path: "rootfs", readonly: true },
    mounts: [...MOUNTS, ...mounts],
    linux: { namespaces: NAMESPACES, resources: { devices: [REFUSE_ALL] }, ...linux },
    ...(hooks === undefined ? {} : { hooks }),
  };
}

function hook(name: string) {
  return [{ path: "/bin/sh", args: ["sh", "-c", `echo ${name} >> /tmp/hooks`] }];
}

/** Docker's default profile, as its daemon makes it for this machine. */
const PROFILE = { ...DOCKER_DEFAULT, architectures: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"] };

export const BUNDLES = {
  hello: config("echo hello $(uname -m) $$"),
  status: config("exit 7"),
  wrong: config("", { process: { args: ["nosuch"] } }),
  user: config("id", { process: { user: { uid: 1000, gid: 1000, additionalGids: [5] } } }),
  limit: config("ulimit -n", { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 50, hard: 100 }] } }),
  sysctl: config("cat /proc/sys/net/ipv4/ip_forward", { linux: { sysctl: { "net.ipv4.ip_forward": "1" } } }),
  filter: config("grep Seccomp: /proc/self/status; mount -t tmpfs t /dev/shm || echo mount refused", {
    linux: { seccomp: PROFILE },
    capabilities: [...CAPABILITIES, "CAP_SYS_ADMIN"],
  }),
  users: config("id -u; cat /proc/self/uid_map", {
    linux: {
      namespaces: [...NAMESPACES, { type: "user" }],
      uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
      gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
    },
  }),
  clock: config("cut -d. -f1 /proc/uptime", {
    linux: { namespaces: [...NAMESPACES, { type: "time" }], timeOffsets: { boottime: { secs: 100000 } } },
  }),
  bind: config("ls /tmp/data; touch /tmp/data/x || echo read-only", {
    mounts: [{ destination: "/tmp/data", source: "/tmp/source", options: ["rbind", "ro"] }],
  }),
  devices: config(
    "mknod /dev/kmsg c 1 11; true < /dev/kmsg && echo read || echo refused; echo x > /dev/null && echo null",
    { capabilities: [...CAPABILITIES, "CAP_MKNOD"], linux: { cgroupsPath: "/smoke/devices" } },
  ),
  memory: config("x=a; while true; do x=$x$x; done", {
    linux: {
      cgroupsPath: "/smoke/memory",
      resources: { memory: { limit: 16 << 20, swap: 16 << 20 }, devices: [REFUSE_ALL] },
    },
  }),
  hooks: config("true", {
    hooks: { createRuntime: hook("createRuntime"), poststop: hook("poststop") },
  }),
  sleep: config("exec sleep 1000", {
    linux: {
      cgroupsPath: "/smoke/sleep",
      resources: { memory: { limit: 64 << 20 }, pids: { limit: 20 }, devices: [REFUSE_ALL] },
    },
  }),
} as const;
