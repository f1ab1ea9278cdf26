// Whether a seccomp profile allows what `exec` still does once the filter is in, where the process that
// nobody inside can see installs it (stand.ts). Then the one that can be seen needs no CAP_SYS_ADMIN. Pure.

import { CLONE_PARENT } from "../linux/numbers/sched.ts";
import type { Seccomp, SeccompArg } from "../spec/types.ts";

/** The calls, with the arguments that are known: of the hidden process, of its child, and execve(2). */
const CALLS = {
  read: [],
  write: [],
  clone: [CLONE_PARENT, 0, 0, 0, 0],
  dup3: [],
  close: [],
  setsid: [],
  // TIOCSCTTY
  ioctl: [0, 0x540e, 0],
  // What a fork would lose, or count the hidden process in.
  prlimit64: [],
  // What lowers the capabilities behind the filter.
  capset: [],
  sched_setattr: [],
  execve: [],
  exit_group: [],
} as const;

const KNOWN: ReadonlyMap<string, readonly number[]> = new Map(Object.entries(CALLS));

/** Whether all of them are allowed. What cannot be told counts as forbidden. */
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

/** Whether a rule with these conditions is about a call with these arguments. */
function matching(args: readonly SeccompArg[], known: readonly number[]): "always" | "never" | "perhaps" {
  const [first, second] = args;
  if (first === undefined) return "always";
  const given = known[first.index];
  // Of two conditions on one argument it is enough that one holds (plan.ts).
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
