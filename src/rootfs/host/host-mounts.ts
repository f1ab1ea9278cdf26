// The mounts of a container without a new mount namespace are made among the host's, and stay after its end.
// The command that removes the container detaches them: all are below the mount with which the root was bound
// to itself. Called by create and delete.

import { mustCall } from "../../linux/call/call.ts";
import { readLink, readText } from "../../linux/files/files.ts";
import { MNT_DETACH, UMOUNT_NOFOLLOW } from "../../linux/numbers/mount.ts";
import type { HostMounts } from "../../spec/types.ts";
import { parseMounts } from "./mountinfo.ts";

/** The mounts on a path, in tsrun's mount namespace. */
export function mountsOn(path: string): HostMounts {
  const mounts = parseMounts(readText("/proc/self/mountinfo")).filter(({ point }) => point === path);
  const ids = mounts.map(({ id }) => id);
  const namespace = readLink("/proc/self/ns/mnt");
  return namespace === undefined ? { ids } : { namespace, ids };
}

/**
 * Detaches the topmost mount on `path` with all mounts below it, unless it existed `before`. Lazily, since a
 * process may still use it.
 */
export function detachMount(path: string, before: HostMounts): void {
  const { namespace, ids } = mountsOn(path);
  const topmost = ids.at(-1);
  if (namespace !== before.namespace || topmost === undefined || before.ids.includes(topmost)) return;
  mustCall(`unmount "${path}"`, "umount2", path, MNT_DETACH | UMOUNT_NOFOLLOW);
}
