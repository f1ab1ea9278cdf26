// Which places of a container can be written to, and where their files are. Pure; paths.ts looks at them.

import type { Mount, Spec } from "../spec/types.ts";

export interface Place {
  /** Its path in the container. */
  readonly destination: string;
  /** The directory or file of the host; `undefined` for a file system that only the container has. */
  readonly source: string | undefined;
}

/** File systems of the kernel, in which nothing is kept. */
const WITHOUT_FILES = ["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "debugfs"];

export interface Writable {
  readonly spec: Spec;
  /** Absolute paths of the bundle and of its root file system. */
  readonly bundle: string;
  readonly rootfs: string;
}

/** The root first, if it can be written to, and then the mounts in the configuration's order. */
export function writablePlaces({ spec, bundle, rootfs }: Writable): Place[] {
  const root = spec.root?.readonly === true ? [] : [{ destination: "/", source: rootfs }];
  const mounts = (spec.mounts ?? []).flatMap((mount): Place[] => {
    if (isReadOnly(mount) || WITHOUT_FILES.includes(mount.type ?? "")) return [];
    const { destination } = mount;
    if (!isBind(mount)) return [{ destination, source: undefined }];
    const source = mount.source ?? "";
    return [{ destination, source: source.startsWith("/") ? source : `${bundle}/${source}` }];
  });
  return [...root, ...mounts];
}

export function isBind({ type, options = [] }: Mount): boolean {
  return type === "bind" || options.includes("bind") || options.includes("rbind");
}

/** The last word counts. */
export function isReadOnly({ options = [] }: Mount): boolean {
  return (
    options
      .filter((word) => ["ro", "rro", "rw", "rrw"].includes(word))
      .at(-1)
      ?.endsWith("ro") === true
  );
}

/** `path` below `destination`. */
export function joined(destination: string, path: string): string {
  if (path === "") return destination;
  return destination === "/" ? `/${path}` : `${destination}/${path}`;
}
