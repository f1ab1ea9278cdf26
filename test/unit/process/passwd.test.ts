// A user's home directory, from an image's /etc/passwd.

import t from "tap";
import { utf8 } from "../../../src/linux/call/words.ts";
import { HomeSearch } from "../../../src/process/passwd.ts";

/** What is found in chunks of some size. */
function search(passwd: string, uid: number, chunk: number): string {
  const bytes = utf8(passwd);
  const home = new HomeSearch(uid);
  for (let at = 0; at < bytes.length && !home.add(bytes.subarray(at, at + chunk)); at += chunk);
  return home.home;
}

/** The same in chunks of every size. */
function homeOf(passwd: string, uid: number): string {
  const whole = search(passwd, uid, Number.MAX_SAFE_INTEGER);
  for (const chunk of [1, 2, 3, 7, 4096]) {
    if (passwd.length / chunk > 20_000) continue;
    const found = search(passwd, uid, chunk);
    if (found !== whole) return `"${found}" in chunks of ${chunk}, "${whole}" at once`;
  }
  return whole;
}

t.test("a user is at home where the first entry says, and else in the root directory", async (t) => {
  const passwd = "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:\nbob2:x:1000:1::/two:\n";
  t.equal(homeOf(passwd, 0), "/root");
  t.equal(homeOf(passwd, 1000), "/home/bob");
  t.equal(homeOf(passwd, 4242), "/");
});

t.test("an image may bring anything", async (t) => {
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
    ["x:x:7 :7::/blank:\n", "/"],
    ["x:x::7::/none:\n", "/"],
    ["x:x:7 \r\nx:x:7:7::/second:\n", "/"],
    ["x:x:7x:7::/x:\nx:x:4294967303:7::/large:\nx:x:77:7::/other:\nx:7:8:7::/password:\n", "/"],
    [`x:x:${"0".repeat(5000)}7:7:${"comment".repeat(1000)}:/zeros:`, "/zeros"],
    [`${"n".repeat(50_000)}:x:7:7::/long:`, "/long"],
    [":".repeat(50_000), "/"],
    ["+::::::\n# comment\n  x:x:7:7::/indented:/bin/sh  \n", "/indented"],
  ];
  for (const [text, home] of cases) t.equal(homeOf(text, 7), home, JSON.stringify(text));
});

t.test("nothing is looked at behind the first entry", async (t) => {
  const home = new HomeSearch(7);
  t.notOk(home.add(utf8("x:x:6:6::/six:\nx:x:7:7::/sev")));
  t.ok(home.add(utf8("en:/bin/sh\nx:x:7:7::/two:\n")));
  t.equal(home.home, "/seven");
});
