// Whether a seccomp profile allows the calls that `exec` makes after the filter is installed. If so, the
// process that the container cannot see installs it (stand.ts), and the visible one needs no CAP_SYS_ADMIN.
// Pure.

import { CLONE_PARENT } from "../linux/numbers/sched.ts";
import type { Seccomp, SeccompArg } from "../spec/types.ts";

/** The calls of the hidden process and of its child, and execve(2), with the arguments that are known. */
const CALLS = {
  read: [],
  write: [],
  clone: [CLONE_PARENT, 0, 0, 0, 0],
  dup3: [],
  close: [],
  setsid: [],
  // TIOCSCTTY
  ioctl: [0, 0x540e, 0],
  // Limits that a fork would lose, or that would count the hidden process.
  prlimit64: [],
  // Drops the capabilities after the filter is installed.
  capset: [],
  sched_setattr: [],
  execve: [],
  exit_group: [],
} as const;

const KNOWN: ReadonlyMap<string, readonly number[]> = new Map(Object.entries(CALLS));

/** Whether all of them are allowed. If that cannot be decided, they count as forbidden. */
export function allowsGoingInside({ defaultAction, syscalls = [] }: Seccomp): boolean {
  const allowed = new Set<string>();
  const named = new Set<string>();
  for (const { names, action, args = [] } of syscalls) {
    for (const name of names) {
      const known = KNOWN.get(name);
      if (known === undefined) continue;
      const matches = matching(args, known);
      if (matches === "never") continue;
      if (!passes(action)) return false;
      named.add(name);
      if (matches === "always") allowed.add(name);
    }
  }
  const others = passes(defaultAction);
  return [...KNOWN.keys()].every((name) => allowed.has(name) || (others && !named.has(name)));
}

function passes(action: string): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";
}

/** Whether a rule with these conditions matches a call with these arguments. */
function matching(args: readonly SeccompArg[], known: readonly number[]): "always" | "never" | "perhaps" {
  const [first, second] = args;
  if (first === undefined) return "always";
  const given = known[first.index];
  // If there are two conditions on one argument, one of them suffices (plan.ts).
  if (second !== undefined || given === undefined) return "perhaps";
  const [value, valueTwo] = [BigInt(first.value), BigInt(first.valueTwo ?? 0)];
  switch (first.op) {
    case "SCMP_CMP_EQ":
      return BigInt(given) === value ? "always" : "never";
    case "SCMP_CMP_NE":
      return BigInt(given) === value ? "never" : "always";
    case "SCMP_CMP_MASKED_EQ":
      return (BigInt(given) & value) === valueTwo ? "always" : "never";
    default:
      return "perhaps";
  }
}
