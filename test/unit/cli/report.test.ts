// How a failure is reported, and where.

import t from "tap";
import { told } from "../../../src/cause/cause.ts";
import { describeFailure, formatFailure, type ReportOptions } from "../../../src/cli/report.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { TsrunError } from "../../../src/errors.ts";

const time = new Date("2026-01-02T03:04:05Z");
const tell = (error: unknown, options: Partial<ReportOptions> = {}) =>
  formatFailure(describeFailure(error), { format: "text", time, toFile: false, terminal: false, ...options });

const missing = new TsrunError("E_NOT_FOUND", "container does not exist", { hint: "see list" });

t.test("without a log file stderr gets the log's line, and nothing else", async (t) => {
  t.same(tell(missing), {
    file: undefined,
    stderr:
      'time="2026-01-02T03:04:05Z" level=error msg="container does not exist" ' +
      'code=E_NOT_FOUND hint="see list"\n',
  });
  t.match(JSON.parse(tell(missing, { format: "json" }).stderr), { level: "error", hint: "see list" });
});

t.test("with a log file the line goes there, and stderr gets the bare words", async (t) => {
  const { file = "", stderr } = tell(missing, { toFile: true, format: "json" });
  t.match(JSON.parse(file), { level: "error", msg: "container does not exist", code: "E_NOT_FOUND" });
  t.equal(stderr, "container does not exist\n");
});

t.test("the bare words are one line whatever is in them", async (t) => {
  t.equal(tell(new TsrunError("E_CONFIG", "a\nb\n"), { toFile: true }).stderr, "a\\nb\n");
});

t.test("a message that others made longer than a line is told with its beginning and its end", async (t) => {
  const long = new TsrunError("E_NOT_FOUND", `cannot open "${"x".repeat(200_000)}": ENOENT`, {
    hint: "y".repeat(200_000),
  });
  for (const options of [{}, { toFile: true }, { terminal: true }, { format: "json" as const }]) {
    const { stderr, file = "" } = tell(long, options);
    t.ok(stderr.length < 25_000 && file.length < 25_000, `${stderr.length} characters`);
    t.match(stderr, /cannot open .*ENOENT/);
  }
});

t.test("a person at a terminal gets a list as a list, and the hint below", async (t) => {
  const faults = new TsrunError("E_CONFIG", "bad config:\n/a\n/b", { hint: "mend it" });
  t.equal(tell(faults, { terminal: true }).stderr, "tsrun: bad config:\n  /a\n  /b\n  mend it\n");
  const odd = new TsrunError("E_BAD_ID", "bad id \u001b[2J", { hint: "\u001b]0;x\u0007" });
  t.equal(tell(odd, { terminal: true }).stderr, "tsrun: bad id \\u001b[2J\n  \\u001b]0;x\\u0007\n");
  t.match(JSON.parse(tell(faults, { terminal: true, format: "json" }).stderr), { level: "error" });
});

t.test("a program that cannot be executed is told in plain words, as its first process would", async (t) => {
  const failed = new TsrunError("E_EXEC", "exec /run.sh: no such file or directory", {
    hint: "interpreter?",
  });
  t.equal(tell(failed).stderr, "exec /run.sh: no such file or directory\n");
  const explained = told(failed, { words: "its interpreter is missing", next: "add it" });
  t.equal(tell(explained).stderr, "exec /run.sh: no such file or directory\n", "nor with its cause");
  t.match(tell(explained, { toFile: true }).stderr, /directory: its interpreter is missing; add it\n$/);
});

t.test("callers that show the message alone get the next step in it", async (t) => {
  const failed = new TsrunError("E_SYSCALL", "cannot mount", { hint: "load the module" });
  const { file = "", stderr } = tell(failed, { toFile: true, format: "json" });
  t.match(JSON.parse(file), { msg: "cannot mount; load the module", hint: "load the module" });
  t.equal(stderr, "cannot mount; load the module\n");
  t.match(tell(failed).stderr, /msg="cannot mount" .*hint="load the module"/);
});

t.test("a hint never brings in words that callers match", async (t) => {
  const failed = new TsrunError("E_SYSCALL", "cannot mount", { hint: "the container does not exist" });
  t.equal(tell(failed, { toFile: true }).stderr, "cannot mount\n");
  const same = new TsrunError("E_SYSCALL", "cannot mount: operation not permitted", {
    hint: "runc says: Operation not permitted",
  });
  t.match(tell(same, { toFile: true }).stderr, /; runc says/, "what is in the message already may be said");
});

t.test("failures exit with 1, unless a usage error says otherwise", async (t) => {
  t.equal(describeFailure(missing).exitStatus, 1);
  t.equal(describeFailure(new UsageError("No help topic for 'x'", { exitStatus: 3 })).exitStatus, 3);
});

t.test("what the engine has no memory for is no mistake", async (t) => {
  const error = Object.assign(new Error("out of memory"), { name: "InternalError" });
  t.match(describeFailure(error), { message: "cannot go on: out of memory", code: "E_NOMEM", exitStatus: 1 });
  const deep = Object.assign(new Error("stack overflow"), { name: "InternalError" });
  t.match(describeFailure(deep), { message: "cannot go on: the stack is too small", code: "E_NOMEM" });
});

t.test("a mistake of ours says that it is one", async (t) => {
  t.match(describeFailure(new TypeError("x is not a function")), {
    message: "internal error: TypeError: x is not a function",
    code: "E_INTERNAL",
    exitStatus: 1,
  });
});
