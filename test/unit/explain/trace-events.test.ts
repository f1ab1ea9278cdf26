// Reading a trace that somebody gives: what is an event, and what is left out.

import t from "tap";
import { readTrace } from "../../../src/explain/page/trace-events.ts";

const one = { ph: "X", name: "create", cat: "command", ts: 5000.5, dur: 100, pid: 1, tid: 1, args: {} };

t.test("events are ordered by time, from zero, in the lanes of their processes", (test) => {
  const events = [
    { ...one, name: "late", cat: "call", ts: 5050.5, dur: 10 },
    { ph: "M", name: "process_name", pid: 1, args: { name: "tsrun create" } },
    { ...one, name: "read", cat: "phase", dur: 60 },
    one,
    { ...one, name: "mount", cat: "inside", ts: 5020.5, dur: 100, pid: 9, args: { what: "/proc" } },
  ];
  for (const text of [JSON.stringify(events), JSON.stringify({ traceEvents: events })]) {
    const { lanes, spans, duration, leftOut } = readTrace(text, "f");
    test.strictSame(lanes, ["tsrun create", "process 9"]);
    test.strictSame(
      spans.map(({ name, start, lane }) => [name, start, lane]),
      [
        ["create", 0, 0],
        ["read", 0, 0],
        ["mount", 20, 1],
        ["late", 50, 0],
      ],
    );
    test.strictSame([duration, leftOut, spans[2]?.about], [120, 0, "/proc"]);
  }
  test.end();
});

t.test("what is no event of the expected form is left out, and counted", (test) => {
  const odd = [
    ...[
      null,
      5,
      "x",
      [],
      {},
      { ...one, ts: "5" },
      { ...one, dur: -1 },
      { ...one, name: 7 },
      { ...one, ph: "B" },
    ],
    ...[
      { ph: "M", name: "process_name", args: null },
      { ph: "M", name: "thread_name", args: { name: "t" } },
    ],
  ];
  const { spans, leftOut } = readTrace(JSON.stringify([...odd, { ...one, cat: 5, pid: "p", args: [] }]), "f");
  test.strictSame([spans.length, leftOut, spans[0]?.category], [1, 9, ""]);
  const many = Array.from({ length: 20_005 }, () => one);
  test.strictSame(readTrace(JSON.stringify(many), "f").leftOut, 5);
  test.end();
});

t.test("what is no trace is refused in a sentence", (test) => {
  for (const [text, message] of [
    ["{", 'cannot use "f": it is not JSON'],
    ["{}", 'cannot use "f": it is not a trace of events'],
    ['{"traceEvents": 5}', 'cannot use "f": it is not a trace of events'],
    ["null", 'cannot use "f": it is not a trace of events'],
    ["[]", 'cannot use "f": it has no event with a duration'],
  ] as const) {
    test.throws(() => readTrace(text, "f"), { code: "E_CONFIG", message });
  }
  test.end();
});
