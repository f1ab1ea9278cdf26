// Checks the inputs of `make mutate`: its choice, and the explanations of changes that no test has to notice.

import { existsSync, readFileSync } from "node:fs";
import t from "tap";
import { applied, type Change, inRandomOrder } from "../mutate/change.ts";
import { readExplanations } from "../mutate/explained.ts";
import { FOLDERS, Topics } from "../mutate/topics.ts";
import { readSources } from "./source.ts";

function change(line: number, text: string, what: string): Change {
  return { path: "src/a.ts", line, text, what, start: 0, end: 1, replacement: what };
}

t.test("the choice follows from the seed and the lines, not from where they stand", (test) => {
  const changes = Array.from({ length: 40 }, (_, index) =>
    change(index + 1, `line ${index}`, `${index % 3}`),
  );
  const moved = changes.map((one) => ({ ...one, line: one.line + 5 })).toReversed();
  const texts = (list: readonly Change[], seed: string) => inRandomOrder(list, seed).map(({ text }) => text);
  test.strictSame(texts(moved, "1"), texts(changes, "1"));
  test.notSame(texts(changes, "2"), texts(changes, "1"));
  test.end();
});

t.test("of each line one change is chosen, and applied in its place", (test) => {
  const chosen = inRandomOrder([change(1, "x", "one"), change(1, "x", "two"), change(2, "y", "three")], "1");
  test.strictSame(chosen.map(({ line }) => line).toSorted(), [1, 2]);
  test.equal(applied("a < b", { ...change(1, "", ""), start: 2, end: 3, replacement: ">=" }), "a >= b");
  test.end();
});

t.test("every source that is changed has tests", (test) => {
  const topics = new Topics();
  const without = readSources(...FOLDERS)
    .map(({ path }) => path)
    .filter((path) => topics.of(path).endToEnd.length === 0);
  test.strictSame(without, []);
  test.end();
});

t.test("the tests that topics name are there", (test) => {
  const topics = new Topics();
  const names = new Set(readSources(...FOLDERS).flatMap(({ path }) => topics.of(path).endToEnd));
  test.strictSame(
    [...names].filter((name) => !existsSync(`test/${name}.test.ts`)),
    [],
  );
  test.end();
});

t.test("every line that is explained is still there, and the reason is given", (test) => {
  const stale = readExplanations().filter(({ path, text, why }) => {
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    return why === "" || !lines.some((line) => line.trim() === text);
  });
  test.strictSame(stale, []);
  test.end();
});
