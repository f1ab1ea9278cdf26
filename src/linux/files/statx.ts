// The status of a file: parses the result of statx(2), or of newfstatat(2) if a filter around tsrun does not
// know statx.

import { viewOf } from "../call/words.ts";
import { S_IFCHR, S_IFMT } from "../numbers/fcntl.ts";
import { machine } from "../numbers/syscalls.ts";

export interface FileStatus {
  /** Type bits only: S_IFDIR and so on. */
  readonly type: number;
  /** Permission bits with set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  /** On most file systems, for a directory: the number of directories in it plus 2. */
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** For a device node: the device's major number. */
  readonly nodeMajor: number;
  readonly nodeMinor: number;
  readonly size: number;
  /** Whether it is the root of a mount; `undefined` if the kernel does not say (before Linux 5.8). */
  readonly isMountRoot: boolean | undefined;
  /** The space that it takes, in units of 512 bytes. */
  readonly blocks: number;
}

/** Whether two statuses are of one file. */
export function isSameFile(one: FileStatus | undefined, other: FileStatus | undefined): boolean {
  return one !== undefined && one.inode === other?.inode && isOnSameFilesystem(one, other);
}

/** Whether two statuses are of files of one file system. */
export function isOnSameFilesystem(one: FileStatus | undefined, other: FileStatus | undefined): boolean {
  return one !== undefined && one.deviceMajor === other?.deviceMajor && one.deviceMinor === other.deviceMinor;
}

/** Whether it is /dev/null, the character device 1:3 (null(4)), and not something in its place. */
export function isNullDevice(found: FileStatus | undefined): boolean {
  return found?.type === S_IFCHR && found.nodeMajor === 1 && found.nodeMinor === 3;
}

/** Bytes of `struct statx`. */
export const STATX_SIZE = 256;
/** STATX_ATTR_MOUNT_ROOT */
export const MOUNT_ROOT = 0x2000;
/** STATX_BASIC_STATS */
export const STATX_BASIC = 0x7ff;

/** Bytes of `struct stat`: the larger of the two machines'. */
export const STAT_SIZE = 144;

let known = true;

/** Whether statx(2) has worked so far, in tsrun's own calls, which come first. */
export function knowsStatx(): boolean {
  return known;
}

export function doWithoutStatx(): void {
  known = false;
}

/** Reads `struct statx`, or `struct stat`, which is shorter. */
export function parseStatx(bytes: Uint8Array): FileStatus {
  if (bytes.length === STAT_SIZE) return parseStat(bytes);
  // By words of 32 bits, which are read faster than the fields of a view.
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, STATX_SIZE >> 2);
  const mode = words[7] as number;
  return {
    type: mode & S_IFMT,
    mode: mode & 0o7777,
    links: words[4] as number,
    uid: words[5] as number,
    gid: words[6] as number,
    inode: words[9] === 0 ? BigInt(words[8] as number) : viewOf(bytes).getBigUint64(32, true),
    size: (words[10] as number) + (words[11] as number) * 2 ** 32,
    blocks: (words[12] as number) + (words[13] as number) * 2 ** 32,
    nodeMajor: words[32] as number,
    nodeMinor: words[33] as number,
    deviceMajor: words[34] as number,
    deviceMinor: words[35] as number,
    // The low halves of stx_attributes_mask and stx_attributes.
    isMountRoot:
      ((words[14] as number) & MOUNT_ROOT) === 0 ? undefined : ((words[2] as number) & MOUNT_ROOT) !== 0,
  };
}

/** STATX_MNT_ID, which the kernel fills in without being asked from Linux 5.8 on. */
const MOUNT_ID = 0x1000;

/** The mount that a file was found through, as proc_pid_mountinfo(5) numbers it. */
export function mountIdOf(bytes: Uint8Array): number | undefined {
  if (bytes.length !== STATX_SIZE) return undefined;
  const view = viewOf(bytes);
  return (view.getUint32(0, true) & MOUNT_ID) === 0 ? undefined : Number(view.getBigUint64(144, true));
}

/** `stx_mtime` or `st_mtime`, in seconds. */
export function parseModified(bytes: Uint8Array): number {
  const at = bytes.length === STAT_SIZE ? 88 : 112;
  const view = viewOf(bytes);
  return Number(view.getBigInt64(at, true)) + view.getUint32(at + 8, true) / 1e9;
}

/** The device, the inode, the size, and when it was changed and written to, with nanoseconds. */
export function parseIdentity(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const words =
    bytes.length === STAT_SIZE
      ? [0, 4, 8, 12, 48, 52, 104, 112, 88, 96]
      : [136, 140, 32, 36, 40, 44, 96, 104, 112, 120];
  return words.map((offset) => view.getUint32(offset, true).toString(16)).join(" ");
}

/** Offsets of the fields of `struct stat` that differ between the machines. */
const STAT =
  machine === "arm64"
    ? { mode: 16, links: 20, uid: 24, rdev: 32 }
    : { mode: 24, links: 16, uid: 28, rdev: 40 };

function parseStat(bytes: Uint8Array): FileStatus {
  const view = viewOf(bytes);
  const mode = view.getUint32(STAT.mode, true);
  const device = splitDevice(view.getBigUint64(0, true));
  const node = splitDevice(view.getBigUint64(STAT.rdev, true));
  return {
    type: mode & S_IFMT,
    mode: mode & 0o7777,
    links: view.getUint32(STAT.links, true),
    uid: view.getUint32(STAT.uid, true),
    gid: view.getUint32(STAT.uid + 4, true),
    inode: view.getBigUint64(8, true),
    size: Number(view.getBigUint64(48, true)),
    blocks: Number(view.getBigUint64(64, true)),
    nodeMajor: node.major,
    nodeMinor: node.minor,
    deviceMajor: device.major,
    deviceMinor: device.minor,
    isMountRoot: undefined,
  };
}

/** The inverse of makedev(3). */
function splitDevice(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
