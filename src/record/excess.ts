// Compares a configuration with a recording: what it allows that was not used, and what it denies that was
// used. These are the findings of `validate --record`. Pure.

import { CAPABILITY_NAMES } from "../linux/numbers/capabilities.ts";
import type { Fault } from "../spec/faults.ts";
import type { Recording, Seccomp, Spec } from "../spec/types.ts";
import { isBind, isReadOnly } from "./places.ts";
import { allowsSomehow } from "./profile.ts";

/** At most this many names of a list are printed. */
const MOST_NAMES = 8;

export interface ExcessRequest {
  readonly spec: Spec;
  readonly recording: Recording;
  /** The profile that is in force; `undefined` if there is none. */
  readonly profile: Seccomp | undefined;
  /** Names of all system calls of the machine. */
  readonly known: readonly string[];
}

export function excessOf(request: ExcessRequest): Fault[] {
  return [...ofCalls(request), ...ofCapabilities(request), ...ofPaths(request)];
}

function ofCalls({ recording: { calls, seccomp }, profile, known }: ExcessRequest): Fault[] {
  if (!calls.recorded) return [];
  const findings: Fault[] = [];
  const used = new Set(calls.used.map(({ name }) => name));
  const kept = new Set([...used, ...calls.runtime]);
  const more = known.filter((name) => !kept.has(name) && allowsSomehow(profile, name));
  if (more.length > 0) {
    findings.push({
      pointer: profile === undefined ? "/linux" : "/linux/seccomp",
      reason: `allows ${counted(more, "system call")} beyond those recorded: ${listed(more)}`,
      ...(seccomp === undefined ? {} : { hint: 'put "seccomp" of the recording there' }),
    });
  }
  const denied = [...used].filter((name) => !allowsSomehow(profile, name));
  if (denied.length > 0) {
    const reason = `denies ${counted(denied, "system call")} that were recorded: ${listed(denied)}`;
    findings.push({ pointer: "/linux/seccomp", reason, hint: "allow them, or record again" });
  }
  return findings;
}

const SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;

function ofCapabilities({ spec, recording: { capabilities } }: ExcessRequest): Fault[] {
  if (!capabilities.recorded) return [];
  const used = new Set(capabilities.used);
  const sets = spec.process?.capabilities ?? {};
  const findings = SETS.flatMap((set): Fault[] => {
    const more = (sets[set] ?? []).filter((name) => !used.has(name));
    if (more.length === 0) return [];
    const pointer = `/process/capabilities/${set}`;
    return [{ pointer, reason: `has ${listed(more)}, which ${more.length === 1 ? "was" : "were"} not used` }];
  });
  const bounding = sets.bounding ?? [];
  const missing = CAPABILITY_NAMES.filter((name) => used.has(name) && !bounding.includes(name));
  if (missing.length === 0) return findings;
  const reason = `lacks ${listed(missing)}, which ${missing.length === 1 ? "was" : "were"} used`;
  return [...findings, { pointer: "/process/capabilities", reason }];
}

function ofPaths({ spec, recording: { paths } }: ExcessRequest): Fault[] {
  if (!paths.recorded) return [];
  const idle = new Set(paths.mounts.flatMap(({ destination, written }) => (written ? [] : [destination])));
  const findings: Fault[] = [];
  if (spec.root?.readonly !== true && idle.has("/")) {
    findings.push({ pointer: "/root/readonly", reason: "is not set, and nothing was written to the root" });
  }
  for (const [index, mount] of (spec.mounts ?? []).entries()) {
    if (!isBind(mount) || isReadOnly(mount) || !idle.has(mount.destination)) continue;
    findings.push({ pointer: `/mounts/${index}/options`, reason: "lack ro, and nothing was written there" });
  }
  return findings;
}

function counted(list: readonly string[], what: string): string {
  return `${list.length} ${what}${list.length === 1 ? "" : "s"}`;
}

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(", ")} and ${more} more` : names.join(", ");
}
