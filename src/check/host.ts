// What else containers need from the host: seccomp and security modules, programs, and files.

import { readSystemd } from "../cgroups/host.ts";
import { TsrunError } from "../errors.ts";
import { mayUse, W_OK, X_OK } from "../linux/files/access.ts";
import { filesystemType, openIfThere, readTextIfThere, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_PATH } from "../linux/numbers/fcntl.ts";
import { TMPFS_MAGIC } from "../linux/numbers/mount.ts";
import { findInPath } from "../linux/process/find-in-path.ts";
import { hasSelinux } from "../process/host-side.ts";
import { parentOf } from "../rootfs/plan/paths.ts";
import { kernelVersion } from "./kernel.ts";
import type { Line } from "./model.ts";

export function securityLines(): Line[] {
  const actions = readTextIfThere("/proc/sys/kernel/seccomp/actions_avail")?.trim();
  const seccomp = { id: "security.seccomp", topic: "security", what: "seccomp" } as const;
  const apparmor = readTextIfThere("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true;
  return [
    actions === undefined
      ? {
          ...seccomp,
          health: "lacking",
          found: "missing",
          costs: "linux.seccomp is refused",
          mend: "a kernel with CONFIG_SECCOMP_FILTER",
        }
      : { ...seccomp, health: "well", found: actions },
    moduleLine("apparmor", "process.apparmorProfile", apparmor),
    moduleLine("selinux", "process.selinuxLabel", hasSelinux()),
  ];
}

/** Most hosts have one of these modules and need no other, so a missing one is never `lacking`. */
function moduleLine(name: string, member: string, isThere: boolean): Line {
  const line = { id: `security.${name}`, topic: "security", what: name } as const;
  if (isThere) return { ...line, health: "well", found: "enforces" };
  const mend = `boot with security=${name}, or leave that out`;
  return { ...line, health: "lesser", found: "off", costs: `${member} is refused`, mend };
}

export function programLines(rootless: boolean): Line[] {
  return [systemdLine(rootless), criuLine()];
}

function systemdLine(rootless: boolean): Line {
  const line = { id: "programs.systemd", topic: "programs", what: "systemd" } as const;
  const costs = "--systemd-cgroup is refused";
  if (status("/run/systemd/system") === undefined) {
    const mend = "leave out --systemd-cgroup: cgroups are made without it";
    return { ...line, health: "lesser", found: "does not run here", costs, mend };
  }
  try {
    return { ...line, health: "well", found: `version ${readSystemd({ user: rootless }).version}` };
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    const mend = error.hint ?? "see whether its bus answers: busctl status";
    return { ...line, health: "lesser", found: error.message, costs, mend };
  }
}

function criuLine(): Line {
  const line = { id: "programs.criu", topic: "programs", what: "criu" } as const;
  const path = findInPath("criu");
  if (path !== undefined) return { ...line, health: "well", found: path };
  const costs = "checkpoint and restore are refused";
  return { ...line, health: "lesser", found: "missing", costs, mend: "install it: package criu" };
}

export function fileLines(root: string): Line[] {
  return [stateLine(root), ...idMapLines()];
}

export function procLine(): Line {
  const line = { id: "files.proc", topic: "files", what: "/proc" } as const;
  if (readTextIfThere("/proc/self/stat") !== undefined) return { ...line, health: "well", found: "mounted" };
  const costs = "no container can be made";
  return { ...line, health: "lacking", found: "not mounted", costs, mend: "mount -t proc proc /proc" };
}

/** The state root, which may not exist yet. */
function stateLine(root: string): Line {
  const line = { id: "files.state", topic: "files", what: `state in ${root}` } as const;
  const path = nearest(root);
  if (!mayUse(path, W_OK | X_OK)) {
    const costs = "no container can be made";
    const mend = "name another folder with --root";
    return { ...line, health: "lacking", found: `this user may not write to ${path}`, costs, mend };
  }
  using folder = openIfThere(path, O_PATH | O_DIRECTORY);
  const isMemory = folder !== undefined && filesystemType(folder.number) === TMPFS_MAGIC;
  if (isMemory) return { ...line, health: "well", found: "in memory" };
  const costs = "each command writes to the disk, and containers stay listed after a reboot";
  const mend = "name a folder on a tmpfs with --root, such as one below /run";
  return { ...line, health: "lesser", found: "on a disk", costs, mend };
}

/** The folder itself or, if it does not exist, the nearest existing folder above it. */
function nearest(path: string): string {
  for (let at = path; at !== "/"; at = parentOf(at)) if (status(at) !== undefined) return at;
  return "/";
}

/** File systems, with the first kernel that can id-map their mounts (mount_setattr(2)). */
const ID_MAPS: Readonly<Record<string, readonly [number, number]>> = {
  ext4: [5, 12],
  xfs: [5, 12],
  vfat: [5, 12],
  btrfs: [5, 15],
  ntfs3: [5, 15],
  f2fs: [5, 18],
  erofs: [5, 19],
  tmpfs: [6, 3],
};

/** File systems whose mounts cannot be id-mapped, and what is said about them. */
const WITHOUT_ID_MAPS: Readonly<Record<string, string>> = {
  overlay: "only its layers can be mapped, from Linux 5.19 on",
  nfs: "it cannot",
  nfs4: "it cannot",
  cifs: "it cannot",
  "9p": "it cannot",
};

/** One line for each kind of file system in use that holds files. */
function idMapLines(): Line[] {
  const [major, minor] = kernelVersion();
  const mounts = readTextIfThere("/proc/self/mountinfo") ?? "";
  const types = new Set([...mounts.matchAll(/ - (\S+) /g)].map(([, type = ""]) => type));
  return [...types]
    .filter((type) => Object.hasOwn(ID_MAPS, type) || Object.hasOwn(WITHOUT_ID_MAPS, type))
    .map((type): Line => {
      const line = {
        id: `files.idmap-${type}`,
        topic: "files",
        what: `id-mapped mounts of ${type}`,
      } as const;
      const since = ID_MAPS[type];
      if (since !== undefined && (major > since[0] || (major === since[0] && minor >= since[1]))) {
        return { ...line, health: "well", found: `from Linux ${since.join(".")} on` };
      }
      const found = since === undefined ? (WITHOUT_ID_MAPS[type] ?? "") : `Linux ${since.join(".")} can`;
      const costs = `mounts[].uidMappings is refused for files on ${type}`;
      return { ...line, health: "lesser", found, costs, mend: "keep those files on ext4, xfs or btrfs" };
    });
}
