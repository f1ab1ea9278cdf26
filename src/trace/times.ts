// Sums up a trace: where the milliseconds of a command went, by phase and by call, and which single events
// took longest. Reads both formats that tsrun writes. Pure. `explain --times` prints it.

import { TsrunError } from "../errors.ts";
import { CATEGORIES, type Category } from "../spans.ts";

export interface Share {
  readonly name: string;
  readonly milliseconds: number;
  /** Of the command's time, in percent. */
  readonly share: number;
}

/** All calls of one name by one process, or all events of another kind with one name. */
export interface CallShare extends Share {
  /** The process that made them: `tsrun`, `first process`. */
  readonly process: string;
  readonly count: number;
  readonly longest: { readonly milliseconds: number; readonly what: string };
}

export interface Moment extends Share {
  readonly category: Category;
  readonly process: string;
  readonly what: string;
  /** Milliseconds after the command's beginning. */
  readonly at: number;
}

export interface Times {
  readonly command: string;
  readonly program: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly events: number;
  readonly dropped: number;
  /** How tsrun's own process spent its time. This and the other lists begin with the largest. */
  readonly own: readonly Share[];
  readonly phases: readonly Share[];
  /** Calls and waits, by name and process. */
  readonly calls: readonly CallShare[];
  readonly longest: readonly Moment[];
}

/** How many single events are listed. */
const LONGEST = 10;

/** Something that took time. Times are in milliseconds from any common point. */
interface Event {
  readonly category: Category;
  readonly name: string;
  readonly what: string;
  readonly result: number;
  readonly pid: number;
  readonly start: number;
  readonly end: number;
}

interface Recorded {
  readonly program: string;
  readonly command: string;
  readonly dropped: number;
  readonly names: ReadonlyMap<number, string>;
  /** The first event is the whole command. */
  readonly events: readonly Event[];
}

/** @param file the trace's name, for an error */
export function timesOf(text: string, file: string): Times {
  const { program, command, dropped, names, events } = read(text, file);
  const [whole, ...rest] = events;
  if (whole?.category !== "command" || whole.end <= whole.start) throw noTrace(file);
  const total = whole.end - whole.start;
  const share = (name: string, milliseconds: number): Share => ({
    name,
    milliseconds: rounded(milliseconds),
    share: rounded((100 * milliseconds) / total),
  });
  const processOf = ({ pid }: Event) => (pid === whole.pid ? "tsrun" : nameOf(pid, names));
  const own = rest.filter(({ pid, category }) => pid === whole.pid && category !== "phase");
  const waits = own.filter(({ category }) => WAITS.includes(category));
  const waiting = covered(waits);
  const busy = covered(own);
  const leaves = withoutWaitingCalls(rest, waits).map((one) => ({
    ...one,
    name: withNames(one.name, names),
  }));
  return {
    command,
    program,
    status: whole.result,
    milliseconds: rounded(total),
    events: events.length,
    dropped,
    own: sorted([
      share("waiting for others", waiting),
      share("system calls", busy - waiting),
      share("computing", total - busy),
    ]),
    phases: sorted(
      groups(
        rest.filter(({ category }) => category === "phase"),
        ({ name }) => name,
      ).map((of) => share(of.key, of.sum)),
    ),
    calls: sorted(
      groups(leaves, (one) => `${processOf(one)}\0${one.name}`).map(({ sum, list, longest }) => ({
        ...share(longest.name, sum),
        process: processOf(longest),
        count: list.length,
        longest: { milliseconds: rounded(longest.end - longest.start), what: longest.what },
      })),
    ),
    longest: sorted(
      leaves.map((one) => ({
        ...share(one.name, one.end - one.start),
        category: one.category,
        process: processOf(one),
        what: one.what,
        at: rounded(one.start - whole.start),
      })),
    ).slice(0, LONGEST),
  };
}

function nameOf(pid: number, names: Recorded["names"]): string {
  return names.get(pid) ?? "another process";
}

/** Replaces a number, as in `wait for process 77`, by the name of that process. */
function withNames(name: string, names: Recorded["names"]): string {
  return name.replace(/process (\d+)/, (same, pid) => names.get(Number(pid)) ?? same);
}

/** Categories of events whose length depends on another process. */
const WAITS: readonly Category[] = ["wait", "hook", "dbus", "library"];

/** All events except phases, and except calls within a wait, whose time would count twice. */
function withoutWaitingCalls(events: readonly Event[], waits: readonly Event[]): Event[] {
  const inWait = ({ start, end }: Event) => waits.some((wait) => wait.start <= start && end <= wait.end);
  const own = waits[0]?.pid;
  return events.filter(
    (one) => one.category !== "phase" && !(one.pid === own && one.category === "call" && inWait(one)),
  );
}

function sorted<T extends Share>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => b.milliseconds - a.milliseconds);
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

interface Group {
  readonly key: string;
  readonly list: Event[];
  sum: number;
  longest: Event;
}

function groups(events: readonly Event[], keyOf: (event: Event) => string): Group[] {
  const found = new Map<string, Group>();
  for (const event of events) {
    const key = keyOf(event);
    const group = found.get(key) ?? { key, list: [], sum: 0, longest: event };
    found.set(key, group);
    group.list.push(event);
    group.sum += event.end - event.start;
    if (event.end - event.start > group.longest.end - group.longest.start) group.longest = event;
  }
  return [...found.values()];
}

/** The total time during which at least one of the events was going on. */
function covered(events: readonly Event[]): number {
  let sum = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const { start, end } of [...events].sort((a, b) => a.start - b.start)) {
    sum += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return sum;
}

function noTrace(file: string, cause?: unknown): TsrunError {
  return new TsrunError("E_CONFIG", `cannot use "${file}": it is no trace that tsrun has written`, {
    hint: '"--trace FILE create …" writes one; --trace works with every command',
    cause,
  });
}

function read(text: string, file: string): Recorded {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw noTrace(file, error);
  }
  const { traceEvents, otherData, resourceSpans } = objectOf(document);
  const recorded = Array.isArray(traceEvents)
    ? fromChrome(traceEvents.map(objectOf), objectOf(otherData))
    : fromOtlp(objectOf(listOf(objectOf(listOf(resourceSpans)[0]).scopeSpans)[0]));
  const isWhole = recorded.events.every(({ start, end }) => Number.isFinite(start) && Number.isFinite(end));
  if (!isWhole) throw noTrace(file);
  return recorded;
}

type Members = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? (value as Members) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const numberOf = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);

function categoryOf(value: unknown): Category {
  return CATEGORIES.find((known) => known === value) ?? "call";
}

function fromChrome(all: readonly Members[], { program, command, dropped }: Members): Recorded {
  const names = all
    .filter(({ ph, name }) => ph === "M" && name === "process_name")
    .map(({ pid, args }) => [numberOf(pid), textOf(objectOf(args).name)] as const);
  return {
    program: textOf(program),
    command: textOf(command),
    dropped: typeof dropped === "number" ? dropped : 0,
    names: new Map(names),
    events: all
      .filter(({ ph }) => ph === "X")
      .map(({ name, cat, ts, dur, pid, args }) => ({
        category: categoryOf(cat),
        name: textOf(name),
        what: textOf(objectOf(args).what),
        result: numberOf(objectOf(args).result),
        pid: numberOf(pid),
        start: numberOf(ts) / 1000,
        end: (numberOf(ts) + numberOf(dur)) / 1000,
      })),
  };
}

/** `tsrun.process.PID` of the command's span. */
const PROCESS = "tsrun.process.";

function fromOtlp({ scope, spans }: Members): Recorded {
  const all = listOf(spans).map(objectOf);
  const [first = {}] = all;
  const whole = attributesOf(first);
  const begun = nanoseconds(first.startTimeUnixNano) ?? 0n;
  const after = (time: unknown): number => {
    const at = nanoseconds(time);
    return at === undefined ? Number.NaN : Number(at - begun) / 1e6;
  };
  return {
    program: `${textOf(objectOf(scope).name)} ${textOf(objectOf(scope).version)}`,
    command: textOf(first.name).replace(/^tsrun /, ""),
    dropped: Number(whole.get("tsrun.dropped") ?? 0),
    names: new Map(
      [...whole]
        .filter(([key]) => key.startsWith(PROCESS))
        .map(([key, name]) => [Number(key.slice(PROCESS.length)), name]),
    ),
    events: all.map((span) => {
      const attributes = attributesOf(span);
      return {
        category: categoryOf(attributes.get("tsrun.category")),
        name: textOf(span.name),
        what: attributes.get("tsrun.what") ?? "",
        result: Number(attributes.get("process.exit.code") ?? attributes.get("tsrun.result") ?? Number.NaN),
        pid: Number(attributes.get("process.pid") ?? Number.NaN),
        start: after(span.startTimeUnixNano),
        end: after(span.endTimeUnixNano),
      };
    }),
  };
}

function nanoseconds(value: unknown): bigint | undefined {
  return typeof value === "string" && /^\d{1,20}$/.test(value) ? BigInt(value) : undefined;
}

function attributesOf({ attributes }: Members): Map<string, string> {
  return new Map(
    listOf(attributes).map((one) => {
      const { key, value } = objectOf(one);
      const { stringValue, intValue } = objectOf(value);
      return [textOf(key), textOf(stringValue ?? intValue)];
    }),
  );
}
