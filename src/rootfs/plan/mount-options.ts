// The options of a mount (runtime-spec config.md#mounts, mount(8)), with their meaning to the kernel. Pure.
// Called by the mount plan; `features` prints the words.

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
} from "../../linux/numbers/mount.ts";

/** Options that tsrun carries out itself; the kernel has no flag for them. */
export type MountExtension =
  | "tmpcopyup"
  | "idmap"
  | "ridmap"
  /** crun's, for Podman: how to treat links at the ends of a bind mount. */
  | "copy-symlink"
  | "src-nofollow"
  | "dest-nofollow";

type Meaning =
  /** Flags of mount(2). */
  | { readonly kind: "set" | "clear"; readonly flag: number }
  /** A propagation type, set by a separate call after the mount. */
  | { readonly kind: "propagation"; readonly flag: number }
  /** Attributes of mount_setattr(2) for the mount and all below it. */
  | { readonly kind: "setAll" | "clearAll"; readonly flag: number }
  | { readonly kind: "extension"; readonly name: MountExtension };

const set = (flag: number): Meaning => ({ kind: "set", flag });
const clear = (flag: number): Meaning => ({ kind: "clear", flag });
const propagate = (flag: number): Meaning => ({ kind: "propagation", flag });
const setAll = (flag: number): Meaning => ({ kind: "setAll", flag });
const clearAll = (flag: number): Meaning => ({ kind: "clearAll", flag });
const extension = (name: MountExtension): Meaning => ({ kind: "extension", name });

/**
 * Every word that is not passed to the file system as data.
 *
 * `acl` is not among them: MS_POSIXACL is internal to the kernel, so it stays data. crun's `rsync`,
 * `rdirsync` and `rmand` are not either: they are properties of a superblock, which mount_setattr(2) cannot
 * set.
 */
const OPTIONS: Readonly<Record<string, Meaning>> = {
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

/**
 * The words, sorted, as `features` prints them. AS RUNC: without `idmap` and `ridmap`, which have a key of
 * their own.
 */
export const MOUNT_OPTION_NAMES: readonly string[] = Object.keys(OPTIONS)
  .filter((name) => name !== "idmap" && name !== "ridmap")
  .sort();

export interface ParsedOptions {
  /** MS_* flags that the options ask for. */
  readonly setFlags: number;
  /** MS_* flags that the options ask not to have; a bind mount keeps its source's others. */
  readonly clearFlags: number;
  /** MS_SHARED and the like, with MS_REC, in the order given: one mount(2) each. */
  readonly propagation: readonly number[];
  /** MOUNT_ATTR_* to set and to clear with AT_RECURSIVE; both 0 when there is nothing to do. */
  readonly recSet: number;
  readonly recClear: number;
  /** The options for the file system. */
  readonly data: readonly string[];
  readonly extensions: ReadonlySet<MountExtension>;
}

/** Parsed options, by their words: many mounts have the same options. */
interface Known {
  parsed: ParsedOptions | undefined;
  readonly longer: Map<string, Known>;
}

const none: Known = { parsed: undefined, longer: new Map() };

/**
 * Parses a mount's `options`; a later word overrides an earlier one. Returns the same object for the same
 * options.
 */
export function parseMountOptions(options: readonly string[]): ParsedOptions {
  let known = none;
  for (let index = 0; index < options.length; index++) {
    const option = options[index] as string;
    let longer = known.longer.get(option);
    if (longer === undefined) {
      longer = { parsed: undefined, longer: new Map() };
      known.longer.set(option, longer);
    }
    known = longer;
  }
  known.parsed ??= parse(options);
  return known.parsed;
}

function parse(options: readonly string[]): ParsedOptions {
  let setFlags = 0;
  let clearFlags = 0;
  let recSet = 0;
  let recClear = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  const extensions = new Set<MountExtension>();
  for (const option of options) {
    const meaning = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined;
    switch (meaning?.kind) {
      case undefined:
        data.push(option);
        break;
      case "set":
        setFlags |= meaning.flag;
        clearFlags &= ~meaning.flag;
        break;
      case "clear":
        setFlags &= ~meaning.flag;
        clearFlags |= meaning.flag;
        break;
      case "propagation":
        propagation.push(meaning.flag);
        break;
      case "setAll":
        if (isAccessTime(meaning.flag)) {
          // The field has three bits: a value replaces the earlier one, and the kernel requires that the
          // whole field is cleared.
          recSet &= ~MOUNT_ATTR__ATIME;
          recClear |= MOUNT_ATTR__ATIME;
        } else {
          recClear &= ~meaning.flag;
        }
        recSet |= meaning.flag;
        break;
      case "clearAll":
        recSet &= ~meaning.flag;
        recClear |= isAccessTime(meaning.flag) ? MOUNT_ATTR__ATIME : meaning.flag;
        break;
      case "extension":
        extensions.add(meaning.name);
        break;
    }
  }
  return { setFlags, clearFlags, propagation, recSet, recClear, data, extensions };
}

/** Whether an attribute is a value of the access-time field; MOUNT_ATTR_RELATIME, which is 0, is one. */
function isAccessTime(attribute: number): boolean {
  return (attribute & MOUNT_ATTR__ATIME) === attribute;
}
