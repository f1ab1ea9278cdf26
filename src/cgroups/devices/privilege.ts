// Tells whether device rules can be set at all: the kernel requires privileges in the initial user namespace,
// on v1 (devcgroup_update_access) and for eBPF. Called only after the kernel has refused.

import { readTextIfThere } from "../../linux/files/files.ts";

/** Inside a user namespace no process has them, and mknod(2) is impossible anyway. */
export function inUserNamespace(): boolean {
  const map = readTextIfThere("/proc/self/uid_map") ?? "";
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}
