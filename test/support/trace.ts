// Traces as the runtime writes them: reading one, its schema, and what every trace must be like.

import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import type { Test } from "tap";
import type { ChromeTrace, CompleteEvent } from "../../src/trace/chrome.ts";

/** Chrome's "Trace Event Format", as far as tsrun uses it; nothing else may be there. */
const SCHEMA = {
  type: "object",
  required: ["traceEvents", "displayTimeUnit", "otherData"],
  additionalProperties: false,
  properties: {
    displayTimeUnit: { const: "ms" },
    otherData: {
      type: "object",
      required: ["program", "command", "time", "status", "dropped"],
      additionalProperties: false,
      properties: {
        program: { type: "string", pattern: "^tsrun [0-9]+\\.[0-9]+\\.[0-9]+" },
        command: { type: "string" },
        time: { type: "string", pattern: "^20[0-9-]+T[0-9:.]+Z$" },
        status: { type: "integer", minimum: 0, maximum: 255 },
        dropped: { type: "integer", minimum: 0 },
      },
    },
    traceEvents: {
      type: "array",
      minItems: 2,
      items: {
        oneOf: [{ $ref: "#/$defs/complete" }, { $ref: "#/$defs/name" }],
      },
    },
  },
  $defs: {
    id: { type: "integer", minimum: 1 },
    complete: {
      type: "object",
      required: ["ph", "name", "cat", "ts", "dur", "pid", "tid", "args"],
      additionalProperties: false,
      properties: {
        ph: { const: "X" },
        name: { type: "string", minLength: 1 },
        cat: {
          enum: ["command", "phase", "call", "inside", "wait", "hook", "spawn", "library", "dbus"],
        },
        ts: { type: "number", minimum: 0, exclusiveMaximum: 2 ** 21 * 1e6, multipleOf: 0.125 },
        dur: { type: "number", minimum: 0, multipleOf: 0.125 },
        pid: { $ref: "#/$defs/id" },
        tid: { $ref: "#/$defs/id" },
        args: {
          type: "object",
          additionalProperties: false,
          properties: { what: { type: "string" }, result: { type: "integer" } },
        },
      },
    },
    name: {
      type: "object",
      required: ["ph", "name", "pid", "tid", "args"],
      additionalProperties: false,
      properties: {
        ph: { const: "M" },
        name: { const: "process_name" },
        pid: { $ref: "#/$defs/id" },
        tid: { $ref: "#/$defs/id" },
        args: {
          type: "object",
          required: ["name"],
          additionalProperties: false,
          properties: { name: { type: "string" } },
        },
      },
    },
  },
};

const isTrace = new Ajv({ allErrors: true }).compile(SCHEMA);

export interface Trace {
  readonly document: ChromeTrace;
  readonly events: readonly CompleteEvent[];
  readonly whole: CompleteEvent;
  of(category: CompleteEvent["cat"]): readonly CompleteEvent[];
}

export function readTrace(path: string): Trace {
  const document = JSON.parse(readFileSync(path, "utf8")) as ChromeTrace;
  const events = document.traceEvents.filter((event) => event.ph === "X");
  const [whole] = events;
  if (whole === undefined) throw new Error(`no event in ${path}`);
  return { document, events, whole, of: (category) => events.filter(({ cat }) => cat === category) };
}

/** A span of OTLP/JSON, as far as tests look at it. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: { stringValue?: string; intValue?: string } }[];
}

/** The spans of a trace for OpenTelemetry; the first is the command. */
export function readOtlp(path: string): readonly OtlpSpan[] {
  const { resourceSpans } = JSON.parse(readFileSync(path, "utf8")) as {
    resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

export function categoryOf({ attributes }: OtlpSpan): string | undefined {
  return attributes.find(({ key }) => key === "tsrun.category")?.value.stringValue;
}

const endOf = ({ ts, dur }: CompleteEvent): number => ts + dur;

/** How much of `whole` these events cover, of 1. */
export function coverage(whole: CompleteEvent, events: readonly CompleteEvent[]): number {
  let covered = 0;
  let reached = whole.ts;
  for (const event of [...events].sort((a, b) => a.ts - b.ts)) {
    covered += Math.max(0, endOf(event) - Math.max(event.ts, reached));
    reached = Math.max(reached, endOf(event));
  }
  return covered / whole.dur;
}

/**
 * The events that begin within another one and end after it, in the doubles in which viewers compute.
 * Perfetto leaves such events out, and speedscope draws all that follows within them.
 */
function crossing(events: readonly CompleteEvent[]): readonly (readonly CompleteEvent[])[] {
  const open: CompleteEvent[] = [];
  const crossed: (readonly CompleteEvent[])[] = [];
  for (const event of [...events].sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    for (let last = open.at(-1); last !== undefined && endOf(last) <= event.ts; last = open.at(-1))
      open.pop();
    const [outer] = open.slice(-1);
    if (outer !== undefined && endOf(event) > endOf(outer)) crossed.push([outer, event]);
    open.push(event);
  }
  return crossed;
}

/** Checks what is true of every trace of a command. */
export function checkTrace(t: Test, trace: Trace, command: string): void {
  const { document, events, whole } = trace;
  isTrace(document);
  t.strictSame(isTrace.errors ?? [], [], `the trace of ${command} has the form of one`);
  t.match(whole, { cat: "command", name: command, args: { result: document.otherData.status } });
  t.equal(document.otherData.command, command);
  t.strictSame(
    events.filter((event) => event.ts < whole.ts || endOf(event) > endOf(whole)),
    [],
    "everything happens within the command",
  );
  const phases = trace.of("phase");
  t.ok(
    phases.every((phase) => phase.pid === whole.pid),
    "phases are the command's",
  );
  t.ok(coverage(whole, phases) > 0.999, `phases cover the command: ${coverage(whole, phases)}`);
  for (const pid of new Set(events.map((event) => event.pid))) {
    // One process makes one call after the other.
    const calls = events.filter((event) => event.pid === pid && ["call", "inside"].includes(event.cat));
    const overlapping = calls.filter((call, index) => {
      const before = calls[index - 1];
      return before !== undefined && call.ts < endOf(before);
    });
    t.strictSame(overlapping, [], `calls of ${pid} follow on each other`);
    t.strictSame(crossing(events.filter((event) => event.pid === pid)), [], `events of ${pid} nest`);
  }
}
