// Records what a command does and how long each part takes: its system calls, those that are carried out for
// it inside a container, and what src/spans.ts is told. The engine keeps all of it
// (../../engine/native/trace.c); nothing is recorded before `beginTimeline`. Called by src/trace/.

import {
  beginTrace,
  endTrace,
  traceAnswer,
  traceFormat,
  traceFrame,
  traceNow,
  traceParent,
  tracePhase,
  traceSent,
  traceSpan,
  traceSpans,
  traceText,
} from "native";
import { CATEGORIES, type Category, type Recorder, recordWith, type Span } from "../../spans.ts";
import { SYSCALL_NAMES, type SyscallName, syscallNumber } from "../numbers/syscalls.ts";

/** A line of the table of system calls: name, and which arguments are texts. */
const LINE = 32;
const TEXTS_AT = 24;
const LENGTH_AT = 25;

/** The arguments that are C strings, as bits. Of bind(2) and connect(2) it would be a structure. */
const TEXTS: Partial<Record<SyscallName, number>> = {
  ...{ openat: 2, openat2: 2, mkdirat: 2, mknodat: 2, unlinkat: 2, readlinkat: 2, statx: 2, newfstatat: 2 },
  ...{ faccessat: 2, faccessat2: 2, fchmodat: 2, fchownat: 2, open_tree: 2, mount_setattr: 2, fspick: 2 },
  ...{ inotify_add_watch: 2, execveat: 2, fsetxattr: 2 },
  ...{ chdir: 1, chroot: 1, statfs: 1, umount2: 1, execve: 1, fsopen: 1, memfd_create: 1, sethostname: 1 },
  ...{ setdomainname: 1, getxattr: 3, pivot_root: 3, mount: 7 },
  ...{ move_mount: 10, renameat2: 10, linkat: 10, symlinkat: 5, fsconfig: 12 },
};

/** By number. Made with the snapshot. */
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
const numberOf = (category: Category): number => CATEGORIES.indexOf(category);
const CALL = numberOf("call");
const INSIDE = numberOf("inside");
const PHASE = numberOf("phase");

/** What an event looks like as text, and which categories there are; src/trace/template.ts. */
export interface Template {
  readonly event: string;
  readonly what: string;
  readonly result: string;
  /** Whether an event names the one that contains it. */
  readonly isNested: boolean;
}

/** What only the recorder knows of the command. */
export interface Timeline {
  /** The time of day at which it began, in milliseconds. */
  readonly time: number;
  /** How many events there was no room for. */
  readonly dropped: number;
  /** Processes other than tsrun, by pid. */
  readonly names: ReadonlyMap<number, string>;
}

class Recording implements Recorder {
  readonly #time = Date.now();
  readonly #names = new Map<number, string>();

  now(): number {
    return traceNow();
  }

  phase(name: string): void {
    tracePhase(name);
  }

  add({ category, name, what = "", since, process = 0 }: Span): void {
    traceSpan(numberOf(category), name, what, since, process);
  }

  nameProcess(pid: number, name: string): void {
    this.#names.set(pid, name);
  }

  sent(message: Uint8Array): number {
    return traceSent(message.buffer, message.length);
  }

  answered(message: number, reply: Uint8Array, process: number): void {
    traceAnswer(message, reply.buffer, process);
  }

  /** Nothing is recorded after this. */
  finish({ event, what, result, isNested }: Template): Timeline {
    const dropped = endTrace();
    held = isNested ? containers() : NO_CONTAINERS;
    traceFormat(event, what, result, CATEGORY_NAMES, held.times.buffer, held.parents.buffer);
    return { time: this.#time, dropped, names: this.#names };
  }
}

/** What is no call, in tsrun's own process. */
interface Noted {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** From each of these times on, what begins lies in that event. */
interface Containers {
  readonly times: Float64Array;
  readonly parents: Uint32Array;
}

const NO_CONTAINERS: Containers = { times: new Float64Array(0), parents: new Uint32Array(0) };

/**
 * Who contains what began when, and tells the engine in what each of these lies itself; 0 is the command.
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

/** What the engine reads while it makes text. */
let held = NO_CONTAINERS;

let recording: Recording | undefined;

/** From here on everything is recorded; false if there is no memory for it. The first phase has that name. */
export function beginTimeline(command: string): boolean {
  if (!beginTrace(calls.buffer, CALL, INSIDE, PHASE, command)) return false;
  recording = new Recording();
  recordWith(recording);
  return true;
}

/** Ends the recording; `undefined` if there is none. */
export function endTimeline(template: Template): Timeline | undefined {
  const ended = recording?.finish(template);
  recording = undefined;
  return ended;
}

/** What stands around the events, in which the template's signs stand for what is known of the command. */
export function frameEvents({ before, after }: { before: string; after: string }, status: number): void {
  traceFrame(before, after, status);
}

/** The text, in pieces; each is valid until the next one. */
export function nextText(): Uint8Array | undefined {
  const text = traceText();
  return text === undefined ? undefined : new Uint8Array(text);
}
