// Refuses members of `linux.resources` that this version of cgroups does not have: a limit that was asked for
// must not be missing silently. Pure; called by plan.ts for a new container and by driver.ts for `update`.
// The whole table is in docs/cgroups.md.

import { TsrunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import { swappinessOf } from "./controllers/memory.ts";
import type { CgroupDriverName } from "./record.ts";
import { isSet } from "./writes.ts";

interface Unusable {
  /** JSON pointer below the resources. */
  readonly pointer: string;
  /** What to do instead. */
  readonly hint: string;
}

export interface UsableOptions {
  readonly driver: CgroupDriverName;
  /** JSON pointer of the resources: "" if they are the whole document. */
  readonly at: string;
}

/** Throws if the resources ask for something that this version of cgroups does not have. */
export function assertUsable(resources: Resources, { driver, at }: UsableOptions): void {
  if (driver !== "v2") {
    if (Object.keys(resources.unified ?? {}).length === 0) return;
    // runc's sentence.
    throw new TsrunError("E_CONFIG", "invalid configuration: cannot use unified on cgroup v1", {
      hint: `leave out ${at}/unified, or boot the host with cgroup v2`,
    });
  }
  const found = unusableOnV2(resources);
  const [first] = found;
  if (first === undefined) return;
  const pointers = found.map(({ pointer }) => `${at}${pointer}`).join(", ");
  throw new TsrunError("E_CONFIG", `cannot set ${pointers}: cgroup v2 has no such limit`, {
    hint: `leave it out; ${first.hint}`,
  });
}

/**
 * DIFFERS: runc ignores these on v2 (opencontainers/cgroups, fs2); crun refuses them, so no engine that works
 * with crun sends them. A value that means "not set" asks for nothing.
 */
function unusableOnV2({ memory = {}, cpu = {}, blockIO = {}, network = {} }: Resources): Unusable[] {
  const found: Unusable[] = [];
  const add = (isAsked: boolean, pointer: string, hint: string): void => {
    if (isAsked) found.push({ pointer, hint });
  };
  add(swappinessOf(memory) !== undefined, "/memory/swappiness", SWAPPINESS);
  add(memory.disableOOMKiller === true, "/memory/disableOOMKiller", OOM_KILLER);
  add(isSet(cpu.realtimePeriod), "/cpu/realtimePeriod", REALTIME);
  add(isSet(cpu.realtimeRuntime), "/cpu/realtimeRuntime", REALTIME);
  add(isSet(blockIO.leafWeight), "/blockIO/leafWeight", LEAF_WEIGHT);
  for (const [index, { leafWeight }] of (blockIO.weightDevice ?? []).entries()) {
    add(isSet(leafWeight), `/blockIO/weightDevice/${index}/leafWeight`, LEAF_WEIGHT);
  }
  add(isSet(network.classID), "/network/classID", NETWORK);
  add((network.priorities ?? []).length > 0, "/network/priorities", NETWORK);
  return found;
}

const SWAPPINESS = "memory.swap.max in unified limits swap";
const OOM_KILLER = "memory.high in unified slows processes down before the kernel has to kill";
const REALTIME = "there realtime processes have no budget of their cgroup's";
const LEAF_WEIGHT = "give processes that are to have a weight of their own a cgroup of their own";
const NETWORK = "nftables can tell packets by the cgroup v2 they come from";
