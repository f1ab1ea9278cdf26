// The environment of a container's process: duplicates and HOME.

import t from "tap";
import { planEnvironment, variable, withHome } from "../../../src/process/environment.ts";

t.test("of two entries with one name the last one stays, in its own place", async (t) => {
  const { entries } = planEnvironment(["A=1", "B=2", "A=3", "HOME=/h", "B="]);
  t.strictSame(entries, ["A=3", "HOME=/h", "B="]);
});

t.test("no environment stays none", async (t) => {
  t.strictSame(withHome(planEnvironment(undefined), "/root"), []);
});

t.test("names are compared whole", async (t) => {
  t.strictSame(planEnvironment(["A=1", "AB=2", "a=3"]).entries, ["A=1", "AB=2", "a=3"]);
});

t.test("HOME is filled in when it is missing or empty, at the end", async (t) => {
  t.strictSame(withHome(planEnvironment(["A=1"]), "/root"), ["A=1", "HOME=/root"]);
  t.strictSame(withHome(planEnvironment(["HOME=", "A=1"]), "/root"), ["A=1", "HOME=/root"]);
  t.strictSame(withHome(planEnvironment([]), "/"), ["HOME=/"]);
});

t.test("a HOME that is set stays, and /etc/passwd is not needed", async (t) => {
  const environment = planEnvironment(["HOME=/mine"]);
  t.equal(environment.needsHome, false);
  t.strictSame(withHome(environment, "/root"), ["HOME=/mine"]);
});

t.test("an empty HOME after a set one counts as empty", async (t) => {
  t.equal(planEnvironment(["HOME=/mine", "HOME="]).needsHome, true);
});

t.test("variable reads a value with an equals sign, and tells empty from missing", async (t) => {
  t.equal(variable(["A=b=c", "PATH="], "A"), "b=c");
  t.equal(variable(["A=b=c", "PATH="], "PATH"), "");
  t.equal(variable(["A=b=c"], "PATH"), undefined);
});
