// The words of mount options that tsrun itself understands, and what each means to the kernel (runtime-spec
// config.md#mounts, mount(8)); any other is passed to the file system. Pure. Called by the rules about mounts
// and by the mount plan (src/rootfs/plan/mount-options.ts).

import {
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
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from "../linux/numbers/mount.ts";

import { nearestWord } from "./nearest.ts";

/** Options that tsrun carries out itself; the kernel has no flag for them. */
export type MountExtension =
  | "tmpcopyup"
  | "idmap"
  | "ridmap"
  /** crun's, for Podman: how to treat links at the ends of a bind mount. */
  | "copy-symlink"
  | "src-nofollow"
  | "dest-nofollow";

export type MountMeaning =
  /** Flags of mount(2). */
  | { readonly kind: "set" | "clear"; readonly flag: number }
  /** A propagation type, set by a separate call after the mount. */
  | { readonly kind: "propagation"; readonly flag: number }
  /** Attributes of mount_setattr(2) for the mount and all below it. */
  | { readonly kind: "setAll" | "clearAll"; readonly flag: number }
  | { readonly kind: "extension"; readonly name: MountExtension };

const set = (flag: number): MountMeaning => ({ kind: "set", flag });
const clear = (flag: number): MountMeaning => ({ kind: "clear", flag });
const propagate = (flag: number): MountMeaning => ({ kind: "propagation", flag });
const setAll = (flag: number): MountMeaning => ({ kind: "setAll", flag });
const clearAll = (flag: number): MountMeaning => ({ kind: "clearAll", flag });
const extension = (name: MountExtension): MountMeaning => ({ kind: "extension", name });

/**
 * Every word that is not passed to the file system as data.
 *
 * `acl` is not among them: MS_POSIXACL is internal to the kernel, so it stays data. crun's `rsync`,
 * `rdirsync` and `rmand` are not either: they are properties of a superblock, which mount_setattr(2) cannot
 * set.
 */
const WORDS: Readonly<Record<string, MountMeaning>> = {
  async: clear(MS_SYNCHRONOUS),
  atime: clear(MS_NOATIME),
  bind: set(MS_BIND),
  "copy-symlink": extension("copy-symlink"),
  defaults: set(0),
  "dest-nofollow": extension("dest-nofollow"),
  dev: clear(MS_NODEV),
  diratime: clear(MS_NODIRATIME),
  dirsync: set(MS_DIRSYNC),
  exec: clear(MS_NOEXEC),
  idmap: extension("idmap"),
  iversion: set(MS_I_VERSION),
  lazytime: set(MS_LAZYTIME),
  loud: clear(MS_SILENT),
  mand: set(MS_MANDLOCK),
  noatime: set(MS_NOATIME),
  nodev: set(MS_NODEV),
  nodiratime: set(MS_NODIRATIME),
  noexec: set(MS_NOEXEC),
  noiversion: clear(MS_I_VERSION),
  nolazytime: clear(MS_LAZYTIME),
  nomand: clear(MS_MANDLOCK),
  norelatime: clear(MS_RELATIME),
  nostrictatime: clear(MS_STRICTATIME),
  nosuid: set(MS_NOSUID),
  nosymfollow: set(MS_NOSYMFOLLOW),
  private: propagate(MS_PRIVATE),
  ratime: clearAll(MOUNT_ATTR_NOATIME),
  rbind: set(MS_BIND | MS_REC),
  rdev: clearAll(MOUNT_ATTR_NODEV),
  rdiratime: clearAll(MOUNT_ATTR_NODIRATIME),
  relatime: set(MS_RELATIME),
  remount: set(MS_REMOUNT),
  rexec: clearAll(MOUNT_ATTR_NOEXEC),
  ridmap: extension("ridmap"),
  rnoatime: setAll(MOUNT_ATTR_NOATIME),
  rnodev: setAll(MOUNT_ATTR_NODEV),
  rnodiratime: setAll(MOUNT_ATTR_NODIRATIME),
  rnoexec: setAll(MOUNT_ATTR_NOEXEC),
  rnorelatime: clearAll(MOUNT_ATTR_RELATIME),
  rnostrictatime: clearAll(MOUNT_ATTR_STRICTATIME),
  rnosuid: setAll(MOUNT_ATTR_NOSUID),
  rnosymfollow: setAll(MOUNT_ATTR_NOSYMFOLLOW),
  ro: set(MS_RDONLY),
  rprivate: propagate(MS_PRIVATE | MS_REC),
  rrelatime: setAll(MOUNT_ATTR_RELATIME),
  rro: setAll(MOUNT_ATTR_RDONLY),
  rrw: clearAll(MOUNT_ATTR_RDONLY),
  rshared: propagate(MS_SHARED | MS_REC),
  rslave: propagate(MS_SLAVE | MS_REC),
  rstrictatime: setAll(MOUNT_ATTR_STRICTATIME),
  rsuid: clearAll(MOUNT_ATTR_NOSUID),
  rsymfollow: clearAll(MOUNT_ATTR_NOSYMFOLLOW),
  runbindable: propagate(MS_UNBINDABLE | MS_REC),
  rw: clear(MS_RDONLY),
  shared: propagate(MS_SHARED),
  silent: set(MS_SILENT),
  slave: propagate(MS_SLAVE),
  "src-nofollow": extension("src-nofollow"),
  strictatime: set(MS_STRICTATIME),
  suid: clear(MS_NOSUID),
  symfollow: clear(MS_NOSYMFOLLOW),
  sync: set(MS_SYNCHRONOUS),
  tmpcopyup: extension("tmpcopyup"),
  unbindable: propagate(MS_UNBINDABLE),
};

/** All words, in the order of the table. */
export const MOUNT_WORDS: readonly string[] = Object.keys(WORDS);

/** What an option means; `undefined` if tsrun itself does not understand it. */
export function mountMeaning(option: string): MountMeaning | undefined {
  return Object.hasOwn(WORDS, option) ? WORDS[option] : undefined;
}

/** Whether tsrun itself understands the option. */
export function isMountWord(option: string): boolean {
  return mountMeaning(option) !== undefined;
}

/** The word that an unknown option was probably meant to be. */
export function meantMountWord(option: string): string | undefined {
  return nearestWord(option, MOUNT_WORDS);
}

/** Why a bind mount may not have options of a file system: it shows an existing one and cannot change it. */
export const BIND_DATA_REASON = "bind mounts cannot have any filesystem-specific options applied";

/** Whether a bind mount ignores the option: it has a value, so it is no misspelt option of ours. */
export function isIgnoredBindData(option: string): boolean {
  return option.indexOf("=") > 0 && !namesIds(option);
}

/** Whether it is crun's `idmap=uids=0-1000-1;gids=…`: without it the files would have other owners. */
export function namesIds(option: string): boolean {
  return /^r?idmap=/.test(option);
}
