// Without a mount namespace of its own a container's mounts are made among the host's, and outlast it.
// Whoever removes the container detaches them: all hang on the one mount that the root was bound to itself
// by. Called by create and delete.

import { mustCall } from "../linux/call.ts";
import { readText } from "../linux/files.ts";
import { MNT_DETACH, UMOUNT_NOFOLLOW } from "../linux/mount.ts";
import { cString } from "../linux/words.ts";
import { parseMounts } from "./mountinfo.ts";

/** The ids of the mounts on a path, the topmost last, as tsrun sees them. */
export function mountsOn(path: string): number[] {
  return parseMounts(readText("/proc/self/mountinfo"))
    .filter(({ point }) => point === path)
    .map(({ id }) => id);
}

/**
 * Detaches the topmost mount on `path`, with all that is mounted in it, unless it was there `before`. Lazily,
 * since somebody may still stand in it.
 */
export function detachMount(path: string, before: readonly number[]): void {
  const topmost = mountsOn(path).at(-1);
  if (topmost === undefined || before.includes(topmost)) return;
  mustCall(`unmount "${path}"`, "umount2", cString(path), MNT_DETACH | UMOUNT_NOFOLLOW);
}
