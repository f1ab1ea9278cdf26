// What is remembered of a container that has ended, as a line of the file that endings.ts keeps, and how
// lines about the same container become one. Pure.

import { utf8 } from "../linux/call/words.ts";

/** A signal that a command of tsrun has sent. */
export interface Signalled {
  readonly signal: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The process that had called the command. */
  readonly pid: number;
  readonly name: string;
}

/** How a process has ended: one of the two is there when it is known. */
export interface End {
  readonly status?: number | undefined;
  readonly signal?: number | undefined;
}

/** What one command knows; another one may add to it. */
export interface Ending extends End {
  readonly id: string;
  /** As in its state; with the id it is the container's identity. Absent where none was made. */
  readonly created?: string | undefined;
  /** When tsrun learned it, in milliseconds since 1970. */
  readonly at: number;
  /** The command that tells it. */
  readonly by: string;
  readonly pid?: number | undefined;
  readonly isStarted?: boolean | undefined;
  /** How many processes the kernel had killed in its cgroup for want of memory. */
  readonly oomKills?: number | undefined;
  /** The cgroup that counted them. */
  readonly cgroup?: string | undefined;
  readonly signals?: readonly Signalled[] | undefined;
  /** The first process was killed by the command. */
  readonly isKilled?: boolean | undefined;
  /** What failed, `create` or `start`, and why. */
  readonly failed?: string | undefined;
  readonly error?: string | undefined;
  /** What to do about that. */
  readonly next?: string | undefined;
  /** Cgroups that could not be removed: the inode, which no other cgroup of this boot has, and the path. */
  readonly left?: readonly string[] | undefined;
}

/** How many containers are remembered. */
export const MOST_ENDINGS = 100;
/** Bytes of a line, so that the file is small however long names are. */
export const LONGEST_LINE = 640;

/** The name of a note in a state directory: a symbolic link, whose target is the text. */
export const SIGNAL_NOTE = "signal-";

const SIGCHLD = 17;
const SIGURG = 23;
const SIGWINCH = 28;

/** Whether a signal may be what ends a container: those from SIGCHLD to SIGURG stop it, or do nothing. */
export function mayEnd(signal: number): boolean {
  return signal > 0 && signal !== SIGWINCH && (signal < SIGCHLD || signal > SIGURG);
}

/** The text of a note about a signal: seconds, since whole numbers are cheap to print. */
export function signalNote({ at, pid, name }: Omit<Signalled, "signal">): string {
  return `${Math.floor(at / 1000)} ${pid} ${name}`;
}

/** Reads a note; `undefined` if it is damaged. */
export function signalledIn(name: string, note: string): Signalled | undefined {
  // Without regular expressions, which touch a page or two of memory more: every `delete` may come here.
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

/** Without what matters least of what is there. */
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

/** The endings in the text of the file, which may be damaged: what cannot be read is left out. */
export function endingsIn(text: string): Ending[] {
  const endings: Ending[] = [];
  for (const line of text.split("\n")) {
    // A line that could not be written to its end has no line break: the next one begins in its middle.
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

/** One for each container, the one of which was last told last; at most as many as are remembered. */
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

/** What the later one does not know is kept of the earlier. */
function together(before: Ending, after: Ending): Ending {
  const signals = [...(before.signals ?? []), ...(after.signals ?? [])];
  const left = [...(before.left ?? []), ...(after.left ?? [])];
  return {
    ...before,
    ...after,
    ...(signals.length === 0 ? {} : { signals }),
    ...(left.length === 0 ? {} : { left }),
    // How it ended is told by who has waited for it, which comes first.
    ...(before.status === undefined && before.signal === undefined
      ? {}
      : { status: before.status, signal: before.signal }),
    oomKills: Math.max(before.oomKills ?? 0, after.oomKills ?? 0),
  };
}
