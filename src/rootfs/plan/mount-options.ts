// The options of a mount, word by word: from the list in the configuration to flags of mount(2), attributes
// of mount_setattr(2), and what is left for the file system. Pure. Called by the mount plan; `features`
// prints the words.

import { MOUNT_ATTR__ATIME } from "../../linux/numbers/mount.ts";
import { byWords } from "../../spec/by-words.ts";
import { MOUNT_WORDS, type MountExtension, mountMeaning } from "../../spec/mount-words.ts";

/**
 * The words, sorted, as `features` prints them. AS RUNC: without `idmap` and `ridmap`, which have a key of
 * their own.
 */
export const MOUNT_OPTION_NAMES: readonly string[] = MOUNT_WORDS.filter(
  (name) => name !== "idmap" && name !== "ridmap",
).sort();

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

/**
 * Parses a mount's `options`; a later word overrides an earlier one. Returns the same object for the same
 * options.
 */
export const parseMountOptions = byWords(parseNewMountOptions);

/** The same for options that do not come again: it remembers nothing. */
export function parseNewMountOptions(options: readonly string[]): ParsedOptions {
  let setFlags = 0;
  let clearFlags = 0;
  let recSet = 0;
  let recClear = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  const extensions = new Set<MountExtension>();
  for (const option of options) {
    const meaning = mountMeaning(option);
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
