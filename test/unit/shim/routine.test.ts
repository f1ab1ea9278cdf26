// Routines: waiting, ends, failures, turns.

import t from "tap";
import { Once, type Outcome, type Routine, start, Turn, waitFor } from "../../../src/shim/loop/routine.ts";

function outcomeOf<T>(routine: Routine<T>): { outcome?: Outcome<T> } {
  const seen: { outcome?: Outcome<T> } = {};
  start(routine, (outcome) => {
    seen.outcome = outcome;
  });
  return seen;
}

t.test("a routine goes on when what it waits for comes", async (t) => {
  let resume: ((value: number) => void) | undefined;
  const seen = outcomeOf(
    (function* () {
      const first = yield* waitFor<number>((go) => {
        resume = go;
      });
      return first + (yield* waitFor<number>((go) => go(2)));
    })(),
  );
  t.equal(seen.outcome, undefined, "it waits");
  resume?.(40);
  t.strictSame(seen.outcome, { ok: true, value: 42 });
});

t.test("ten thousand waits that end at once take no stack", async (t) => {
  const seen = outcomeOf(
    (function* () {
      let sum = 0;
      for (let index = 0; index < 10_000; index++) sum += yield* waitFor<number>((go) => go(1));
      return sum;
    })(),
  );
  t.strictSame(seen.outcome, { ok: true, value: 10_000 });
});

t.test("a failure is the outcome, and `finally` has run", async (t) => {
  const order: string[] = [];
  const seen = outcomeOf(
    (function* () {
      try {
        yield* waitFor<void>(() => {
          throw new Error("no");
        });
      } finally {
        order.push("finally");
      }
    })(),
  );
  t.match(seen.outcome, { ok: false, error: { message: "no" } });
  t.strictSame(order, ["finally"]);
});

t.test("turns are taken in the order of coming", async (t) => {
  const turn = new Turn();
  const order: string[] = [];
  const gates = [new Once<void>(), new Once<void>(), new Once<void>()];
  for (const [index, gate] of gates.entries()) {
    outcomeOf(
      turn.take(function* () {
        order.push(`in ${index}`);
        yield* gate.wait();
        order.push(`out ${index}`);
      }),
    );
  }
  t.strictSame(order, ["in 0"]);
  for (const gate of gates) gate.happen(undefined);
  t.strictSame(order, ["in 0", "out 0", "in 1", "out 1", "in 2", "out 2"]);
});
