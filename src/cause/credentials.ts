// The credentials by which the kernel decides whether a process may use a file, with the host's ids. They
// come from /proc or, if the process has ended, from the plan. Pure.

import { statusField } from "../linux/process/proc-text.ts";
import { hostId } from "../namespaces/plan.ts";
import type { ProcessPlan } from "../process/plan.ts";
import type { IDMapping } from "../spec/types.ts";

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** The effective set. */
  readonly capabilities: bigint;
  readonly permitted: bigint;
  /** The ids that the user namespace maps; `undefined` if it maps all. */
  readonly uids: readonly IDMapping[] | undefined;
  readonly gids: readonly IDMapping[] | undefined;
}

export const CAP_DAC_OVERRIDE = 1n << 1n;
export const CAP_DAC_READ_SEARCH = 1n << 2n;
export const CAP_SYS_ADMIN = 1n << 21n;

export interface ProcTexts {
  /** /proc/PID/status */
  readonly status: string;
  readonly uidMap: string;
  readonly gidMap: string;
}

/**
 * The credentials of an existing process. The kernel shows ids as they are in the reader's user namespace.
 */
export function credentialsIn({ status, uidMap, gidMap }: ProcTexts): Credentials {
  const numbers = (field: string): number[] =>
    statusField(status, field)
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(Number);
  return {
    // The order is: real, effective, saved set, file system.
    uid: numbers("Uid")[3] ?? 0,
    gid: numbers("Gid")[3] ?? 0,
    groups: numbers("Groups"),
    capabilities: BigInt(`0x${statusField(status, "CapEff") || "0"}`),
    permitted: BigInt(`0x${statusField(status, "CapPrm") || "0"}`),
    uids: mappingsIn(uidMap),
    gids: mappingsIn(gidMap),
  };
}

/** The credentials that a planned process would have. */
export function credentialsOf(
  plan: Pick<ProcessPlan, "user" | "capabilities">,
  { uidMappings, gidMappings }: { uidMappings: readonly IDMapping[]; gidMappings: readonly IDMapping[] },
): Credentials {
  const { uid, gid, additionalGids } = plan.user;
  return {
    uid: hostId(uidMappings, uid) ?? uid,
    gid: hostId(gidMappings, gid) ?? gid,
    groups: additionalGids.map((id) => hostId(gidMappings, id) ?? id),
    // If the user is not root, execve(2) leaves only the ambient capabilities in the effective set.
    capabilities: uid === 0 ? plan.capabilities.effective : plan.capabilities.ambient,
    permitted: plan.capabilities.permitted,
    uids: uidMappings.length === 0 ? undefined : uidMappings,
    gids: gidMappings.length === 0 ? undefined : gidMappings,
  };
}

/** The container's number for an id of the host; `undefined` if its user namespace does not map it. */
export function insideId(mappings: readonly IDMapping[] | undefined, id: number): number | undefined {
  if (mappings === undefined) return id;
  const holder = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return holder === undefined ? undefined : holder.containerID + (id - holder.hostID);
}

/** The lines of /proc/PID/uid_map; `undefined` for that of the initial namespace, which maps everything. */
function mappingsIn(map: string): IDMapping[] | undefined {
  const lines = map.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const mappings = lines.flatMap(([containerID, hostID, size]) =>
    containerID === undefined || hostID === undefined || size === undefined
      ? []
      : [{ containerID, hostID, size }],
  );
  const [first] = mappings;
  const isAll = first?.containerID === 0 && first.hostID === 0 && first.size >= 0xffffffff;
  return mappings.length === 0 || isAll ? undefined : mappings;
}
