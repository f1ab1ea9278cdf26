// The random programs of `make fuzz-engine` are programs: another engine can read them.

import { Script } from "node:vm";
import t from "tap";
import { makeProgram, textOf } from "../../fuzz/engines/programs.ts";
import { refusalPrograms } from "../../fuzz/engines/refusals.ts";
import { Random } from "../../fuzz/random.ts";

t.test("every random program can be compiled", async (t) => {
  const random = new Random(1);
  for (let count = 0; count < 100; count++) {
    const text = textOf(makeProgram(random));
    t.doesNotThrow(() => new Script(text), text);
  }
});

t.test("the same seed makes the same programs", async (t) => {
  const programs = [new Random(7), new Random(7)].map((random) => [makeProgram(random), makeProgram(random)]);
  t.strictSame(programs[0], programs[1]);
});

t.test("every program that lacks memory can be compiled", async (t) => {
  for (const text of refusalPrograms()) t.doesNotThrow(() => new Script(text), text);
});
