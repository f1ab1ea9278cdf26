// Counting calls, and what becomes of each.

import t from "tap";
import { Tally } from "../../../src/record/tally.ts";
import { JUMP_EQUAL, jumpIf, load, returns } from "../../../src/seccomp/bpf.ts";

const ALLOW = 0x7fff0000;
const data = (number: number, architecture = 1, argument = 0) =>
  Uint32Array.from([number, architecture, 0, 0, argument, 0]);

/** Call 1 is allowed, 2 fails, 3 depends on its argument, 4 is killed, 5 fails with too large a number. */
const OWN = [
  load(0),
  jumpIf(JUMP_EQUAL, 1, { no: 1 }),
  returns(ALLOW),
  jumpIf(JUMP_EQUAL, 2, { no: 1 }),
  returns(0x00050026),
  jumpIf(JUMP_EQUAL, 4, { no: 1 }),
  returns(0x80000000),
  jumpIf(JUMP_EQUAL, 5, { no: 1 }),
  returns(0x0005ffff),
  load(16),
  jumpIf(JUMP_EQUAL, 7, { no: 1 }),
  returns(0x00050012),
  returns(ALLOW),
];

t.test("each call is counted with what became of it", (test) => {
  const tally = new Tally(OWN);
  test.equal(tally.note(data(1)), "goes on");
  test.equal(tally.note(data(1)), "goes on");
  test.equal(tally.note(data(1, 2)), "goes on", "another architecture");
  test.equal(tally.note(data(2)), 38);
  test.equal(tally.note(data(3, 1, 7)), 18);
  test.equal(tally.note(data(3, 1, 8)), "goes on");
  test.equal(tally.note(data(3, 1, 7)), 18, "what depends on arguments is decided each time");
  test.equal(tally.total, 7);
  test.strictSame(tally.calls(), [
    { architecture: 1, number: 1, errno: undefined, times: 2 },
    { architecture: 1, number: 2, errno: 38, times: 1 },
    { architecture: 1, number: 3, errno: undefined, times: 1 },
    { architecture: 1, number: 3, errno: 18, times: 2 },
    { architecture: 2, number: 1, errno: undefined, times: 1 },
  ]);
  test.end();
});

t.test("what the filter would never tell may not happen", (test) => {
  const tally = new Tally(OWN);
  test.equal(tally.note(data(4)), 1);
  test.equal(tally.note(data(4)), 1);
  test.equal(tally.note(data(5)), 4095, "the kernel's largest errno");
  test.end();
});
