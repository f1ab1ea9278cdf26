// Records what a command does and how long each part takes: its system calls, those that are carried out for
// it inside a container, and what src/spans.ts is told. The engine keeps all of it
// (../../engine/native/trace.c); nothing is recorded before `beginTimeline`. Called by src/trace/.

import {
  beginTrace,
  endTrace,
  traceAnswer,
  traceFormat,
  traceNow,
  traceParent,
  traceSent,
  traceSpan,
  traceText,
} from "native";
import { CATEGORIES, type Category, type Recorder, recordWith, type Span } from "../../spans.ts";
import { SYSCALL_NAMES, type SyscallName, syscallNumber } from "../numbers/syscalls.ts";

/** A line of the table of system calls: name, and which arguments are texts. */
const LINE = 32;
const TEXTS_AT = 24;

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
  });
  return table;
}

const numberOf = (category: Category): number => CATEGORIES.indexOf(category);
const PHASE = numberOf("phase");

/** What an event looks like as text, and which categories there are; src/trace/template.ts. */
export interface Template {
  readonly event: string;
  readonly what: string;
  readonly result: string;
}

/** The command as a whole. Times are nanoseconds of CLOCK_MONOTONIC. */
export interface Timeline {
  readonly start: number;
  readonly end: number;
  /** The time of day at 0 of that clock, in nanoseconds. */
  readonly epoch: bigint;
  /** How many events there was no room for. */
  readonly dropped: number;
  /** Processes other than tsrun, by pid. */
  readonly names: ReadonlyMap<number, string>;
}

/** Whatever is no system call: number, start, end. */
interface Noted {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly process: number;
}

class Recording implements Recorder {
  readonly #start = traceNow();
  readonly #names = new Map<number, string>();
  readonly #noted: Noted[] = [];
  #phase: string;
  #phaseSince = this.#start;

  readonly #isNested: boolean;

  /** The first phase has the command's name. */
  constructor(command: string, isNested: boolean) {
    this.#phase = command;
    this.#isNested = isNested;
  }

  now(): number {
    return traceNow();
  }

  phase(name: string): void {
    const now = traceNow();
    this.#endPhase(now);
    this.#phase = name;
    this.#phaseSince = now;
  }

  add({ category, name, what = "", since, process = 0 }: Span): void {
    this.#note(numberOf(category), name, what, { start: since, end: traceNow(), process });
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
  finish(template: Template): Timeline {
    const end = traceNow();
    this.#endPhase(end);
    const dropped = endTrace();
    const { times, parents } = this.#containers();
    const { event, what, result } = template;
    const epoch = traceFormat(event, what, result, CATEGORIES.join(" "), times.buffer, parents.buffer);
    held = [times, parents];
    return { start: this.#start, end, epoch, dropped, names: this.#names };
  }

  #endPhase(now: number): void {
    this.#note(PHASE, this.#phase, "", { start: this.#phaseSince, end: now, process: 0 });
  }

  #note(kind: number, name: string, what: string, of: Omit<Noted, "number">): void {
    const number = traceSpan(kind, name, what, of.start, of.end, of.process);
    if (this.#isNested && number > 0) this.#noted.push({ number, ...of });
  }

  /**
   * Who contains what began when, and tells the engine in what each of these lies itself; 0 is the command.
   */
  #containers(): { times: Float64Array; parents: Uint32Array } {
    const inside = this.#noted.filter(({ process }) => process === 0);
    inside.sort((a, b) => a.start - b.start || b.end - a.end);
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
    for (const one of inside) {
      closeUntil(one.start);
      traceParent(one.number, (open.at(-1)?.number ?? 0) + 1);
      open.push(one);
      times.push(one.start);
      parents.push(one.number);
    }
    closeUntil(Number.POSITIVE_INFINITY);
    return { times: Float64Array.from(times), parents: Uint32Array.from(parents) };
  }
}

/** What the engine reads while it makes text. */
let held: readonly ArrayBufferView[] = [];

let recording: Recording | undefined;

/**
 * From here on everything is recorded. False if there is no memory for it.
 * @param isNested whether the format says of each event which one contains it
 */
export function beginTimeline(command: string, isNested: boolean): boolean {
  if (!beginTrace(calls.buffer, numberOf("call"), numberOf("inside"))) return false;
  recording = new Recording(command, isNested);
  recordWith(recording);
  return true;
}

/** Ends the recording; `undefined` if there is none. */
export function endTimeline(template: Template): Timeline | undefined {
  const ended = recording?.finish(template);
  recording = undefined;
  return ended;
}

/** The recorded events, as the template has them, in pieces; each is valid until the next one. */
export function nextEvents(): Uint8Array | undefined {
  const text = held.length === 0 ? undefined : traceText();
  return text === undefined ? undefined : new Uint8Array(text);
}
