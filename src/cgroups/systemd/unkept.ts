// What systemd takes away from a unit whenever a property changes, since none of its properties says it: an
// `update` has to write it again. Pure; called by driver.ts.

import type { CpuResources, Resources } from "../../spec/types.ts";
import type { CgroupDriverName } from "../record.ts";
import { SINCE } from "./cpu-properties.ts";

/** `memory.oom.group` is the OOMPolicy of a scope, which that has for life; see plan.ts. */
const WITHOUT_PROPERTY: readonly string[] = ["memory.oom.group"];

/**
 * The resources to write: those of the change, and of those in force what the change would take away. For all
 * others systemd has a property and sets the file to what that says, be it ours or an administrator's.
 */
export function withUnkept(
  change: Resources,
  inForce: Resources,
  { driver, version }: { readonly driver: CgroupDriverName; readonly version: number },
): Resources {
  const { cpu, blockIO, unified } = change;
  const lost = {
    cpu: version < SINCE.quotaPeriod ? bandwidthOf(inForce.cpu ?? {}) : {},
    // The weight for all devices takes those for one away; v2 has a property for these too.
    blockIO: driver === "v1" ? pick(inForce.blockIO ?? {}, ["weightDevice"]) : {},
    unified: pick(inForce.unified ?? {}, WITHOUT_PROPERTY),
  };
  return {
    ...change,
    ...(isEmpty(lost.cpu) ? {} : { cpu: { ...lost.cpu, ...cpu } }),
    ...(isEmpty(lost.blockIO) ? {} : { blockIO: { ...lost.blockIO, ...blockIO } }),
    ...(isEmpty(lost.unified) ? {} : { unified: { ...lost.unified, ...unified } }),
  };
}

/** An older systemd knows one period only, and makes the quota fit that. */
function bandwidthOf(cpu: CpuResources): CpuResources {
  return pick(cpu, ["quota", "period"]);
}

/** Of an object whose members may all be left out. */
function pick<T extends object>(of: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(of).filter(([name]) => names.includes(name))) as T;
}

function isEmpty(members: object): boolean {
  return Object.keys(members).length === 0;
}
