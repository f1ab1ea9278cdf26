// Whether device rules can be set at all: the kernel wants privilege over the whole machine for it, on v1
// (devcgroup_update_access) and for eBPF alike. Called only after it has refused.

import { readTextIfThere } from "../../linux/files/files.ts";

/** Inside a user namespace nobody has that privilege, and mknod(2) is impossible anyway. */
export function inUserNamespace(): boolean {
  const map = readTextIfThere("/proc/self/uid_map") ?? "";
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}
