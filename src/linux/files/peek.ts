// Reads small files, of which a command may need hundreds, with as few calls and objects as possible.
// Functions return a negated errno when that fails; files.ts makes errors of it. Called by files.ts,
// container/glance.ts and rootfs/host/view.ts.

import { tryCall, tryReadFile } from "../call/call.ts";
import { text, viewOf } from "../call/words.ts";
import { ENOENT, ENOSYS } from "../numbers/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../numbers/fcntl.ts";
import { knowsStatx, MOUNT_ROOT, STATX_BASIC, STATX_SIZE } from "./statx.ts";

/** A buffer that every call uses. */
const statx = new Uint8Array(STATX_SIZE);
const statxView = viewOf(statx);

/** No limit. */
const MOST = Number.MAX_SAFE_INTEGER;

/**
 * The text of a file that a single read(2) returns whole: a short file of the kernel's, or a few hundred
 * bytes on a disk. EFBIG if there may be more.
 */
export function peekText(path: string, at: number): string | number {
  const found = tryReadFile(path, at, true, MOST);
  return typeof found === "object" ? text(new Uint8Array(found)) : found;
}

/** The text of a whole file. EFBIG if it has more than `most` bytes. */
export function peekWhole(path: string, at: number, most = MOST): string | number {
  const found = tryReadFile(path, at, false, most);
  return typeof found === "object" ? text(new Uint8Array(found)) : found;
}

/** Whether a file of that name exists; a negated errno if that cannot be determined. */
export function peekName(path: string, at: number): boolean | number {
  const result = tryCall("faccessat", at, path, 0);
  return result === 0 || result === -ENOENT ? result === 0 : result;
}

/** STATX_UID */
const UID = 0x8;

/** The uid of a file's owner. Symbolic links are not followed. */
export function peekOwner(path: string, at: number): number {
  if (!knowsStatx()) return -ENOSYS;
  const result = tryCall("statx", at, path, AT_SYMLINK_NOFOLLOW, UID, statx);
  return result < 0 ? result : statxView.getUint32(20, true);
}

/** Whether a file is the root of a mount; `undefined` if the kernel does not tell, or nothing is there. */
export function peekMountRoot(path: string): boolean | undefined {
  if (!knowsStatx() || tryCall("statx", AT_FDCWD, path, 0, STATX_BASIC, statx) < 0) return undefined;
  // The low halves of stx_attributes_mask and stx_attributes.
  if ((statxView.getUint32(56, true) & MOUNT_ROOT) === 0) return undefined;
  return (statxView.getUint32(8, true) & MOUNT_ROOT) !== 0;
}

/** The permission bits of an open file. */
export function peekMode(open: number): number {
  if (!knowsStatx()) return -ENOSYS;
  const result = tryCall("statx", open, "", AT_EMPTY_PATH, STATX_BASIC, statx);
  return result < 0 ? result : statxView.getUint16(28, true) & 0o7777;
}
