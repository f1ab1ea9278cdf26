// Tests of the code that reads sources for the rules and the count, on small examples.

import t from "tap";
import { countCases } from "../support/tap-count.ts";
import { failedPoints } from "../support/tap-report.ts";
import { circlesOf, functionSpans, parseSource, roomsOf } from "./source.ts";

t.test("functions, methods and arrows are measured from header to closing brace", (test) => {
  const text = [
    "export function first(",
    "  a: number,",
    "): void {",
    "  if (a) {",
    "    call();",
    "  }",
    "}",
    "const second = (a: number) => {",
    "  return a;",
    "};",
    "class Third {",
    "  async #method({ a }: X): Promise<void> {",
    "    await a;",
    "  }",
    "}",
    'behaviour("a call", async (t) => {',
    "  t.end();",
    "});",
    "call(",
    "  a,",
    ");",
  ].join("\n");
  const spans = functionSpans(parseSource("src/x.ts", text)).map(({ line, length }) => [line, length]);
  test.strictSame(spans, [
    [1, 7],
    [8, 3],
    [12, 3],
    [16, 3],
  ]);
  test.end();
});

t.test("circles are found between files, and between the folders of a folder", (test) => {
  const files = [
    parseSource("src/a/one.ts", 'import { b } from "../b/deep/two.ts";'),
    parseSource("src/b/deep/two.ts", 'import { c } from "./three.ts";'),
    parseSource("src/b/deep/three.ts", 'import { d } from "../four.ts";'),
    parseSource("src/b/four.ts", 'import type { a } from "../a/other.ts";'),
    parseSource("src/a/other.ts", 'import { e } from "node:path";'),
  ];
  const rooms = roomsOf(files);
  test.strictSame([...rooms.keys()].sort(), ["src", "src/b", "src/b/deep"]);
  test.strictSame(circlesOf(rooms.get("src") ?? new Map()), [["a", "b"]]);
  test.strictSame(circlesOf(rooms.get("src/b") ?? new Map()), []);
  const around = { a: ["b"], b: ["c"], c: ["a", "d"], d: ["d"], e: ["a"] };
  const graph = new Map(Object.entries(around).map(([name, others]) => [name, new Set(others)]));
  test.strictSame(circlesOf(graph), [["a", "b", "c"], ["d"]]);
  test.end();
});

t.test("imports are told apart: values, types, modules", (test) => {
  const text = [
    'import { a, type B } from "./a.ts";',
    'import type { C } from "../c.ts";',
    'import { type D } from "../d.ts";',
    "import {",
    "  e,",
    '} from "node:path";',
    'export { f } from "./f.ts";',
  ].join("\n");
  test.strictSame(parseSource("src/x/y.ts", text).imports, [
    { target: "src/x/a.ts", typeOnly: false },
    { target: "src/c.ts", typeOnly: true },
    { target: "src/d.ts", typeOnly: true },
    { target: "node:path", typeOnly: false },
    { target: "src/x/f.ts", typeOnly: false },
  ]);
  test.end();
});

const TAP = `TAP version 14
# Subtest: build/test/one.test.js
    # Subtest: passes
        ok 1 - should be equal
        1..1
    ok 1 - passes # time=1ms
    # Subtest: fails
        ok 1 - should be equal
        not ok 2 - should be equal
          ---
          diff: here
          ...
        1..2
    not ok 2 - fails # time=1ms
      ---
      at: there
      ...
    ok 3 - is skipped # SKIP needs root
    # Subtest: group
        # Subtest: inner one
            ok 1 - x
            1..1
        ok 1 - inner one # time=1ms
        # Subtest: inner two
            ok 1 - x # SKIP no kernel
            1..1
        ok 2 - inner two # time=1ms
        1..2
    ok 4 - group # time=1ms
    1..4
not ok 1 - build/test/one.test.js # time=9ms
# Subtest: build/test/crashed.test.js
    1..0 # no tests found
not ok 2 - build/test/crashed.test.js # time=3ms
# Subtest: build/test/flat.test.js
    ok 1 - an assertion of the file itself
    1..1
ok 3 - build/test/flat.test.js # time=3ms
# Subtest: build/test/empty.test.js
    # Subtest: only looks
        1..0
    ok 1 - only looks # time=1ms
    1..1
ok 4 - build/test/empty.test.js # time=2ms
ok 5 - build/test/whole.test.js # SKIP needs a kernel
1..5
`;

t.test(
  "innermost blocks are counted, a file without any that failed, and a case that asserts nothing",
  (test) => {
    const { failures, reasons, ...count } = countCases(TAP);
    test.strictSame(count, { passed: 3, failed: 3, skipped: 3 });
    test.strictSame(failures, [
      "build/test/one.test.js > fails",
      "build/test/crashed.test.js",
      "build/test/empty.test.js > only looks (it asserts nothing)",
    ]);
    test.strictSame(reasons, ["needs root", "no kernel", "needs a kernel"]);
    test.end();
  },
);

t.test("a failed point is shown with its diagnostics, the blocks around it by name", (test) => {
  const shown = failedPoints(TAP.split("\n").slice(0, 16)).map((line) => line.trim());
  test.strictSame(shown, [
    "not ok 2 - should be equal",
    "---",
    "diff: here",
    "...",
    "not ok 2 - fails # time=1ms",
  ]);
  test.end();
});
