// The group of a container, and what is written to it.

import t from "tap";
import { differingLine, linesBefore, planRdt, schemataLines } from "../../../src/rdt/plan.ts";

t.test("without closID the group is the container's own, by its id", async (t) => {
  t.match(planRdt({}, "box"), { group: "box", own: true, mustExist: false, lines: [], monitor: undefined });
});

t.test("closID names a group of others, which must be there unless it is said what is in it", async (t) => {
  t.match(planRdt({ closID: "gold" }, "box"), { group: "gold", own: false, mustExist: true });
  t.match(planRdt({ closID: "gold", memBwSchema: "MB:0=10" }, "box"), { own: false, mustExist: false });
  t.match(planRdt({ closID: "gold", schemata: ["L2:0=f"] }, "box"), { mustExist: false, lines: ["L2:0=f"] });
});

t.test("the group of everybody is named by a slash", async (t) => {
  t.match(planRdt({ closID: "/", enableMonitoring: true }, "box"), { group: "", own: false, monitor: "box" });
});

t.test("each way to ask for monitoring is one", async (t) => {
  for (const member of ["enableMonitoring", "enableCMT", "enableMBM"]) {
    t.equal(planRdt({ [member]: true }, "box").monitor, "box", member);
    t.equal(planRdt({ [member]: false }, "box").monitor, undefined, member);
  }
});

t.test("schemata are one line each, and memBwSchema has the word on memory bandwidth", async (t) => {
  const l3CacheSchema = "L3:0=f;1=f\nMB:0=20\n";
  t.strictSame(schemataLines({ l3CacheSchema }), ["L3:0=f;1=f", "MB:0=20"]);
  t.strictSame(schemataLines({ l3CacheSchema, memBwSchema: "MB:0=70" }), ["L3:0=f;1=f", "MB:0=70"]);
  t.strictSame(schemataLines({ schemata: ["L2:0=3", "L3:0=1"] }), ["L2:0=3", "L3:0=1"]);
});

t.test("numbers are compared, not their spelling, and only what is asked for", async (t) => {
  const there = "    MB:0= 20;1=100\n    L3:0=00f;1=fff\n";
  t.equal(differingLine(["L3:0=f", "MB:1=100;0=20"], there), undefined);
  t.equal(differingLine(["L3:1=0xFFF"], there), undefined);
  t.equal(differingLine(["L3:0=f", "MB:0=2"], there), "MB:0=2");
  t.equal(differingLine(["L3:2=f"], there), "L3:2=f", "a cache that is not there");
  t.equal(differingLine(["L2:0=f"], there), "L2:0=f");
  t.equal(differingLine(["L3:0=0"], "L3:0=0000"), undefined);
});

t.test("what held before is the lines of the same resources", async (t) => {
  t.strictSame(linesBefore(["L3:0=1"], "    MB:0=100\n    L3:0=fff;1=fff\n"), ["L3:0=fff;1=fff"]);
});
