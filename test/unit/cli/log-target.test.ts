// What --log names, and lines as log daemons take them.

import t from "tap";
import { formatEntry } from "../../../src/cli/log.ts";
import { parseLogTarget } from "../../../src/cli/log-target.ts";

t.test("a target is a file, or an identifier of the journal or the syslog", async (t) => {
  const parse = (given: string) => parseLogTarget(given, "tsrun");
  t.same(parse("/var/log/x"), { kind: "file", path: "/var/log/x" });
  t.same(parse("/with:colon"), { kind: "file", path: "/with:colon" });
  t.same(parse("other:x"), { kind: "file", path: "other:x" });
  t.same(parse("file:/x:y"), { kind: "file", path: "/x:y" });
  t.same(parse("journald:web"), { kind: "journald", identifier: "web" });
  t.same(parse("syslog:a:b"), { kind: "syslog", identifier: "a:b" });
  t.same(parse("syslog:"), { kind: "syslog", identifier: "tsrun" });
});

const entry = {
  level: "error" as const,
  message: 'cannot read "a\nb"',
  time: new Date("2026-01-02T03:04:05.678Z"),
  code: "E_X",
  hint: "two\nlines",
};

t.test("the journal gets fields, of which none can be two", async (t) => {
  const daemon = { kind: "journald", identifier: "we\nb" } as const;
  const lines = formatEntry({ daemon, format: "text" }, entry).split("\n");
  t.same(lines, [
    "PRIORITY=3",
    "SYSLOG_IDENTIFIER=we\\nb",
    'MESSAGE=cannot read "a\\nb"',
    "TSRUN_CODE=E_X",
    "TSRUN_HINT=two\\nlines",
    "",
  ]);
  const warning = formatEntry({ daemon, format: "text" }, { ...entry, level: "warning", code: undefined });
  t.match(warning, /^PRIORITY=4\n/);
  t.notMatch(warning, "TSRUN_CODE");
});

t.test("the syslog gets one line with its priority", async (t) => {
  const daemon = { kind: "syslog", identifier: "web" } as const;
  t.equal(formatEntry({ daemon, format: "text" }, entry), '<11>web: cannot read "a\\nb"');
  t.match(formatEntry({ daemon, format: "text" }, { ...entry, level: "debug" }), /^<15>/);
});

t.test("with JSON, the object is the message", async (t) => {
  const daemon = { kind: "syslog", identifier: "web" } as const;
  const line = formatEntry({ daemon, format: "json" }, entry);
  t.match(JSON.parse(line.slice("<11>web: ".length)), { msg: entry.message, code: "E_X" });
});

t.test("what is long is shortened, so that it fits a datagram", async (t) => {
  for (const kind of ["journald", "syslog"] as const) {
    const daemon = { kind, identifier: "web" };
    const line = formatEntry({ daemon, format: "text" }, { ...entry, message: "x".repeat(3 << 20) });
    t.ok(line.length < 8_000, `${line.length}`);
  }
});
