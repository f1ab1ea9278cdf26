// Looks for the cause of a failure of the stories, once it has happened: says where its paths begin and who
// the process is, and has src/cause/ look. A command that succeeds never comes here.

import { ST_NOEXEC, ST_NOSYMFOLLOW } from "../cause/access.ts";
import { withCause } from "../cause/cause.ts";
import { credentialsIn, credentialsOf } from "../cause/credentials.ts";
import { causeOf, causeOfEntry } from "../cause/find.ts";
import { whyNotWatched, whyNotWritten } from "../cause/limits.ts";
import type { Scene } from "../cause/scene.ts";
import { whyKilled } from "../cause/seccomp.ts";
import type { MountThere, Root } from "../cause/walk.ts";
import { oomKills } from "../cgroups/members.ts";
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

/** What a container was to be. */
export interface Asked {
  readonly spec: Spec;
  /** The process of `exec`, or the container's own. */
  readonly process: Process | undefined;
  readonly bundle: string;
  /** The host's path of the root file system. */
  readonly rootfs: string;
  /** The process whose root and credentials count, if it is there. */
  readonly pid: number | undefined;
  /** The first process of a container that runs: its root counts when the other process has ended. */
  readonly first?: number | undefined;
}

/** The error with its cause, as far as it lies in the container's files and its process. */
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

/** The error of a creation, once there is or could be a first process. */
export function explainCreation(error: unknown, plan: ContainerPlan, pid: () => number): unknown {
  const { spec, path, rootfs } = plan.bundle;
  // Without a first process asking for its pid fails, and then there is nothing to look at inside.
  return explainFailure(explainEntry(error, plan.namespaces), () => {
    return { spec, process: spec.process, bundle: path, rootfs, pid: pid() };
  });
}

/** The error of a cgroup that could not be made with its limits. */
export function explainLimit(error: unknown): unknown {
  return withCause(error, ({ subject, errno = "" }) =>
    subject?.kind === "cgroup" ? whyNotWritten(subject, errno) : undefined,
  );
}

/** The error of a cgroup that could not be watched. */
export function explainWatch(error: unknown): unknown {
  return withCause(error, ({ errno = "" }) => whyNotWatched(errno));
}

/** The error of a first process that could not be made, with its cause. */
export function explainEntry(error: unknown, plan: NamespacePlan): unknown {
  return withCause(error, (failed) => causeOfEntry(failed, plan));
}

/** The error of a process that was killed instead of executing: by its seccomp profile, or for its memory. */
export function explainKill(error: TsrunError, seccomp: Seccomp | undefined, cgroup: CgroupRecord): unknown {
  return withCause(error, () => {
    if (oomKills(cgroup) > 0) {
      return {
        words: "the kernel has killed a process of its cgroup for want of memory",
        next: "raise linux.resources.memory.limit",
      };
    }
    return whyKilled(seccomp, "execve");
  });
}

export interface Existing {
  readonly record: StateRecord;
  readonly spec: Spec;
  /** The process of `exec`; without it the container's own. */
  readonly asked?: Process;
}

/** What a container that runs was to be, for a process of `exec`. */
export function askedBy(existing: Existing, pid?: number): Asked {
  return { ...askedOf(existing, pid), first: existing.record.init_process_pid };
}

/** What a container's state tells of what it was to be. */
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

/** The root of a process, through /proc: with all that is mounted there. */
function rootOf(pid: number): Descriptor | undefined {
  try {
    return openIfThere(`/proc/${pid}/root`, O_PATH | O_DIRECTORY);
  } catch {
    // An ordinary user may not look at a process that is not dumpable.
    return undefined;
  }
}

/** With nothing to add: all mounts are there. */
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

/** What confines a process; `undefined` where nothing does. */
function labelIn(attribute: string): string | undefined {
  const label = attribute.replace(/[\0\n]+$/, "");
  return label === "" || label === "unconfined" ? undefined : label;
}

/** When the process has ended, and its mounts with it: what the configuration says about them. */
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
