// What `make conformance` keeps of a run, and the page it writes of it.

import t from "tap";
import {
  count,
  joinCases,
  merge,
  type Outcome,
  readRun,
  splitCases,
  writeRun,
} from "../../../scripts/conformance/outcomes.ts";
import { chooseParts, PARTS } from "../../../scripts/conformance/parts.ts";
import { type Comparison, failures, page, totals } from "../../../scripts/conformance/report.ts";

function run(version: string, outcomes: Readonly<Record<string, Outcome>>) {
  return { version, machine: "Linux 6.18 x86_64", outcomes: new Map(Object.entries(outcomes)) };
}

const TSRUN = run("tsrun version 0.1.0", {
  "exec 1": "pass",
  "exec 2": "fail",
  "exec 10": "skip",
  "exec 9": "fail",
  "exec 3": "pass",
});
const RUNC = run("runc version 1.3.6", { "exec 1": "pass", "exec 2": "pass", "exec 3": "other" });

function compare(reasons: Comparison["reasons"]): Comparison {
  return {
    subject: new Map([["runc-bats", TSRUN]]),
    peers: new Map([["runc", new Map([["runc-bats", RUNC]])]]),
    reasons,
  };
}

t.test("a run is written by file and outcome, its numbers drawn together, and read back", async (t) => {
  const text = writeRun(TSRUN);
  t.equal(
    text,
    "#\ttsrun version 0.1.0\tLinux 6.18 x86_64\nexec\tpass\t1 3\nexec\tfail\t2 9\nexec\tskip\t10\n",
  );
  t.strictSame(new Map([...readRun(text).outcomes].sort()), new Map([...TSRUN.outcomes].sort()));
  const numbers = Object.fromEntries([1, 2, 3, 5, 6, 11].map((each) => [`a ${each}`, "pass"] as const));
  t.match(writeRun(run("x", numbers)), "a\tpass\t1-3 5-6 11\n");
});

t.test("names without a file are kept as they are", async (t) => {
  const text = writeRun(run("x", { hello: "pass", "2fast": "pass" }));
  t.match(text, "\n\tpass\t2fast hello\n");
  t.equal(readRun(text).outcomes.get("hello"), "pass");
});

t.test("cases are said by file, their numbers drawn together, and read back", async (t) => {
  const ids = ["exec 10", "exec 2", "exec 1", "exec 3", "state", "tty 4"];
  t.equal(joinCases(ids), "state, exec 1-3 10, tty 4");
  t.strictSame(splitCases("state, exec 1-3 10, tty 4").sort(), [...ids].sort());
});

t.test("a run of a part replaces what it ran, and keeps the rest", async (t) => {
  const { version, outcomes } = merge(TSRUN, run("tsrun version 0.2.0", { "exec 2": "pass" }));
  t.equal(version, "tsrun version 0.2.0");
  t.equal(count(outcomes, "pass"), 3);
  t.equal(outcomes.get("exec 9"), "fail");
});

t.test("results of the suites are read, in their own words", async (t) => {
  const read = (name: string, text: string) =>
    Object.fromEntries(PARTS.find((part) => part.name === name)?.read(text) ?? []);
  t.strictSame(read("runtime-tools", "state\tpass\t12\t\nkill\tfail\t3\twhy\n"), {
    state: "pass",
    kill: "fail",
  });
  t.strictSame(read("runc-bats", "exec\t1\tpass\t5\ttitle\t\nexec\t2\tlost\t\t\t\n"), {
    "exec 1": "pass",
    "exec 2": "fail",
  });
  t.strictSame(read("docker-e2e", "hello\tok\t5\t\nups\tnot ok\t5\twhy\nno\tskip\t1\twhy\n"), {
    hello: "pass",
    ups: "fail",
    no: "skip",
  });
  const scenarios = [
    "io.containerd.grpc.v1  cri  -  ok",
    "exec_100                         tsrun   6507ms ok (median 48.2 p90 94.4 ms)",
    "a_name_that_takes_more_room_than_there_is runc 1ms FAIL ok was not said",
    "limits_of_the_pod                crun     12ms skip this containerd does not do it",
    "left: shims 0 netns 0 cgroups 58 state 1",
  ];
  t.strictSame(read("cri-0711", scenarios.join("\n")), {
    exec_100: "pass",
    a_name_that_takes_more_room_than_there_is: "fail",
    limits_of_the_pod: "skip",
  });
});

t.test("failures know who passes them, and why they fail", async (t) => {
  const found = failures(compare({ "runc-bats": { "exec 8-9, exec 11": "no such knob" } }));
  t.strictSame(found, [
    { part: "runc-bats", id: "exec 2", passedBy: ["runc"], reason: undefined },
    { part: "runc-bats", id: "exec 9", passedBy: [], reason: "no such knob" },
  ]);
});

t.test("a mode of a suite has the suite's reasons, and its own before them", async (t) => {
  const mode = {
    subject: new Map([["runc-bats-rootless", TSRUN]]),
    peers: new Map(),
    reasons: {
      "runc-bats": { "exec 2 9": "for root" },
      "runc-bats-rootless": { "exec 9": "without root" },
    },
  };
  t.strictSame(
    failures(mode).map(({ reason }) => reason),
    ["for root", "without root"],
  );
});

t.test("the totals stand beside what runc passes", async (t) => {
  t.strictSame(totals(compare({}), ["runc-bats", "docker-e2e"]), [
    "runc-bats: 2 passed, 2 failed, 1 skipped; 1 of the 2 that runc passes",
  ]);
});

t.test("the page has a row per suite and one per reason, and is the same every time", async (t) => {
  const text = page(compare({ "runc-bats": { "exec 2": "because" } }));
  t.match(text, /\| runc's suite: root \| 5 {5}\| 2 {6}\| 2 {6}\| 1 {7}\| 2 {11}\| 1 {21}\|/);
  t.match(text, /\| runc's suite: root \| exec 2 \| runc {6}\| because \|/);
  t.equal(page(compare({ "runc-bats": { "exec 2": "because" } })), text);
  const alike = page({ ...compare({ "runc-bats": { "exec 2 9": "because" } }), peers: new Map() });
  t.match(alike, /\| runc's suite: root \| exec 2 9 \| {11}\| because \|/);
});

t.test("the standard suites run unless others are named, and an unknown one is refused", async (t) => {
  const names = (words: readonly string[]) => chooseParts(words).map(({ name }) => name);
  t.strictSame(names([]), ["runtime-tools", "runc-bats", "docker-e2e", "cri"]);
  t.strictSame(names(["runc-bats-rootless"]), ["runc-bats-rootless"]);
  t.equal(names(["all"]).length, PARTS.length);
  t.throws(() => names(["bats"]), /no part is called "bats"; there are: all runtime-tools/);
});
