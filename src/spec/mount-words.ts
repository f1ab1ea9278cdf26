// The words of mount options that tsrun itself understands; any other is handed to the file system. What each
// means is in src/rootfs/mount-options.ts; a test holds the two together. Called by the rules about mounts.

/** One text, since a set would have to be built by every command. */
export const MOUNT_WORDS =
  " async atime bind copy-symlink defaults dest-nofollow dev diratime dirsync exec idmap iversion " +
  "lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime " +
  "nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec " +
  "ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro " +
  "rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared " +
  "silent slave src-nofollow strictatime suid symfollow sync tmpcopyup unbindable ";

/** Whether an option is one of tsrun's own. */
export function isMountWord(option: string): boolean {
  return !option.includes(" ") && MOUNT_WORDS.includes(` ${option} `);
}
