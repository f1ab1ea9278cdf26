// The base configuration of the end-to-end tests. A test edits a fresh copy, so its edits show what it is
// about. The types cover the members that tests use; a configuration that must be invalid is written as text.

import { cgroupsPathOf } from "./cgroup-driver.ts";

export interface ConfigMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

export interface ConfigNamespace {
  type: string;
  path?: string;
}

export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface ConfigDevice {
  type: string;
  path: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}

export interface ConfigSeccomp {
  defaultAction: string;
  architectures?: string[];
  flags?: string[];
  syscalls?: SeccompRule[];
  listenerPath?: string;
  listenerMetadata?: string;
}

export interface ConfigProcess {
  terminal?: boolean;
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] };
  args: string[];
  env?: string[];
  cwd: string;
  capabilities?: Record<string, string[]>;
  rlimits?: { type: string; soft: number; hard: number }[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  scheduler?: { policy: string; nice?: number; priority?: number; flags?: string[] };
  ioPriority?: { class: string; priority?: number };
  execCPUAffinity?: { initial?: string; final?: string };
}

export interface Resources {
  devices?: { allow: boolean; type?: string; major?: number; minor?: number; access?: string }[];
  memory?: Record<string, number | boolean>;
  cpu?: Record<string, number | string>;
  pids?: { limit: number };
  blockIO?: {
    weight?: number;
    leafWeight?: number;
    weightDevice?: { major: number; minor: number; weight: number }[];
    throttleReadBpsDevice?: { major: number; minor: number; rate: number }[];
  };
  network?: { classID?: number; priorities?: { name: string; priority: number }[] };
  hugepageLimits?: { pageSize: string; limit: number }[];
  unified?: Record<string, string>;
}

export interface ConfigHook {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export type HookKind =
  | "prestart"
  | "createRuntime"
  | "createContainer"
  | "startContainer"
  | "poststart"
  | "poststop";

export interface ConfigLinux {
  cgroupsPath?: string;
  namespaces: ConfigNamespace[];
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  timeOffsets?: Record<string, { secs: number; nanosecs?: number }>;
  sysctl?: Record<string, string>;
  devices?: ConfigDevice[];
  resources?: Resources;
  seccomp?: ConfigSeccomp;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  rootfsPropagation?: string;
  personality?: { domain: string };
  memoryPolicy?: { mode: string; nodes: string; flags?: string[] };
  netDevices?: Record<string, { name?: string }>;
  intelRdt?: {
    closID?: string;
    schemata?: string[];
    l3CacheSchema?: string;
    memBwSchema?: string;
    enableMonitoring?: boolean;
  };
}

export interface Config {
  ociVersion: string;
  process: ConfigProcess;
  root: { path: string; readonly?: boolean };
  hostname?: string;
  domainname?: string;
  mounts: ConfigMount[];
  hooks?: Partial<Record<HookKind, ConfigHook[]>>;
  linux: ConfigLinux;
  annotations?: Record<string, string>;
}

const BASE_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

export const standardMounts: readonly ConfigMount[] = [
  { destination: "/proc", type: "proc", source: "proc" },
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
];

/** A private container that runs `/bin/true`; its cgroup is its own, directly below each hierarchy's root. */
export function baseConfig(id: string): Config {
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ["/bin/true"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities: {
        bounding: [...BASE_CAPABILITIES],
        effective: [...BASE_CAPABILITIES],
        permitted: [...BASE_CAPABILITIES],
      },
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: false },
    hostname: "box",
    mounts: structuredClone([...standardMounts]),
    linux: {
      cgroupsPath: cgroupsPathOf(id),
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
    },
  };
}

/** Adds annotations, and makes the case's other edits. */
export function annotated(
  annotations: Readonly<Record<string, string>>,
  more: (config: Config) => void = () => {},
): (config: Config) => void {
  return (config) => {
    config.annotations = { ...annotations };
    more(config);
  };
}

/** The container is then among the host's mounts. */
export function withoutMountNamespace({ linux }: Config): void {
  linux.namespaces = linux.namespaces.filter(({ type }) => type !== "mount");
}

/** Gives the container a user namespace whose root is an unprivileged id of the host. */
export function mapIds(config: Config, hostID: number, size: number): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID, size }];
  config.linux.gidMappings = [{ containerID: 0, hostID, size }];
}
