// Without a mount namespace of its own a container's mounts are made among the host's, and outlast it.
// Whoever removes the container detaches them: all hang on the one mount that the root was bound to itself
// by. Called by create and delete.

import { mustCall } from "../../linux/call/call.ts";
import { cString } from "../../linux/call/words.ts";
import { readLink, readText } from "../../linux/files/files.ts";
import { MNT_DETACH, UMOUNT_NOFOLLOW } from "../../linux/numbers/mount.ts";
import type { HostMounts } from "../../spec/types.ts";
import { parseMounts } from "./mountinfo.ts";

/** The mounts on a path, as tsrun sees them. */
export function mountsOn(path: string): HostMounts {
  const mounts = parseMounts(readText("/proc/self/mountinfo")).filter(({ point }) => point === path);
  const ids = mounts.map(({ id }) => id);
  const namespace = readLink("/proc/self/ns/mnt");
  return namespace === undefined ? { ids } : { namespace, ids };
}

/**
 * Detaches the topmost mount on `path`, with all that is mounted in it, unless it was there `before`. Lazily,
 * since somebody may still stand in it.
 */
export function detachMount(path: string, before: HostMounts): void {
  const { namespace, ids } = mountsOn(path);
  const topmost = ids.at(-1);
  if (namespace !== before.namespace || topmost === undefined || before.ids.includes(topmost)) return;
  mustCall(`unmount "${path}"`, "umount2", cString(path), MNT_DETACH | UMOUNT_NOFOLLOW);
}
