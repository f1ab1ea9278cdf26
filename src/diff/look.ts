// Finds out which mount a path in the container's root leads to. Nothing is read, and files are only opened
// with O_PATH. Called by diff.ts for mounts.ts.

import { walk } from "../cause/walk.ts";
import { tryCall } from "../linux/call/call.ts";
import { u64Struct, viewOf } from "../linux/call/words.ts";
import {
  Descriptor,
  parseStatx,
  readTextIfThere,
  STATX_BASIC,
  STATX_SIZE,
  status,
} from "../linux/files/files.ts";
import { type FileStatus, mountIdOf } from "../linux/files/statx.ts";
import { EAGAIN, ENOENT, ENOSYS, ENOTDIR } from "../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_STATX_DONT_SYNC,
  O_CLOEXEC,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFCHR,
} from "../linux/numbers/fcntl.ts";
import { mountOf } from "../linux/process/proc-text.ts";
import type { FoundMount } from "./found-mounts.ts";
import type { Look } from "./mounts.ts";

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
export function lookIn(
  root: Descriptor,
  path: string,
  mounts: readonly FoundMount[],
): Look | "missing" | undefined {
  const how = u64Struct(O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  let result = -EAGAIN;
  // If a link contains `..`, the kernel gives up when anything on the host is renamed or mounted meanwhile.
  for (let tries = 0; result === -EAGAIN && tries < MOST_TRIES; tries++) {
    result = tryCall("openat2", root.number, path, how, 24);
  }
  if (result === -ENOENT || result === -ENOTDIR) return "missing";
  if (result === -ENOSYS) return lookByWalking(root, path, mounts);
  if (result < 0) return undefined;
  using found = new Descriptor(result);
  const bytes = new Uint8Array(STATX_SIZE);
  const flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  const asked = STATX_BASIC | MOUNT_ID;
  const isKnown = tryCall("statx", found.number, "", flags, asked, bytes) >= 0;
  const told = parseStatx(bytes);
  const { isMountRoot } = told;
  const mount = mountIdOf(bytes);
  if (!isKnown || mount === undefined || isMountRoot === undefined) return lookByWalking(root, path, mounts);
  return { mount, isMountRoot, isNull: isNull(told) };
}

/** Without openat2(2), or where statx(2) does not tell of mounts (before Linux 5.8, or by a filter). */
function lookByWalking(
  directory: Descriptor,
  path: string,
  mounts: readonly FoundMount[],
): Look | "missing" | undefined {
  const way = walk({ directory, mounts: new Map() }, path);
  if (way.end === "missing" || way.end === "not a directory") return "missing";
  if (way.end !== "found") return undefined;
  using file = way.file;
  const mount = mountOf(readTextIfThere(`/proc/self/fdinfo/${file.number}`) ?? "");
  const found = status("", { at: file.number, itself: true });
  if (mount === undefined || found === undefined) return undefined;
  const isMountRoot = mounts.some(({ id, point }) => id === mount && point === way.path);
  return { mount, isMountRoot, isNull: isNull(found) };
}

function isNull({ type, nodeMajor, nodeMinor }: FileStatus): boolean {
  return type === S_IFCHR && nodeMajor === 1 && nodeMinor === 3;
}

/** Whether the program's file gives privileges: by set-user-ID, set-group-ID, or file capabilities. */
export function givesPrivileges(init: Descriptor): boolean {
  const bytes = new Uint8Array(STATX_SIZE);
  if (tryCall("statx", init.number, "exe", AT_STATX_DONT_SYNC, STATX_BASIC, bytes) < 0) return false;
  if ((viewOf(bytes).getUint16(28, true) & 0o6000) !== 0) return true;
  const path = `/proc/self/fd/${init.number}/exe`;
  return tryCall("getxattr", path, "security.capability", new Uint8Array(64), 64) > 0;
}
