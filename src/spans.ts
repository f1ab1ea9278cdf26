// What takes time beside system calls, told to who records it: src/linux/call/timeline.ts under `--trace`,
// otherwise nobody. Nothing is made or asked for where nobody records. Pure.

/** What an event is about. */
export const CATEGORIES = [
  /** The whole command, from its options having been read to the end. */
  "command",
  /** A part of the command. Phases follow on each other without a gap, and lie in no other phase. */
  "phase",
  /** A system call of tsrun's own process. */
  "call",
  /** A system call that a process in the container's namespaces made for tsrun. */
  "inside",
  /** Waiting: for a lock, for systemd, for a process. It contains the call that waits. */
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

export interface Span {
  readonly category: Category;
  readonly name: string;
  /** What it is about: a path, calls. */
  readonly what?: string;
  /** When it began; `begin` has returned it. */
  readonly since: number;
  /** The process that it happened in; if absent, tsrun itself. */
  readonly process?: number;
}

export interface Recorder {
  now(): number;
  /** A part of the command begins, and the one before ends. */
  phase(name: string): void;
  /** Something has ended that began at `since`. */
  add(span: Span): void;
  nameProcess(pid: number, name: string): void;
  /** A message is about to be sent to a process that carries calls out. Returns its number. */
  sent(message: Uint8Array): number;
  /** That message has been answered by this process, which has a clock. */
  answered(message: number, reply: Uint8Array, process: number): void;
}

let recorder: Recorder | undefined;

/** From here on everything is told to this recorder. */
export function recordWith(one: Recorder): void {
  recorder = one;
}

/** Who records, if anybody does. */
export function recording(): Recorder | undefined {
  return recorder;
}

/** When what takes time begins; 0 if nobody records. */
export function begin(): number {
  return recorder === undefined ? 0 : recorder.now();
}

/** What began at `since` ends here. */
export function end(since: number, category: Category, name: string, what?: string): void {
  if (recorder === undefined || since === 0) return;
  recorder.add({ category, name, since, ...(what === undefined ? {} : { what }) });
}

/** A part of the command begins here, and the one before it ends. */
export function phase(name: string): void {
  if (recorder !== undefined) recorder.phase(name);
}
