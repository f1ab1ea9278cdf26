// A trace as an ExportTraceServiceRequest of OpenTelemetry in JSON (opentelemetry-proto, "OTLP/JSON"): one
// object on one line, as collectors read it from a file. The trace id and the parent come from TRACEPARENT,
// by the rules of W3C's Trace Context. Pure.

import {
  CATEGORY,
  DETAILS,
  DROPPED,
  END_OF_EPOCH,
  type Format,
  NAME,
  NUMBER,
  PARENT,
  PROCESS,
  PROCESSES,
  RESULT,
  START_OF_EPOCH,
  WHAT,
} from "./template.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What our caller traces. */
export interface TraceContext {
  readonly traceId: string;
  readonly parentSpanId: string;
  /** Bit 0: the caller records its part. */
  readonly flags: number;
  readonly state: string;
}

/** The context that the environment gives; `undefined` if there is none, or one that is not valid. */
export function traceContext({ TRACEPARENT = "", TRACESTATE = "" }: Environment): TraceContext | undefined {
  if (TRACEPARENT === "") return undefined;
  // Later versions may append fields; version ff is invalid.
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(TRACEPARENT.trim());
  if (found === null) return undefined;
  const [, version = "", traceId = "", parentSpanId = "", flags = "", rest] = found;
  const isInvalid = version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(parentSpanId);
  if (isInvalid || (version === "00" && rest !== undefined)) return undefined;
  return { traceId, parentSpanId, flags: Number.parseInt(flags, 16), state: TRACESTATE.trim() };
}

/**
 * Whether to use this format: the file's name says so, or our caller traces, too.
 * @param parent `TRACEPARENT` of the environment
 */
export function isOtlp(path: string, parent: string | undefined): boolean {
  return path.endsWith(".otlp.json") || traceContext({ TRACEPARENT: parent }) !== undefined;
}

/** Attributes as text; the value is as JSON has it between quotes. */
const text = (key: string, value: string) => `{"key":"${key}","value":{"stringValue":"${value}"}}`;
const number = (key: string, value: string) => `{"key":"${key}","value":{"intValue":"${value}"}}`;

/** `key=value,key=value`, percent-encoded. If one pair is not valid, all are ignored. */
function resourceAttributes({ OTEL_RESOURCE_ATTRIBUTES: given = "", OTEL_SERVICE_NAME = "" }: Environment) {
  const found = new Map([["service.name", "tsrun"]]);
  try {
    for (const pair of given.split(",")) {
      const equals = pair.indexOf("=");
      if (pair.trim() === "") continue;
      if (equals < 1) throw new URIError(pair);
      found.set(pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim()));
    }
  } catch {
    found.clear();
    found.set("service.name", "tsrun");
  }
  if (OTEL_SERVICE_NAME !== "") found.set("service.name", OTEL_SERVICE_NAME);
  return found;
}

/** SpanFlags of opentelemetry-proto, HAS_IS_REMOTE and IS_REMOTE: the parent span is in another process. */
const PARENT_IS_REMOTE = 0x300;
const SPAN_KIND_INTERNAL = 1;
const STATUS_ERROR = 2;

export interface OtlpOptions {
  readonly env: Environment;
  /**
   * 40 random hexadecimal digits: 32 for the trace id, if our caller has not begun a trace, and 8 for span
   * ids.
   */
  readonly random: string;
}

/** Numbers of 64 bits are strings in OTLP/JSON, and ids are hexadecimal. */
export function otlpFormat({ env, random }: OtlpOptions): Format {
  const context = traceContext(env);
  const traceId = context?.traceId ?? random.slice(0, 32);
  const prefix = random.slice(32, 40);
  const ids = `"traceId":"${traceId}","spanId":"${prefix}${NUMBER}","parentSpanId":"${prefix}${PARENT}"`;
  const times = `"startTimeUnixNano":"${START_OF_EPOCH}","endTimeUnixNano":"${END_OF_EPOCH}"`;
  const always = `${text("tsrun.category", CATEGORY)},${number("process.pid", PROCESS)}`;
  return {
    event:
      `,{${ids},"name":"${NAME}","kind":${SPAN_KIND_INTERNAL},${times},` +
      `"attributes":[${always}${DETAILS}]}`,
    what: text("tsrun.what", WHAT),
    result: number("tsrun.result", RESULT),
    process: `,${text(`tsrun.process.${PROCESS}`, NAME)}`,
    isNested: true,
    frame({ program, name, status }) {
      const whole = {
        traceId,
        spanId: `${prefix}00000000`,
        parentSpanId: context?.parentSpanId ?? "",
        ...(context === undefined || context.state === "" ? {} : { traceState: context.state }),
        flags: context === undefined ? 0 : PARENT_IS_REMOTE | context.flags,
        name: `tsrun ${name}`,
        kind: SPAN_KIND_INTERNAL,
        status: status === 0 ? {} : { code: STATUS_ERROR },
      };
      const more = `${number("process.exit.code", RESULT)},${number("tsrun.dropped", DROPPED)}${PROCESSES}`;
      const filledIn = `${times},"attributes":[${always},${more}]`;
      const [scope = "", version = ""] = program.split(" ");
      const attributes = [...resourceAttributes(env)].map(([key, stringValue]) => ({
        key,
        value: { stringValue },
      }));
      const head =
        `{"resourceSpans":[{"resource":${JSON.stringify({ attributes })},` +
        `"scopeSpans":[{"scope":${JSON.stringify({ name: scope, version })},"spans":[`;
      return { before: `${head}${JSON.stringify(whole).slice(0, -1)},${filledIn}}`, after: "]}]}]}\n" };
    },
  };
}
