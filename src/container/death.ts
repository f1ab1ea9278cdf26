// Finds out whether a process ended during its setup because it ran out of memory. Called by create after a
// failure.

import { oomKills } from "../cgroups/members.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { ProxyDied } from "../proxy/proxy.ts";

/**
 * The error of a creation; if the kernel has killed more processes for lack of memory than before, the error
 * that the first process was killed. The sentence is runc's.
 */
export function explainInitDeath(error: unknown, cgroup: CgroupRecord, killsBefore: number): unknown {
  if (!isDeath(error) || oomKills(cgroup) <= killsBefore) return error;
  return new TsrunError("E_CGROUP", "container init was OOM-killed (memory limit too low?)", {
    cause: error,
    hint: "raise linux.resources.memory.limit",
  });
}

/** Whether the process no longer answers, or its pid does not exist. */
function isDeath(error: unknown): boolean {
  return error instanceof ProxyDied || hasErrno(error, "ESRCH");
}
