// The descriptors of all processes that /proc shows to this one.

import { listIfReadable } from "../files/directories.ts";

/** The search ends after this many descriptors: a busy host may have millions. */
const MOST_DESCRIPTORS = 200_000;

export interface OpenFile {
  readonly pid: string;
  /** The link to it: `/proc/4711/fd/3`. */
  readonly path: string;
  /** Its number. */
  readonly fd: string;
}

export function* openFiles(): Generator<OpenFile> {
  let looked = 0;
  for (const { name: pid } of listIfReadable("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const { name: fd } of listIfReadable(`/proc/${pid}/fd`)) {
      if (++looked > MOST_DESCRIPTORS) return;
      yield { pid, path: `/proc/${pid}/fd/${fd}`, fd };
    }
  }
}
