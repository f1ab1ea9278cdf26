// Which kernel parameters a container may set: those of its own namespaces, and no others. Security: /proc/sys is the
// host's where no namespace keeps a value apart. runc: libcontainer/configs/validate, function sysctl.

import { childPointer } from "../json-positions.ts";
import { type Context, NAMESPACES, namespaceOf, type Rule } from "./report.ts";

export const SYSCTL_RULES: readonly Rule[] = [{ reads: [NAMESPACES, "/linux/sysctl"], check: sysctl }];

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
  for (const [name, value] of Object.entries(spec.linux?.sysctl ?? {})) {
    const reason = sysctlFault(name, (kind) => namespaceOf(spec, kind) !== undefined);
    const pointer = childPointer("/linux/sysctl", name);
    if (reason !== undefined) report.fault(pointer, reason);
    else if (value.includes("\0")) report.fault(pointer, "must not contain a NUL character");
  }
}

function sysctlFault(
  name: string,
  isolated: (kind: "ipc" | "network" | "uts") => boolean,
): string | undefined {
  const parts = sysctlParts(name);
  // `net/../kernel/core_pattern` is not a parameter of the network namespace.
  if (parts.some((part) => part === "" || part === "." || part === ".." || /[/\0]/.test(part))) {
    return "is no name of a kernel parameter";
  }
  const dotted = parts.join(".");
  if (OF_IPC.has(dotted) || dotted.startsWith("fs.mqueue.")) {
    return isolated("ipc") ? undefined : `sysctl "${name}" is not allowed in the hosts ipc namespace`;
  }
  if (parts[0] === "net" && parts.length > 1) {
    // A namespace that is joined may still be the host's: see sysctlsInJoinedNetwork.
    return isolated("network") ? undefined : `sysctl "${name}" not allowed in host network namespace`;
  }
  if (isolated("uts") && dotted === "kernel.domainname") return undefined;
  if (isolated("uts") && dotted === "kernel.hostname") {
    return `sysctl "${name}" is not allowed as it conflicts with the OCI "hostname" field`;
  }
  return `sysctl "${name}" is not in a separate kernel namespace`;
}

/**
 * The directories and the file of a parameter below /proc/sys. sysctl(8): the first separator of a name tells which one
 * it uses; where that is the dot, a slash stands for a dot in a name: `net.ipv4.conf.eth0/1.forwarding`.
 */
export function sysctlParts(name: string): string[] {
  const separator = /[./]/.exec(name)?.[0];
  if (separator === "/") return name.split("/");
  return name.split(".").map((part) => part.replaceAll("/", "."));
}
