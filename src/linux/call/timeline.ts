// Records what a command does and how long each part takes: its system calls, those that proxies make for it,
// and what src/spans.ts is told. The engine stores the events (../../engine/native/trace.c). Nothing is
// recorded before `beginTimeline`. Called by src/trace/.

import {
  beginTrace,
  endTrace,
  traceAnswer,
  traceFormat,
  traceFrame,
  traceNow,
  traceParent,
  tracePhase,
  traceProcess,
  traceSent,
  traceSpan,
  traceSpans,
  traceText,
  traceUnanswered,
} from "native";
import { CATEGORIES, NUMBERS, type Recorder, recordWith } from "../../spans.ts";
import { SYSCALL_NAMES, type SyscallName, syscallNumber } from "../numbers/syscalls.ts";

/** Bytes of an entry of the table of system calls: the name, and which arguments are texts. */
const LINE = 32;
const TEXTS_AT = 24;
const LENGTH_AT = 25;

/** The arguments that are C strings, as bits. */
const TEXTS: Partial<Record<SyscallName, number>> = {
  ...{ openat: 2, openat2: 2, mkdirat: 2, mknodat: 2, unlinkat: 2, readlinkat: 2, statx: 2, newfstatat: 2 },
  ...{ faccessat: 2, faccessat2: 2, fchmodat: 2, fchownat: 2, open_tree: 2, mount_setattr: 2, fspick: 2 },
  ...{ inotify_add_watch: 2, execveat: 2, fsetxattr: 2 },
  ...{ chdir: 1, chroot: 1, statfs: 1, umount2: 1, execve: 1, fsopen: 1, memfd_create: 1, sethostname: 1 },
  ...{ setdomainname: 1, getxattr: 3, pivot_root: 3, mount: 7 },
  ...{ move_mount: 10, renameat2: 10, linkat: 10, symlinkat: 5, fsconfig: 12 },
};

/** The table of system calls, by number. It is made with the snapshot. */
const calls = tableOfCalls();

function tableOfCalls(): Uint8Array {
  const names = SYSCALL_NAMES as readonly SyscallName[];
  const numbers = names.map((name) => syscallNumber(name));
  const table = new Uint8Array((Math.max(...numbers) + 1) * LINE);
  names.forEach((name, index) => {
    const at = (numbers[index] ?? 0) * LINE;
    for (let letter = 0; letter < name.length; letter++) table[at + letter] = name.charCodeAt(letter);
    table[at + TEXTS_AT] = TEXTS[name] ?? 0;
    table[at + LENGTH_AT] = name.length;
  });
  return table;
}

const CATEGORY_NAMES = CATEGORIES.join(" ");

/** The templates of a format (src/trace/template.ts). */
export interface Template {
  readonly event: string;
  readonly what: string;
  readonly result: string;
  /** That of the name of a process. */
  readonly process: string;
  /** Whether an event names the one that contains it. */
  readonly isNested: boolean;
}

const recorder: Recorder = {
  now: traceNow,
  phase: tracePhase,
  add: traceSpan,
  nameProcess: traceProcess,
  sent: (message) => traceSent(message.buffer, message.length),
  answered: (message, reply, process) => traceAnswer(message, reply.buffer, process),
  unanswered: traceUnanswered,
};

/** An event of tsrun's own process that is not a system call. */
interface Noted {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Events that began at `times[n]` or later, and before `times[n + 1]`, are contained in `parents[n]`. */
interface Containers {
  readonly times: Float64Array;
  readonly parents: Uint32Array;
}

const NO_CONTAINERS: Containers = { times: new Float64Array(0), parents: new Uint32Array(0) };

/**
 * Which event contains what began when: from `times[n]` on it is the event `parents[n]`, and 0 is the
 * command. Also tells the engine which event contains each of these events.
 */
function containers(): Containers {
  const told = new Float64Array(traceSpans());
  const noted: Noted[] = [];
  for (let at = 0; at < told.length; at += 3) {
    const [number = 0, start = 0, end = 0] = told.subarray(at, at + 3);
    noted.push({ number, start, end });
  }
  noted.sort((a, b) => a.start - b.start || b.end - a.end);
  const times: number[] = [];
  const parents: number[] = [];
  const open: Noted[] = [];
  const closeUntil = (time: number): void => {
    for (let last = open.at(-1); last !== undefined && last.end <= time; last = open.at(-1)) {
      open.pop();
      times.push(last.end);
      parents.push(open.at(-1)?.number ?? 0);
    }
  };
  for (const one of noted) {
    closeUntil(one.start);
    traceParent(one.number, (open.at(-1)?.number ?? 0) + 1);
    open.push(one);
    times.push(one.start);
    parents.push(one.number);
  }
  closeUntil(Number.POSITIVE_INFINITY);
  return { times: Float64Array.from(times), parents: Uint32Array.from(parents) };
}

/** Keeps the buffers alive that the engine reads while it makes text. */
let held = NO_CONTAINERS;

/**
 * Begins to record. Returns false if there is no memory for it.
 * @param command the name of the command, which is also that of the first phase
 */
export function beginTimeline(command: string): boolean {
  const { call, inside, phase } = NUMBERS;
  if (!beginTrace(calls.buffer, call, inside, phase, command)) return false;
  recordWith(recorder);
  return true;
}

/** Ends the recording. */
export function endTimeline({ event, what, result, process, isNested }: Template): void {
  endTrace();
  held = isNested ? containers() : NO_CONTAINERS;
  traceFormat(event, what, result, process, CATEGORY_NAMES, held.times.buffer, held.parents.buffer);
}

/** The texts around the events; the template's signs stand for what is known of the whole command. */
export interface Frame {
  readonly before: string;
  readonly after: string;
}

/** @param program its name and version */
export function frameEvents({ before, after }: Frame, program: string, status: number): void {
  traceFrame(before, after, program, status);
}

/** The next piece of the text, valid until the next call; `undefined` if there is no more. */
export function nextText(): Uint8Array | undefined {
  const text = traceText();
  return text === undefined ? undefined : new Uint8Array(text);
}
