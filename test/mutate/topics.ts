// Finds the tests of a source: every unit test that loads it, found by imports, and then the end-to-end files
// of its topic, from the most to the least likely to notice a change.

import { existsSync } from "node:fs";
import { readSources } from "../style/source.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { controllerHierarchy } from "../support/host.ts";

/** The folders in which changes are made by default. */
export const FOLDERS: readonly string[] = [
  "src/rootfs",
  "src/cgroups",
  "src/process",
  "src/seccomp",
  "src/container",
  "src/hooks",
  "src/namespaces",
];

const MOUNTS = [
  "e2e/mounts",
  "e2e/bad-mounts",
  "e2e/rootfs",
  "security/destinations",
  "e2e/tmpfs",
  "security/protections",
];
const LIVES = ["e2e/lifecycle", "e2e/run", "e2e/exec"];
const PEERS = ["security/hostile-peers", "security/reused-pid", "e2e/same-id", "e2e/damaged-state"];
const CGROUPS = [
  "e2e/cgroups",
  "e2e/update",
  "e2e/cgroup-refusals",
  "security/cgroups",
  "security/cgroup-mount",
];
const HOOKS = ["e2e/hooks", "e2e/hook-failures", "e2e/hook-output", "e2e/children"];
const ENDINGS = ["security/killed-runtime", "e2e/exhaustion"];
/** Test files that use many commands and configurations. */
const WIDE = ["e2e/rootless", "e2e/bad-input", "e2e/terminal"];

/** By the beginning of a path; all matching entries count, the longest first. */
const END_TO_END: Readonly<Record<string, readonly string[]>> = {
  "src/cause/": ["e2e/causes", "e2e/other-causes", "e2e/killed-in-execve"],
  "src/check/": ["e2e/check"],
  "src/trace/": ["e2e/trace", "e2e/trace-formats"],
  "src/spans": ["e2e/trace", "e2e/trace-formats"],
  "src/linux/call/timeline": ["e2e/trace", "e2e/trace-formats"],
  "src/proxy/machine/clock": ["e2e/trace"],
  "src/diff/": ["e2e/diff", "e2e/diff-healthy", "e2e/healthy", "e2e/diff-devices", "e2e/diff-podman"],
  "src/container/top": ["e2e/top"],
  "src/container/run": ["e2e/run", "e2e/trace"],
  "src/container/processes": ["e2e/no-cgroup", "e2e/ps"],
  "src/terminal/screen": ["e2e/top"],
  "src/why/": ["e2e/why", "e2e/why-ended", "e2e/healthy"],
  "src/gc/": ["e2e/gc", "e2e/healthy"],
  "src/container/existing": ["e2e/diff", "e2e/explain", "e2e/update", "e2e/diff-healthy"],
  "src/container/ending": ["e2e/why-ended"],
  "src/container/causes": ["e2e/causes", "e2e/other-causes", "e2e/killed-in-execve", "e2e/labels"],
  "src/rootfs/": [...MOUNTS, "security/masks", "security/procfs", ...LIVES, ...WIDE],
  "src/rootfs/build/copy-": ["e2e/copy-up", "e2e/tmpfs"],
  "src/rootfs/build/mount-bind": ["e2e/private-sources"],
  "src/rootfs/build/devices": ["e2e/private-sources"],
  "src/rootfs/build/root": ["security/host-mounts"],
  "src/namespaces/join": ["security/host-mounts"],
  "src/namespaces/id-maps": ["e2e/rootless", "e2e/check"],
  "src/namespaces/own-namespaces": ["e2e/own-namespaces"],
  "src/rootfs/build/seal": ["security/host-mounts", "e2e/rootfs", "security/masks", "security/procfs"],
  "src/rootfs/build/console": ["e2e/terminal", "security/console"],
  "src/rootfs/live/": ["e2e/live-mounts", "e2e/live-mounts-users"],
  "src/rootfs/plan/live": ["e2e/live-mounts", "e2e/live-mounts-users"],
  "src/rootfs/place/": ["e2e/private-sources"],
  "src/rootfs/host/": ["e2e/busy-host", "e2e/mounts"],
  "src/rootfs/host/view": ["e2e/explain-syscalls"],
  // A helper that does not end when it is told to makes each command ten seconds slower.
  "src/rootfs/host/helper": ["e2e/private-sources", "e2e/live-mounts"],
  "src/rootfs/plan/attributes": ["e2e/mounts"],
  "src/rootfs/plan/cgroup": ["security/cgroups", "e2e/cgroups"],
  "src/cgroups/": [...CGROUPS, ...LIVES, "e2e/events", "e2e/pause", ...WIDE, ...ENDINGS],
  "src/cgroups/stats/": ["e2e/events"],
  "src/cgroups/oom": ["e2e/events", "e2e/shim-memory", "e2e/why-ended", "e2e/killed-in-execve"],
  "src/cgroups/freezer": ["e2e/pause", "e2e/frozen-cgroup", "e2e/kill"],
  "src/cgroups/members": ["e2e/ps", "e2e/kill", "e2e/pause"],
  "src/cgroups/merge": ["e2e/update", "e2e/update-property"],
  "src/cgroups/controllers/": ["e2e/update", "e2e/update-property"],
  "src/cgroups/v2": ["e2e/cgroup-v2", "e2e/annotations"],
  "src/cgroups/devices/": ["e2e/update-devices", "e2e/cgroup-v2"],
  "src/cgroups/systemd/": ["e2e/systemd-units"],
  "src/process/": ["e2e/process", "e2e/capabilities", "e2e/exec", "security/credentials", ...LIVES, ...WIDE],
  "src/process/label": ["e2e/labels"],
  "src/process/scheduling": ["e2e/scheduling"],
  "src/process/cpu-list": ["e2e/exec", "e2e/scheduling"],
  "src/process/become-user": ["e2e/capabilities", "security/credentials", "e2e/process-filter"],
  "src/seccomp/": ["e2e/seccomp", "e2e/process-filter", "e2e/libraries", "e2e/exec", ...WIDE],
  "src/container/": [
    ...LIVES,
    "e2e/kill",
    "e2e/list",
    "e2e/bad-input",
    ...HOOKS,
    ...WIDE,
    ...PEERS,
    ...ENDINGS,
  ],
  "src/container/exec-cgroup": ["e2e/exec-cgroup", "security/cgroups"],
  "src/container/salvage": ["e2e/damaged-state"],
  "src/seccomp/cache": ["e2e/seccomp-cache"],
  "src/seccomp/filter": ["e2e/seccomp-cache"],
  "src/seccomp/agent": ["e2e/seccomp-notify"],
  "src/seccomp/raw": ["e2e/seccomp-annotations"],
  "src/seccomp/observe": ["e2e/record"],
  "src/seccomp/simulate": ["e2e/record"],
  "src/record/": ["e2e/record", "e2e/record-lives"],
  "src/seccomp/kernel": ["e2e/seccomp-notify"],
  "src/seccomp/notify": ["e2e/seccomp-notify"],
  "src/container/create": [...LIVES, ...HOOKS, "e2e/trace-formats", "e2e/namespaces"],
  "src/container/set-up": [...LIVES, ...HOOKS, "e2e/trace-formats"],
  "src/container/checkpoint": ["e2e/checkpoint", "e2e/checkpoint-terminal"],
  "src/container/mounts": ["e2e/live-mounts", "e2e/live-mounts-users"],
  "src/container/inside": ["e2e/scheduling", "security/tracers", "e2e/exec"],
  "src/container/glance": ["e2e/list"],
  "src/container/boot": ["e2e/older-boot"],
  "src/container/restore": [
    "e2e/checkpoint",
    "e2e/checkpoint-peers",
    "e2e/checkpoint-terminal",
    "e2e/checkpoint-network",
  ],
  "src/container/criu": ["e2e/checkpoint"],
  "src/container/console": ["e2e/terminal", "security/console"],
  "src/container/foreground": ["e2e/run", "e2e/terminal"],
  "src/container/delete": ["e2e/same-id", "e2e/damaged-state", "e2e/lifecycle", "security/killed-runtime"],
  "src/container/destroy": [
    "e2e/same-id",
    "e2e/damaged-state",
    "e2e/unfinished",
    "e2e/lifecycle",
    "security/killed-runtime",
  ],
  "src/container/store": [
    "e2e/same-id",
    "e2e/damaged-state",
    "e2e/lifecycle",
    "security/killed-runtime",
    "e2e/list",
    "e2e/older-boot",
    "e2e/command-line",
  ],
  "src/container/undo": ["e2e/bad-input", "e2e/exhaustion", "security/killed-runtime"],
  "src/container/events": ["e2e/events"],
  "src/container/exec": [
    "e2e/exec",
    "e2e/scheduling",
    "e2e/terminal",
    "security/descriptors",
    "security/procfs",
    "e2e/trace-formats",
  ],
  "src/container/filter": ["e2e/seccomp", "e2e/seccomp-notify", "e2e/process-filter"],
  "src/container/handed-down": ["e2e/socket-activation", "e2e/notify-socket"],
  "src/container/notify-socket": ["e2e/notify-socket"],
  "src/container/hook": HOOKS,
  "src/container/creation-hooks": HOOKS,
  "src/container/start-told": HOOKS,
  "src/container/start": [...LIVES, ...HOOKS],
  "src/container/kill": ["e2e/kill", "e2e/why-ended"],
  "src/container/signal-init": ["e2e/kill", "e2e/lifecycle"],
  "src/container/list": ["e2e/list"],
  "src/container/pause": ["e2e/pause", "e2e/frozen-cgroup"],
  "src/container/ps": ["e2e/ps"],
  "src/container/update": ["e2e/update"],
  "src/container/options": ["e2e/pidfd-socket", "e2e/command-line"],
  "src/hooks/": [...HOOKS, "e2e/lifecycle", "e2e/network"],
  "src/namespaces/": [
    "e2e/namespaces",
    ...LIVES,
    "e2e/network",
    "e2e/proxy",
    "e2e/proxy-executable",
    ...WIDE,
    ...PEERS,
    ...ENDINGS,
  ],
  "src/namespaces/sysctl": ["e2e/namespaces"],
};

/** Sources that most end-to-end tests reach only on some hosts. */
const HOSTS: Readonly<Record<string, () => string | undefined>> = {
  "src/process/label-files": () =>
    ["/sys/kernel/security/apparmor", "/sys/fs/selinux/enforce"].some((path) => existsSync(path))
      ? undefined
      : "AppArmor or SELinux",
  "src/cgroups/systemd/": () => (systemdDriver ? undefined : "systemd's driver"),
  ...needingVersion(1, ["src/cgroups/v1", "src/cgroups/stats/v1", "src/cgroups/devices/apply-v1"]),
  ...needingVersion(2, ["src/cgroups/v2", "src/cgroups/stats/v2", "src/cgroups/devices/apply-v2"]),
};

function needingVersion(version: 1 | 2, beginnings: readonly string[]): typeof HOSTS {
  const need = (): string | undefined =>
    controllerHierarchy("pids")?.version === version ? undefined : `cgroup v${version}`;
  return Object.fromEntries(beginnings.map((beginning) => [beginning, need]));
}

/** Files that bring along what a host may lack: a systemd that only answers, cgroup v2 beside v1. */
const EVERYWHERE: readonly string[] = [
  "e2e/systemd-units",
  "e2e/cgroup-v2",
  "e2e/update-devices",
  "e2e/cgroup-refusals",
  "e2e/annotations",
];

/** Files that test the test machinery, or take too long for their use here. */
const LEFT_OUT = /^(unit\/engine|unit\/scripts)\//;

export interface Suite {
  readonly unit: readonly string[];
  readonly endToEnd: readonly string[];
  /** What this host lacks for the end-to-end tests. */
  readonly lacking: string | undefined;
  /** Those that do without it. */
  readonly anyway: readonly string[];
}

/** Finds the tests of sources; names are those below test/, without the ending. */
export class Topics {
  readonly #loaded = new Map<string, ReadonlySet<string>>();
  readonly #units: readonly string[];

  constructor() {
    const files = [...readSources("src"), ...readSources("test")];
    const imports = new Map(
      files.map(({ path, imports: list }) => [
        path,
        list.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
      ]),
    );
    const units = files.map(({ path }) => path).filter((path) => /^test\/unit\/.*\.test\.ts$/.test(path));
    for (const path of units) this.#loaded.set(nameOf(path), closure(path, imports));
    this.#units = units.map(nameOf).filter((name) => !LEFT_OUT.test(name));
  }

  of(source: string): Suite {
    const folder = source.split("/")[1] ?? "";
    const unit = this.#units.filter((name) => this.#loaded.get(name)?.has(source) === true);
    const isNear = (name: string): number => Number(name.startsWith(`unit/${folder}/`));
    const fitting = Object.keys(END_TO_END)
      .filter((beginning) => source.startsWith(beginning))
      .sort((a, b) => b.length - a.length);
    const endToEnd = [...new Set(fitting.flatMap((beginning) => END_TO_END[beginning] ?? []))];
    const host = Object.keys(HOSTS).find((beginning) => source.startsWith(beginning));
    const lacking = host === undefined ? undefined : HOSTS[host]?.();
    const anyway = endToEnd.filter((name) => EVERYWHERE.includes(name));
    return { unit: unit.toSorted((a, b) => isNear(b) - isNear(a)), endToEnd, lacking, anyway };
  }
}

function nameOf(path: string): string {
  return path.replace(/^test\//, "").replace(/\.test\.ts$/, "");
}

function closure(from: string, imports: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [from];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const target of imports.get(path) ?? []) {
      if (reached.has(target)) continue;
      reached.add(target);
      waiting.push(target);
    }
  }
  return reached;
}
