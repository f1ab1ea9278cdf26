// What stands around the events of a trace in Chrome's format. The events themselves are made by the engine:
// test/e2e/trace.test.ts.

import t from "tap";
import { chromeFormat } from "../../../src/trace/chrome.ts";

t.test("a trace names its processes, and begins with the whole command", async (t) => {
  const { before, after } = chromeFormat.frame({
    ...{ program: "tsrun 9.8.7", name: "create", pid: 77, status: 1, start: 2_000_500, end: 5_000_000 },
    ...{ epoch: 1_795_912_515_429_000_000n, dropped: 2, names: new Map([[78, "first process"]]) },
  });
  t.strictSame(JSON.parse(before + after), {
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
