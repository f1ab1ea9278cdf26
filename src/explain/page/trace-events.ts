// Reads a trace in Chrome's format of trace events, as `--trace` writes it: {"traceEvents": [...]}, or the
// list alone. The file may come from anywhere, so events of another form are left out. Pure.

import { TsrunError } from "../../errors.ts";

export interface Span {
  readonly name: string;
  /** The kind of event: "command", "phase", "call" and others. */
  readonly category: string;
  /** Both in microseconds. The first event of a trace starts at 0. */
  readonly start: number;
  readonly duration: number;
  readonly lane: number;
  /** A path, an argument. */
  readonly about: string;
}

export interface Trace {
  /** The processes, in the order in which they appear. */
  readonly lanes: readonly string[];
  /** Sorted by start; of events that start together, the longest comes first. */
  readonly spans: readonly Span[];
  /** The duration of the whole trace, in microseconds. */
  readonly duration: number;
  /** How many events were left out because of their form or number. */
  readonly leftOut: number;
}

/** At most this many events are shown; a `create` has some hundreds. */
const MOST_SPANS = 20_000;

interface Collected {
  readonly names: Map<string, string>;
  readonly spans: (Omit<Span, "lane"> & { readonly process: string })[];
  leftOut: number;
}

/** Throws E_CONFIG for what is no trace. */
export function readTrace(text: string, file: string): Trace {
  const events = eventsOf(parse(text, file));
  if (events === undefined) {
    throw new TsrunError("E_CONFIG", `cannot use "${file}": it is not a trace of events`, { hint: HINT });
  }
  const found: Collected = { names: new Map(), spans: [], leftOut: 0 };
  for (const event of events) collect(event, found);
  if (found.spans.length === 0) {
    throw new TsrunError("E_CONFIG", `cannot use "${file}": it has no event with a duration`, { hint: HINT });
  }
  const begin = found.spans.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY);
  const processes = [...new Set(found.spans.map(({ process }) => process))];
  const spans = found.spans
    .map(({ process, ...span }) => ({ ...span, start: span.start - begin, lane: processes.indexOf(process) }))
    .sort((a, b) => a.start - b.start || b.duration - a.duration);
  return {
    lanes: processes.map((process) => found.names.get(process) ?? `process ${process}`),
    spans,
    duration: spans.reduce((most, { start, duration }) => Math.max(most, start + duration), 0),
    leftOut: found.leftOut,
  };
}

const HINT = '"--trace FILE" before a command writes one';

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TsrunError("E_CONFIG", `cannot use "${file}": it is not JSON`, { hint: HINT, cause: error });
  }
}

function eventsOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  const { traceEvents } = members(value);
  return Array.isArray(traceEvents) ? traceEvents : undefined;
}

function collect(event: unknown, found: Collected): void {
  const { ph, name, cat, ts, dur, pid, args } = members(event);
  const process = typeof pid === "number" || typeof pid === "string" ? String(pid) : "";
  if (ph === "M") {
    const { name: given } = members(args);
    if (name === "process_name" && typeof given === "string") found.names.set(process, given);
    return;
  }
  if (
    ph !== "X" ||
    typeof name !== "string" ||
    !isTime(ts) ||
    !isTime(dur) ||
    found.spans.length === MOST_SPANS
  ) {
    found.leftOut++;
    return;
  }
  const { what } = members(args);
  const category = typeof cat === "string" ? cat : "";
  const about = typeof what === "string" ? what : "";
  found.spans.push({ name, category, start: ts, duration: dur, process, about });
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
