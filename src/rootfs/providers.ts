// Which mount of the plan makes the directory that a path stands in. A file below a tmpfs that has just been
// made cannot exist yet, so it is created at once, by the tmpfs' own descriptor, instead of being missed
// first. Pure.

import { isInside, parentOf } from "./paths.ts";
import type { MountPlan } from "./plan-mounts.ts";

/**
 * The position of the tmpfs whose root is the directory of `path`, as long as nothing lies over it, among the
 * first `count` mounts. Symbolic links are not considered: a wrong answer costs a round trip, nothing else.
 */
export function providerOf(
  mounts: readonly MountPlan[],
  path: string,
  count = mounts.length,
): number | undefined {
  const parent = parentOf(path);
  for (let index = count - 1; index >= 0; index--) {
    const mount = mounts[index];
    if (mount === undefined || mount.kind === "symlink" || mount.kind === "remount") continue;
    if (!isInside(mount.destination, parent)) continue;
    const provides = mount.kind === "filesystem" && mount.type === "tmpfs" && mount.destination === parent;
    return provides ? index : undefined;
  }
  return undefined;
}

/**
 * Whether a mount among the first `count` lies over `path`, so that what is there now is not what will be.
 */
export function isCovered(mounts: readonly MountPlan[], path: string, count: number): boolean {
  for (let index = 0; index < count; index++) {
    const mount = mounts[index];
    if (mount !== undefined && mount.kind !== "symlink" && isInside(mount.destination, path)) return true;
  }
  return false;
}
