// Decides which attributes a mount must have because of its options, and which it must not have. Pure.

import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NODIRATIME,
  MS_NOATIME,
  MS_NODIRATIME,
  MS_RELATIME,
  MS_STRICTATIME,
} from "../linux/numbers/mount.ts";
import { attributeChange, mountAttributes } from "../rootfs/plan/attributes.ts";
import type { BindMount, FilesystemMount, RemountMount } from "../rootfs/plan/mounts.ts";
import { attributeWords, type FoundMount } from "./found-mounts.ts";
import type { Difference } from "./model.ts";

export interface Expectation {
  readonly set: number;
  readonly clear: number;
  /**
   * Whether the access time mode in `set` counts. A bind mount has that of its source unless its options name
   * one.
   */
  readonly atime: boolean;
}

const NOTHING: Expectation = { set: 0, clear: 0, atime: false };

export function expectationOf(
  mount: FilesystemMount | BindMount,
  { mayBeLocked }: { readonly mayBeLocked: boolean },
): Expectation {
  if (mount.kind === "filesystem") {
    // If a substitute may have been mounted, only the attributes that were asked for are certain.
    const exact = changing(mount.setFlags);
    const expected =
      mount.otherwise === undefined
        ? exact
        : { ...NOTHING, set: exact.set & ~exact.clear & ~MOUNT_ATTR__ATIME };
    return withRecursive({ ...expected, atime: mount.otherwise === undefined }, mount.recursive);
  }
  const { parsed } = mount;
  if (parsed.change === undefined) return withRecursive(NOTHING, parsed.recursive);
  const { set, clear } = parsed.change;
  const atime = (clear & MOUNT_ATTR__ATIME) !== 0;
  // Attributes that the options clear by name are clear, or `create` would have failed. Others may be locked.
  const named = mountAttributes(parsed.clearFlags & ~ATIME);
  const cleared = mayBeLocked ? named : clear & ~MOUNT_ATTR__ATIME & ~MOUNT_ATTR_NODIRATIME;
  return withRecursive({ set, clear: cleared & ~set, atime }, parsed.recursive);
}

const ATIME = MS_NOATIME | MS_RELATIME | MS_STRICTATIME | MS_NODIRATIME;

/** The attributes of a new file system, which are all known. */
function changing(flags: number): Expectation {
  const { clear } = attributeChange(flags);
  return {
    set: mountAttributes(flags),
    clear: clear & ~MOUNT_ATTR__ATIME & ~MOUNT_ATTR_NODIRATIME,
    atime: true,
  };
}

function withRecursive(
  { set, clear, atime }: Expectation,
  recursive: { readonly set: number; readonly clear: number } | undefined,
): Expectation {
  if (recursive === undefined) return { set, clear, atime };
  const changesAtime = (recursive.clear & MOUNT_ATTR__ATIME) !== 0;
  const kept = changesAtime ? set & ~MOUNT_ATTR__ATIME : set;
  return {
    set: (kept & ~recursive.clear) | recursive.set,
    clear: (clear | (recursive.clear & ~MOUNT_ATTR__ATIME)) & ~recursive.set,
    atime: atime || changesAtime,
  };
}

/** Applies an entry with `remount` to the mount that an earlier entry made. */
export function withRemount(before: Expectation, { change, recursive }: RemountMount): Expectation {
  return withRecursive(withRecursive(before, change), recursive);
}

export function attributeDifference(
  destination: string,
  { set, clear, atime }: Expectation,
  { attributes }: FoundMount,
): Difference[] {
  const wanted = set & ~MOUNT_ATTR__ATIME;
  const isSame =
    (wanted & ~attributes) === 0 &&
    (attributes & clear) === 0 &&
    (!atime || (attributes & MOUNT_ATTR__ATIME) === (set & MOUNT_ATTR__ATIME));
  if (isSame) return [];
  const words = (of: number) => attributeWords(of, { atime }).join(",") || "rw";
  const lost = (wanted & ~attributes) !== 0;
  return [
    {
      topic: "mounts",
      what: destination,
      asked: words(set),
      found: words(attributes),
      costs: lost ? "it may do there what should be forbidden" : "it may do less there than was asked for",
      next: "remount it in the container's mount namespace, or start a new container",
    },
  ];
}
