// Makes the document of a recording, merges it with others, and applies it to a configuration. Pure.

import type { RecordedCall, Recording, Seccomp, SeccompArch, Spec } from "../spec/types.ts";
import { isBind, isReadOnly } from "./places.ts";
import { countAllowed, learntProfile, mergedProfile } from "./profile.ts";

/** What was seen of one container. System calls have names here. */
export interface Observation {
  readonly spec: Spec;
  /** The container's profile; `undefined` if it has none, or has a compiled filter instead. */
  readonly own: Seccomp | undefined;
  readonly calls: readonly RecordedCall[];
  /** The names of all system calls that libseccomp knows on `architecture`. */
  readonly known: readonly string[];
  /** The architecture of this machine. */
  readonly architecture: SeccompArch;
  /** The capabilities that were used, or the reason why they are not known. */
  readonly capabilities: readonly string[] | string;
  readonly lostChecks: number;
  readonly written: {
    readonly paths: readonly string[];
    readonly mounts: Recording["paths"]["mounts"];
    readonly limits: readonly string[];
  };
  readonly seconds: number;
  readonly notified: number;
  readonly answering: number;
}

/** The document of one run. */
export function recordingOf(seen: Observation): Recording {
  const { spec, own, calls, known, architecture } = seen;
  const used = calls.filter(({ errno }) => errno === undefined);
  const named = used.filter(({ name }) => !isNumber(name));
  const learnt = learntProfile({
    own,
    used: new Set(named.map(({ name }) => name)),
    architectures: [...new Set([architecture, ...calls.map((call) => call.architecture)])],
    noNewPrivileges: spec.process?.noNewPrivileges === true,
  });
  const capabilities = typeof seen.capabilities === "string" ? undefined : seen.capabilities;
  return {
    version: 1,
    runs: 1,
    seccomp: learnt.profile,
    calls: {
      recorded: true,
      used: used.sort(byName),
      denied: calls.filter(({ errno }) => errno !== undefined).sort(byName),
      runtime: learnt.runtime,
      allowedBefore: countAllowed(own, known),
      allowedNow: countAllowed(learnt.profile, known),
    },
    capabilities: {
      recorded: capabilities !== undefined,
      used: capabilities ?? [],
      granted: grantedCapabilities(spec),
    },
    paths: { recorded: true, written: seen.written.paths, mounts: seen.written.mounts },
    time: {
      seconds: rounded(seen.seconds),
      notified: seen.notified,
      answering: rounded(seen.answering),
    },
    limits: [
      ...limitsOfCalls(calls, architecture, learnt.inexpressible),
      ...limitsOfCapabilities(seen),
      ...seen.written.limits,
    ],
  };
}

function byName(one: RecordedCall, other: RecordedCall): number {
  if (one.name === other.name) return one.architecture < other.architecture ? -1 : 1;
  return one.name < other.name ? -1 : 1;
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name);
}

/** Microseconds are enough. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

function limitsOfCalls(
  calls: readonly RecordedCall[],
  architecture: SeccompArch,
  inexpressible: readonly string[],
): string[] {
  const limits: string[] = [];
  const unnamed = calls.filter(({ name }) => isNumber(name)).map(({ name }) => name);
  if (unnamed.length > 0) {
    limits.push(`libseccomp has no name for system call ${unnamed.join(", ")}, so no profile can allow it`);
  }
  const foreign = [...new Set(calls.map((call) => call.architecture))].filter((one) => one !== architecture);
  if (foreign.length > 0) {
    const names = foreign.join(", ");
    limits.push(`calls of ${names} were made too, but a profile has one list of names for all architectures`);
  }
  if (calls.some(({ name, errno }) => name === "io_uring_enter" && errno === undefined)) {
    limits.push("operations of io_uring are not system calls, so no seccomp profile restricts them");
  }
  if (inexpressible.length > 0) {
    const names = inexpressible.join(", ");
    limits.push(`the profile's conditions on ${names} cannot be inverted, so the new profile denies it`);
  }
  return limits;
}

function limitsOfCapabilities({ capabilities, lostChecks, calls }: Observation): string[] {
  if (typeof capabilities === "string") {
    return [`capabilities were not recorded, and stay as they are: ${capabilities}`];
  }
  const limits: string[] = [];
  if (lostChecks > 0) limits.push(`the kernel dropped ${lostChecks} capability checks: record again`);
  if (calls.some(({ name, errno }) => name === "capset" && errno === undefined)) {
    limits.push("capset was called: a capability that a program keeps but never uses is not seen");
  }
  return limits;
}

/** The capabilities of all sets together, in the configuration's order. */
function grantedCapabilities({ process }: Spec): string[] {
  const { bounding, effective, permitted, inheritable, ambient } = process?.capabilities ?? {};
  return [...new Set([bounding, effective, permitted, inheritable, ambient].flatMap((set) => set ?? []))];
}

/**
 * Merges recordings into one.
 * @param known names of all system calls of this machine's architecture
 */
export function merged(first: Recording, others: readonly Recording[], known: readonly string[]): Recording {
  return others.reduce((one, other) => mergedTwo(one, other, known), first);
}

function mergedTwo(one: Recording, other: Recording, known: readonly string[]): Recording {
  const recorded = one.calls.recorded && other.calls.recorded;
  const seccomp =
    one.seccomp === undefined || other.seccomp === undefined
      ? (one.seccomp ?? other.seccomp)
      : mergedProfile(one.seccomp, other.seccomp);
  const used = addedUp([...one.calls.used, ...other.calls.used]);
  const names = new Set(used.map(({ name }) => name));
  const runtime = union(one.calls.runtime, other.calls.runtime).filter((name) => !names.has(name));
  return {
    version: 1,
    runs: one.runs + other.runs,
    ...(seccomp === undefined ? {} : { seccomp }),
    calls: {
      recorded,
      used,
      denied: addedUp([...one.calls.denied, ...other.calls.denied]),
      runtime,
      allowedBefore: Math.max(one.calls.allowedBefore, other.calls.allowedBefore),
      allowedNow: seccomp === undefined ? 0 : countAllowed(seccomp, known),
    },
    capabilities: {
      recorded: one.capabilities.recorded && other.capabilities.recorded,
      used: union(one.capabilities.used, other.capabilities.used),
      granted: union(one.capabilities.granted, other.capabilities.granted),
    },
    paths: {
      recorded: one.paths.recorded && other.paths.recorded,
      written: union(one.paths.written, other.paths.written),
      mounts: mergedMounts([...one.paths.mounts, ...other.paths.mounts]),
    },
    time: {
      seconds: rounded(one.time.seconds + other.time.seconds),
      notified: one.time.notified + other.time.notified,
      answering: rounded(one.time.answering + other.time.answering),
    },
    limits: union(one.limits, other.limits),
  };
}

function union(these: readonly string[], those: readonly string[]): string[] {
  return [...new Set([...these, ...those])].sort();
}

function addedUp(calls: readonly RecordedCall[]): RecordedCall[] {
  const sums = new Map<string, RecordedCall>();
  for (const call of calls) {
    const key = `${call.name} ${call.architecture} ${call.errno ?? ""}`;
    const known = sums.get(key);
    sums.set(key, known === undefined ? call : { ...known, times: known.times + call.times });
  }
  return [...sums.values()].sort(byName);
}

function mergedMounts(mounts: Recording["paths"]["mounts"]): Recording["paths"]["mounts"] {
  const written = new Map<string, boolean>();
  for (const mount of mounts) {
    written.set(mount.destination, mount.written || written.get(mount.destination) === true);
  }
  return [...written].map(([destination, isWritten]) => ({ destination, written: isWritten }));
}

/** The configuration without what was not used. Nothing is added to it, except a seccomp profile. */
export function applied(config: Spec, recording: Recording): Spec {
  const { seccomp, capabilities, paths } = recording;
  const used = new Set(capabilities.used);
  const sets = config.process?.capabilities;
  const idle = new Set(paths.mounts.flatMap(({ destination, written }) => (written ? [] : [destination])));
  const mayNarrow = capabilities.recorded && config.process !== undefined && sets !== undefined;
  return {
    ...config,
    ...(mayNarrow && {
      process: {
        ...config.process,
        capabilities: Object.fromEntries(
          Object.entries(sets).map(([set, names]) => [
            set,
            (names ?? []).filter((name: string) => used.has(name)),
          ]),
        ),
      },
    }),
    ...(config.root !== undefined && paths.recorded && idle.has("/")
      ? { root: { ...config.root, readonly: true } }
      : {}),
    ...(config.mounts !== undefined && paths.recorded
      ? {
          mounts: config.mounts.map((mount) => {
            if (!idle.has(mount.destination) || !isBind(mount) || isReadOnly(mount)) return mount;
            // `rrw` is carried out after `ro`.
            const options = (mount.options ?? []).filter((word) => word !== "rrw");
            return { ...mount, options: [...options, "ro"] };
          }),
        }
      : {}),
    ...(seccomp !== undefined ? { linux: { ...config.linux, seccomp } } : {}),
  } as Spec;
}
