// Refuses to change a namespace that a configuration joins by its path, if it is tsrun's own: that would
// change the host. The rules of src/spec/ cannot tell: they only know the path.

import { TsrunError } from "../errors.ts";
import { type FileStatus, readTextIfThere, status } from "../linux/files/files.ts";
import { isSameFile } from "../linux/files/statx.ts";
import type { Fault } from "../spec/faults.ts";
import { checkNamespaces } from "../spec/semantics.ts";
import type { Spec } from "../spec/types.ts";
import { NAMESPACES, type NamespaceKind } from "./plan.ts";

/**
 * Those in which the configuration changes something. The kernel refuses to join one's own user namespace
 * (setns(2)), and offsets of clocks are refused for every time namespace that is joined.
 */
const CHANGED: readonly NamespaceKind[] = ["mount", "uts", "ipc", "network"];

interface Joined {
  readonly kind: NamespaceKind;
  readonly path: string;
  /** The pointer of its entry. */
  readonly at: string;
}

/**
 * What is refused without the entry is refused with it, too. AS RUNC for sysctls of the network: the host is
 * the namespace of the runtime, which need not be the initial one. DIFFERS otherwise: runc changes the host.
 */
export function ownNamespaceFaults(spec: Spec): Fault[] {
  return (spec.linux?.namespaces ?? []).flatMap(({ type: kind, path = "" }, index) => {
    if (path === "" || !CHANGED.includes(kind)) return [];
    const joined = { kind, path, at: `/linux/namespaces/${index}` };
    return kind === "mount" ? mountFaults(joined) : settingFaults(spec, joined);
  });
}

/** Throws the first fault. */
export function checkOwnNamespaces(spec: Spec): void {
  const [fault] = ownNamespaceFaults(spec);
  if (fault !== undefined) throw new TsrunError("E_CONFIG", fault.reason, { hint: fault.hint });
}

/** pivot_root(2) and, with --no-pivot, the unmounting of the host's /proc would happen to the host. */
function mountFaults(joined: Joined): Fault[] {
  if (!isOwn(joined)) return [];
  const { path, at } = joined;
  const because = "is tsrun's own, in which the container's root would replace the host's";
  return [
    {
      pointer: `${at}/path`,
      reason: `cannot join the mount namespace of ${at}: ${JSON.stringify(path)} ${because}`,
      hint: "leave the path out for a new mount namespace, or the whole entry to use that of the caller",
    },
  ];
}

/** Host and domain name, kernel parameters and network devices. */
function settingFaults(spec: Spec, joined: Joined): Fault[] {
  const { kind, path, at } = joined;
  const others = (spec.linux?.namespaces ?? []).filter(({ type }) => type !== kind);
  const faults = checkNamespaces({ ...spec, linux: { ...spec.linux, namespaces: others } });
  // Most containers of a pod only join, and need no further system call.
  if (faults.length === 0 || !isOwn(joined)) return [];
  const instead = "leave its path out for a new namespace, or set this on the host";
  const hint = `${at} joins ${JSON.stringify(path)}, which is tsrun's own: ${instead}`;
  return faults
    .filter(({ pointer }) => !isNameOfHost(pointer, spec))
    .map(({ pointer, reason }) => ({ pointer, reason, hint }));
}

/** A name that the host has already changes nothing, and callers may name every container. */
function isNameOfHost(pointer: string, { hostname, domainname }: Spec): boolean {
  const name = pointer === "/hostname" ? hostname : pointer === "/domainname" ? domainname : undefined;
  return name !== undefined && readTextIfThere(`/proc/sys/kernel${pointer}`) === `${name}\n`;
}

/** namespaces(7), "The /proc/pid/ns/ directory": one namespace is one file. */
function isOwn({ kind, path }: Joined): boolean {
  return isSameFile(look(path), look(`/proc/self/ns/${NAMESPACES[kind].proc}`));
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
