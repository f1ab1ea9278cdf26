// The errors of failed hooks, and the meaning of a hook's fields.

import t from "tap";
import { argumentsOf, hookError, hookNotExecuted, hookTimeout, timeoutMs } from "../../../src/hooks/plan.ts";

const HOOK = { path: "/bin/hook", args: ["hook", "one two"] };

function said(word: number): string {
  return hookError("prestart", 2, HOOK, { word, ms: 1234, stdout: "out", stderr: "err" }).message;
}

t.test("the end of a hook is told in runc's words", async (t) => {
  t.equal(said(3 << 8), "error running prestart hook #2: exit status 3, stdout: out, stderr: err");
  t.match(said(15), ": signal: terminated, ");
  t.match(said(31 | 0x80), ": signal: bad system call (core dumped), ");
  t.match(said(40), ": signal: signal 40, ");
});

t.test("a hook is named by its path and its arguments", async (t) => {
  const { hint } = hookNotExecuted("poststop", 0, HOOK, "permission denied");
  t.equal(hint, 'the hook is "/bin/hook", called as ["hook", "one two"]');
});

t.test("one that ran is told how long", async (t) => {
  const { hint } = hookError("poststop", 0, HOOK, { word: 256, ms: 1234, stdout: "", stderr: "" });
  t.equal(hint, 'the hook is "/bin/hook", called as ["hook", "one two"], and ran for 1.23 s');
});

t.test("a time limit is told with what was printed by then", async (t) => {
  const silent = { word: 9, ms: 2001, stdout: "", stderr: "" };
  const limited = { ...HOOK, timeout: 2 };
  const words = "error running poststart hook #0: hook ran past specified timeout of 2.0s";
  t.equal(hookTimeout("poststart", 0, limited, silent).message, words);
  const { message } = hookTimeout("poststart", 0, limited, { ...silent, stdout: "half" });
  t.equal(message, `${words}, stdout: half, stderr: `);
});

t.test("no arguments are the path, no time limit is none", async (t) => {
  t.strictSame(argumentsOf({ path: "/bin/hook" }), ["/bin/hook"]);
  t.strictSame(argumentsOf({ path: "/bin/hook", args: [] }), ["/bin/hook"]);
  t.equal(timeoutMs({ path: "/bin/hook" }), undefined);
  t.equal(timeoutMs({ path: "/bin/hook", timeout: 2 }), 2000);
});
