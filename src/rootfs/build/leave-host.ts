// What comes before a root that is moved, not pivoted to: the host's mounts then stay in the namespace, below
// the container's root. Called by root.ts.

import { EINVAL, ENOENT, EPERM } from "../../linux/numbers/errno.ts";
import { MNT_DETACH, MS_REC, MS_SLAVE } from "../../linux/numbers/mount.ts";
import { mount, umount2 } from "../../proxy/calls/mount-calls.ts";
import { type Operation, operationError } from "../../proxy/calls/operation.ts";
import type { Conversation } from "../../proxy/conversation.ts";
import { type MountinfoEntry, readMounts } from "../host/mountinfo.ts";
import { isInside } from "../plan/paths.ts";

/**
 * Takes the host's procfs and sysfs out of the namespace: a process that reaches a full one could mount new
 * ones (runc: msMoveRoot). Unmounts them, or covers them if that is not allowed.
 *
 * A mount or an unmount also happens on the host if the mount that it happens on is shared with the host's
 * (mount_namespaces(7)), and with `rootfsPropagation` "shared" only the one that holds the root is not. So
 * these become slaves first. runc does not do this, and unmounts the host's /proc.
 */
export function leaveHost(proxy: Conversation, rootfs: string): Operation[] {
  for (const { path, holder } of fullKernelMounts(readMounts(proxy), rootfs)) {
    const separate = separated(path, MS_SLAVE | MS_REC);
    const unmount = umount2(path, MNT_DETACH, `unmount "${path}"`);
    const failed = proxy.attempt([
      separate,
      ...(holder === undefined ? [] : [separated(holder, MS_SLAVE), unmount]),
    ]);
    if (failed === undefined && holder !== undefined) continue;
    // It has gone together with a mount above it, or such a mount hides it.
    if (failed === separate && (failed.result === -ENOENT || failed.result === -EINVAL)) continue;
    if (failed === separate) throw operationError(failed);
    if (failed === unmount && failed.result !== -EINVAL && failed.result !== -EPERM)
      throw operationError(failed);
    const cover = mount({ source: "tmpfs", target: path, type: "tmpfs", flags: 0 }, `cover "${path}"`);
    const uncovered = proxy.attempt([cover]);
    if (uncovered !== undefined) throw operationError(uncovered);
  }
  // The root is going to be mounted on it.
  return [separated("/", MS_SLAVE)];
}

function separated(path: string, flags: number): Operation {
  return mount({ target: path, flags }, `separate "${path}" from the host`);
}

export interface KernelMount {
  readonly path: string;
  /** The mount that it is on. `undefined` if a path does not lead to that: several mounts are at `path`. */
  readonly holder: string | undefined;
}

/** The whole procfs and sysfs mounts outside the root, by their mount points. */
export function fullKernelMounts(mounts: readonly MountinfoEntry[], rootfs: string): KernelMount[] {
  const points = new Map(mounts.map(({ id, point }) => [id, point]));
  const stacked = new Set<string>();
  for (const { parent, point } of mounts) if (points.get(parent) === point) stacked.add(point);
  const holders = new Map<string, string | undefined>();
  for (const { root, point, type, parent } of mounts) {
    if (root !== "/" || (type !== "proc" && type !== "sysfs") || isInside(rootfs, point)) continue;
    holders.set(point, stacked.has(point) ? undefined : points.get(parent));
  }
  return [...holders].map(([path, holder]) => ({ path, holder }));
}
