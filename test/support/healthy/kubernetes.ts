// What containerd's CRI plugin and CRI-O ask for a pod's containers, and `ctr run`.

import { needsController } from "../behaviour.ts";
import type { Config } from "../config.ts";
import {
  bound,
  give,
  type Healthy,
  mapUsers,
  type Place,
  PRIVILEGED,
  profile,
  remount,
  share,
  USUAL,
} from "./healthy.ts";

const MASKED = [
  ...["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
  ...["/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** The pod's own container, `pause`. */
function sandbox(config: Config, { folder }: Place): void {
  config.root.readonly = true;
  config.process.user = { uid: 65_535, gid: 65_535, additionalGids: [65_535] };
  config.process.oomScoreAdj = 0;
  give(config, USUAL);
  remount(config, [bound(folder, "/dev/shm/", "ro"), bound(folder, "/etc/resolv.conf", "ro")]);
  config.linux.maskedPaths = MASKED;
  config.linux.readonlyPaths = READ_ONLY;
  config.linux.seccomp = profile();
  config.linux.sysctl = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
  };
  config.linux.resources = { devices: [{ allow: false, access: "rwm" }], cpu: { shares: 2 } };
  config.annotations = {
    "io.kubernetes.cri.container-type": "sandbox",
    "io.kubernetes.cri.sandbox-name": "web-0",
    "io.kubernetes.cri.sandbox-namespace": "default",
  };
}

/** A container of the pod, with namespaces of its own unless it joins the sandbox's. */
function app(config: Config, place: Place): void {
  const { folder } = place;
  sandbox(config, place);
  config.root.readonly = false;
  config.process.user = { uid: 0, gid: 0, additionalGids: [0, 1, 2, 3, 4, 6, 10] };
  config.process.oomScoreAdj = 982;
  config.process.noNewPrivileges = false;
  delete config.linux.sysctl;
  config.linux.namespaces.push({ type: "cgroup" });
  const options = ["nosuid", "noexec", "nodev", "relatime", "ro"];
  config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
  remount(config, [
    bound(folder, "/etc/hosts", "rprivate", "rw"),
    bound(folder, "/etc/hostname", "rprivate", "rw"),
    bound(folder, "/etc/resolv.conf", "rprivate", "rw"),
    bound(folder, "/dev/shm/", "rprivate", "rw"),
    bound(folder, "/dev/termination-log", "rprivate", "rw"),
    bound(folder, "/run/secrets/kubernetes.io/serviceaccount/", "rprivate", "ro"),
  ]);
}

type Edit = (config: Config, place: Place) => void;

const container = (name: string, edit: Edit, more: Omit<Healthy, "name" | "edit"> = {}): Healthy => ({
  ...more,
  name: `a container of a pod ${name}`,
  edit: (config, place) => {
    app(config, place);
    edit(config, place);
  },
});

export const KUBERNETES: readonly Healthy[] = [
  { name: "the sandbox of a pod", edit: sandbox, conditions: [needsController("cpu")] },
  container(
    "in its sandbox's namespaces",
    (config, { other }) => share(config, ["network", "ipc", "uts"], other),
    {
      joins: true,
      conditions: [needsController("cpu")],
    },
  ),
  container(
    "that shares processes with the others",
    (config, { other }) => share(config, ["network", "ipc", "uts", "pid"], other),
    { joins: true, conditions: [needsController("cpu")] },
  ),
  container("that is privileged, in the host's namespaces", (config, { folder }) => {
    share(config, ["network", "ipc", "uts", "pid", "cgroup"]);
    delete config.hostname;
    give(config, PRIVILEGED);
    config.linux.resources = { devices: [{ allow: true, access: "rwm" }] };
    for (const name of ["seccomp", "maskedPaths", "readonlyPaths"] as const) delete config.linux[name];
    remount(config, [bound(folder, "/dev/mqueue/"), bound(folder, "/host/", "rslave", "rw")]);
  }),
  container(
    "with requests and limits",
    (config) => {
      config.linux.resources = {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: 128 << 20 },
        cpu: { shares: 256, quota: 50_000, period: 100_000, cpus: "0", mems: "0" },
        pids: { limit: 100 },
      };
    },
    { conditions: ["memory", "cpu", "cpuset", "pids"].map((name) => needsController(name)) },
  ),
  container("that is restricted", (config) => {
    config.root.readonly = true;
    config.process.user = { uid: 1000, gid: 3000, additionalGids: [2000, 3000] };
    config.process.noNewPrivileges = true;
    give(config, []);
  }),
  container("with users of its own", (config, place) => {
    mapUsers(config, place, 165_536, 65_536);
    config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
  }),
  container("with devices of a plugin, hooks of CDI and a file by subPath", (config, { folder }) => {
    config.linux.devices = [
      { path: "/dev/accel0", type: "c", major: 10, minor: 229, fileMode: 0o660, gid: 44 },
    ];
    config.linux.resources?.devices?.push({ allow: true, type: "c", major: 10, minor: 229, access: "rw" });
    config.hooks = { createContainer: [{ path: "/bin/true", args: ["nvidia-cdi-hook", "update-ldcache"] }] };
    config.mounts.push(
      bound(folder, "/etc/app/"),
      bound(folder, "/etc/app/inner/app.conf", "rprivate", "ro"),
    );
  }),
  {
    name: "ctr run",
    edit: (config) => {
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 1024 }];
      give(config, USUAL);
      const options = ["nosuid", "strictatime", "mode=755", "size=65536k"];
      config.mounts.push({ destination: "/run", type: "tmpfs", source: "tmpfs", options });
      config.linux.maskedPaths = MASKED;
      config.linux.readonlyPaths = READ_ONLY;
      config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
    },
  },
];
