// Values that systemd resets whenever a property of the unit changes, since it has no property for them: an
// `update` must write them again. Pure; called by driver.ts.

import type { CpuResources, Resources } from "../../spec/types.ts";
import type { CgroupDriverName } from "../record.ts";
import { SINCE } from "./cpu-properties.ts";

/** `memory.oom.group` comes from a scope's OOMPolicy, which cannot be changed later; see plan.ts. */
const WITHOUT_PROPERTY: readonly string[] = ["memory.oom.group"];

/**
 * The resources to write: those of the change, and the current ones that the change would reset. For all
 * others systemd has a property, ours or an administrator's, and sets the file from it.
 */
export function withUnkept(
  change: Resources,
  inForce: Resources,
  { driver, version }: { readonly driver: CgroupDriverName; readonly version: number },
): Resources {
  const { cpu, blockIO, unified } = change;
  const lost = {
    cpu: version < SINCE.quotaPeriod ? bandwidthOf(inForce.cpu ?? {}) : {},
    // The weight for all devices removes those for single ones; on v2 these have properties too.
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

/** An older systemd has a fixed period, and converts the quota to it. */
function bandwidthOf(cpu: CpuResources): CpuResources {
  return pick(cpu, ["quota", "period"]);
}

/** A copy with only the named members, all of which may be absent. */
function pick<T extends object>(of: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(of).filter(([name]) => names.includes(name))) as T;
}

function isEmpty(members: object): boolean {
  return Object.keys(members).length === 0;
}
