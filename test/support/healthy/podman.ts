// What Podman 4 and Buildah ask for, from what they have written on this project's machines.

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

const plain = ["nosuid", "noexec", "nodev"];

function podman(config: Config, { folder }: Place): void {
  config.process.user = { uid: 0, gid: 0, umask: 0o22 };
  config.process.noNewPrivileges = false;
  config.process.rlimits = [
    { type: "RLIMIT_NOFILE", soft: 1000, hard: 1000 },
    { type: "RLIMIT_NPROC", soft: 1000, hard: 1000 },
  ];
  give(config, USUAL);
  const cgroup = ["rprivate", ...plain, "relatime", "ro"];
  remount(config, [
    bound(folder, "/etc/hostname", "rprivate"),
    bound(folder, "/etc/hosts", "rprivate"),
    bound(folder, "/dev/shm/", "rprivate", ...plain),
    bound(folder, "/run/.containerenv", "rprivate"),
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: cgroup },
  ]);
  config.annotations = {
    "io.container.manager": "libpod",
    "io.podman.annotations.privileged": "FALSE",
    "org.opencontainers.image.stopSignal": "15",
  };
  config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
  config.linux.seccomp = profile();
  config.linux.maskedPaths = [
    ...["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
    ...["/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/fs/selinux"],
    "/sys/dev/block",
  ];
  config.linux.readonlyPaths = [
    ...["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
  ];
}

type Edit = (config: Config, place: Place) => void;

const flags = (name: string, edit: Edit, more: Omit<Healthy, "name" | "edit"> = {}): Healthy => ({
  ...more,
  name: `podman run ${name}`.trim(),
  edit: (config, place) => {
    podman(config, place);
    edit(config, place);
  },
});

const copiedUp = (destination: string) => ({
  ...{ destination, type: "tmpfs", source: "tmpfs" },
  options: ["rw", "rprivate", "nosuid", "nodev", "tmpcopyup"],
});

export const PODMAN: readonly Healthy[] = [
  flags("", () => {}),
  flags("--privileged", (config) => {
    give(config, PRIVILEGED);
    remount(config, [
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["rprivate", ...plain, "rw"] },
      {
        ...{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" },
        options: ["rprivate", ...plain, "relatime", "rw"],
      },
    ]);
    config.linux.resources = { devices: [{ allow: true, access: "rwm" }] };
    for (const name of ["seccomp", "maskedPaths", "readonlyPaths"] as const) delete config.linux[name];
  }),
  flags("--read-only --tmpfs /scratch:size=1m", (config) => {
    config.root.readonly = true;
    const options = ["rprivate", "nosuid", "nodev", "tmpcopyup", "size=1m"];
    config.mounts.push(copiedUp("/tmp"), copiedUp("/run"), copiedUp("/var"), {
      ...{ destination: "/scratch", type: "tmpfs", source: "tmpfs", options },
    });
  }),
  flags("--systemd always", (config) => {
    for (const path of ["/run", "/run/lock", "/tmp", "/var/log/journal"]) config.mounts.push(copiedUp(path));
  }),
  flags("--pod web", (config, { other }) => share(config, ["network", "ipc", "uts"], other), { joins: true }),
  flags("--userns auto", (config, place) => {
    mapUsers(config, place, 231_072, 1024);
  }),
  {
    name: "buildah run, without cgroups",
    edit: (config, place) => {
      podman(config, place);
      delete config.linux.resources;
      config.mounts = config.mounts.filter(({ type }) => type !== "cgroup");
    },
    globals: ["--cgroup-manager", "disabled"],
  },
];

/** Of an ordinary user, whose namespace the caller has not made before. */
export const ROOTLESS: readonly Healthy[] = [
  { name: "what spec --rootless writes, by an ordinary user", edit: () => {}, rootless: true },
  {
    name: "a read-only root with volumes, by an ordinary user",
    edit: (config, { folder }) => {
      config.root.readonly = true;
      config.mounts.push(bound(folder, "/a/", "ro"), bound(folder, "/b/", "rprivate", "nosuid", "nodev"));
      config.mounts.push({ destination: "/t", type: "tmpfs", source: "tmpfs", options: ["size=1m"] });
    },
    rootless: true,
  },
  {
    name: "Podman's masks, profile and capabilities, by an ordinary user",
    edit: (config) => {
      give(config, USUAL);
      config.process.noNewPrivileges = false;
      config.linux.seccomp = profile();
      config.linux.maskedPaths = [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/scsi",
      ];
      config.linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
    },
    rootless: true,
  },
];
