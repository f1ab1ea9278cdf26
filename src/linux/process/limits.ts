// The limits of this process: prlimit(2).

import { mustCall } from "../call/call.ts";
import { viewOf } from "../call/words.ts";
import { RLIMITS } from "../numbers/rlimits.ts";

/** How many files this process may have open, and every process that it clones. */
export function openFilesLimit(): number {
  const limit = new Uint8Array(16);
  mustCall("read the limit of open files", "prlimit64", 0, RLIMITS.RLIMIT_NOFILE, 0, limit);
  return Number(viewOf(limit).getBigUint64(0, true));
}
