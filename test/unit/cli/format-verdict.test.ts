// How the result of `validate` reads.

import t from "tap";
import { formatVerdict } from "../../../src/cli/format-verdict.ts";

const FAULT = { pointer: "/root/path", line: 3, column: 5, reason: "missing, and required" };
const NONE = { faults: 0, warnings: 0 };
const WARNING = { pointer: "/x", line: 1, column: 2, reason: 'unknown key "x", ignoring' };

t.test("without faults there is one line", async (t) => {
  const verdict = { file: "/b/config.json", faults: [], warnings: [], untold: NONE };
  t.equal(formatVerdict(verdict, "text"), "/b/config.json: no faults\n");
  t.equal(
    formatVerdict({ ...verdict, warnings: [WARNING] }, "text"),
    '/b/config.json:1:2: warning: /x: unknown key "x", ignoring\n/b/config.json: no faults, 1 warning\n',
  );
});

t.test("a fault is one line that editors can jump to, its hint another", async (t) => {
  const faults = [FAULT, { pointer: "", reason: "must be an object", hint: "it is a list" }];
  t.equal(
    formatVerdict({ file: "f", faults, warnings: [], untold: NONE }, "text"),
    "f:3:5: fault: /root/path: missing, and required\n" +
      "f: fault: must be an object\n    it is a list\nf: 2 faults\n",
  );
});

t.test("as JSON it holds the same", async (t) => {
  const text = formatVerdict(
    { file: "f", faults: [FAULT], warnings: [], untold: { faults: 3, warnings: 0 } },
    "json",
  );
  const counts = { moreFaults: 3, moreWarnings: 0 };
  t.strictSame(JSON.parse(text), { file: "f", valid: false, faults: [FAULT], warnings: [], ...counts });
});

t.test("what is not told is counted", async (t) => {
  const verdict = { file: "f", faults: [FAULT], warnings: [WARNING], untold: { faults: 3_999, warnings: 5 } };
  const [last] = formatVerdict(verdict, "text").trimEnd().split("\n").slice(-1);
  t.equal(last, "f: 4000 faults, of which 1 are shown, 6 warnings, of which 1 are shown");
});
