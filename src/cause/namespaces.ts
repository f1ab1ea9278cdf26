// Finds out why a namespace could not be created or joined. The kernel has a dozen reasons for EPERM and
// ENOSPC; sysctls and /proc/self tell them apart (namespaces(7), user_namespaces(7)).

import { tryCall } from "../linux/call/call.ts";
import { Descriptor, filesystemType, readLink, readTextIfThere } from "../linux/files/files.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "../linux/numbers/fcntl.ts";
import { NSFS_MAGIC } from "../linux/numbers/mount.ts";
import { statusField } from "../linux/process/proc-text.ts";
import { effectiveUid } from "../linux/process/process.ts";
import { FORBIDDING } from "../namespaces/forbidding.ts";
import { limitOf, readSysctl } from "../namespaces/limits.ts";
import { type Join, NAMESPACES, type NamespaceKind, type NamespacePlan } from "../namespaces/plan.ts";
import { type Cause, named } from "./cause.ts";
import { CAP_SYS_ADMIN } from "./credentials.ts";
import { walk } from "./walk.ts";

/** Why clone(2) or unshare(2) failed. */
export function whyNotMade(plan: NamespacePlan, errno: string): Cause | undefined {
  switch (errno) {
    case "ENOSPC":
    case "EUSERS":
      return limitReached(plan);
    // Ubuntu's AppArmor returns EACCES.
    case "EPERM":
    case "EACCES":
      return forbidden(plan);
    case "EINVAL":
      return unknownKind(plan);
    case "EAGAIN":
    case "ENOMEM":
      return noMoreProcesses(errno);
    default:
      return undefined;
  }
}

function limitReached({ created }: NamespacePlan): Cause {
  const values = [...created].map(limitOf).map((name) => ({ name, value: readSysctl(name) }));
  const zero = values.find(({ value }) => value === "0");
  if (zero !== undefined) {
    return {
      words: `the sysctl ${zero.name} is 0, which forbids it`,
      next: `raise it: sysctl ${zero.name}=10000`,
    };
  }
  const shown = values.map(({ name, value }) => `${name}=${value ?? "?"}`).join(", ");
  return {
    words:
      "the user already has as many namespaces as one of these sysctls allows, " +
      `or they are nested 32 deep: ${shown}`,
    next: "raise that sysctl, or delete containers",
  };
}

/** Why the ids of a new user namespace could not be mapped: it has been made, but may do nothing. */
export function whyNotMapped({ created }: NamespacePlan, errno: string): Cause | undefined {
  if (!created.has("user") || (errno !== "EPERM" && errno !== "EACCES")) return undefined;
  return mayAdmin(readTextIfThere("/proc/self/status") ?? "") ? undefined : forbiddenBySysctl();
}

function mayAdmin(status: string): boolean {
  return (BigInt(`0x${statusField(status, "CapEff") || "0"}`) & CAP_SYS_ADMIN) !== 0n;
}

function forbiddenBySysctl(): Cause | undefined {
  const found = FORBIDDING.find(({ name, forbids }) => readSysctl(name) === forbids);
  if (found === undefined) return undefined;
  const { name, forbids, allows, otherwise } = found;
  const or = otherwise === undefined ? "" : `, or ${otherwise}`;
  return {
    words: `the sysctl ${name} is ${forbids}, which forbids user namespaces to ordinary users`,
    next: `as root: sysctl ${name}=${allows}${or}`,
  };
}

function forbidden({ created }: NamespacePlan): Cause | undefined {
  const status = readTextIfThere("/proc/self/status") ?? "";
  const isRoot = effectiveUid() === 0;
  const isAdmin = mayAdmin(status);
  const bySysctl = created.has("user") && !isAdmin ? forbiddenBySysctl() : undefined;
  if (bySysctl !== undefined) return bySysctl;
  if (!created.has("user") && !isAdmin) {
    const who = isRoot ? "tsrun's root has no CAP_SYS_ADMIN" : `tsrun runs as uid ${effectiveUid()}`;
    return {
      words: `${who}, which may create namespaces only within a user namespace of its own`,
      next: 'add {"type": "user"} to linux.namespaces, with uidMappings and gidMappings, or run it as root',
    };
  }
  if (statusField(status, "Seccomp") === "2") {
    return {
      words: "a seccomp filter around tsrun forbids it, such as container engines install",
      next: "allow clone3, unshare and mount to the container that tsrun runs in",
    };
  }
  return undefined;
}

function unknownKind({ created }: NamespacePlan): Cause | undefined {
  const missing = [...created].find(
    (kind) => readLink(`/proc/self/ns/${NAMESPACES[kind].proc}`) === undefined,
  );
  if (missing === undefined) return undefined;
  return {
    words: `this kernel has no ${missing} namespaces`,
    next: `leave {"type": "${missing}"} out of linux.namespaces`,
  };
}

function noMoreProcesses(errno: string): Cause {
  const limits = ["kernel.pid_max", "kernel.threads-max"].map((name) => {
    return `${name}=${readSysctl(name) ?? "?"}`;
  });
  return {
    words:
      errno === "EAGAIN"
        ? "no more processes may be created: see RLIMIT_NPROC (ulimit -u), pids.max of the cgroups above, " +
          limits.join(", ")
        : "the host, or a cgroup above, has no memory left for a process",
    next: "end some processes, or raise the limit",
  };
}

/** Why the namespace at a path could not be opened or entered. */
export function whyNotJoined({ kind, path }: Join, errno: string): Cause | undefined {
  const opened = tryCall("openat", AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
  if (opened < 0) return whyPathNotThere(kind, path);
  using file = new Descriptor(opened);
  const next = `let linux.namespaces name a ${kind} namespace, such as /proc/PID/ns/${NAMESPACES[kind].proc}`;
  if (filesystemType(file.number) !== NSFS_MAGIC) {
    const hint = kind === "network" ? " (ip netns add makes one, and mounts it there)" : "";
    return { words: `${named(path)} is a file and not a namespace${hint}`, next };
  }
  const [found] = (readLink(`/proc/self/fd/${file.number}`) ?? "").split(":");
  if (found !== NAMESPACES[kind].proc && found !== "") {
    return { words: `${named(path)} is a namespace of another kind, ${found}`, next };
  }
  if (errno !== "EPERM") return undefined;
  return {
    words:
      `the ${kind} namespace ${named(path)} belongs to a user namespace ` +
      "in which tsrun has no CAP_SYS_ADMIN",
    next: "join that user namespace too, or run tsrun as its owner",
  };
}

/** Why `exec` could not open or enter the namespaces of the container's first process. */
export function whyNotEntered(attempt: string, errno: string): Cause | undefined {
  const [, act] = /^(open|join) the \w+ namespace "ns\/\w+"$/.exec(attempt) ?? [];
  if (act === undefined || (errno !== "EPERM" && errno !== "EACCES")) return undefined;
  const who = effectiveUid() === 0 ? "root" : `uid ${effectiveUid()}`;
  const lacks =
    act === "open"
      ? "may not inspect the container's first process"
      : "has no CAP_SYS_ADMIN in the user namespace that it belongs to";
  return {
    words: `tsrun runs as ${who}, and ${lacks}`,
    next: "run it as the user who has created the container, or as root with all capabilities",
  };
}

function whyPathNotThere(kind: NamespaceKind, path: string): Cause | undefined {
  const opened = tryCall("openat", AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0);
  if (opened < 0) return undefined;
  using directory = new Descriptor(opened);
  const way = walk({ directory, mounts: new Map() }, path);
  if (way.end === "found") way.file.close();
  if (way.end !== "missing") return undefined;

  const [, pid] = /^\/proc\/(\d+)$/.exec(way.path) ?? [];
  if (pid !== undefined) {
    return { words: `process ${pid} has ended, and its namespaces with it`, next: "name one that is there" };
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  const make = kind === "network" ? `make it: ip netns add ${named(name)}` : "make it before the container";
  return {
    words: `the host has no ${named(way.path)}`,
    next: `${make}, or leave out the path for a new one`,
  };
}
