// What the process that a container sees does before it executes: all that the hidden process before it
// cannot do in its place (namespaces/stand.ts). Called by exec and, for a container that joins a pid
// namespace, by create.

import type { Becoming } from "../process/become-user.ts";
import { limitItself } from "../process/execute.ts";
import { countsProcesses } from "../process/host-side.ts";
import { CAP_SYS_NICE, filterNeeds, withCapability } from "../process/identity.ts";
import type { ProcessPlan } from "../process/plan.ts";
import { isLostByFork, schedulingOperations } from "../process/scheduling.ts";
import { makeSession } from "../process/session.ts";
import type { Operation } from "../proxy/calls/operation.ts";
import { allowsGoingInside } from "../seccomp/allows.ts";
import type { CompiledFilter } from "../seccomp/filter.ts";
import type { Seccomp } from "../spec/types.ts";
import { controlSession } from "../terminal/console.ts";

export interface Filtered {
  readonly seccomp: CompiledFilter | undefined;
  /** `undefined` if nobody knows what the filter allows. */
  readonly profile: Seccomp | undefined;
}

/**
 * Whether the filter, which needs CAP_SYS_ADMIN, can only be installed by the process that the container
 * sees: because an agent gets the listener from that process, or because the profile does not allow the calls
 * that come before execve(2).
 */
export function isLate({ seccomp, profile }: Filtered): boolean {
  return seccomp?.notify === true || profile === undefined || !allowsGoingInside(profile);
}

export interface InsideOptions {
  /** Whether a hidden process comes before; if not, one process does everything. */
  readonly hidden: boolean;
  readonly hasTerminal: boolean;
  /** Whether a filter is still to be installed. */
  readonly filterLater: boolean;
}

export interface Inside {
  /** How the hidden process becomes the user. */
  readonly becoming: Pick<Becoming, "plan" | "alsoPermitted" | "inChild">;
  readonly operations: readonly Operation[];
}

/** Divides what is left to do between the hidden process and the one that the container sees. */
export function planInside(
  process: ProcessPlan,
  { hidden, hasTerminal, filterLater }: InsideOptions,
): Inside {
  const later = filterLater ? filterNeeds(process, { filter: true }) : 0n;
  // A scheduler that the child does not inherit is set by the child itself.
  const { scheduler, ...scheduling } = process.scheduling;
  const isLost = hidden && isLostByFork(process.scheduling);
  const schedule = isLost ? schedulingOperations({ scheduler }) : [];
  return {
    becoming: {
      plan: isLost ? { ...process, scheduling } : process,
      alsoPermitted: isLost ? CAP_SYS_NICE : undefined,
      inChild: hidden,
    },
    operations: [
      makeSession(),
      ...(hasTerminal ? [controlSession()] : []),
      ...process.rlimits.filter(countsProcesses).map(limitItself),
      ...(isLost ? withCapability(process, { needed: CAP_SYS_NICE, later }, schedule) : []),
    ],
  };
}
