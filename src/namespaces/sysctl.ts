// Sets kernel parameters of the container's own namespaces. The first process writes them while it still sees
// the host's /proc, which no image can have changed (CVE-2025-52881); each applies to the namespaces of the
// writing process.

import { AT_FDCWD, O_WRONLY } from "../linux/numbers/fcntl.ts";
import { close, openat, write } from "../proxy/calls/calls.ts";
import type { Operation } from "../proxy/calls/operation.ts";

/**
 * Sets `linux.sysctl`. Which names are allowed, and which namespace each needs, was checked with the config.
 */
export function sysctlOperations(values: Readonly<Record<string, string>>): Operation[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = sysctlPath(name);
    const attempt = sysctlAttempt(name, value);
    const file = openat(AT_FDCWD, path, O_WRONLY, attempt);
    return [file, write(file, value, attempt), close(file)];
  });
}

/** What a failure prevents, by which its cause is looked for. */
export function sysctlAttempt(name: string, value: string): string {
  return `set sysctl "${name}" to ${JSON.stringify(value)}`;
}

/**
 * sysctl(8): dots separate, and a slash in a name stands for a dot of it: `net.ipv4.conf.eth0/1.forwarding`.
 */
export function sysctlPath(name: string): string {
  // If the first separator is a slash, slashes separate.
  const separatedBySlash =
    name.indexOf("/") !== -1 && (name.indexOf(".") === -1 || name.indexOf("/") < name.indexOf("."));
  const path = separatedBySlash ? name : name.replace(/[./]/g, (sign) => (sign === "." ? "/" : "."));
  return `/proc/sys/${path}`;
}
