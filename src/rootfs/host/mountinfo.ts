// The mounts that the container's first process sees: proc_pid_mountinfo(5). Read only if there is no other
// way.

import { joinBytes, text } from "../../linux/call/words.ts";
import { AT_FDCWD } from "../../linux/numbers/fcntl.ts";
import { close, openat, read } from "../../proxy/calls/calls.ts";
import { operationError, resultOf } from "../../proxy/calls/operation.ts";
import type { Asked } from "../place/context.ts";

const CHUNK = 32768;

export interface MountinfoEntry {
  readonly id: number;
  /** The part of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
  /** Of the file system, not of this mount: `rw,size=64k`. */
  readonly options: string;
}

/** Reads the mounts through the proxy, as the first process sees them. */
export function readMounts(proxy: Asked): MountinfoEntry[] {
  const attempt = "read the mounts";
  const opening = openat(AT_FDCWD, "/proc/self/mountinfo", 0, attempt);
  const failed = proxy.attempt([opening]);
  if (failed !== undefined) throw operationError(failed);
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = read(resultOf(opening), CHUNK, attempt);
    const unread = proxy.attempt([chunk]);
    if (unread !== undefined) throw operationError(unread);
    if (chunk.result === 0) break;
    chunks.push(chunk.out.bytes.subarray(0, chunk.result));
  }
  proxy.attempt([close(resultOf(opening))]);
  // Decoded as a whole: a character may be split between two chunks.
  return parseMounts(text(joinBytes(chunks)));
}

export function parseMounts(mountinfo: string): MountinfoEntry[] {
  const entries: MountinfoEntry[] = [];
  for (const line of mountinfo.split("\n")) {
    const fields = line.split(" ");
    const [root, point] = [fields[3], fields[4]];
    const [type, source = "", options = ""] = fields.slice(fields.indexOf("-") + 1);
    if (root === undefined || point === undefined || type === undefined) continue;
    const known = { id: Number(fields[0]), root, point: decodeOctal(point), type };
    entries.push({ ...known, source: decodeOctal(source), options });
  }
  return entries;
}

/** The kernel writes spaces and similar characters as octal numbers. */
export function decodeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
