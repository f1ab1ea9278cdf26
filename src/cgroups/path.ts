// Which directory a container's cgroup gets, by runc's rules (its libcontainer/specconv and
// opencontainers/cgroups' internal/path, fs/paths.go, fs2/defaultpath.go). Pure; called by plan.ts.

import type { Hierarchy } from "./hierarchies.ts";

export interface CgroupPath {
  /** Without leading slash; `..` cannot leave the root it is taken from. */
  readonly inner: string;
  /** Starts from the mount point, not from the caller's own cgroup. */
  readonly absolute: boolean;
  /** The configuration named it, so a lack of permission is an error. */
  readonly explicit: boolean;
}

/** Reads `linux.cgroupsPath`; without one the cgroup is `<id>` below the caller's own. */
export function resolveCgroupsPath(cgroupsPath: string | undefined, id: string): CgroupPath {
  if (cgroupsPath === undefined || cgroupsPath === "") return { inner: id, absolute: false, explicit: false };
  return { inner: innerPath(cgroupsPath), absolute: cgroupsPath.startsWith("/"), explicit: true };
}

/** The path, cleaned as text and without a leading slash: a `..` that would leave the root is dropped. */
export function innerPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** The directory in one hierarchy. */
export function cgroupDirectory(hierarchy: Hierarchy, path: CgroupPath): string {
  const base = path.absolute ? hierarchy.mountpoint : hierarchy.own;
  return join(base, path.inner);
}

/**
 * The directory in a unified hierarchy that has the controllers. AS RUNC: a relative path starts from the
 * parent of the caller's own cgroup, because a cgroup that holds processes cannot hand controllers to its
 * children.
 */
export function unifiedDirectory(hierarchy: Hierarchy, path: CgroupPath): string {
  if (path.absolute || hierarchy.own === hierarchy.mountpoint) return join(hierarchy.mountpoint, path.inner);
  return join(hierarchy.own.slice(0, hierarchy.own.lastIndexOf("/")), path.inner);
}

function join(base: string, inner: string): string {
  return inner === "" ? base : `${base}/${inner}`;
}
