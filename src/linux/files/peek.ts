// Reads small files, of which a command may need hundreds, with as few calls and objects as possible.
// Functions return a negated errno when that fails; files.ts makes errors of it. Called by files.ts and
// container/glance.ts.

import { tryCall } from "../call/call.ts";
import { cString, text, viewOf, writeCString } from "../call/words.ts";
import { EFBIG, ENOENT, ENOSYS } from "../numbers/errno.ts";
import { AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_RDONLY } from "../numbers/fcntl.ts";
import { knowsStatx, STATX_SIZE } from "./statx.ts";

/** Buffers that every call uses: their contents are valid until the next call. */
const pathMemory = new Uint8Array(4096);
const content = new Uint8Array(4096);
const statx = new Uint8Array(STATX_SIZE);
const statxView = viewOf(statx);

/** Like `cString`, but the bytes are valid until the next call only. */
function pathBytes(path: string): Uint8Array {
  return writeCString(path, pathMemory.buffer, 0) > 0 ? pathMemory : cString(path);
}

/**
 * The text of a file that a single read(2) returns whole: a short file of the kernel's, or a few hundred
 * bytes on a disk. EFBIG if there may be more.
 */
export function peekText(path: string, at: number): string | number {
  const length = peek(path, at);
  return length < 0 ? length : text(content.subarray(0, length));
}

/**
 * Whether such a file has this ASCII beginning and this last byte. For files whose writer is known: the rest
 * is not looked at.
 */
export function peekEnds(path: string, at: number, beginning: string, last: number): boolean {
  const length = peek(path, at);
  return (
    length > beginning.length &&
    content[length - 1] === last &&
    text(content.subarray(0, beginning.length)) === beginning
  );
}

/** Reads the file into `content`; returns its length. */
function peek(path: string, at: number): number {
  const fd = tryCall("openat", at, pathBytes(path), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  const length = tryCall("read", fd, content, content.length);
  tryCall("close", fd);
  return length < content.length ? length : -EFBIG;
}

/** Whether a file of that name exists; a negated errno if that cannot be determined. */
export function peekName(path: string, at: number): boolean | number {
  const result = tryCall("faccessat", at, pathBytes(path), 0);
  return result === 0 || result === -ENOENT ? result === 0 : result;
}

/** STATX_UID */
const UID = 0x8;

/** The uid of a file's owner. Symbolic links are not followed. */
export function peekOwner(path: string, at: number): number {
  if (!knowsStatx()) return -ENOSYS;
  const result = tryCall("statx", at, pathBytes(path), AT_SYMLINK_NOFOLLOW, UID, statx);
  return result < 0 ? result : statxView.getUint32(20, true);
}
