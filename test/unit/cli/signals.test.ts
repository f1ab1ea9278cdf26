// Signals as `kill` takes them.

import t from "tap";
import { parseSignal } from "../../../src/cli/signals.ts";

t.test("names are taken in any case, with or without SIG", async (t) => {
  for (const name of ["TERM", "SIGTERM", "term", "SigTerm"]) t.equal(parseSignal(name), 15, name);
});

t.test("names have the kernel's numbers", async (t) => {
  const numbers = {
    HUP: 1,
    INT: 2,
    ABRT: 6,
    BUS: 7,
    KILL: 9,
    USR1: 10,
    USR2: 12,
    STKFLT: 16,
    CHLD: 17,
    SYS: 31,
  };
  for (const [name, number] of Object.entries(numbers)) t.equal(parseSignal(name), number, name);
  for (const [name, number] of Object.entries({ IOT: 6, CLD: 17, POLL: 29 }))
    t.equal(parseSignal(name), number, name);
});

t.test("numbers from 0 to 64 are taken as they are", async (t) => {
  for (const number of [0, 9, 37, 64]) t.equal(parseSignal(String(number)), number);
});

t.test("real-time signals count as the C library counts them", async (t) => {
  const numbers = { RTMIN: 34, "SIGRTMIN+3": 37, "RTMIN+30": 64, RTMAX: 64, "rtmax-14": 50 };
  for (const [name, number] of Object.entries(numbers)) t.equal(parseSignal(name), number, name);
});

t.test("anything else is refused in runc's words", async (t) => {
  for (const text of ["FOO", "", "SIG", "65", "-9", "9x", "1.5", "RTMIN+31", "RTMAX+1", "constructor"]) {
    t.throws(() => parseSignal(text), { message: `unknown signal ${JSON.stringify(text)}` }, text);
  }
  t.throws(() => parseSignal("SIGTREM"), { message: 'unknown signal "SIGTREM"', hint: "did you mean TERM?" });
});
