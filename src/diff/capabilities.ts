// Compares the capabilities of the first process with those that it must have by the kernel's rules for
// execve(2). Pure. capabilities(7), "Transformation of capabilities during execve()";
// cap_bprm_creds_from_file() in security/commoncap.c.

import { type CapabilityMasks, capabilityNames } from "../process/capabilities.ts";
import type { ProcessPlan } from "../process/plan.ts";
import type { Difference } from "./model.ts";

export interface CapabilityFacts {
  readonly found: CapabilityMasks;
  /** Whether it waits for `start`, so that nothing has been executed. */
  readonly waits: boolean;
  /** The capabilities that the kernel knows. */
  readonly known: bigint;
  /** Whether the program's file gives capabilities or sets the user or group. */
  readonly isPrivilegedFile: boolean;
}

const SETS = ["bounding", "permitted", "effective", "inheritable", "ambient"] as const;

/** The sets after execve(2), from the sets that the configuration asks for. */
export function afterExecute({
  capabilities,
  user,
  noNewPrivileges,
}: Pick<ProcessPlan, "capabilities" | "user" | "noNewPrivileges">): CapabilityMasks {
  const { bounding, inheritable, ambient } = capabilities;
  const isRoot = user.uid === 0;
  let permitted = isRoot ? bounding | inheritable : 0n;
  // With no_new_privs a process gains no capability that it did not have before.
  if (noNewPrivileges && (permitted & ~capabilities.permitted) !== 0n) permitted &= capabilities.permitted;
  permitted |= ambient;
  return { bounding, inheritable, ambient, permitted, effective: isRoot ? permitted : ambient };
}

export function compareCapabilities(plan: ProcessPlan, facts: CapabilityFacts): Difference[] {
  const { found, waits, known, isPrivilegedFile } = facts;
  const wanted = waits ? plan.capabilities : afterExecute(plan);
  return SETS.flatMap((set) => {
    const [asked, there] = [wanted[set] & known, found[set] & known];
    const extra = there & ~asked & ~allowed(set, { wanted, waits, isPrivilegedFile });
    const missing = asked & ~there;
    if (missing === 0n && extra === 0n) return [];
    return [tell(set, { asked, extra, missing })];
  });
}

type SetName = (typeof SETS)[number];

interface Circumstances {
  readonly wanted: CapabilityMasks;
  readonly waits: boolean;
  readonly isPrivilegedFile: boolean;
}

/**
 * What the process may have beyond `wanted`: it may make any permitted capability inheritable, then
 * ambient.
 */
function allowed(set: SetName, { wanted, waits, isPrivilegedFile }: Circumstances): bigint {
  // The seccomp filter and the scheduler are set later, and need these (process/identity.ts).
  if (waits) return set === "permitted" ? LATER : 0n;
  if (set === "bounding") return 0n;
  if (isPrivilegedFile) return wanted.bounding | wanted.inheritable;
  return set === "inheritable" || set === "ambient" ? wanted.permitted : 0n;
}

/** CAP_SYS_ADMIN, CAP_SYS_NICE */
const LATER = (1n << 21n) | (1n << 23n);

interface Masks {
  readonly asked: bigint;
  readonly extra: bigint;
  readonly missing: bigint;
}

function tell(set: SetName, { asked, extra, missing }: Masks): Difference {
  const isMore = extra !== 0n;
  return {
    topic: "process",
    what: `${set} capabilities`,
    asked: isMore ? (asked === 0n ? "none" : "without them") : short(asked, missing),
    found: isMore ? `also ${names(extra)}` : `without ${names(missing)}`,
    costs: isMore ? "it may do more than was asked for" : "it can do less than was asked for",
    next: isMore
      ? "start a new container; find out who entered this one, and check its program's file capabilities"
      : "nothing, if the program gives them up itself; otherwise start a new container",
    ...(isMore ? {} : { own: true as const }),
  };
}

const names = (mask: bigint): string => (mask === 0n ? "none" : capabilityNames(mask).join(", "));

/** Names only the missing ones: a container may have forty. */
function short(asked: bigint, missing: bigint): string {
  return asked === missing ? names(asked) : `with ${names(missing)}`;
}
