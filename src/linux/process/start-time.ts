// When a process began, whoever asks: field 22 of /proc/PID/stat is in the time namespace of the process that
// reads it, time_namespaces(7). Where a start time is kept, it is that of the initial time namespace.

import { once } from "../../once.ts";
import { readLink, readTextIfThere } from "../files/files.ts";

/** The initial time namespace has this number (include/uapi/linux/nsfs.h, TIME_NS_INIT_INO). */
const INITIAL = "time:[4026531834]";

/** USER_HZ: clock ticks per second in /proc, on both architectures. */
const TICKS = 100;

/** What our time namespace adds to start times, in clock ticks. Our namespace does not change. */
const added = once((): number => {
  const own = readLink("/proc/self/ns/time");
  // On an ordinary host this is the only call. A kernel before Linux 5.6 has no such link.
  if (own === undefined || own === INITIAL) return 0;
  // timens_offsets has those of the namespace of our children, which older kernels do not enter at execve(2).
  if (own !== readLink("/proc/self/ns/time_for_children")) return 0;
  const offsets = readTextIfThere("/proc/self/timens_offsets", { isShort: true }) ?? "";
  const [, seconds = "0", nanoseconds = "0"] = /^boottime\s+(-?\d+)\s+(\d+)/m.exec(offsets) ?? [];
  return Number(seconds) * TICKS + Number(nanoseconds) / (1e9 / TICKS);
});

/** The start time to keep, of one that this process has read. Of a fraction of a tick, the rest is lost. */
export function keptStartTime(read: number): number {
  return Math.floor(read - added());
}

/**
 * Whether a start time that this process has read is the one that was kept. One that is equal as it is was
 * read by this process, too, or kept by an older version in this time namespace.
 */
export function isSameStart(read: number, kept: number): boolean {
  return read === kept || keptStartTime(read) === kept;
}
