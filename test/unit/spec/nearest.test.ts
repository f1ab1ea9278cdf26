// Which valid word a misspelt one is taken for.

import t from "tap";
import { nearestWord } from "../../../src/spec/nearest.ts";

const KINDS = ["mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time"];
const ACTIONS = ["SCMP_ACT_KILL", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG"];

t.test("nearestWord finds the word behind a slip of the keyboard", async (t) => {
  t.equal(nearestWord("netwrok", KINDS), "network", "two letters swapped");
  t.equal(nearestWord("usr", KINDS), "user", "one left out");
  t.equal(nearestWord("mounts", KINDS), "mount", "one too many");
  t.equal(nearestWord("cgraup", KINDS), "cgroup", "another one");
  t.equal(nearestWord("Network", KINDS), "network", "another case");
});

t.test("nearestWord suggests nothing where nothing is near", async (t) => {
  t.equal(nearestWord("filesystem", KINDS), undefined);
  t.equal(nearestWord("", KINDS), undefined);
  t.equal(nearestWord("x", KINDS), undefined);
  t.equal(nearestWord("x", []), undefined);
});

t.test("nearestWord looks at what tells the words apart, not at what all begin with", async (t) => {
  t.equal(nearestWord("SCMP_ACT_ALOW", ACTIONS), "SCMP_ACT_ALLOW");
  t.equal(nearestWord("ALLOW", ACTIONS), "SCMP_ACT_ALLOW");
  t.equal(nearestWord("SCMP_ACT_XXXX", ACTIONS), undefined);
});

t.test("nearestWord can be asked about a single word", async (t) => {
  t.equal(nearestWord("cwd", ["cdw"]), "cdw");
  t.equal(nearestWord("cwd", ["terminal"]), undefined);
});
