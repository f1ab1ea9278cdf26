// What may keep a user from making namespaces, and where it can be read (namespaces(7), user_namespaces(7)).
// Called by src/cause/ after a failure, and by src/check/.

import { readTextIfThere } from "../linux/files/files.ts";
import { NAMESPACES, type NamespaceKind } from "./plan.ts";
import { sysctlPath } from "./sysctl.ts";

/** `undefined` where the kernel has no such sysctl. */
export function readSysctl(name: string): string | undefined {
  return readTextIfThere(sysctlPath(name))?.trim();
}

/** The sysctl that says how many of this kind a user may have. */
export function limitOf(kind: NamespaceKind): string {
  return `user.max_${NAMESPACES[kind].proc}_namespaces`;
}
