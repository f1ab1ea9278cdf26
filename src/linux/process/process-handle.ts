// A process that is signalled and waited for and that no other process can slip under: by a pidfd (Linux
// 5.3), and where a kernel or a filter around tsrun does not know those, by its pid, looked at before each
// use. Nothing else calls kill(2).

import { syscallError, tryCall } from "../call/call.ts";
import { Descriptor, openIfThere } from "../files/files.ts";
import { type PollEntry, poll } from "../files/poll.ts";
import { ENOSYS, ESRCH } from "../numbers/errno.ts";
import { O_DIRECTORY, O_PATH } from "../numbers/fcntl.ts";
import { POLLIN } from "../numbers/sched.ts";
import { heldProcessStatus, type ProcessStatus, processStatus } from "./process.ts";

/** How often a process is looked at that tells nobody of its end, milliseconds. */
const LOOK_AGAIN_MS = 5;
/** Of a list of processes: an ordinary limit of descriptors is 1024. */
const HANDLES_AT_ONCE = 256;

export class ProcessHandle {
  readonly #pid: number;
  /** In clock ticks after boot: with the pid, its identity. Without a pidfd it must be known. */
  readonly #startTime: number;
  readonly #pidfd: Descriptor | undefined;

  constructor(pid: number, startTime: number, pidfd: Descriptor | undefined) {
    this.#pid = pid;
    this.#startTime = startTime;
    this.#pidfd = pidfd;
  }

  /** Sends a signal. Returns 0, or the negated errno. */
  signal(signal: number): number {
    if (this.#pidfd !== undefined) {
      const sent = tryCall("pidfd_send_signal", this.#pidfd.number, signal, 0, 0);
      if (sent !== -ENOSYS) return sent;
    }
    return this.#runs() ? signalByPid(this.#pid, signal) : -ESRCH;
  }

  /** Waits for its end or for something else. Returns what poll(2) says of that; 0 when it was the end. */
  waitForEndOr(other: PollEntry): number {
    if (this.#pidfd !== undefined) return poll([other, { fd: this.#pidfd.number, events: POLLIN }])[0] ?? 0;
    for (;;) {
      const running = this.#runs();
      const [said = 0] = poll([other], running ? LOOK_AGAIN_MS : 0);
      if (said !== 0 || !running) return said;
    }
  }

  /** What becomes ready when it has ended. Without pidfds nothing does, and SIGCHLD has to do. */
  wanted(): PollEntry {
    return { fd: this.#pidfd?.number ?? -1, events: POLLIN };
  }

  /** Waits for its end. False when the time is over. */
  waitForEnd(limitMs?: number): boolean {
    // A pidfd becomes readable when the process has ended.
    if (this.#pidfd !== undefined)
      return poll([{ fd: this.#pidfd.number, events: POLLIN }], limitMs)[0] !== 0;
    const end = limitMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + limitMs;
    while (this.#runs()) {
      if (performance.now() >= end) return false;
      poll([], LOOK_AGAIN_MS);
    }
    return true;
  }

  #runs(): boolean {
    return runs(this.#pid, this.#startTime);
  }

  [Symbol.dispose](): void {
    this.#pidfd?.close();
  }
}

/** Whether a process still runs: same pid, same start time, no zombie. */
export function runs(pid: number, startTime: number): boolean {
  return isRunning(processStatus(pid), startTime);
}

/**
 * The directory of /proc of a process that runs, `undefined` when it has ended. What is opened below it
 * belongs to this very process: once somebody has waited for that, nothing is there any more, whoever has its
 * pid.
 */
export function holdProcess(pid: number, startTime: number): Descriptor | undefined {
  const held = openIfThere(`/proc/${pid}`, O_PATH | O_DIRECTORY);
  // The start time is compared after opening, and through what was opened.
  if (held === undefined || isRunning(heldProcessStatus(held.number), startTime)) return held;
  held.close();
  return undefined;
}

/** Whether this is the process that began then, and no zombie. */
export function isRunning(
  found: Pick<ProcessStatus, "startTime" | "state"> | undefined,
  startTime: number,
): boolean {
  return found?.startTime === startTime && found.state !== "Z" && found.state !== "X";
}

/** A handle on the process, `undefined` when it has ended. */
export function openProcess(pid: number, startTime: number): ProcessHandle | undefined {
  const fd = tryCall("pidfd_open", pid, 0);
  const handle = new ProcessHandle(pid, startTime, fd < 0 ? undefined : new Descriptor(fd));
  // The start time is compared after opening: the handle now holds on to this very process.
  if (runs(pid, startTime)) {
    if (fd < 0 && fd !== -ENOSYS) throw syscallError("open the container's first process", -fd);
    return handle;
  }
  handle[Symbol.dispose]();
  return undefined;
}

/** A handle on a child that has not been waited for: its pid is its own for so long. */
export function openChild(pid: number): ProcessHandle {
  const fd = tryCall("pidfd_open", pid, 0);
  if (fd >= 0) return new ProcessHandle(pid, 0, new Descriptor(fd));
  return new ProcessHandle(pid, processStatus(pid)?.startTime ?? 0, undefined);
}

/**
 * Signals a child that has not been waited for, by its pid, which is its own for so long. Returns 0, or the
 * negated errno.
 */
export function signalChild(pid: number, signal: number): number {
  return signalByPid(pid, signal);
}

/**
 * Signals those of the listed processes that `list` still names when there is a handle on each: the pid of
 * one that ended meanwhile may be another's.
 */
export function signalListed(pids: readonly number[], signal: number, list: () => readonly number[]): void {
  for (let from = 0; from < pids.length; from += HANDLES_AT_ONCE) {
    const some = pids.slice(from, from + HANDLES_AT_ONCE);
    const handles = some.map((pid) => ({ pid, pidfd: tryCall("pidfd_open", pid, 0) }));
    const still = new Set(list());
    for (const { pid, pidfd } of handles) {
      if (still.has(pid)) {
        const sent = pidfd < 0 ? pidfd : tryCall("pidfd_send_signal", pidfd, signal, 0, 0);
        if (sent === -ENOSYS) signalByPid(pid, signal);
      }
      if (pidfd >= 0) tryCall("close", pidfd);
    }
  }
}

/** kill(2): 0, or the negated errno. */
function signalByPid(pid: number, signal: number): number {
  // 0 and below are groups of processes, and all that there are.
  return pid > 0 ? tryCall("kill", pid, signal) : -ESRCH;
}
