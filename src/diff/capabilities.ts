// Which capabilities the first process must have, by the kernel's rules for execve(2), and what it has. Pure.
// capabilities(7), "Transformation of capabilities during execve()"; cap_bprm_creds_from_file() in
// security/commoncap.c.

import { type CapabilityMasks, capabilityNames } from "../process/capabilities.ts";
import type { ProcessPlan } from "../process/plan.ts";
import type { Difference } from "./model.ts";

export interface CapabilityFacts {
  readonly found: CapabilityMasks;
  /** It waits for `start`: nothing has been executed. */
  readonly waits: boolean;
  /** The capabilities that the kernel knows. */
  readonly known: bigint;
  /** The program's file gives capabilities, or another user. */
  readonly isPrivilegedFile: boolean;
}

const SETS = ["bounding", "permitted", "effective", "inheritable", "ambient"] as const;

/** What `execve` makes of the sets that the configuration asks for. */
export function afterExecute({
  capabilities,
  user,
  noNewPrivileges,
}: Pick<ProcessPlan, "capabilities" | "user" | "noNewPrivileges">): CapabilityMasks {
  const { bounding, inheritable, ambient } = capabilities;
  const isRoot = user.uid === 0;
  let permitted = isRoot ? bounding | inheritable : 0n;
  // No new privileges: only those that it had before.
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
    return [tell(set, { asked: asked, there, extra, missing })];
  });
}

type SetName = (typeof SETS)[number];

interface Circumstances {
  readonly wanted: CapabilityMasks;
  readonly waits: boolean;
  readonly isPrivilegedFile: boolean;
}

/** What may be there beyond that: a process may make any permitted capability inheritable, then ambient. */
function allowed(set: SetName, { wanted, waits, isPrivilegedFile }: Circumstances): bigint {
  // For the seccomp filter, or the scheduler, which come later (process/identity.ts).
  if (waits) return set === "permitted" ? LATER : 0n;
  if (set === "bounding") return 0n;
  if (isPrivilegedFile) return wanted.bounding | wanted.inheritable;
  return set === "inheritable" || set === "ambient" ? wanted.permitted : 0n;
}

/** CAP_SYS_ADMIN, CAP_SYS_NICE */
const LATER = (1n << 21n) | (1n << 23n);

interface Masks {
  readonly asked: bigint;
  readonly there: bigint;
  readonly extra: bigint;
  readonly missing: bigint;
}

function tell(set: SetName, { asked, there, extra, missing }: Masks): Difference {
  const isMore = extra !== 0n;
  return {
    topic: "process",
    what: `${set} capabilities`,
    asked: isMore ? without(asked, there) : short(asked, missing),
    found: isMore ? `also ${names(extra)}` : `without ${names(missing)}`,
    costs: isMore ? "it may do more than was asked for" : "it can do less than was asked for",
    next: isMore
      ? "start the container anew; look at who entered it, and at its program's file capabilities"
      : "nothing, where the program gives them up itself; otherwise start the container anew",
    ...(isMore ? {} : { own: true as const }),
  };
}

const names = (mask: bigint): string => (mask === 0n ? "none" : capabilityNames(mask).join(", "));

/** Names only what is of interest: a container may have forty. */
function short(asked: bigint, missing: bigint): string {
  return asked === missing ? names(asked) : `with ${names(missing)}`;
}

const without = (asked: bigint, there: bigint): string =>
  (asked & there) === 0n && asked === 0n ? "none" : "without them";
