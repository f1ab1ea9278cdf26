// Refuses sysctls for a network namespace that a configuration joins by its path, if it is tsrun's own: they
// would change the host. The rules of src/spec/semantics/sysctl.ts cannot tell: they only know the path.

import { TsrunError } from "../errors.ts";
import { type FileStatus, status } from "../linux/files/files.ts";
import { isSameFile } from "../linux/files/statx.ts";
import { sysctlsInJoinedNetwork } from "../spec/semantics/namespaces.ts";
import type { Spec } from "../spec/types.ts";

/**
 * AS RUNC: "host" means the namespace of the runtime, which need not be the initial one. namespaces(7), "The
 * /proc/pid/ns/ directory": one namespace is one file.
 */
export function checkNetworkSysctls(spec: Spec): void {
  const joined = sysctlsInJoinedNetwork(spec);
  if (joined === undefined || !isSameFile(look(joined.path), look("/proc/self/ns/net"))) return;
  throw new TsrunError("E_CONFIG", `sysctl "${joined.names[0]}" not allowed in host network namespace`, {
    hint: `linux.namespaces joins "${joined.path}", which is tsrun's own: set it on the host, by sysctl(8)`,
  });
}

/** `undefined` for a path that cannot be looked at: joining it will fail, and say why. */
function look(path: string): FileStatus | undefined {
  try {
    return status(path);
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}
