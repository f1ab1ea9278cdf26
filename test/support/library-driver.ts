// Calls functions of the C library in a separate process, and prints the results as JSON. Run under Bun by
// test/e2e/libraries.test.ts, since Node cannot load the code that calls them.

import { cString, text } from "../../src/linux/call/words.ts";
import { bind } from "../../src/linux/libraries/ffi.ts";
import { CAPACITY } from "../../src/linux/libraries/library-protocol.ts";
import { SIGTERM } from "../../src/linux/numbers/sched.ts";
import { tryWaitFor } from "../../src/linux/process/process.ts";

const FUNCTIONS = {
  abs: "int",
  labs: "long",
  strlen: "long",
  stpcpy: "long",
  getenv: "long",
  getpid: "int",
  kill: "int",
  fcntl: "int",
  abort: "int",
  free: "nothing",
} as const;
const F_GETFD = 1;
const ANY_CHILD = -1;

function messageOf(attempt: () => unknown): string {
  try {
    attempt();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function calls() {
  using library = bind("libc.so.6", FUNCTIONS);
  const { functions } = library;
  const copy = new Uint8Array(8);
  functions.stpcpy(copy, cString("copied"));
  return {
    int: functions.abs(-5),
    long: functions.labs(-(2 ** 40)),
    copied: text(copy),
    environment: library.readCString(functions.getenv(cString("TSRUN_TEST"))),
    tooLong: messageOf(() => functions.strlen(new Uint8Array(CAPACITY))),
    signal: functions.kill(functions.getpid(), SIGTERM),
    open: Array.from({ length: 60 }, (_, index) => index + 3).filter(
      (fd) => functions.fcntl(fd, F_GETFD) >= 0,
    ),
  };
}

function death() {
  using library = bind("libc.so.6", FUNCTIONS);
  const first = messageOf(() => library.functions.abort());
  const then = messageOf(() => library.functions.getpid());
  return { first, then, freed: library.functions.free(0) };
}

const report = {
  calls: calls(),
  death: death(),
  noLibrary: messageOf(() => bind("libtsrun-none.so.1", FUNCTIONS)),
  noFunction: messageOf(() => bind("libc.so.6", { strlen: "long", tsrun_none: "int" })),
  left: typeof tryWaitFor(ANY_CHILD) !== "number",
};
process.stdout.write(JSON.stringify(report));
