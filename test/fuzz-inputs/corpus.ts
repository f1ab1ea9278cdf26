// The documents to mutate: configurations like those of Docker, Podman and a CRI runtime, the bundles of this
// repository, process files, resources and lists of mounts. None of their programs does anything.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { baseConfig, mapIds } from "../support/config.ts";

const MOUNTS = ["nosuid", "noexec", "nodev"];

function docker(id: string): unknown {
  const config = baseConfig(id);
  config.process.user.additionalGids = [0, 10];
  config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 }];
  config.mounts.push(
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...MOUNTS, "ro"] },
    { destination: "/etc/hosts", type: "bind", source: "/etc/hosts", options: ["rbind", "ro", "rprivate"] },
  );
  config.hooks = { prestart: [{ path: "/bin/true", args: ["true", "x"], env: ["A=B"], timeout: 5 }] };
  Object.assign(config.linux, {
    sysctl: { "net.ipv4.ip_unprivileged_port_start": "0" },
    seccomp: {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [
        { names: ["mount", "umount2"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
        {
          names: ["clone"],
          action: "SCMP_ACT_ALLOW",
          args: [{ index: 0, value: 2114060288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
        },
      ],
    },
    maskedPaths: ["/proc/kcore", "/proc/keys", "/sys/firmware"],
    readonlyPaths: ["/proc/bus", "/proc/sys"],
    resources: {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
      ],
      memory: { limit: 268435456, swap: -1, disableOOMKiller: false },
      cpu: { shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0" },
      pids: { limit: 100 },
      blockIO: { weight: 500, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576 }] },
      hugepageLimits: [{ pageSize: "2MB", limit: 2 ** 63 - 4096 }],
    },
  });
  return config;
}

function podman(id: string): unknown {
  const config = baseConfig(id);
  mapIds(config, 100_000, 65_536);
  config.process.capabilities = { bounding: ["CAP_KILL", "CAP_CHOWN"], ambient: ["CAP_KILL"] };
  config.process.scheduler = { policy: "SCHED_BATCH", nice: 5 };
  config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 4 };
  config.process.execCPUAffinity = { initial: "0", final: "0-1" };
  config.mounts.push({
    destination: "/run",
    type: "tmpfs",
    source: "tmpfs",
    options: ["tmpcopyup", "mode=755"],
  });
  config.annotations = { "io.container.manager": "libpod", "org.opencontainers.image.stopSignal": "15" };
  Object.assign(config.linux, {
    devices: [{ type: "c", path: "/dev/fuse", major: 10, minor: 229, fileMode: 438, uid: 0, gid: 0 }],
    timeOffsets: {},
    rootfsPropagation: "slave",
    personality: { domain: "LINUX" },
  });
  return config;
}

function sandbox(id: string): unknown {
  const config = baseConfig(id);
  config.process.args = ["/pause"];
  config.process.oomScoreAdj = -998;
  config.annotations = { "io.kubernetes.cri.container-type": "sandbox", "org.systemd.property.X": "'y'" };
  config.linux.netDevices = {};
  config.linux.intelRdt = { closID: "x", l3CacheSchema: "L3:0=f" };
  config.linux.memoryPolicy = { mode: "MPOL_PREFERRED", nodes: "0" };
  return config;
}

function fixtures(): unknown[] {
  return readdirSync("bundle-fixtures")
    .map((name) => join("bundle-fixtures", name, "config.json"))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")));
}

/** Configurations; `id` names their cgroups. */
export function configurations(id: string): readonly unknown[] {
  return [baseConfig(id), docker(id), podman(id), sandbox(id), ...fixtures()];
}

export const processes: readonly unknown[] = [
  { ...baseConfig("x").process, args: ["/bin/true"] },
  {
    ...(docker("x") as { process: object }).process,
    user: { uid: 1000, gid: 1000, umask: 18, additionalGids: [5] },
    args: ["true", "x"],
    rlimits: [{ type: "RLIMIT_NPROC", soft: 64, hard: 2 ** 64 }],
  },
  { ...(podman("x") as { process: object }).process, apparmorProfile: "", selinuxLabel: "" },
];

export const resources: readonly unknown[] = [
  (docker("x") as { linux: { resources: unknown } }).linux.resources,
  { pids: { limit: 50 }, cpu: { shares: 100 }, memory: { limit: 67108864, reservation: 1048576 } },
  { unified: { "pids.max": "50", "memory.high": "max" }, network: { classID: 5, priorities: [] }, rdma: {} },
];

/** For `mounts add`. */
export const mountLists: readonly unknown[] = [
  [{ destination: "/added", source: "/tmp", type: "bind", options: ["rbind", "ro", ...MOUNTS] }],
  [
    { destination: "/scratch", source: "tmpfs", type: "tmpfs", options: ["size=4k", "mode=1777", "nosuid"] },
    { destination: "scratch/deep/er", source: "/etc", options: ["bind", "rslave", "rro"] },
  ],
  [
    { destination: "/a", source: "/proc/self/ns", type: "none", options: ["bind", "private", "norelatime"] },
    { destination: "/bin/../b", source: "none", type: "tmpfs", options: ["tmpcopyup"] },
    {
      destination: "/mapped",
      source: "/tmp",
      type: "bind",
      options: ["bind", "idmap"],
      uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
      gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    },
  ],
];
