// The words of mount options that tsrun itself understands; any other is handed to the file system. What each
// means is in src/rootfs/plan/mount-options.ts; a test holds the two together. Called by the rules about
// mounts.

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

/** Whether an option is one of tsrun's own. */
export function isMountWord(option: string): boolean {
  return MOUNT_WORDS.has(option);
}

/** The word that an option which is none was probably meant to be. */
export function meantMountWord(option: string): string | undefined {
  return nearestWord(option, [...MOUNT_WORDS]);
}

/** What a bind mount may not have: it takes over a file system, and cannot change how that works. */
export const BIND_DATA_REASON = "bind mounts cannot have any filesystem-specific options applied";

/** Of those, the ones that a bind mount goes without: they have a value, so no option of ours was meant. */
export function isIgnoredBindData(option: string): boolean {
  return option.indexOf("=") > 0;
}
