// Which namespaces the kernel has, how many a user may create, and the sysctls that forbid them to ordinary
// users.

import { readLink } from "../linux/files/files.ts";
import { FORBIDDING, type Forbidding } from "../namespaces/forbidding.ts";
import { limitOf, readSysctl } from "../namespaces/limits.ts";
import { NAMESPACE_KINDS, NAMESPACES, type NamespaceKind } from "../namespaces/plan.ts";
import type { Line } from "./model.ts";

export function namespaceLines(rootless: boolean): Line[] {
  return [...NAMESPACE_KINDS.map(kindLine), ...(rootless ? FORBIDDING.flatMap(sysctlLine) : [])];
}

function kindLine(kind: NamespaceKind): Line {
  const { proc } = NAMESPACES[kind];
  const line = { id: `namespaces.${kind}`, topic: "namespaces", what: `${kind} namespaces` } as const;
  const costs = `a configuration with {"type": "${kind}"} is refused`;
  if (readLink(`/proc/self/ns/${proc}`) === undefined) {
    const mend = kind === "time" ? "Linux 5.6 has them" : "a kernel with them, and /proc mounted";
    return { ...line, health: "lacking", found: "missing", costs, mend };
  }
  const limit = limitOf(kind);
  const most = readSysctl(limit);
  if (most === "0") {
    return { ...line, health: "lacking", found: `${limit} is 0`, costs, mend: `sysctl ${limit}=10000` };
  }
  return { ...line, health: "well", found: most === undefined ? "there" : `up to ${most} for each user` };
}

/** Empty if the kernel has no such sysctl. */
function sysctlLine({ name, forbids, allows }: Forbidding): Line[] {
  const value = readSysctl(name);
  if (value === undefined) return [];
  const line = { id: `namespaces.${name}`, topic: "namespaces", what: name, found: value } as const;
  if (value !== forbids) return [{ ...line, health: "well" }];
  const costs = "an ordinary user can make no container";
  return [{ ...line, health: "lacking", costs, mend: `as root: sysctl ${name}=${allows}` }];
}
