// Looks at processes for `why`: what each waits for, by the kernel, and whether it stands still.

import { tryCall } from "../linux/call/call.ts";
import { cString, text } from "../linux/call/words.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import { Descriptor, readLink, readTextIfThere } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { syscallName } from "../linux/numbers/syscalls.ts";
import { statusField, statusNumber } from "../linux/process/proc-text.ts";
import { processStatus } from "../linux/process/process.ts";
import { once } from "../once.ts";
import { callName } from "../seccomp/call-names.ts";
import type { ProcessFacts } from "./model.ts";
import { callIn, functionsIn } from "./proc-texts.ts";

/** USER_HZ: clock ticks a second in /proc, on both machines. */
const TICKS = 100;
/** How long a process must stand still to count as hanging, in milliseconds. */
const STILL_MS = 1000;
/** So many processes and threads of one container are looked at. */
const MOST = 400;
/** Bytes of a command line. */
const LONGEST_COMMAND = 4096;

/** When the machine was started, in milliseconds since 1970. */
const bootTime = once(() => {
  const [seconds = "0"] = (readTextIfThere("/proc/uptime") ?? "").split(" ");
  return Date.now() - Number(seconds) * 1000;
});

/** `undefined` if there is none. A thread is named by its process, too. */
export function lookAtProcess(pid: number, thread?: number): ProcessFacts | undefined {
  const at = thread === undefined ? `/proc/${pid}` : `/proc/${pid}/task/${thread}`;
  const found = processStatus(pid);
  const status = `\n${readTextIfThere(`${at}/status`) ?? ""}`;
  if (found === undefined || status === "\n") return undefined;
  const name = statusField(status, "Name");
  return {
    pid: thread ?? pid,
    name,
    command: commandOf(pid) || name,
    state: statusField(status, "State").slice(0, 1),
    parent: found.parent,
    startedAt: bootTime() + (found.startTime / TICKS) * 1000,
    functions: functionsOf(at),
    call: callOf(at),
    tracer: statusNumber(status, "TracerPid"),
    switches: switchesIn(status),
  };
}

function switchesIn(status: string): string {
  const fields = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
  return fields.map((field) => statusField(status, field)).join(" ");
}

/** The stack may only be read by root, and the function it waits in only by who may trace it. */
function functionsOf(at: string): string[] {
  const stack = functionsIn(readTextIfThere(`${at}/stack`) ?? "");
  if (stack.length > 0) return stack;
  const waits = (readTextIfThere(`${at}/wchan`) ?? "").trim();
  return waits === "" || waits === "0" ? [] : [waits];
}

function callOf(at: string): ProcessFacts["call"] {
  const call = callIn(readTextIfThere(`${at}/syscall`) ?? "");
  return call && { name: callName(call.number) ?? syscallName(call.number), first: call.first };
}

/** A process may have a command line of megabytes. */
function commandOf(pid: number): string {
  const opened = tryCall("openat", AT_FDCWD, cString(`/proc/${pid}/cmdline`), O_RDONLY | O_CLOEXEC, 0);
  if (opened < 0) return "";
  using file = new Descriptor(opened);
  const buffer = new Uint8Array(LONGEST_COMMAND);
  const length = tryCall("read", file.number, buffer, buffer.length);
  return text(buffer.subarray(0, Math.max(0, length)))
    .replaceAll("\0", " ")
    .trim();
}

/** The processes and threads that wait uninterruptibly at the moment. */
export function sleepingOf(pids: readonly number[]): ProcessFacts[] {
  const found: ProcessFacts[] = [];
  let looked = 0;
  for (const pid of pids) {
    for (const { name } of listOrNone(`/proc/${pid}/task`)) {
      if (++looked > MOST) return found;
      if (stateOf(`/proc/${pid}/task/${name}`) !== "D") continue;
      const process = lookAtProcess(pid, name === String(pid) ? undefined : Number(name));
      if (process?.state === "D") found.push(process);
    }
  }
  return found;
}

function stateOf(at: string): string {
  const line = readTextIfThere(`${at}/stat`, { isShort: true }) ?? "";
  return line[line.lastIndexOf(")") + 2] ?? "";
}

export function listOrNone(path: string): ReturnType<typeof listDirectoryAt> {
  try {
    return listDirectoryAt(path);
  } catch {
    // It is gone, or another user's.
    return [];
  }
}

/** Pids of the children of a process. */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const { name } of listOrNone(`/proc/${pid}/task`)) {
    const list = readTextIfThere(`/proc/${pid}/task/${name}/children`) ?? "";
    for (const word of list.split(" ")) if (word.trim() !== "") children.push(Number(word));
  }
  return children;
}

/** Where a descriptor of a process leads. */
export function targetOf(pid: number, fd: number): string | undefined {
  return readLink(`/proc/${pid}/fd/${fd}`);
}

/**
 * Which of the processes stand still. Only if there are any that may, a second passes: a process that reads
 * from a disk waits uninterruptibly now and then, too.
 */
export function stillAmong(processes: readonly ProcessFacts[]): Set<ProcessFacts> {
  const suspects = processes.filter(maySuspect);
  const still = new Set<ProcessFacts>();
  if (suspects.length === 0) return still;
  poll([], STILL_MS);
  for (const before of suspects) {
    const status = `\n${readTextIfThere(`/proc/${before.pid}/status`) ?? ""}`;
    const state = statusField(status, "State").slice(0, 1);
    if (state === before.state && switchesIn(status) === before.switches) still.add(before);
  }
  return still;
}

/** Functions in which a process waits for somebody outside the container. */
export const WAITS_OUTSIDE =
  /^(seccomp_do_user_notification|(anon_)?pipe_write|n_tty_write|fifo_open|wait_for_partner)$/;

function maySuspect({ state, functions }: ProcessFacts): boolean {
  if (/^[DTt]$/.test(state)) return true;
  return state === "S" && functions.some((name) => WAITS_OUTSIDE.test(name));
}
