// What is remembered about the end of a container: one line of the file that endings.ts keeps. Also merges
// the lines about the same container. Pure.

import { utf8 } from "../linux/call/words.ts";

/** A signal that a command of tsrun sent. */
export interface Signalled {
  readonly signal: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The process that called the command. */
  readonly pid: number;
  readonly name: string;
}

/** How a process ended: if that is known, one of the two is set. */
export interface End {
  readonly status?: number | undefined;
  readonly signal?: number | undefined;
}

/** What one command knows about an end; other commands may know more. */
export interface Ending extends End {
  readonly id: string;
  /** `created` of its state; it and the id identify the container. Absent if no state was made. */
  readonly created?: string | undefined;
  /** When tsrun learned it, in milliseconds since 1970. */
  readonly at: number;
  /** The command that wrote this. */
  readonly by: string;
  readonly pid?: number | undefined;
  readonly isStarted?: boolean | undefined;
  /** How many processes in its cgroup the kernel killed because memory ran out. */
  readonly oomKills?: number | undefined;
  /** The cgroup that counted them. */
  readonly cgroup?: string | undefined;
  readonly signals?: readonly Signalled[] | undefined;
  /** Whether the command killed the first process. */
  readonly isKilled?: boolean | undefined;
  /** What failed, `create` or `start`, and why. */
  readonly failed?: string | undefined;
  readonly error?: string | undefined;
  /** What to do about the error. */
  readonly next?: string | undefined;
  /**
   * Cgroups that could not be removed: the inode, which is unique within this boot, a space, and the path.
   */
  readonly left?: readonly string[] | undefined;
}

/** How many containers are remembered. */
export const MOST_ENDINGS = 100;
/** The most bytes of a line, so that the file stays small however long names are. */
export const LONGEST_LINE = 640;

/** The beginning of the name of a note in a state directory: a symbolic link whose target is the text. */
export const SIGNAL_NOTE = "signal-";

const SIGCHLD = 17;
const SIGURG = 23;
const SIGWINCH = 28;

/**
 * Whether a signal can end a container. The signals from SIGCHLD to SIGURG stop or continue it, or do
 * nothing.
 */
export function mayEnd(signal: number): boolean {
  return signal > 0 && signal !== SIGWINCH && (signal < SIGCHLD || signal > SIGURG);
}

/** The text of a note about a signal. Its time is in seconds, since whole numbers are cheap to print. */
export function signalNote({ at, pid, name }: Omit<Signalled, "signal">): string {
  return `${Math.floor(at / 1000)} ${pid} ${name}`;
}

/** Reads a note; `undefined` if it is damaged. */
export function signalledIn(name: string, note: string): Signalled | undefined {
  // No regular expressions: they touch a page or two of memory more, and every `delete` may come here.
  const [first = "", second = ""] = note.split(" ", 2);
  const [signal, seconds, pid] = [Number(name.slice(SIGNAL_NOTE.length)), Number(first), Number(second)];
  if (!(signal > 0 && signal <= 64 && seconds > 0 && pid >= 0)) return undefined;
  return { signal, at: seconds * 1000, pid, name: note.slice(first.length + second.length + 2) };
}

/** The line of an ending; `undefined` if not even its beginning fits. Long texts are cut. */
export function lineOf(ending: Ending): Uint8Array | undefined {
  let rest: Ending = ending;
  for (;;) {
    // The id comes first: see `endingsIn`.
    const { id, ...others } = rest;
    const line = utf8(`${JSON.stringify({ id, ...others })}\n`);
    if (line.length <= LONGEST_LINE) return line;
    const shorter = shortened(rest);
    if (shorter === undefined) return undefined;
    rest = shorter;
  }
}

/** The ending without the least important thing that it has. */
function shortened(ending: Ending): Ending | undefined {
  const { error = "", signals = [], ...rest } = ending;
  const kept = { ...rest, ...(error === "" ? {} : { error }), ...(signals.length === 0 ? {} : { signals }) };
  if (signals.length > 2) return { ...kept, signals: signals.slice(-2) };
  if (error.length > 120) return { ...kept, error: `${error.slice(0, Math.floor(error.length / 2))}…` };
  for (const name of ["next", "cgroup", "signals", "left", "error"] as const) {
    if (kept[name] === undefined) continue;
    const { [name]: _dropped, ...less } = kept;
    return less;
  }
  return undefined;
}

const BEGINNING = '{"id":';

/** The endings in the text of the file. Damaged lines are left out. */
export function endingsIn(text: string): Ending[] {
  const endings: Ending[] = [];
  for (const line of text.split("\n")) {
    // A line that was only written in part has no line break, so the next ending begins in the middle of this
    // line.
    const ending = readLine(line) ?? readLine(line.slice(Math.max(0, line.lastIndexOf(BEGINNING))));
    if (ending !== undefined) endings.push(ending);
  }
  return endings;
}

function readLine(line: string): Ending | undefined {
  if (!line.startsWith(BEGINNING)) return undefined;
  try {
    const found = JSON.parse(line) as Partial<Record<keyof Ending, unknown>>;
    return isEnding(found) ? (found as unknown as Ending) : undefined;
  } catch {
    return undefined;
  }
}

/** The type of each member that may be there. */
const TYPES: Readonly<Record<keyof Ending, string>> = {
  ...{ id: "string", created: "string", at: "number", by: "string", pid: "number", isStarted: "boolean" },
  ...{ status: "number", signal: "number", oomKills: "number", cgroup: "string", signals: "object" },
  ...{ isKilled: "boolean", failed: "string", error: "string", next: "string", left: "object" },
};

function isEnding(found: Partial<Record<string, unknown>>): boolean {
  for (const [key, value] of Object.entries(found)) {
    // A later version of tsrun may know more.
    if (Object.hasOwn(TYPES, key) && typeof value !== TYPES[key as keyof Ending]) return false;
  }
  const { id, at, by, signals = [], left = [] } = found;
  if (id === undefined || at === undefined || by === undefined) return false;
  return isList(signals, isSignalled) && isList(left, (path) => typeof path === "string");
}

function isList(found: unknown, isEntry: (entry: unknown) => boolean): boolean {
  return Array.isArray(found) && found.every(isEntry);
}

function isSignalled(found: unknown): boolean {
  if (typeof found !== "object" || found === null) return false;
  const { signal, at, pid, name } = found as Partial<Record<keyof Signalled, unknown>>;
  return [signal, at, pid].every((value) => typeof value === "number") && typeof name === "string";
}

/** One ending for each container, in the order of their last lines; only the last `MOST_ENDINGS`. */
export function merged(endings: readonly Ending[]): Ending[] {
  const byContainer = new Map<string, Ending>();
  for (const ending of endings) {
    const key = `${ending.id} ${ending.created ?? ""}`;
    const before = byContainer.get(key);
    byContainer.delete(key);
    byContainer.set(key, before === undefined ? ending : together(before, ending));
  }
  return [...byContainer.values()].slice(-MOST_ENDINGS);
}

/** The later ending, with what only the earlier one knew. */
function together(before: Ending, after: Ending): Ending {
  const signals = [...(before.signals ?? []), ...(after.signals ?? [])];
  const left = [...(before.left ?? []), ...(after.left ?? [])];
  return {
    ...before,
    ...after,
    ...(signals.length === 0 ? {} : { signals }),
    ...(left.length === 0 ? {} : { left }),
    // The command that waited for the process knows how it ended, and wrote first.
    ...(before.status === undefined && before.signal === undefined
      ? {}
      : { status: before.status, signal: before.signal }),
    oomKills: Math.max(before.oomKills ?? 0, after.oomKills ?? 0),
  };
}
