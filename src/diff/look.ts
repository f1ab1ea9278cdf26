// Finds out which mount a path in the container's root leads to. Nothing is read, and files are only opened
// with O_PATH. Called by diff.ts for mounts.ts.

import { tryCall } from "../linux/call/call.ts";
import { cString, u64Struct, viewOf } from "../linux/call/words.ts";
import { Descriptor, parseStatx, STATX_BASIC, STATX_SIZE } from "../linux/files/files.ts";
import { mountIdOf } from "../linux/files/statx.ts";
import { EAGAIN, ENOENT, ENOTDIR } from "../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFCHR,
} from "../linux/numbers/fcntl.ts";
import type { FoundMount } from "./found-mounts.ts";
import type { Look } from "./mounts.ts";

/** statx(2): return what is known already, so that no file server is asked. */
const AT_STATX_DONT_SYNC = 0x4000;
/** STATX_MNT_ID */
const MOUNT_ID = 0x1000;

const MOST_TRIES = 128;

/** File systems that a program or a server answers for. If it does not answer, tsrun would wait. */
const WAITS = /^(fuse|nfs|9p|cifs|smb|ceph|afs|glusterfs|virtiofs|autofs)/;

/** Whether looking cannot make tsrun wait. The root may be such a file system, as podman's is. */
export function mayLook(found: readonly FoundMount[]): boolean {
  return !found.some(({ type, point }) => point !== "/" && WAITS.test(type));
}

/** @param root the container's root, open */
export function lookIn(root: Descriptor, path: string): Look | "missing" | undefined {
  const how = u64Struct(O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  let result = -EAGAIN;
  // If a link contains `..`, the kernel gives up when anything on the host is renamed or mounted meanwhile.
  for (let tries = 0; result === -EAGAIN && tries < MOST_TRIES; tries++) {
    result = tryCall("openat2", root.number, cString(path), how, 24);
  }
  if (result === -ENOENT || result === -ENOTDIR) return "missing";
  if (result < 0) return undefined;
  using found = new Descriptor(result);
  const bytes = new Uint8Array(STATX_SIZE);
  const flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  if (tryCall("statx", found.number, cString(""), flags, STATX_BASIC | MOUNT_ID, bytes) < 0) return undefined;
  const { type, nodeMajor, nodeMinor, isMountRoot } = parseStatx(bytes);
  const mount = mountIdOf(bytes);
  if (mount === undefined || isMountRoot === undefined) return undefined;
  return { mount, isMountRoot, isNull: type === S_IFCHR && nodeMajor === 1 && nodeMinor === 3 };
}

/** Whether the program's file gives privileges: by set-user-ID, set-group-ID, or file capabilities. */
export function givesPrivileges(init: Descriptor): boolean {
  const bytes = new Uint8Array(STATX_SIZE);
  if (tryCall("statx", init.number, cString("exe"), AT_STATX_DONT_SYNC, STATX_BASIC, bytes) < 0) return false;
  if ((viewOf(bytes).getUint16(28, true) & 0o6000) !== 0) return true;
  const path = cString(`/proc/self/fd/${init.number}/exe`);
  return tryCall("getxattr", path, cString("security.capability"), new Uint8Array(64), 64) > 0;
}
