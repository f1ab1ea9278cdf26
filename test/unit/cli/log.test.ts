// Log lines as containerd and podman read them.

import t from "tap";
import { formatEntry, Log, oneLine } from "../../../src/cli/log.ts";
import type { LogFormat } from "../../../src/cli/log-entry.ts";

const time = new Date("2026-01-02T03:04:05.678Z");
const error = (message: string) => ({ level: "error" as const, message, time });

t.test("a text line is logrus'", async (t) => {
  t.equal(
    formatEntry("text", error("container does not exist")),
    'time="2026-01-02T03:04:05Z" level=error msg="container does not exist"\n',
  );
  t.equal(formatEntry("text", error("broken")), 'time="2026-01-02T03:04:05Z" level=error msg=broken\n');
});

t.test("a json line has level, msg and time first", async (t) => {
  t.equal(formatEntry("json", error("x")), '{"level":"error","msg":"x","time":"2026-01-02T03:04:05Z"}\n');
});

t.test("code and hint follow", async (t) => {
  const entry = { ...error("x"), code: "E_USAGE", hint: "do y" };
  t.equal(
    formatEntry("text", entry),
    'time="2026-01-02T03:04:05Z" level=error msg=x code=E_USAGE hint="do y"\n',
  );
  t.match(JSON.parse(formatEntry("json", entry)), { code: "E_USAGE", hint: "do y" });
});

t.test("a message with quotes and newlines stays one line, and nothing of it is lost", async (t) => {
  const message = 'exec: "x":\n\tnot found\r\0';
  const text = formatEntry("text", error(message));
  t.equal(text.indexOf("\n"), text.length - 1);
  t.equal(JSON.parse(text.slice(text.indexOf("msg=") + 4)), message);
  t.equal(JSON.parse(formatEntry("json", error(message))).msg, message);
  t.equal(oneLine("a\nb\r\n"), "a\\nb");
});

t.test("what would give orders to a terminal, or end a line for some reader, is escaped", async (t) => {
  const message = "a\u001b[2J\u007f\u009b\u2028\u2029é";
  const safe = "a\\u001b[2J\\u007f\\u009b\\u2028\\u2029é";
  t.equal(oneLine(message), safe);
  for (const format of ["text", "json"] as const) {
    t.match(formatEntry(format, error(message)), safe);
    t.notMatch(formatEntry(format, { ...error("x"), hint: message }), "\u009b");
  }
  t.equal(JSON.parse(formatEntry("json", error(message))).msg, message);
});

function logInto(
  lines: string[],
  { debug = false, format = "json" as LogFormat, isStream = false } = {},
): Log {
  return new Log({
    level: debug ? "debug" : "warning",
    format,
    isStream,
    write: (line) => lines.push(JSON.parse(line).msg),
  });
}

t.test("a stream gets no system calls, and so many debug lines that a pipe holds them", async (t) => {
  const lines: string[] = [];
  const log = logInto(lines, { debug: true, isStream: true });
  log.call(() => "openat()");
  for (let count = 0; count < 1000; count += 1) log.debug("x".repeat(100));
  const bytes = lines.reduce((sum, line) => sum + line.length + 60, 0);
  t.ok(bytes < 16 << 10, `${bytes} bytes`);
  t.notOk(lines.includes("openat()"));
  t.equal(lines.at(-1), "further debug lines are left out: --log FILE takes them all");
  t.equal(lines.filter((line) => line.startsWith("further")).length, 1);
});

t.test("a file gets everything", async (t) => {
  const lines: string[] = [];
  const log = logInto(lines, { debug: true });
  log.call(() => "openat()");
  for (let count = 0; count < 1000; count += 1) log.debug("x".repeat(100));
  t.equal(lines.length, 1001);
});

t.test("debug lines appear only under debug", async (t) => {
  const lines: string[] = [];
  logInto(lines).debug("a");
  t.same(lines, []);
  logInto(lines, { debug: true }).debug("b");
  t.same(lines, ["b"]);
});

t.test("warnings wait for the command's success, so that they never stand beside an error", async (t) => {
  const lines: string[] = [];
  const log = logInto(lines);
  log.warning("a");
  log.warning("b");
  t.same(lines, []);
  log.writeWarnings();
  log.writeWarnings();
  t.same(lines, ["a", "b"]);
});

t.test("a person at a terminal gets warnings as sentences", async (t) => {
  const lines: string[] = [];
  const write = (line: string): void => {
    lines.push(line);
  };
  for (const format of ["text", "json"] as const) {
    const log = new Log({ format, level: "warning", isStream: false, forPeople: () => true, write });
    log.warning("a\u001b[2J");
    log.writeWarnings();
  }
  t.equal(lines[0], "tsrun: warning: a\\u001b[2J\n");
  t.match(JSON.parse(lines[1] ?? ""), { level: "warning" }, "who asks for JSON gets it");
});

t.test("under debug a warning appears in its place", async (t) => {
  const lines: string[] = [];
  const log = logInto(lines, { debug: true });
  log.warning("a");
  log.debug("b");
  log.writeWarnings();
  t.same(lines, ["a", "b"]);
});
