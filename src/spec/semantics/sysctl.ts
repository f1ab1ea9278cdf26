// Which kernel parameters a container may set: only those of its own namespaces. Security: any other value in
// /proc/sys is the host's. runc: libcontainer/configs/validate, function sysctl.

import { childPointer } from "../json-positions.ts";
import type { Spec } from "../types.ts";
import { type Context, hasNul, NAMESPACES, NUL_REASON, namespaceOf, type Rule } from "./report.ts";

export const SYSCTL_RULES: readonly Rule[] = [
  { about: ["linux", "sysctl"], reads: [NAMESPACES, "/linux/sysctl"], check: sysctl },
];

const OF_IPC = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

function sysctl({ spec, report }: Context): void {
  const values = spec.linux?.sysctl ?? {};
  for (const name of Object.keys(values)) {
    const reason = sysctlFault(name, spec) ?? (hasNul(values[name] ?? "") ? NUL_REASON : undefined);
    if (reason !== undefined) report.fault(childPointer("/linux/sysctl", name), reason);
  }
}

/** A namespace that is joined may still be the host's: src/namespaces/own-namespaces.ts looks. */
function sysctlFault(name: string, spec: Spec): string | undefined {
  const parts = sysctlParts(name);
  // `net/../kernel/core_pattern` is not a parameter of the network namespace.
  if (!parts.every(isFileName)) return "is no name of a kernel parameter";
  const dotted = parts.join(".");
  if (OF_IPC.has(dotted) || dotted.startsWith("fs.mqueue.")) {
    return namespaceOf(spec, "ipc") !== undefined
      ? undefined
      : `sysctl "${name}" is not allowed in the hosts ipc namespace`;
  }
  if (parts[0] === "net" && parts.length > 1) {
    return namespaceOf(spec, "network") !== undefined
      ? undefined
      : `sysctl "${name}" not allowed in host network namespace`;
  }
  // These values belong to the user namespace of the process that reads or writes them (kernel/ucount.c).
  if (parts[0] === "user" && parts.length > 1 && namespaceOf(spec, "user") !== undefined) return undefined;
  const ownUts = namespaceOf(spec, "uts") !== undefined;
  if (ownUts && dotted === "kernel.domainname") return undefined;
  if (ownUts && dotted === "kernel.hostname") {
    return `sysctl "${name}" is not allowed as it conflicts with the OCI "hostname" field`;
  }
  return `sysctl "${name}" is not in a separate kernel namespace`;
}

/**
 * The directories and the file of a parameter below /proc/sys. sysctl(8): the first separator in a name
 * decides which one it uses; if it is the dot, a slash means a dot within a name:
 * `net.ipv4.conf.eth0/1.forwarding`.
 */
export function sysctlParts(name: string): string[] {
  const slash = name.indexOf("/");
  if (slash === -1) return name.split(".");
  const dot = name.indexOf(".");
  if (dot === -1 || slash < dot) return name.split("/");
  return name.split(".").map((part) => part.replaceAll("/", "."));
}

function isFileName(part: string): boolean {
  return part !== "" && part !== "." && part !== ".." && !part.includes("/") && !part.includes("\0");
}
