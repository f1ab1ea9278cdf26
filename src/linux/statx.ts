// struct statx (statx(2)): its size, the mask that tsrun asks for, its fields. Pure.

import { S_IFMT } from "./fcntl.ts";
import { viewOf } from "./words.ts";

export interface FileStatus {
  /** Type bits only: S_IFDIR and so on. */
  readonly type: number;
  /** Permission bits with set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Of a device node: what it stands for. */
  readonly nodeMajor: number;
  readonly nodeMinor: number;
  readonly size: number;
}

/** Bytes of `struct statx`. */
export const STATX_SIZE = 256;
/** STATX_BASIC_STATS */
export const STATX_BASIC = 0x7ff;

/** Reads `struct statx`. */
export function parseStatx(bytes: Uint8Array): FileStatus {
  const view = viewOf(bytes);
  const mode = view.getUint16(28, true);
  return {
    type: mode & S_IFMT,
    mode: mode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    inode: view.getBigUint64(32, true),
    size: Number(view.getBigUint64(40, true)),
    nodeMajor: view.getUint32(128, true),
    nodeMinor: view.getUint32(132, true),
    deviceMajor: view.getUint32(136, true),
    deviceMinor: view.getUint32(140, true),
  };
}
