// The memory controller. v1: Documentation/admin-guide/cgroup-v1/memory.rst; v2: cgroup-v2.rst, "Memory".
// Pure.

import { TsrunError } from "../../errors.ts";
import type { MemoryResources } from "../../spec/types.ts";
import { type CgroupWrite, decimal, isSet } from "../writes.ts";

export interface MemoryContext {
  readonly isUpdate: boolean;
}

const LIMIT = "memory.limit_in_bytes";
const SWAP = "memory.memsw.limit_in_bytes";

/** v1. With `isUpdate` the cgroup is in use, and may no longer have the kernel's defaults. */
export function memoryV1(memory: MemoryResources, { isUpdate }: MemoryContext): CgroupWrite[] {
  const writes = limitsV1(memory);
  if (isSet(memory.reservation)) {
    writes.push({ file: "memory.soft_limit_in_bytes", value: decimal(memory.reservation) });
  }
  if (memory.disableOOMKiller === true) writes.push({ file: "memory.oom_control", value: "1" });
  // `false` is the kernel's default, so a new cgroup needs no write.
  else if (memory.disableOOMKiller === false && isUpdate) {
    writes.push({ file: "memory.oom_control", value: "0" });
  }
  const swappiness = swappinessOf(memory);
  if (swappiness !== undefined) {
    if (swappiness > 100) {
      throw new TsrunError(
        "E_CONFIG",
        `invalid memory swappiness value: ${swappiness} (valid range is 0-100)`,
      );
    }
    writes.push({ file: "memory.swappiness", value: decimal(swappiness) });
  }
  return writes;
}

/** Docker's "not set" is -1, which its unsigned field turns into 2^64 - 1. */
const INHERIT_SWAPPINESS = 2 ** 63;

/** The requested swappiness, if any. */
export function swappinessOf({ swappiness = -1 }: MemoryResources): number | undefined {
  return swappiness === -1 || swappiness >= INHERIT_SWAPPINESS ? undefined : swappiness;
}

/**
 * The kernel requires memory ≤ memory+swap at every moment. Memory is written first, which is right whether
 * the limits rise or fall, except if the present memory+swap is lower: then it is refused, and written again
 * last.
 */
function limitsV1({ limit = 0, swap = 0 }: MemoryResources): CgroupWrite[] {
  const memory: CgroupWrite = { file: LIMIT, value: decimal(limit) };
  if (limit === -1 && swap === 0) {
    // Unlimited memory means unlimited swap too, if the kernel counts swap at all.
    return [{ file: SWAP, value: "-1", tolerate: ["ENOENT"] }, memory];
  }
  const both: CgroupWrite = { file: SWAP, value: decimal(swap) };
  if (limit === 0) return swap === 0 ? [] : [both];
  return swap === 0 ? [memory] : [{ ...memory, mayPostpone: true }, both];
}

/** v2. Swap is written first; its file is missing if the kernel has no swap accounting. */
export function memoryV2(memory: MemoryResources): CgroupWrite[] {
  const { limit = 0, swap = 0, reservation = 0 } = memory;
  const writes: CgroupWrite[] = [];
  const alone = swapWithoutMemory(swap, limit);
  if (alone !== undefined) {
    const value = maxOr(alone);
    const write: CgroupWrite = { file: "memory.swap.max", value };
    writes.push(value === "max" || value === "0" ? { ...write, tolerate: ["ENOENT"] } : write);
  }
  if (limit !== 0) writes.push({ file: "memory.max", value: maxOr(limit) });
  if (reservation !== 0) writes.push({ file: "memory.low", value: maxOr(reservation) });
  return writes;
}

/**
 * The specification's swap is memory plus swap, v2's is swap alone. `undefined` leaves it unchanged.
 * The error texts are runc's (ConvertMemorySwapToCgroupV2Value), which callers know.
 */
export function swapWithoutMemory(
  swap: number | bigint,
  memory: number | bigint,
): number | bigint | undefined {
  if (memory === -1 && swap === 0) return -1;
  if (swap === 0) return undefined;
  if (swap === -1 || memory === -1) return swap;
  if (memory === 0) throw new TsrunError("E_CONFIG", "unable to set swap limit without memory limit");
  if (memory < 0) throw new TsrunError("E_CONFIG", `invalid memory value: ${memory}`);
  if (swap < memory) throw new TsrunError("E_CONFIG", "memory+swap limit should be >= memory limit");
  if (typeof swap === "number" && typeof memory === "number") return swap - memory;
  return BigInt(swap) - BigInt(memory);
}

/**
 * Refuses limits that are already exceeded, if `checkBeforeUpdate` asks for it (v2 would kill instead).
 */
export function assertAboveUsage({ limit = 0, swap = 0 }: MemoryResources, usage: number): void {
  if (swap > 0 && swap <= usage) {
    throw new TsrunError("E_CGROUP", `rejecting memory+swap limit ${decimal(swap)} <= usage ${usage}`);
  }
  if (limit > 0 && limit <= usage) {
    throw new TsrunError("E_CGROUP", `rejecting memory limit ${decimal(limit)} <= usage ${usage}`);
  }
}

function maxOr(value: number | bigint): string {
  return value === -1 ? "max" : decimal(value);
}
