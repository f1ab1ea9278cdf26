// Traces as OpenTelemetry takes them: which caller's trace they join, and names and forms as in
// opentelemetry-proto (trace.proto, "OTLP/JSON").

import t from "tap";
import { isOtlp, otlpFormat, traceContext } from "../../../src/trace/otlp.ts";
import {
  CATEGORY,
  DROPPED,
  END_OF_EPOCH,
  type Format,
  NAME,
  PROCESS,
  PROCESSES,
  RESULT,
  START_OF_EPOCH,
} from "../../../src/trace/template.ts";
import { filledIn } from "./filled-in.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const RANDOM = "0123456789abcdef0123456789abcdefaabbccdd";

const COMMAND = { program: "tsrun 9.8.7", name: "create", status: 1 };

/** The whole document without events. */
function documentOf({ event, process, frame }: Format) {
  const { before, after } = frame(COMMAND);
  const text = filledIn(before + after, {
    [PROCESSES]: filledIn(process, { [PROCESS]: "78", [NAME]: "first process" }),
    ...{ [CATEGORY]: "command", [PROCESS]: "77", [RESULT]: "1", [DROPPED]: "2" },
    ...{ [START_OF_EPOCH]: "1795912515429988492", [END_OF_EPOCH]: "1795912515429992492" },
  });
  return { text, event, document: JSON.parse(text) };
}

t.test("a caller's trace is taken from TRACEPARENT, as W3C's Trace Context has it", async (t) => {
  const found = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    parentSpanId: "b7ad6b7169203331",
    flags: 1,
    state: "",
  };
  t.same(traceContext({ TRACEPARENT: PARENT }), found);
  t.same(traceContext({ TRACEPARENT: PARENT, TRACESTATE: "a=b" }), { ...found, state: "a=b" });
  t.same(traceContext({ TRACEPARENT: `01${PARENT.slice(2)}-more` }), found, "a later version may have more");
  for (const invalid of [
    ...["", "00", "nonsense", PARENT.toUpperCase(), `${PARENT}-more`, `ff${PARENT.slice(2)}`],
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
  ]) {
    t.equal(traceContext({ TRACEPARENT: invalid }), undefined, invalid);
  }
  t.equal(traceContext({}), undefined);
});

t.test("the file's name or a caller's trace decides the format", async (t) => {
  t.equal(isOtlp("trace.otlp.json", undefined), true);
  t.equal(isOtlp("trace.json", undefined), false);
  t.equal(isOtlp("trace.json", PARENT), true);
  t.equal(isOtlp("trace.json", "nonsense"), false);
});

t.test("a trace is one request on one line", async (t) => {
  const { text, document } = documentOf(otlpFormat({ env: {}, random: RANDOM }));
  t.equal(text.indexOf("\n"), text.length - 1);
  t.same(document.resourceSpans[0].resource.attributes, [
    { key: "service.name", value: { stringValue: "tsrun" } },
  ]);
  t.same(document.resourceSpans[0].scopeSpans[0].scope, { name: "tsrun", version: "9.8.7" });
});

t.test("the command is a span of a trace of its own", async (t) => {
  const { document } = documentOf(otlpFormat({ env: {}, random: RANDOM }));
  const [span] = document.resourceSpans[0].scopeSpans[0].spans;
  t.match(span, {
    traceId: RANDOM.slice(0, 32),
    spanId: "aabbccdd00000000",
    parentSpanId: "",
    flags: 0,
    name: "tsrun create",
    kind: 1,
    startTimeUnixNano: "1795912515429988492",
    endTimeUnixNano: "1795912515429992492",
    status: { code: 2 },
  });
  t.strictSame(
    span.attributes.slice(1),
    [
      { key: "process.pid", value: { intValue: "77" } },
      { key: "process.exit.code", value: { intValue: "1" } },
      { key: "tsrun.dropped", value: { intValue: "2" } },
      { key: "tsrun.process.78", value: { stringValue: "first process" } },
    ],
    "numbers of 64 bits are strings",
  );
});

t.test("the command joins a caller's trace", async (t) => {
  const { document, event } = documentOf(
    otlpFormat({ env: { TRACEPARENT: PARENT, TRACESTATE: "x=y" }, random: RANDOM }),
  );
  const [span] = document.resourceSpans[0].scopeSpans[0].spans;
  t.match(span, {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    parentSpanId: "b7ad6b7169203331",
    traceState: "x=y",
    // CONTEXT_HAS_IS_REMOTE and CONTEXT_IS_REMOTE beside the caller's flags.
    flags: 0x301,
  });
  t.match(event, '"traceId":"0af7651916cd43dd8448eb211c80319c"');
});

t.test("the resource is what the environment says of it", async (t) => {
  const attributes = (env: Record<string, string>) =>
    documentOf(otlpFormat({ env, random: RANDOM })).document.resourceSpans[0].resource.attributes.map(
      ({ key, value }: { key: string; value: { stringValue: string } }) => `${key}=${value.stringValue}`,
    );
  t.same(attributes({ OTEL_SERVICE_NAME: "web" }), ["service.name=web"]);
  const both = { OTEL_RESOURCE_ATTRIBUTES: "service.name=other, a=b%20c ,d=e=f", OTEL_SERVICE_NAME: "web" };
  t.same(attributes(both), ["service.name=web", "a=b c", "d=e=f"]);
  for (const invalid of ["a=%zz,b=c", "b=c,a", "=x"]) {
    t.same(attributes({ OTEL_RESOURCE_ATTRIBUTES: invalid }), ["service.name=tsrun"], invalid);
  }
});
