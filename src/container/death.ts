// Finds out whether a process ended during its setup because it ran out of memory. Called by create after a
// failure.

import { oomKills } from "../cgroups/oom-kills.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { ProxyDied } from "../proxy/proxy.ts";

/**
 * If the kernel has killed more processes of the cgroup than before the creation, returns an error with
 * runc's sentence about that; otherwise the given error.
 */
export function explainInitDeath(error: unknown, cgroup: CgroupRecord, killsBefore: number): unknown {
  if (!isDeath(error) || oomKills(cgroup) <= killsBefore) return error;
  return new TsrunError("E_CGROUP", "container init was OOM-killed (memory limit too low?)", {
    cause: error,
    hint: "raise linux.resources.memory.limit",
  });
}

/** Whether the process no longer answers or no longer exists. */
function isDeath(error: unknown): boolean {
  return error instanceof ProxyDied || hasErrno(error, "ESRCH");
}
