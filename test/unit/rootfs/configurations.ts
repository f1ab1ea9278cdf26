// The mounts that Docker and Podman send with every container, for the tests of this folder.

import type { CgroupLayout } from "../../../src/rootfs/plan/cgroup.ts";
import type { Spec } from "../../../src/spec/types.ts";

type Mounts = NonNullable<Spec["mounts"]>;

export const DOCKER_MOUNTS: Mounts = [
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
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "mode=1777", "size=67108864"],
  },
  { destination: "/etc/hosts", type: "bind", source: "/var/lib/hosts", options: ["rbind", "rprivate"] },
];

export const PODMAN_MOUNTS: Mounts = [
  ...DOCKER_MOUNTS.slice(0, 4),
  {
    destination: "/dev/shm",
    type: "bind",
    source: "/var/lib/shm",
    options: ["bind", "rprivate", "nosuid", "noexec", "nodev"],
  },
  { destination: "/run/.containerenv", type: "bind", source: "/run/env", options: ["bind", "rprivate"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"],
  },
];

export const V2: CgroupLayout = {
  v2: true,
  unifiedMount: "/sys/fs/cgroup",
  unifiedPath: "/sys/fs/cgroup/box",
  hierarchies: [],
  cgroupNamespace: false,
};

export const V1: CgroupLayout = {
  v2: false,
  hierarchies: [
    { controllers: "cpu,cpuacct", mountpoint: "/cg/cpu,cpuacct", containerPath: "/cg/cpu,cpuacct/box" },
    { controllers: "name=systemd", mountpoint: "/cg/systemd", containerPath: "/cg/systemd/own" },
  ],
  cgroupNamespace: false,
};

export const NAMESPACES: NonNullable<NonNullable<Spec["linux"]>["namespaces"]> = [
  { type: "mount" },
  { type: "pid" },
];

export function specOf(mounts: Mounts, linux: Spec["linux"] = {}): Spec {
  return {
    ociVersion: "1.2.0",
    root: { path: "rootfs" },
    mounts: [...mounts],
    linux: { namespaces: [...NAMESPACES], ...linux },
  };
}
