// The pids controller: the same file on v1 and v2 (cgroup-v1/pids.rst, cgroup-v2.rst "PID"). Pure.

import { type CgroupWrite, decimal } from "../writes.ts";

/** v1 and v2. */
export function pidsWrites({ limit }: { readonly limit?: number }): CgroupWrite[] {
  if (limit === undefined) return [];
  return [{ file: "pids.max", value: limit < 0 ? "max" : decimal(leastTasks(limit)) }];
}

/**
 * runtime-spec 1.3, config-linux.md#pids: 0 is a limit like any other; that of an older document does not
 * come this far (spec/normalise.ts). AS RUNC from 1.4 on: it means 1, which has the same effect, since a
 * container has one process; systemd's TasksMax cannot be 0.
 */
export function leastTasks(limit: number): number {
  return limit === 0 ? 1 : limit;
}
