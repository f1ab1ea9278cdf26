// The pids controller: the same file on v1 and v2 (cgroup-v1/pids.rst, cgroup-v2.rst "PID"). Pure.

import { type CgroupWrite, decimal, isSet } from "../writes.ts";

/**
 * v1 and v2. DIFFERS from runtime-spec 1.3, AS RUNC before 1.4: a limit of 0 leaves things as they are, since
 * callers built on older versions of the specification send 0 for "not set".
 */
export function pidsWrites({ limit }: { readonly limit?: number }): CgroupWrite[] {
  if (!isSet(limit)) return [];
  return [{ file: "pids.max", value: limit < 0 ? "max" : decimal(limit) }];
}
