// Looks at processes for `why`: what each waits for in the kernel, and whether it runs at all.

import { tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { listIfReadable } from "../linux/files/directories.ts";
import { Descriptor, readLink, readTextIfThere } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { syscallName } from "../linux/numbers/syscalls.ts";
import { statusField, statusNumber } from "../linux/process/proc-text.ts";
import { bootTime, processStatus } from "../linux/process/process.ts";
import { callName } from "../seccomp/call-names.ts";
import type { ProcessFacts } from "./model.ts";
import { callIn, functionsIn } from "./proc-texts.ts";

/** USER_HZ: clock ticks per second in /proc, on both architectures. */
const TICKS = 100;
/** A process hangs if it does not run for this many milliseconds. */
const STILL_MS = 1000;
/** At most this many processes and threads of a container are looked at. */
const MOST = 400;
/** At most this many bytes of a command line are read. */
const LONGEST_COMMAND = 4096;

/** `undefined` if there is no such process. A thread has its process's command line. */
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

/** Only root may read the stack; `wchan` needs permission to trace the process. */
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

/** Only the beginning is read, because a command line may have megabytes. */
function commandOf(pid: number): string {
  const opened = tryCall("openat", AT_FDCWD, `/proc/${pid}/cmdline`, O_RDONLY | O_CLOEXEC, 0);
  if (opened < 0) return "";
  using file = new Descriptor(opened);
  const buffer = new Uint8Array(LONGEST_COMMAND);
  const length = tryCall("read", file.number, buffer, buffer.length);
  return text(buffer.subarray(0, Math.max(0, length)))
    .replaceAll("\0", " ")
    .trim();
}

/** The processes and threads that are in state D right now. */
export function sleepingOf(pids: readonly number[]): ProcessFacts[] {
  const found: ProcessFacts[] = [];
  let looked = 0;
  for (const pid of pids) {
    for (const { name } of listIfReadable(`/proc/${pid}/task`)) {
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

export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const { name } of listIfReadable(`/proc/${pid}/task`)) {
    const list = readTextIfThere(`/proc/${pid}/task/${name}/children`) ?? "";
    for (const word of list.split(" ")) if (word.trim() !== "") children.push(Number(word));
  }
  return children;
}

/** The file that a process's descriptor refers to. */
export function targetOf(pid: number, fd: number): string | undefined {
  return readLink(`/proc/${pid}/fd/${fd}`);
}

/**
 * The processes that did not run for a second. Takes that second only if one of them may hang. A single look
 * is not enough, since every process that reads from a disk is in state D now and then.
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

/** Kernel functions in which a process waits for something outside the container. */
export const WAITS_OUTSIDE =
  /^(seccomp_do_user_notification|(anon_)?pipe_write|n_tty_write|fifo_open|wait_for_partner)$/;

function maySuspect({ state, functions }: ProcessFacts): boolean {
  if (/^[DTt]$/.test(state)) return true;
  return state === "S" && functions.some((name) => WAITS_OUTSIDE.test(name));
}
