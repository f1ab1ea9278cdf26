// Looks for the cause when a story has failed: says where the container's paths begin and which credentials
// the process has, and lets src/cause/ look. A command that succeeds never comes here.

import { ST_NOEXEC, ST_NOSYMFOLLOW } from "../cause/access.ts";
import { withCause } from "../cause/cause.ts";
import { credentialsIn, credentialsOf } from "../cause/credentials.ts";
import { causeOf, causeOfEntry } from "../cause/find.ts";
import { whyNotWatched, whyNotWritten } from "../cause/limits.ts";
import { whyNoCgroup, whyNotKept } from "../cause/room.ts";
import type { Scene } from "../cause/scene.ts";
import { whyKilled } from "../cause/seccomp.ts";
import type { MountThere, Root } from "../cause/walk.ts";
import { oomKills } from "../cgroups/oom-kills.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import type { TsrunError } from "../errors.ts";
import { type Descriptor, openDirectory, openIfThere, readTextIfThere } from "../linux/files/files.ts";
import { O_DIRECTORY, O_PATH } from "../linux/numbers/fcntl.ts";
import { MS_BIND, MS_NOEXEC, MS_NOSYMFOLLOW } from "../linux/numbers/mount.ts";
import type { NamespacePlan } from "../namespaces/plan.ts";
import { planCapabilities } from "../process/capabilities.ts";
import { planProcess } from "../process/plan.ts";
import { parseMountOptions } from "../rootfs/plan/mount-options.ts";
import { cleanPath } from "../rootfs/plan/paths.ts";
import type { Process, Seccomp, Spec } from "../spec/types.ts";
import type { ContainerPlan } from "./plan.ts";
import type { StateRecord } from "./record.ts";

/** What the container or the process was meant to be. */
export interface Asked {
  readonly spec: Spec;
  /** The process of `exec`, or the container's own. */
  readonly process: Process | undefined;
  readonly bundle: string;
  /** The host's path of the root file system. */
  readonly rootfs: string;
  /** The process whose root and credentials count, if it exists. */
  readonly pid: number | undefined;
  /** The first process of a running container: its root counts when the other process has ended. */
  readonly first?: number | undefined;
}

/** The error with its cause, if the cause lies in the container's files or its process. */
export function explainFailure(error: unknown, asked: () => Asked): unknown {
  return withCause(error, (failed) => {
    const { subject } = failed;
    if (subject === undefined) return undefined;
    const { spec, process, bundle, rootfs, pid, first } = asked();
    using image = openDirectory(rootfs);
    const of = { spec, process, bundle };
    using there = pid === undefined ? undefined : rootOf(pid);
    if (there !== undefined) return causeOf(failed, sceneOf(of, { image, there, pid: pid ?? 0 }));
    using container = first === undefined ? undefined : rootOf(first);
    const after = sceneAfter(of, image);
    return causeOf(failed, container === undefined ? after : { ...after, root: rootAt(container) });
  });
}

/** The error of a creation that got as far as its first process. */
export function explainCreation(error: unknown, plan: ContainerPlan, pid: () => number): unknown {
  const { spec, path, rootfs } = plan.bundle;
  // Without a first process `pid()` throws, and then there is nothing inside to look at.
  return explainFailure(explainEntry(error, plan.namespaces), () => {
    return { spec, process: spec.process, bundle: path, rootfs, pid: pid() };
  });
}

/** The error of a cgroup that could not be created with its limits, with its cause. */
export function explainLimit(error: unknown): unknown {
  return withCause(error, ({ subject, errno = "" }) => {
    if (subject?.kind === "new cgroup") return whyNoCgroup(subject.directory, errno);
    return subject?.kind === "cgroup" ? whyNotWritten(subject, errno) : undefined;
  });
}

/** Writes something below a directory of the host. If its file system is full, the error says so. */
export function keepingIn<T>(directory: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw withCause(error, ({ errno = "" }) => whyNotKept(directory, errno));
  }
}

/** The error of a cgroup that could not be watched, with its cause. */
export function explainWatch(error: unknown): unknown {
  return withCause(error, ({ errno = "" }) => whyNotWatched(errno));
}

/** The error of a first process that could not be created, with its cause. */
export function explainEntry(error: unknown, plan: NamespacePlan): unknown {
  return withCause(error, (failed) => causeOfEntry(failed, plan));
}

/**
 * The error of a process that was killed before it executed its program: by its seccomp profile or the OOM
 * killer. `killsBefore`: how often memory had run out before it was let go.
 */
export function explainKill(
  error: TsrunError,
  {
    seccomp,
    cgroup,
    killsBefore,
  }: { seccomp: Seccomp | undefined; cgroup: CgroupRecord; killsBefore: number },
): unknown {
  return withCause(error, () => {
    if (oomKills(cgroup) > killsBefore) {
      return {
        words: "the kernel killed a process of its cgroup: out of memory",
        next: "raise linux.resources.memory.limit",
      };
    }
    return whyKilled(seccomp, "execve");
  });
}

export interface Existing {
  readonly record: StateRecord;
  readonly spec: Spec;
  /** The process of `exec`; if absent, the container's own. */
  readonly asked?: Process;
}

/** What was asked of a process of `exec`, in a running container. */
export function askedBy(existing: Existing, pid?: number): Asked {
  return { ...askedOf(existing, pid), first: existing.record.init_process_pid };
}

/** What a container's state and configuration say was asked for. */
export function askedOf({ record, spec, asked = spec.process }: Existing, pid?: number): Asked {
  return { spec, process: asked, bundle: record.bundle, rootfs: record.rootfs, pid };
}

type Of = Pick<Asked, "spec" | "process" | "bundle">;

type Parts = Pick<Scene, "cwd" | "args" | "environment" | "asked" | "sysctls" | "seccomp">;

function partsOf({ spec, process }: Of): Parts {
  return {
    asked: planCapabilities(process?.capabilities).masks.permitted,
    cwd: process?.cwd ?? "/",
    args: process?.args ?? [],
    environment: process?.env ?? [],
    sysctls: spec.linux?.sysctl ?? {},
    seccomp: spec.linux?.seccomp,
  };
}

/** The root of a process through /proc, with everything that is mounted there. */
function rootOf(pid: number): Descriptor | undefined {
  try {
    return openIfThere(`/proc/${pid}/root`, O_PATH | O_DIRECTORY);
  } catch {
    // An ordinary user may not look at a process that is not dumpable.
    return undefined;
  }
}

/** A root whose mounts all exist. */
function rootAt(directory: Descriptor): Root {
  return { directory, mounts: new Map() };
}

interface Live {
  readonly image: Descriptor;
  readonly there: Descriptor;
  readonly pid: number;
}

function sceneOf(of: Of, { image, there, pid }: Live): Scene {
  const read = (name: string): string => readTextIfThere(`/proc/${pid}/${name}`) ?? "";
  return {
    root: rootAt(there),
    image: rootAt(image),
    who: credentialsIn({ status: read("status"), uidMap: read("uid_map"), gidMap: read("gid_map") }),
    label: labelIn(read("attr/current")),
    ...partsOf(of),
  };
}

/** The label of a security module that confines a process; `undefined` if none does. */
function labelIn(attribute: string): string | undefined {
  const label = attribute.replace(/[\0\n]+$/, "");
  return label === "" || label === "unconfined" ? undefined : label;
}

/** For a process that has ended, and its mounts with it: takes the mounts from the configuration. */
function sceneAfter(of: Of, image: Descriptor): Scene {
  const { uidMappings = [], gidMappings = [] } = of.spec.linux ?? {};
  const process = of.process ?? { cwd: "/" };
  const plan = planProcess({ kind: "init", id: "", process, linux: of.spec.linux, newKeyring: false });
  const root: Root = { directory: image, mounts: mountsOf(of) };
  return {
    root,
    image: rootAt(image),
    who: credentialsOf(plan, { uidMappings, gidMappings }),
    label: undefined,
    ...partsOf(of),
  };
}

function mountsOf({ spec, bundle }: Of): Map<string, MountThere> {
  const mounts = new Map<string, MountThere>();
  for (const { destination, source = "", options = [] } of spec.mounts ?? []) {
    const { setFlags } = parseMountOptions(options);
    const isBind = (setFlags & MS_BIND) !== 0;
    const from = source.startsWith("/") ? source : `${bundle}/${source}`;
    const noexec = (setFlags & MS_NOEXEC) === 0 ? 0 : ST_NOEXEC;
    const nosymfollow = (setFlags & MS_NOSYMFOLLOW) === 0 ? 0 : ST_NOSYMFOLLOW;
    mounts.set(cleanPath(destination), { source: isBind ? from : undefined, flags: noexec | nosymfollow });
  }
  return mounts;
}
