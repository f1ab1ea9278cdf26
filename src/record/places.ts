// The places of a container that can be written to, and where their files are. Pure; paths.ts looks at them.

import { MOUNT_ATTR_RDONLY, MS_BIND, MS_RDONLY } from "../linux/numbers/mount.ts";
import { parseMountOptions } from "../rootfs/plan/mount-options.ts";
import type { Mount, Spec } from "../spec/types.ts";

export interface WritablePlace {
  /** Its path in the container. */
  readonly destination: string;
  /** The directory or file on the host; `undefined` for a file system that only the container has. */
  readonly source: string | undefined;
}

/** File systems of the kernel that store no files. */
const WITHOUT_FILES = ["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "debugfs"];

export interface Writable {
  readonly spec: Spec;
  /** Absolute paths of the bundle and of its root file system. */
  readonly bundle: string;
  readonly rootfs: string;
}

/** The root first, if it is writable, and then the writable mounts in the configuration's order. */
export function writablePlaces({ spec, bundle, rootfs }: Writable): WritablePlace[] {
  const root = spec.root?.readonly === true ? [] : [{ destination: "/", source: rootfs }];
  const mounts = (spec.mounts ?? []).flatMap((mount): WritablePlace[] => {
    if (isReadOnly(mount) || WITHOUT_FILES.includes(mount.type ?? "")) return [];
    const { destination } = mount;
    if (!isBind(mount)) return [{ destination, source: undefined }];
    const source = mount.source ?? "";
    return [{ destination, source: source.startsWith("/") ? source : `${bundle}/${source}` }];
  });
  return [...root, ...mounts];
}

export function isBind({ type, options = [] }: Mount): boolean {
  return type === "bind" || (parseMountOptions(options).setFlags & MS_BIND) !== 0;
}

/** `rro` and `rrw` are carried out last, so they count more than `ro` and `rw`. */
export function isReadOnly({ options = [] }: Mount): boolean {
  const { setFlags, recSet, recClear } = parseMountOptions(options);
  if (((recSet | recClear) & MOUNT_ATTR_RDONLY) !== 0) return (recSet & MOUNT_ATTR_RDONLY) !== 0;
  return (setFlags & MS_RDONLY) !== 0;
}

/** `path` below `destination`. */
export function joined(destination: string, path: string): string {
  if (path === "") return destination;
  return destination === "/" ? `/${path}` : `${destination}/${path}`;
}
