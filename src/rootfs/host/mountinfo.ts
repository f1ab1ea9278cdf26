// Reads tables of mounts, /proc/PID/mountinfo (proc_pid_mountinfo(5)). `create` reads that of the container's
// first process only if there is no other way.

import { joinBytes, text } from "../../linux/call/words.ts";
import { AT_FDCWD } from "../../linux/numbers/fcntl.ts";
import { unescapeOctal } from "../../linux/process/proc-text.ts";
import { close, openat, read } from "../../proxy/calls/calls.ts";
import { operationError, resultOf } from "../../proxy/calls/operation.ts";
import type { Executor } from "../place/context.ts";

const CHUNK = 32768;

export interface MountinfoEntry {
  readonly id: number;
  /** The id of the mount that it is mounted on. */
  readonly parent: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The part of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  /** Options of this mount: `rw,nosuid`. */
  readonly mountOptions: string;
  /** How mounts propagate to and from it: `shared:5`, `master:1`. */
  readonly tags: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Options of the file system: `rw,size=64k`. */
  readonly superOptions: string;
}

/** Reads the mounts through the proxy, as the first process sees them. */
export function readMounts(proxy: Executor): MountinfoEntry[] {
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
    const separator = fields.indexOf("-", 6);
    if (separator < 0) continue;
    const [id, parent, device = "", root = "", point = "", mountOptions = ""] = fields;
    entries.push({
      id: Number(id),
      parent: Number(parent),
      device,
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      mountOptions,
      tags: fields.slice(6, separator),
      type: fields[separator + 1] ?? "",
      source: unescapeOctal(fields[separator + 2] ?? ""),
      superOptions: fields[separator + 3] ?? "",
    });
  }
  return entries;
}
