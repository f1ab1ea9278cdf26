// Converts the MS_ flags of mount(2), which the configuration's options mean, to the attributes of fsmount(2)
// and mount_setattr(2), by the kernel's own rules (do_mount in fs/namespace.c). Pure.

import { viewOf } from "../../linux/call/words.ts";
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_DIRSYNC,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from "../../linux/numbers/mount.ts";

/** Flags with one attribute each; the access times, with three values, are separate. */
const PAIRS: readonly { readonly flag: number; readonly attribute: number }[] = [
  { flag: MS_RDONLY, attribute: MOUNT_ATTR_RDONLY },
  { flag: MS_NOSUID, attribute: MOUNT_ATTR_NOSUID },
  { flag: MS_NODEV, attribute: MOUNT_ATTR_NODEV },
  { flag: MS_NOEXEC, attribute: MOUNT_ATTR_NOEXEC },
  { flag: MS_NOSYMFOLLOW, attribute: MOUNT_ATTR_NOSYMFOLLOW },
];

const ATIME_FLAGS = MS_NOATIME | MS_RELATIME | MS_STRICTATIME | MS_NODIRATIME;

/** Flags of the super block, as fsconfig(2) names them. */
const SUPERBLOCK: readonly (readonly [flag: number, key: string])[] = [
  [MS_RDONLY, "ro"],
  [MS_SYNCHRONOUS, "sync"],
  [MS_DIRSYNC, "dirsync"],
  [MS_MANDLOCK, "mand"],
  [MS_LAZYTIME, "lazytime"],
];

const ANY_SUPERBLOCK = SUPERBLOCK.reduce((all, [flag]) => all | flag, 0);

/**
 * Flags of a mount that are locked when it is copied into another user namespace (mount_namespaces(7)).
 */
const LOCKABLE = MS_RDONLY | MS_NODEV | MS_NOEXEC | MS_NOSUID | ATIME_FLAGS;

/** A change of attributes, with the equivalent flags of mount(2). */
export interface AttributeChange {
  readonly set: number;
  readonly clear: number;
  readonly flags: number;
}

/** The attributes of a new mount with these flags. */
export function mountAttributes(flags: number): number {
  let attributes = atime(flags);
  for (const { flag, attribute } of PAIRS) if ((flags & flag) !== 0) attributes |= attribute;
  return (flags & MS_NODIRATIME) === 0 ? attributes : attributes | MOUNT_ATTR_NODIRATIME;
}

export function superblockFlags(flags: number): readonly string[] {
  if ((flags & ANY_SUPERBLOCK) === 0) return NONE;
  return SUPERBLOCK.filter(([flag]) => (flags & flag) !== 0).map(([, key]) => key);
}

const NONE: readonly string[] = [];

/**
 * The change that MS_REMOUNT|MS_BIND with these flags makes: the given flags are set and all others cleared;
 * only the access times stay unless one is named.
 */
export function attributeChange(flags: number): AttributeChange {
  let set = 0;
  let clear = 0;
  for (const { flag, attribute } of PAIRS) {
    if ((flags & flag) === 0) clear |= attribute;
    else set |= attribute;
  }
  if ((flags & ATIME_FLAGS) !== 0) {
    // mount_setattr(2): the field is cleared as a whole before it is set.
    clear |= MOUNT_ATTR__ATIME;
    set |= atime(flags);
    if ((flags & MS_NODIRATIME) === 0) clear |= MOUNT_ATTR_NODIRATIME;
    else set |= MOUNT_ATTR_NODIRATIME;
  }
  return { set, clear, flags: flags & ~(MS_BIND | MS_REC | MS_REMOUNT) };
}

/** Whether a bind mount with these flags changes any attribute (runc: mountToRootfs). */
export function changesBind({ setFlags, clearFlags }: { setFlags: number; clearFlags: number }): boolean {
  return (setFlags & ~(MS_BIND | MS_REC | MS_REMOUNT)) !== 0 || clearFlags !== 0;
}

function atime(flags: number): number {
  if ((flags & MS_STRICTATIME) !== 0) return MOUNT_ATTR_STRICTATIME;
  return (flags & MS_NOATIME) === 0 ? MOUNT_ATTR_RELATIME : MOUNT_ATTR_NOATIME;
}

/** `f_flags` of struct statfs. */
export function statfsFlags(struct: Uint8Array): number {
  return Number(viewOf(struct).getBigUint64(80, true));
}

/**
 * The MS_ flags behind `f_flags` of statfs(2), of which ST_RELATIME, ST_NOSYMFOLLOW and strictatime differ.
 */
export function flagsOfStatfs(statfsFlags: number): number {
  const same = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME;
  let flags = statfsFlags & same;
  if ((statfsFlags & 0x1000) !== 0) flags |= MS_RELATIME;
  if ((statfsFlags & 0x2000) !== 0) flags |= MS_NOSYMFOLLOW;
  return (flags & (MS_NOATIME | MS_RELATIME)) === 0 ? flags | MS_STRICTATIME : flags;
}

export interface LockedRetry {
  /** The requested flags. */
  readonly setFlags: number;
  readonly clearFlags: number;
  /** The mount's flags. */
  readonly current: number;
}

/**
 * The change that keeps locked flags: the requested flags in addition to the present ones. `undefined` if the
 * result would not be what was requested (runc: mountToRootfs, "remount with locked flags").
 */
export function keepLocked({ setFlags, clearFlags, current }: LockedRetry): AttributeChange | undefined {
  if ((current & clearFlags & LOCKABLE) !== 0) return undefined;
  const asked = setFlags & ATIME_FLAGS;
  if (asked !== 0 && asked !== (current & ATIME_FLAGS)) return undefined;
  const { set, clear, flags } = attributeChange((setFlags | (current & LOCKABLE)) & ~ATIME_FLAGS);
  return { set, clear, flags: flags | (current & ATIME_FLAGS) };
}

/** The flags of a mount, which has `current` now, after mount_setattr(2) with these attributes. */
export function flagsAfter(current: number, { set, clear }: { set: number; clear: number }): number {
  let flags = current;
  for (const { flag, attribute } of [...PAIRS, { flag: MS_NODIRATIME, attribute: MOUNT_ATTR_NODIRATIME }]) {
    if ((clear & attribute) !== 0) flags &= ~flag;
    if ((set & attribute) !== 0) flags |= flag;
  }
  if ((clear & MOUNT_ATTR__ATIME) === 0) return flags;
  flags &= ~(MS_NOATIME | MS_RELATIME | MS_STRICTATIME);
  if ((set & MOUNT_ATTR_STRICTATIME) !== 0) return flags | MS_STRICTATIME;
  return flags | ((set & MOUNT_ATTR_NOATIME) !== 0 ? MS_NOATIME : MS_RELATIME);
}

interface AskedFlags extends Omit<LockedRetry, "current"> {
  /** Attributes for the mount and all below it. */
  readonly recursive: { readonly set: number; readonly clear: number } | undefined;
}

/** The words of flags that may be locked. */
const LOCKABLE_WORDS: readonly (readonly [flag: number, word: string])[] = [
  [MS_RDONLY, "ro"],
  [MS_NOSUID, "nosuid"],
  [MS_NODEV, "nodev"],
  [MS_NOEXEC, "noexec"],
  [MS_NOATIME, "noatime"],
  [MS_RELATIME, "relatime"],
  [MS_STRICTATIME, "strictatime"],
  [MS_NODIRATIME, "nodiratime"],
];

/** The flags that a mount has and that are to be taken from it, as words. */
export function lockedWords({ setFlags, clearFlags, recursive }: AskedFlags, current: number): string[] {
  const { set, clear } = recursive ?? { set: 0, clear: 0 };
  const taken = current & ~flagsAfter(current, { set, clear });
  const asked = setFlags & ATIME_FLAGS;
  const times = asked === 0 ? 0 : current & ATIME_FLAGS & ~asked;
  const gone = LOCKABLE & ((current & clearFlags) | taken | times);
  return LOCKABLE_WORDS.filter(([flag]) => (gone & flag) !== 0).map(([, word]) => word);
}
