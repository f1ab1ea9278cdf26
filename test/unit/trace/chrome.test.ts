// What stands around the events of a trace in Chrome's format. The events themselves are made by the engine:
// test/e2e/trace.test.ts.

import t from "tap";
import { chromeFormat } from "../../../src/trace/chrome.ts";
import {
  DATE,
  DROPPED,
  DURATION,
  NAME,
  PROCESS,
  PROCESSES,
  PROGRAM,
  RESULT,
  START,
} from "../../../src/trace/template.ts";
import { filledIn } from "./filled-in.ts";

t.test("a trace names its processes, and begins with the whole command", async (t) => {
  const { frame, process } = chromeFormat;
  const { before, after } = frame({ program: "tsrun 9.8.7", name: "create", status: 1 });
  const text = filledIn(before + after, {
    [PROCESSES]: filledIn(process, { [PROCESS]: "78", [NAME]: "first process" }),
    ...{ [NAME]: "create", [START]: "2000.500", [DURATION]: "2999.500", [PROCESS]: "77", [RESULT]: "1" },
    ...{ [PROGRAM]: "tsrun 9.8.7", [DATE]: "2026-11-29T00:35:15.431Z", [DROPPED]: "2" },
  });
  t.strictSame(JSON.parse(text), {
    traceEvents: [
      { ph: "M", name: "process_name", pid: 77, tid: 77, args: { name: "tsrun 9.8.7 create" } },
      { ph: "M", name: "process_name", pid: 78, tid: 78, args: { name: "first process" } },
      {
        ...{ ph: "X", name: "create", cat: "command", ts: 2000.5, dur: 2999.5, pid: 77, tid: 77 },
        args: { result: 1 },
      },
    ],
    displayTimeUnit: "ms",
    otherData: {
      program: "tsrun 9.8.7",
      command: "create",
      time: "2026-11-29T00:35:15.431Z",
      status: 1,
      dropped: 2,
    },
  });
});
