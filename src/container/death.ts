// Why a process ended while it was being set up, where the kernel tells: want of memory. Called by create
// when something has failed.

import { oomKills } from "../cgroups/members.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { ProxyDied } from "../proxy/proxy.ts";

/**
 * The error of a creation, or that its first process was killed when more were killed for want of memory than
 * before it. The sentence is runc's.
 */
export function explainInitDeath(error: unknown, cgroup: CgroupRecord, killsBefore: number): unknown {
  if (!isDeath(error) || oomKills(cgroup) <= killsBefore) return error;
  return new TsrunError("E_CGROUP", "container init was OOM-killed (memory limit too low?)", {
    cause: error,
    hint: "raise linux.resources.memory.limit",
  });
}

/** It does not answer any more, or its pid is nobody's. */
function isDeath(error: unknown): boolean {
  return error instanceof ProxyDied || hasErrno(error, "ESRCH");
}
