// Processes of the host: identity, state, waiting, exit.

import { useReserve } from "../../engine/host/memory.ts";
import { statField } from "../../engine/host/stat-field.ts";
import { syscallError, tryCall } from "../call/call.ts";
import { viewOf } from "../call/words.ts";
import { readTextIfThere } from "../files/files.ts";
import { statusField, statusNumber } from "./proc-text.ts";
import { isSameStart } from "./start-time.ts";

const endings: ((status: number) => void)[] = [];

/** Registers a function that `exit` calls. */
export function beforeExit(end: (status: number) => void): void {
  endings.push(end);
}

/**
 * Ends the process at once, without tearing down the engine, which would take a millisecond and is useless.
 */
export function exit(status: number): never {
  useReserve();
  for (const end of endings) end(status);
  tryCall("exit_group", status);
  throw new Error("unreachable");
}

export const effectiveUid = (): number => tryCall("geteuid");
export const effectiveGid = (): number => tryCall("getegid");

/** The caller's effective ids; for root only the user id. */
export function effectiveIds(): { readonly euid: number; readonly egid?: number } {
  const euid = effectiveUid();
  return euid === 0 ? { euid } : { euid, egid: effectiveGid() };
}

/** /proc/PID/stat has some 400 bytes, and one read(2) returns all of it. */
const SHORT = { isShort: true } as const;

/** The fields of /proc/PID/stat that tsrun uses. */
export interface ProcessStatus {
  readonly name: string;
  /** One letter, as in proc_pid_stat(5): R, S, D, Z, T, X… */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks after boot, in our time namespace; with the pid it identifies a process (start-time.ts). */
  readonly startTime: number;
  /** False if only its first thread has (pthread_exit(3)): that is a zombie until the others have ended. */
  readonly hasEnded: boolean;
}

/** The status of a process, `undefined` if it is gone. */
export function processStatus(pid: number): ProcessStatus | undefined {
  return parseStatus(readTextIfThere(`/proc/${pid}/stat`, SHORT));
}

/** Like `processStatus`, for the process whose directory of /proc is open. */
export function heldProcessStatus(directory: number): ProcessStatus | undefined {
  return parseStatus(readTextIfThere("stat", { at: directory, ...SHORT }));
}

/** Of a line of /proc/PID/stat only what tells a process from another, and whether it has ended. */
export function parseIdentity(line: string): Pick<ProcessStatus, "startTime" | "hasEnded"> {
  const at = behindName(line);
  return { startTime: statField(line, 22), hasEnded: hasEnded(line, at) };
}

/** A zombie without other threads (num_threads) will never run again. */
function hasEnded(line: string, at: number): boolean {
  const state = line[at] ?? "X";
  return state === "X" || (state === "Z" && statField(line, 20) <= 1);
}

function parseStatus(line: string | undefined): ProcessStatus | undefined {
  if (line === undefined) return undefined;
  const at = behindName(line);
  return {
    name: line.slice(line.indexOf("(") + 1, at - 2),
    state: line[at] ?? "X",
    parent: statField(line, 4),
    startTime: statField(line, 22),
    hasEnded: hasEnded(line, at),
  };
}

/** The flag of a process that is in exit(2) or has been killed (include/linux/sched.h). */
const PF_EXITING = 0x4;

/** Whether the process whose directory of /proc is open has ended, or does so just now. */
export function isEnding(directory: number): boolean {
  const line = readTextIfThere("stat", { at: directory, ...SHORT });
  return line === undefined || (statField(line, 9) & PF_EXITING) !== 0;
}

/** When the machine was started, in milliseconds since 1970. */
export function bootTime(): number {
  const [seconds = "0"] = (readTextIfThere("/proc/uptime") ?? "").split(" ");
  return Date.now() - Number(seconds) * 1000;
}

/** The flag of a process that was forked and has not executed a program since (include/linux/sched.h). */
const PF_FORKNOEXEC = 0x40;

/**
 * Whether a process has never executed a program, among those that either have or are ending. What a process
 * had open is closed before it is a zombie, and in execve(2) after its flag is cleared.
 */
export function neverExecuted(pid: number, startTime?: number): boolean {
  return stateBeforeExecuting(pid, startTime) !== undefined;
}

/**
 * The state of a process that has never executed a program; `undefined` if it has, or is gone. The kernel
 * clears that flag in execve(2), and a program cannot set it.
 */
export function stateBeforeExecuting(pid: number, startTime?: number): string | undefined {
  const line = readTextIfThere(`/proc/${pid}/stat`, SHORT);
  if (line === undefined) return undefined;
  const at = behindName(line);
  if ((statField(line, 9) & PF_FORKNOEXEC) === 0) return undefined;
  return startTime === undefined || isSameStart(statField(line, 22), startTime) ? line[at] : undefined;
}

/**
 * Whether another process holds this one: it is stopped by a signal or by its tracer, or it is traced by a
 * process that does not trace us as well.
 */
export function isHeld(pid: number): boolean {
  const status = readTextIfThere(`/proc/${pid}/status`);
  if (status === undefined) return false;
  const tracer = statusNumber(status, "TracerPid");
  if (/^[Tt]/.test(statusField(status, "State"))) return true;
  return tracer !== 0 && tracer !== statusNumber(readTextIfThere("/proc/self/status") ?? "", "TracerPid");
}

/** The process that a thread belongs to; 0 if it is gone. */
export function processOfThread(thread: number): number {
  return statusNumber(readTextIfThere(`/proc/${thread}/status`) ?? "", "Tgid");
}

/** More than a pid and a name, which has up to 63 bytes (fs/proc/array.c), take together. */
const LONGEST_NAME = 100;

/**
 * Where the field after the name begins. The name is in parentheses and may contain any character, so search
 * for the last one.
 */
function behindName(line: string): number {
  return line.lastIndexOf(")", LONGEST_NAME) + 2;
}

export interface WaitResult {
  readonly pid: number;
  /** Exit status, or 128 + signal. */
  readonly status: number;
  /** The signal that ended it, 0 if it exited. */
  readonly signal: number;
  /** The status word of wait4(2). */
  readonly word: number;
}

/**
 * Waits for the end of a child. Throws if it is not our child: an unknown status must not count as success.
 */
export function waitFor(pid: number): WaitResult {
  const ended = tryWaitFor(pid);
  if (typeof ended === "number") throw syscallError(`wait for process ${pid}`, -ended);
  return ended;
}

/**
 * wait4(2); -1 means any child. Returns the negated errno on failure, 0 if there is nothing to report
 * (WNOHANG).
 */
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
 * How a process has ended that wait4(2) does not report: its tracer hides it from its parent, or it is the
 * child of another, who has not waited for it yet. `undefined` if it is not known: to those who may not trace
 * the process, the kernel shows 0 (proc_pid_stat(5)).
 */
export function endOfZombie(pid: number, startTime?: number): Omit<WaitResult, "pid"> | undefined {
  const line = readTextIfThere(`/proc/${pid}/stat`, SHORT);
  if (line === undefined) return undefined;
  const at = behindName(line);
  if (startTime !== undefined && !hasEnded(line, at)) return undefined;
  if (startTime !== undefined && !isSameStart(statField(line, 22), startTime)) return undefined;
  const word = statField(line, 52);
  if (startTime !== undefined && word === 0 && effectiveUid() !== 0) return undefined;
  return meaningOf(word);
}

/** This process's umask(2), which can only be read by changing it. */
export function fileModeMask(): number {
  const mask = tryCall("umask", 0o077);
  tryCall("umask", mask);
  return mask;
}
