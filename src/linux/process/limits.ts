// The limits of this process: prlimit(2).

import { mustCall, tryCall } from "../call/call.ts";
import { u64Struct, viewOf } from "../call/words.ts";
import { RLIMITS } from "../numbers/rlimits.ts";

export interface Limits {
  readonly soft: bigint;
  readonly hard: bigint;
}

/** How many files this process may have open, and every process that it clones. */
export function openFilesLimit(): number {
  return Number(openFilesLimits().soft);
}

export function openFilesLimits(): Limits {
  const limits = new Uint8Array(16);
  mustCall("read the limit of open files", "prlimit64", 0, RLIMITS.RLIMIT_NOFILE, 0, limits);
  const view = viewOf(limits);
  return { soft: view.getBigUint64(0, true), hard: view.getBigUint64(8, true) };
}

/**
 * Does nothing if the hard limit has become larger than the kernel allows (fs.nr_open).
 * @param pid 0 is this process
 */
export function setOpenFilesLimits({ soft, hard }: Limits, pid = 0): void {
  tryCall("prlimit64", pid, RLIMITS.RLIMIT_NOFILE, u64Struct(soft, hard), 0);
}
