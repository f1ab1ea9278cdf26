// Processes of the host: identity, signals, waiting, leaving.

import { useReserve } from "../../engine/host/memory.ts";
import { syscallError, tryCall } from "../call/call.ts";
import { viewOf } from "../call/words.ts";
import { readTextIfThere } from "../files/files.ts";
import { statusField, statusNumber } from "./proc-text.ts";

const endings: (() => void)[] = [];

/** Has this done when the process comes to `exit`. */
export function beforeExit(end: () => void): void {
  endings.push(end);
}

/** Ends the process at once: no engine teardown, which would cost a millisecond and can only do harm. */
export function exit(status: number): never {
  useReserve();
  for (const end of endings) end();
  tryCall("exit_group", status);
  throw new Error("unreachable");
}

export const effectiveUid = (): number => tryCall("geteuid");
export const effectiveGid = (): number => tryCall("getegid");

/** Who calls: of root the user says it all. */
export function effectiveIds(): { readonly euid: number; readonly egid?: number } {
  const euid = effectiveUid();
  return euid === 0 ? { euid } : { euid, egid: effectiveGid() };
}

/** /proc/PID/stat has some 400 bytes, and is made anew by each read(2) at its start. */
const SHORT = { isShort: true } as const;

/** What /proc/PID/stat says of a process. */
export interface ProcessStatus {
  readonly name: string;
  /** One letter, as in proc_pid_stat(5): R, S, D, Z, T, X… */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks after boot: with the pid, the identity of a process. */
  readonly startTime: number;
}

/** The status of a process, `undefined` when it is gone. */
export function processStatus(pid: number): ProcessStatus | undefined {
  return parseStatus(readTextIfThere(`/proc/${pid}/stat`, SHORT));
}

/** As `processStatus`, of the process whose directory of /proc is open. */
export function heldProcessStatus(directory: number): ProcessStatus | undefined {
  return parseStatus(readTextIfThere("stat", { at: directory, ...SHORT }));
}

/** Of a line of /proc/PID/stat only what tells a process from another, and whether it has ended. */
export function parseIdentity(line: string): Pick<ProcessStatus, "state" | "startTime"> {
  const end = line.lastIndexOf(")");
  return { state: line[end + 2] ?? "X", startTime: numberAt(line, end + 2, 19) };
}

function parseStatus(line: string | undefined): ProcessStatus | undefined {
  if (line === undefined) return undefined;
  // The name stands in parentheses and may itself hold any character, so the last one counts.
  const end = line.lastIndexOf(")");
  return {
    name: line.slice(line.indexOf("(") + 1, end),
    state: line[end + 2] ?? "X",
    parent: numberAt(line, end + 2, 1),
    startTime: numberAt(line, end + 2, 19),
  };
}

/** In the flags of a process that was forked and has not executed a program since (include/linux/sched.h). */
const PF_FORKNOEXEC = 0x40;

/** Whether a process has ended without ever having executed a program. */
export function endedBeforeExecuting(pid: number, startTime?: number): boolean {
  return stateBeforeExecuting(pid, startTime) === "Z";
}

/**
 * The state of a process that has never executed a program; `undefined` when it has, or is gone. The kernel
 * clears that flag in execve(2), and a program cannot set it for itself.
 */
export function stateBeforeExecuting(pid: number, startTime?: number): string | undefined {
  const line = readTextIfThere(`/proc/${pid}/stat`, SHORT);
  if (line === undefined) return undefined;
  const at = line.lastIndexOf(")") + 2;
  if ((numberAt(line, at, 6) & PF_FORKNOEXEC) === 0) return undefined;
  return startTime === undefined || numberAt(line, at, 19) === startTime ? line[at] : undefined;
}

/**
 * Whether a process is kept from going on by another: stopped by a signal or by who traces it, or traced by
 * somebody who does not trace us as well.
 */
export function isHeld(pid: number): boolean {
  const status = readTextIfThere(`/proc/${pid}/status`);
  if (status === undefined) return false;
  const tracer = statusNumber(status, "TracerPid");
  if (/^[Tt]/.test(statusField(status, "State"))) return true;
  return tracer !== 0 && tracer !== statusNumber(readTextIfThere("/proc/self/status") ?? "", "TracerPid");
}

/** The process that a thread belongs to; 0 when it is gone. */
export function processOfThread(thread: number): number {
  return statusNumber(readTextIfThere(`/proc/${thread}/status`) ?? "", "Tgid");
}

/** The number so many fields after the one that begins at `start`. Most of the fifty are never looked at. */
function numberAt(line: string, start: number, fields: number): number {
  let at = start;
  for (let index = 0; index < fields; index++) at = line.indexOf(" ", at) + 1;
  const end = line.indexOf(" ", at);
  return Number(line.slice(at, end < 0 ? line.length : end));
}

export interface WaitResult {
  readonly pid: number;
  /** Exit status, or 128 + signal. */
  readonly status: number;
  /** The signal that ended it, 0 when it exited. */
  readonly signal: number;
  /** All of it, as the call gives it. */
  readonly word: number;
}

/** Waits for the end of a child. Throws when it is none of ours: no status is no success. */
export function waitFor(pid: number): WaitResult {
  const ended = tryWaitFor(pid);
  if (typeof ended === "number") throw syscallError(`wait for process ${pid}`, -ended);
  return ended;
}

/** wait4(2); -1 is any child. Or the negated errno, or 0 when there is nothing to report (WNOHANG). */
export function tryWaitFor(pid: number, flags = 0): WaitResult | number {
  const raw = new Uint8Array(4);
  const got = tryCall("wait4", pid, raw, flags, 0);
  return got <= 0 ? got : { pid: got, ...meaningOf(viewOf(raw).getInt32(0, true)) };
}

function meaningOf(word: number): Omit<WaitResult, "pid"> {
  const signal = word & 0x7f;
  return { signal, word, status: signal === 0 ? (word >> 8) & 0xff : 128 + signal };
}

/**
 * The exit status of a process that has ended, or 128 + signal, where wait4(2) does not tell: who traces it
 * keeps it from its parent.
 */
export function statusOfZombie(pid: number): number | undefined {
  const line = readTextIfThere(`/proc/${pid}/stat`, SHORT);
  if (line === undefined) return undefined;
  return meaningOf(numberAt(line, line.lastIndexOf(")") + 2, 49)).status;
}

/** This process' umask(2), which can only be read by changing it. */
export function fileModeMask(): number {
  const mask = tryCall("umask", 0o077);
  tryCall("umask", mask);
  return mask;
}
