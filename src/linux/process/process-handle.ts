// A handle to signal a process and to wait for it that never refers to another process: a pidfd (Linux 5.3),
// or, if the kernel or a filter around tsrun does not know those, a pid that is checked before each use. No
// other code calls kill(2).

import { begin, end } from "../../spans.ts";
import { syscallError, tryCall } from "../call/call.ts";
import { listDirectoryAt } from "../files/directories.ts";
import { Descriptor, openIfThere } from "../files/files.ts";
import { type PollEntry, poll } from "../files/poll.ts";
import { ENOSYS, ESRCH } from "../numbers/errno.ts";
import { O_DIRECTORY, O_PATH } from "../numbers/fcntl.ts";
import { POLLIN } from "../numbers/sched.ts";
import { checkProc } from "./own-proc.ts";
import { heldProcessStatus, type ProcessStatus, processStatus } from "./process.ts";
import { isSameStart } from "./start-time.ts";

/** How often to check for the end of a process without a pidfd, in milliseconds. */
const LOOK_AGAIN_MS = 5;
/** The same for a child, whose end SIGCHLD usually reports. */
const UNSEEN_MS = 1000;
/** How many processes of a list have handles at the same time: the usual limit of descriptors is 1024. */
const HANDLES_AT_ONCE = 256;

/** What is done while waiting: first after `everyMs`. It returns the milliseconds until the next time. */
export interface Meanwhile {
  readonly everyMs: number;
  attend(): number;
}

export class ProcessHandle {
  readonly #pid: number;
  /**
   * In clock ticks (start-time.ts); with the pid it identifies the process. `undefined` for a child with a
   * pidfd that has not been waited for, since its pid cannot be reused.
   */
  readonly #startTime: number | undefined;
  readonly #pidfd: Descriptor | undefined;

  constructor(pid: number, startTime: number | undefined, pidfd: Descriptor | undefined) {
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
    return this.#startTime === undefined || this.#runs() ? signalByPid(this.#pid, signal) : -ESRCH;
  }

  /**
   * Waits for its end or for the other event. Returns the events of poll(2) for that; 0 if the process has
   * ended.
   */
  waitForEndOr(other: PollEntry): number {
    const since = begin();
    try {
      if (this.#pidfd !== undefined) return poll([other, { fd: this.#pidfd.number, events: POLLIN }])[0] ?? 0;
      for (;;) {
        const running = this.#runs();
        const [said = 0] = poll([other], running ? LOOK_AGAIN_MS : 0);
        if (said !== 0 || !running) return said;
      }
    } finally {
      if (since > 0) end(since, "wait", `wait for the end of process ${this.#pid}, or its message`);
    }
  }

  /**
   * The entry for poll(2) that is ready when it has ended. Without a pidfd none is ready: the caller then
   * needs SIGCHLD and, since a tracer may hold that back, calls `hasEndedUnseen` every `patienceMs`.
   */
  wanted(): PollEntry {
    return { fd: this.#pidfd?.number ?? -1, events: POLLIN };
  }

  /** How long poll(2) may wait, in milliseconds; `undefined` with a pidfd. */
  get patienceMs(): number | undefined {
    return this.#pidfd === undefined ? UNSEEN_MS : undefined;
  }

  /** Without a pidfd, whether it has ended. */
  hasEndedUnseen(): boolean {
    return this.#pidfd === undefined && !this.#runs();
  }

  /** Waits for its end. False if the time limit passes first. */
  waitForEnd(limitMs?: number, meanwhile?: Meanwhile): boolean {
    const since = begin();
    try {
      return meanwhile === undefined ? this.#waitForEnd(limitMs) : this.#waitAttending(limitMs, meanwhile);
    } finally {
      if (since > 0) end(since, "wait", `wait for the end of process ${this.#pid}`);
    }
  }

  #waitAttending(limitMs = Number.POSITIVE_INFINITY, { everyMs, attend }: Meanwhile): boolean {
    const end = performance.now() + limitMs;
    for (let pause = everyMs; ; pause = attend()) {
      const left = Math.max(0, end - performance.now());
      if (this.#waitForEnd(Math.min(left, pause))) return true;
      if (left === 0) return false;
    }
  }

  #waitForEnd(limitMs: number | undefined): boolean {
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
    return this.#startTime !== undefined && runs(this.#pid, this.#startTime);
  }

  [Symbol.dispose](): void {
    this.#pidfd?.close();
  }
}

/**
 * Whether a process still runs: same pid, same start time, no zombie. Throws if it only seems to have ended,
 * because /proc is not there or is another pid namespace's.
 */
export function runs(pid: number, startTime: number): boolean {
  if (isRunning(processStatus(pid), startTime)) return true;
  checkProc();
  return false;
}

/**
 * The directory of /proc of a running process, or of one of its threads if the first has ended. `undefined`
 * if the process has ended. Files opened below it always belong to this process: once it has been waited for,
 * the directory is empty, even if another process has its pid. Throws as `runs` does.
 */
export function holdProcess(pid: number, startTime: number): Descriptor | undefined {
  const held = holdIfRunning(pid, startTime);
  if (held === undefined) checkProc();
  return held;
}

function holdIfRunning(pid: number, startTime: number): Descriptor | undefined {
  const held = openIfThere(`/proc/${pid}`, O_PATH | O_DIRECTORY);
  if (held === undefined) return undefined;
  let kept: Descriptor | undefined;
  try {
    // The start time is compared after opening, through the open directory.
    const found = heldProcessStatus(held.number);
    if (!isRunning(found, startTime)) return undefined;
    kept = (found?.state === "Z" ? holdThread(held) : undefined) ?? held;
    return kept;
  } finally {
    if (kept !== held) held.close();
  }
}

/**
 * The directory of a thread that still runs. All threads share namespaces, root and mounts, but the kernel no
 * longer shows them for a first thread that has ended.
 */
function holdThread({ number: at }: Descriptor): Descriptor | undefined {
  for (const { name } of listDirectoryAt("task", { at })) {
    const thread = openIfThere(`task/${name}`, O_PATH | O_DIRECTORY, { at });
    let isKept = false;
    try {
      const state = thread && heldProcessStatus(thread.number)?.state;
      isKept = state !== undefined && !/[ZX]/.test(state);
      if (isKept) return thread;
    } finally {
      if (!isKept) thread?.close();
    }
  }
  return undefined;
}

/** Whether this is the process that began then, and has not ended. */
export function isRunning(
  found: Pick<ProcessStatus, "startTime" | "hasEnded"> | undefined,
  startTime: number,
): boolean {
  return found !== undefined && !found.hasEnded && isSameStart(found.startTime, startTime);
}

/**
 * A handle to the process, `undefined` if it has ended. Throws where /proc is another pid namespace's: the
 * handle could be that of another process.
 */
export function openProcess(pid: number, startTime: number): ProcessHandle | undefined {
  const fd = tryCall("pidfd_open", pid, 0);
  const handle = new ProcessHandle(pid, startTime, fd < 0 ? undefined : new Descriptor(fd));
  // The start time is compared after opening: from then on the handle refers to this process.
  if (runs(pid, startTime)) {
    checkProc();
    if (fd < 0 && fd !== -ENOSYS) throw syscallError("open the container's first process", -fd);
    return handle;
  }
  handle[Symbol.dispose]();
  return undefined;
}

/** A handle to a child that has not been waited for: until then its pid cannot be reused. */
export function openChild(pid: number): ProcessHandle {
  const fd = tryCall("pidfd_open", pid, 0);
  if (fd >= 0) return new ProcessHandle(pid, undefined, new Descriptor(fd));
  return new ProcessHandle(pid, processStatus(pid)?.startTime ?? 0, undefined);
}

/**
 * Signals a child that has not been waited for, by its pid, which cannot be reused until then. Returns 0, or
 * the negated errno.
 */
export function signalChild(pid: number, signal: number): number {
  return signalByPid(pid, signal);
}

/**
 * Signals the listed processes. After it has opened a handle to each, it checks that `list` still contains
 * them: the pid of one that ended meanwhile may belong to another process.
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
  // 0 and negative numbers mean process groups, or all processes.
  return pid > 0 ? tryCall("kill", pid, signal) : -ESRCH;
}
