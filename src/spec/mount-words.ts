// The mount options that tsrun itself understands; any other is passed to the file system.
// src/rootfs/plan/mount-options.ts has the meaning of each; a test compares the two lists. Called by the
// rules about mounts.

import { nearestWord } from "./nearest.ts";

export const MOUNT_WORDS: ReadonlySet<string> = new Set(
  (
    "async atime bind copy-symlink defaults dest-nofollow dev diratime dirsync exec idmap " +
    "iversion lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand " +
    "norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime " +
    "remount rexec ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid " +
    "rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow " +
    "runbindable rw shared silent slave src-nofollow strictatime suid symfollow sync tmpcopyup " +
    "unbindable"
  ).split(" "),
);

/** Whether tsrun itself understands the option. */
export function isMountWord(option: string): boolean {
  return MOUNT_WORDS.has(option);
}

/** The word that an unknown option was probably meant to be. */
export function meantMountWord(option: string): string | undefined {
  return nearestWord(option, [...MOUNT_WORDS]);
}

/** Why a bind mount may not have options of a file system: it shows an existing one and cannot change it. */
export const BIND_DATA_REASON = "bind mounts cannot have any filesystem-specific options applied";

/** Whether a bind mount ignores the option: it has a value, so it is no misspelt option of ours. */
export function isIgnoredBindData(option: string): boolean {
  return option.indexOf("=") > 0;
}
