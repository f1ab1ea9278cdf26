// What `explain --times` says of a trace.

import t from "tap";
import { formatTimes } from "../../../src/cli/format-times.ts";
import type { ChromeTrace, CompleteEvent } from "../../../src/trace/chrome.ts";
import { timesOf } from "../../../src/trace/times.ts";

/** An event of process 7, in milliseconds after the command's beginning at 1000. */
function event(
  cat: CompleteEvent["cat"],
  name: string,
  [at, dur]: readonly [number, number],
  rest: Partial<CompleteEvent> = {},
): CompleteEvent {
  const ts = (1000 + at) * 1000;
  return { ph: "X", name, cat, ts, dur: dur * 1000, pid: 7, tid: 7, args: {}, ...rest };
}

const INSIDE = { pid: 8, tid: 8 };

const TRACE: ChromeTrace = {
  traceEvents: [
    { ph: "M", name: "process_name", pid: 7, tid: 7, args: { name: "tsrun 9.8.7 create" } },
    { ph: "M", name: "process_name", pid: 8, tid: 8, args: { name: "first process" } },
    event("command", "create", [0, 20], { args: { result: 3 } }),
    event("phase", "plan", [0, 5]),
    event("phase", "make the mounts", [5, 15]),
    event("call", "openat", [1, 0.5], { args: { what: "/a", result: 3 } }),
    event("call", "openat", [2, 1.5], { args: { what: "/b", result: 4 } }),
    event("wait", "wait for process 8", [6, 10]),
    event("call", "read", [6.1, 9.8], { args: { result: 80 } }),
    event("inside", "mount", [7, 8], { ...INSIDE, args: { what: "/dev/sda", result: 0 } }),
  ],
  displayTimeUnit: "ms",
  otherData: { program: "tsrun 9.8.7", command: "create", time: "", status: 3, dropped: 0 },
};

const text = JSON.stringify(TRACE);

t.test("a command computes, makes calls and waits", async (t) => {
  const times = timesOf(text, "file");
  t.match(times, {
    command: "create",
    program: "tsrun 9.8.7",
    status: 3,
    milliseconds: 20,
    events: 8,
    dropped: 0,
  });
  t.strictSame(times.own, [
    { name: "waiting for others", milliseconds: 10, share: 50 },
    { name: "computing", milliseconds: 8, share: 40 },
    { name: "system calls", milliseconds: 2, share: 10 },
  ]);
});

t.test("phases and calls come with their share, the largest first", async (t) => {
  const { phases, calls } = timesOf(text, "file");
  t.strictSame(phases, [
    { name: "make the mounts", milliseconds: 15, share: 75 },
    { name: "plan", milliseconds: 5, share: 25 },
  ]);
  t.strictSame(calls, [
    {
      ...{ name: "wait for first process", milliseconds: 10, share: 50, process: "tsrun", count: 1 },
      longest: { milliseconds: 10, what: "" },
    },
    {
      ...{ name: "mount", milliseconds: 8, share: 40, process: "first process", count: 1 },
      longest: { milliseconds: 8, what: "/dev/sda" },
    },
    {
      ...{ name: "openat", milliseconds: 2, share: 10, process: "tsrun", count: 2 },
      longest: { milliseconds: 1.5, what: "/b" },
    },
  ]);
});

t.test("the longest single events say when they began", async (t) => {
  const { longest } = timesOf(text, "file");
  t.strictSame(
    longest.map(({ name, process, at }) => `${at} ${process} ${name}`),
    ["6 tsrun wait for first process", "7 first process mount", "2 tsrun openat", "1 tsrun openat"],
  );
});

t.test("a person gets tables that fit the terminal", async (t) => {
  const times = timesOf(text, "file");
  const wide = formatTimes(times, { json: false, width: undefined });
  t.match(wide, /^create took 20.000 ms\ntsrun 9.8.7, exit status 3, 8 events\n\n/);
  t.match(
    wide,
    /\n {4}MS {5}% {2}TSRUN ITSELF\n10.000 {2}50.0 {2}waiting for others\n 8.000 {2}40.0 {2}computing\n/,
  );
  t.match(wide, /\n 2.000 {2}10.0 {6}2 {2}tsrun: openat, 1.500 \/b\n/);
  t.match(wide, /\n 8.000 {2}40.0 {2}7.000 {2}first process: mount \/dev\/sda\n/);
  const long = text.replace('"/b"', JSON.stringify(`/b/${"x".repeat(200)}\u001b[31m`));
  for (const width of [60, 80, 200]) {
    const lines = formatTimes(timesOf(long, "file"), { json: false, width }).split("\n");
    t.ok(
      lines.every((line) => line.length <= Math.min(width, 110)),
      `${width} columns`,
    );
  }
  t.notMatch(formatTimes(timesOf(long, "file"), { json: false, width: 110 }), "\u001b");
});

t.test("a program gets JSON", async (t) => {
  const times = timesOf(text, "file");
  t.strictSame(JSON.parse(formatTimes(times, { json: true, width: undefined })), times);
});

t.test("what was left out is told", async (t) => {
  const trace = { ...TRACE, otherData: { ...TRACE.otherData, dropped: 5 } };
  const words = formatTimes(timesOf(JSON.stringify(trace), "file"), { json: false, width: 80 });
  t.match(words, "8 events; 5 more were left out");
});

t.test("a trace for OpenTelemetry says the same", async (t) => {
  const attribute = (key: string, value: string | number) => ({
    key,
    value: typeof value === "string" ? { stringValue: value } : { intValue: `${value}` },
  });
  const spans = TRACE.traceEvents.flatMap((one) => {
    if (one.ph !== "X") return [];
    const { what, result } = one.args;
    const at = BigInt(one.ts) * 1000n;
    const more =
      one.cat === "command"
        ? [
            attribute("process.exit.code", 3),
            attribute("tsrun.dropped", 0),
            attribute("tsrun.process.8", "first process"),
          ]
        : [
            ...(what === undefined ? [] : [attribute("tsrun.what", what)]),
            ...(result === undefined ? [] : [attribute("tsrun.result", result)]),
          ];
    return [
      {
        name: one.cat === "command" ? `tsrun ${one.name}` : one.name,
        startTimeUnixNano: `${at}`,
        endTimeUnixNano: `${at + BigInt(one.dur) * 1000n}`,
        attributes: [attribute("tsrun.category", one.cat), attribute("process.pid", one.pid), ...more],
      },
    ];
  });
  const document = {
    resourceSpans: [{ scopeSpans: [{ scope: { name: "tsrun", version: "9.8.7" }, spans }] }],
  };
  t.strictSame(timesOf(JSON.stringify(document), "file"), timesOf(text, "file"));
});

t.test("anything else is refused", async (t) => {
  for (const other of [
    ...["", "no JSON", "null", "[]", "{}", '{"traceEvents":[]}', '{"resourceSpans":[]}'],
    JSON.stringify({ ...TRACE, traceEvents: TRACE.traceEvents.slice(3) }),
    JSON.stringify({ ...TRACE, traceEvents: [{ ph: "X", name: "other", cat: "command" }] }),
    JSON.stringify({ ...TRACE, traceEvents: [...TRACE.traceEvents, { ph: "X", name: "other", ts: "soon" }] }),
    JSON.stringify({ ...TRACE, traceEvents: [event("command", "create", [0, 0])] }),
  ]) {
    t.throws(() => timesOf(other, "file"), {
      code: "E_CONFIG",
      message: /^cannot use "file": it is no trace/,
    });
  }
});
