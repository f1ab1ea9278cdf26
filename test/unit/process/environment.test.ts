// The environment of a container's process: duplicates, HOME, and what an image's /etc/passwd may hold.

import t from "tap";
import { passwdHome, planEnvironment, variable, withHome } from "../../../src/process/environment.ts";

t.test("of two entries with one name the last one stays, in its own place", async (t) => {
  const { entries } = planEnvironment(["A=1", "B=2", "A=3", "HOME=/h", "B="]);
  t.strictSame(entries, ["A=3", "HOME=/h", "B="]);
});

t.test("no environment stays none", async (t) => {
  t.strictSame(withHome(planEnvironment(undefined), "root:x:0:0::/root:/bin/sh", 0), []);
});

t.test("names are compared whole", async (t) => {
  t.strictSame(planEnvironment(["A=1", "AB=2", "a=3"]).entries, ["A=1", "AB=2", "a=3"]);
});

t.test("HOME is filled in when it is missing or empty, at the end", async (t) => {
  const passwd = "root:x:0:0:root:/root:/bin/sh\n";
  t.strictSame(withHome(planEnvironment(["A=1"]), passwd, 0), ["A=1", "HOME=/root"]);
  t.strictSame(withHome(planEnvironment(["HOME=", "A=1"]), passwd, 0), ["A=1", "HOME=/root"]);
  t.strictSame(withHome(planEnvironment([]), "", 0), ["HOME=/"]);
});

t.test("a HOME that is set stays, and /etc/passwd is not needed", async (t) => {
  const environment = planEnvironment(["HOME=/mine"]);
  t.equal(environment.needsHome, false);
  t.strictSame(withHome(environment, "root:x:0:0:root:/root:/bin/sh\n", 0), ["HOME=/mine"]);
});

t.test("an empty HOME after a set one counts as empty", async (t) => {
  t.equal(planEnvironment(["HOME=/mine", "HOME="]).needsHome, true);
});

t.test("passwdHome finds the first entry of a user id, and else the root directory", async (t) => {
  const passwd = "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:\nbob2:x:1000:1::/two:\n";
  t.equal(passwdHome(passwd, 0), "/root");
  t.equal(passwdHome(passwd, 1000), "/home/bob");
  t.equal(passwdHome(passwd, 4242), "/");
});

t.test("passwdHome takes what an image brings", async (t) => {
  const cases: [string, string][] = [
    ["", "/"],
    ["garbage\n\n:::\n", "/"],
    ["x:x:7:7::\n", "/"],
    ["x:x:7:7:::\n", "/"],
    ["x:x:7\n", "/"],
    ["x:x:07:7::/seven:/bin/sh", "/seven"],
    ["x:x:7:7::/crlf:/bin/sh\r\n", "/crlf"],
    ["x:x:0x7:7::/hex:\nx:x:7:7::/dec:\n", "/dec"],
    ["x:x: 7:7::/blank:\n", "/"],
    ["x:x:7:7::/a\0b:\n", "/"],
    ["+::::::\n# comment\n  x:x:7:7::/indented:/bin/sh  \n", "/indented"],
  ];
  for (const [text, home] of cases) t.equal(passwdHome(text, 7), home, JSON.stringify(text));
});

t.test("variable reads a value with an equals sign, and tells empty from missing", async (t) => {
  t.equal(variable(["A=b=c", "PATH="], "A"), "b=c");
  t.equal(variable(["A=b=c", "PATH="], "PATH"), "");
  t.equal(variable(["A=b=c"], "PATH"), undefined);
});
