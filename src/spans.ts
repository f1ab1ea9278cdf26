// Where all layers report what takes time besides system calls. Under `--trace`, src/linux/call/timeline.ts
// records it; otherwise these functions do nothing, not even read the clock. Pure.

/** The kinds of events. */
export const CATEGORIES = [
  /** The whole command, from the moment its options have been read. */
  "command",
  /** A part of the command. Phases follow each other without a gap, and none contains another. */
  "phase",
  /** A system call of tsrun's own process. */
  "call",
  /** A system call that a proxy made for tsrun, mostly in the container's namespaces. */
  "inside",
  /** Waiting for a lock, for systemd or for a process. It contains the system call that waits. */
  "wait",
  /** A hook, with its path. */
  "hook",
  /** Starting a process. */
  "spawn",
  /** A call of a C library in a process of its own. */
  "library",
  /** A message to systemd and its answer. */
  "dbus",
] as const;

export type Category = (typeof CATEGORIES)[number];

/** The number of each kind, by which the engine knows it. */
export const NUMBERS = Object.fromEntries(
  CATEGORIES.map((category, number) => [category, number]),
) as Readonly<Record<Category, number>>;

/**
 * Its functions are the engine's own, without anything between, since each takes less time than it would take
 * to make an object of its arguments.
 */
export interface Recorder {
  now(): number;
  /** Begins a phase and ends the one before it. */
  phase(name: string): void;
  /**
   * Adds an event of tsrun's own process, which began at `since` and ends now.
   * @param kind one of `NUMBERS`
   * @param what what it is about, such as a path
   */
  add(kind: number, name: string, what: string | undefined, since: number): void;
  nameProcess(pid: number, name: string): void;
  /** Called before a message is sent to a proxy. Returns the message's number. */
  sent(message: Uint8Array): number;
  /** Called when `process`, a proxy that notes the times of its calls, has answered that message. */
  answered(message: number, reply: Uint8Array, process: number): void;
  /** Adds an event of a proxy that was told to make the calls of that message, nobody knows when. */
  unanswered(message: number, name: string, since: number, process: number): void;
}

let recorder: Recorder | undefined;

/** Reports everything to this recorder from now on. */
export function recordWith(one: Recorder): void {
  recorder = one;
}

/** The recorder, if there is one. */
export function recording(): Recorder | undefined {
  return recorder;
}

/** Call it when something begins, and pass the result to `end`. Returns 0 without a recorder. */
export function begin(): number {
  return recorder === undefined ? 0 : recorder.now();
}

/** Reports something that began at `since` and ends now. */
export function end(since: number, category: Category, name: string, what?: string): void {
  if (recorder === undefined || since === 0) return;
  recorder.add(NUMBERS[category], name, what, since);
}

/** Begins a phase of the command, and ends the one before it. */
export function phase(name: string): void {
  if (recorder !== undefined) recorder.phase(name);
}
