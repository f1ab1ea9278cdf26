// The last operations of a process before it executes the container's program.

import t from "tap";
import { closeAllBut, closeOnExecute, handleTermination } from "../../../src/process/execute.ts";
import { type Operation, render } from "../../../src/proxy/calls/operation.ts";

function shownAs(operations: readonly Operation[]): string[] {
  return operations.map(render);
}

t.test("everything from a number on is closed, but for what is kept", async (t) => {
  t.strictSame(shownAs(closeAllBut(3, [])), ["close_range(3, ~0U, 0)"]);
  t.strictSame(shownAs(closeAllBut(3, [9, 5])), [
    "close_range(3, 4, 0)",
    "close_range(6, 8, 0)",
    "close_range(10, ~0U, 0)",
  ]);
  t.strictSame(shownAs(closeAllBut(3, [3, 4])), ["close_range(5, ~0U, 0)"]);
});

t.test("descriptors are marked, not closed, and a kernel before 5.11 does without", async (t) => {
  const [marked] = [closeOnExecute(7)];
  t.equal(render(marked), "close_range(7, ~0U, CLOSE_RANGE_CLOEXEC)");
  t.strictSame(
    [...closeAllBut(3, [5]), marked].map(({ goOn }) => goOn),
    [true, true, true],
  );
});

t.test("a process that waits is ended by what people end a program with", async (t) => {
  const [hup, int, quit, term, ...more] = shownAs(handleTermination());
  for (const [line, name] of [
    [hup, "SIGHUP"],
    [int, "SIGINT"],
    [quit, "SIGQUIT"],
    [term, "SIGTERM"],
  ] as const) {
    t.match(line, new RegExp(`^rt_sigaction\\(${name}, \\{exit\\}, (0|NULL), 8\\)$`), name);
  }
  t.strictSame(more, []);
  const numbers = handleTermination().map(({ args: [signal] }) =>
    typeof signal === "object" && signal.kind === "shown" ? signal.value : undefined,
  );
  t.strictSame(numbers, [1, 2, 3, 15]);
});
