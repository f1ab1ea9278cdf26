// C libraries in a separate process: calls, memory, and the ways in which it can fail.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import t from "tap";
import { BUN, bunArguments } from "../support/bun.ts";

interface Report {
  readonly calls: {
    readonly int: number;
    readonly long: number;
    readonly copied: string;
    readonly environment: string;
    readonly tooLong: string;
    readonly signal: number;
    readonly open: readonly number[];
  };
  readonly death: { readonly first: string; readonly then: string; readonly freed: number };
  readonly noLibrary: string;
  readonly noFunction: string;
  readonly left: boolean;
}

const PROGRAM = "dist/.engine/build/libraries";
const skip = !existsSync(PROGRAM) && `no ${PROGRAM}: make build`;

t.test("functions of C libraries", { skip }, async (t) => {
  const env = { ...process.env, TSRUN_TEST: "as its caller's" };
  const args = bunArguments("test/support/library-driver.ts");
  const { stdout } = await promisify(execFile)(BUN, args, { timeout: 60_000, env });
  const { calls, death, noLibrary, noFunction, left } = JSON.parse(stdout) as Report;

  t.equal(calls.int, 5);
  t.equal(calls.long, 2 ** 40, "a result has 64 bits");
  t.equal(calls.copied, "copied\0\0", "memory goes there and comes back");
  t.equal(calls.environment, "as its caller's", "it has the environment of tsrun");
  t.match(calls.tooLong, /too long/);
  t.equal(calls.signal, 0, "a signal is not heard");
  t.strictSame(calls.open, [3], "it has no descriptor but its socket");

  const gone = 'cannot use "libc.so.6": the process that has it loaded ended unexpectedly';
  t.equal(death.first, `${gone} by signal 6`, "a function that ends its process is an error");
  t.equal(death.then, gone, "and so is every call after it");
  t.equal(death.freed, 0, "but for one that frees");

  t.match(noLibrary, /^libtsrun-none\.so\.1: cannot open shared object file/, "dlerror(3)");
  t.match(noFunction, /undefined symbol: tsrun_none/);
  t.notOk(left, "no process is left");
});
