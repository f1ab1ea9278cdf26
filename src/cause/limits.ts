// Finds out why a value was refused: for a limit of the process or its cgroup, or for a sysctl. The kernel
// says only EPERM or EINVAL; /proc/sys and the files themselves show which values it accepts.

import { listDirectoryAt } from "../linux/files/directories.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import { CAPABILITY_NAMES, type CapabilityName } from "../linux/numbers/capabilities.ts";
import { readSysctl } from "../namespaces/limits.ts";
import { sysctlAttempt, sysctlPath } from "../namespaces/sysctl.ts";
import { nearestWord } from "../spec/nearest.ts";
import { type Cause, named } from "./cause.ts";
import { whyNoController } from "./controllers.ts";

interface RefusedLimit {
  readonly name: string;
  readonly hard: bigint;
}

/** prlimit(2): not even root may have more open files than fs.nr_open. */
export function whyLimitRefused({ name, hard }: RefusedLimit, errno: string): Cause | undefined {
  if (errno !== "EPERM" || name !== "RLIMIT_NOFILE") return undefined;
  const most = readSysctl("fs.nr_open") ?? "";
  if (most === "" || hard <= BigInt(most)) return undefined;
  return {
    words: `the sysctl fs.nr_open allows ${most} at most`,
    next: `lower it in process.rlimits, or raise it: sysctl fs.nr_open=${hard}`,
  };
}

interface RefusedWrite {
  readonly directory: string;
  readonly file: string;
  readonly value: string;
}

/** Why a file of a cgroup does not accept a value. */
export function whyNotWritten({ directory, file, value }: RefusedWrite, errno: string): Cause | undefined {
  const above = errno === "ENOENT" ? whyNoController(directory, file) : undefined;
  if (above !== undefined) return above;
  const [, kind] = /^(?:cpuset\.)?(cpus|mems)$/.exec(file) ?? [];
  if (kind !== undefined)
    return errno === "EBUSY" ? neededBelow(directory, file) : beyondSet(directory, kind, file);
  if (file === "memory.limit_in_bytes" && errno === "EBUSY") {
    return {
      words: "that is too low: the kernel itself already uses more than that for the first process",
      next: "raise linux.resources.memory.limit, to 512 KiB at least",
    };
  }
  if (file === "cpu.cfs_quota_us" && errno === "EINVAL" && Number(value) > 0 && Number(value) < 1000) {
    return { words: "a quota must be at least 1000 µs", next: "raise linux.resources.cpu.quota" };
  }
  if (file === "cpu.cfs_period_us" && errno === "EINVAL") {
    return {
      words: "a period must be from 1000 to 1000000 µs",
      next: "correct linux.resources.cpu.period",
    };
  }
  return undefined;
}

/** Which processors or memory nodes the cgroup may have: those of the cgroup above. */
function beyondSet(directory: string, kind: string, file: string): Cause | undefined {
  const parent = directory.slice(0, directory.lastIndexOf("/"));
  const effective = readTextIfThere(`${parent}/cpuset.${kind}.effective`)?.trim();
  const allowed = effective ?? readTextIfThere(`${parent}/${file}`)?.trim() ?? "";
  const online = readTextIfThere(ONLINE[kind] ?? "")?.trim() ?? "";
  if (allowed === "" && online === "") return undefined;
  const what = kind === "cpus" ? "processors" : "memory nodes";
  return {
    words:
      `the host has the ${what} ${online}, ` +
      `and the cgroup above allows ${allowed === "" ? "none" : allowed}`,
    next: `name some of those in linux.resources.cpu.${kind}`,
  };
}

/** cpuset(7), EBUSY: a cgroup below uses processors or memory nodes that would be taken away. */
function neededBelow(directory: string, file: string): Cause | undefined {
  for (const { name } of listDirectoryAt(directory)) {
    const has = readTextIfThere(`${directory}/${name}/${file}`)?.trim() ?? "";
    if (has === "") continue;
    return {
      words: `the cgroup ${named(`${directory}/${name}`)} below it has ${has}`,
      next: "take them from that cgroup first, or leave them to this one",
    };
  }
  return undefined;
}

const ONLINE: Readonly<Record<string, string>> = {
  cpus: "/sys/devices/system/cpu/online",
  mems: "/sys/devices/system/node/online",
};

/** Which limit was reached when a call failed with ENOSPC or EDQUOT. */
export function whyNoSpace(call: string, errno: string): Cause | undefined {
  if (errno === "EDQUOT" && (call === "add_key" || call === "keyctl")) {
    return {
      words: `the user has as many keyrings as the sysctls allow: ${shownSysctls(KEYS)}`,
      next: "raise them, delete containers, or give --no-new-keyring",
    };
  }
  if (errno !== "ENOSPC") return undefined;
  if (MOUNTING.has(call)) {
    return {
      words: `the mount namespace has as many mounts as the sysctl allows: ${shownSysctls(["fs.mount-max"])}`,
      next: "raise it, or mount less; the host's own mounts count too",
    };
  }
  if (MAKING_FILES.has(call)) {
    return {
      words: "the file system there has no blocks or no inodes left",
      next: "see df and df -i, and make room",
    };
  }
  return undefined;
}

const KEYS = ["kernel.keys.root_maxkeys", "kernel.keys.maxkeys", "kernel.keys.maxbytes"];
const MOUNTING = new Set(["mount", "move_mount", "open_tree", "fsmount"]);
const MAKING_FILES = new Set(["mkdirat", "mknodat", "openat", "openat2", "symlinkat", "write"]);

function shownSysctls(names: readonly string[]): string {
  return names.map((name) => `${name}=${readSysctl(name) ?? "?"}`).join(", ");
}

/** inotify(7): there are limits for each user of the host, and for each user namespace. */
export function whyNotWatched(errno: string): Cause | undefined {
  const name = { EMFILE: "instances", ENOSPC: "watches" }[errno];
  if (name === undefined) return undefined;
  const own = `fs.inotify.max_user_${name}`;
  const names = [own, `user.max_inotify_${name}`];
  return {
    words: `the user has as many inotify ${name} as a sysctl allows: ${shownSysctls(names)}`,
    next: `raise it: sysctl ${own}=${name === "instances" ? 1024 : 524288}`,
  };
}

/** Which capabilities tsrun cannot give because it does not have them itself. */
export function whyNotCapable(asked: bigint, own: bigint): Cause | undefined {
  const missing = CAPABILITY_NAMES.filter((_, bit) => ((asked & ~own) >> BigInt(bit)) & 1n);
  if (missing.length === 0) return undefined;
  return {
    words: `tsrun itself has no ${missing.join(", ")}`,
    next: "take that out of process.capabilities, or give it to tsrun's caller",
  };
}

/** What the first process does with a capability that tsrun must have for it; capabilities(7). */
const NEEDING: readonly { readonly attempt: RegExp; readonly capability: CapabilityName }[] = [
  { attempt: /^(?:leave tsrun's groups|join the groups .*|become group \d+)$/, capability: "CAP_SETGID" },
  { attempt: /^become user \d+$/, capability: "CAP_SETUID" },
  { attempt: /^drop \w+ from the bounding set$/, capability: "CAP_SETPCAP" },
  { attempt: /^set the loopback device up$/, capability: "CAP_NET_ADMIN" },
];

/** Which capability tsrun lacks for something that it does for every container. */
export function whyNotPrivileged(attempt: string, errno: string, own: () => bigint): Cause | undefined {
  const needed = errno === "EPERM" ? NEEDING.find((one) => one.attempt.test(attempt)) : undefined;
  if (needed === undefined) return undefined;
  const { capability } = needed;
  if (((own() >> BigInt(CAPABILITY_NAMES.indexOf(capability))) & 1n) !== 0n) return undefined;
  return { words: `tsrun itself has no ${capability}`, next: "give it to tsrun's caller" };
}

/** Which sysctl was refused, and what is wrong with it. */
export function whySysctlNotSet(
  sysctls: Readonly<Record<string, string>>,
  attempt: string,
  errno: string,
): Cause | undefined {
  const found = Object.entries(sysctls).find(([name, value]) => attempt === sysctlAttempt(name, value));
  if (found === undefined) return undefined;
  const [name, value] = found;
  const path = sysctlPath(name);
  switch (errno) {
    case "ENOENT":
      return unknownSysctl(name, path);
    case "EINVAL":
    case "ERANGE": {
      const now = readTextIfThere(path)?.trim();
      const shown = now === undefined ? "" : `, it is ${named(now)}`;
      return {
        words: `it does not take the value ${named(value)}${shown}`,
        next: "correct the value in linux.sysctl",
      };
    }
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return {
        words: "only root of the host may set it, or its module does not support it in namespaces",
        next: "leave it out of linux.sysctl, and set it on the host",
      };
    default:
      return undefined;
  }
}

function unknownSysctl(name: string, path: string): Cause {
  const slash = path.lastIndexOf("/");
  const names = listDirectoryAt(path.slice(0, slash)).map((entry) => entry.name);
  const near = nearestWord(path.slice(slash + 1), names);
  const dot = name.lastIndexOf(name.includes(".") ? "." : "/");
  const question = near === undefined ? "" : `, did you mean ${named(`${name.slice(0, dot + 1)}${near}`)}?`;
  return {
    words: `this kernel has no sysctl ${named(name)}${question}`,
    next: "correct its name in linux.sysctl, or load the module that it belongs to",
  };
}
