// Which valid word a misspelt one is taken for.

import t from "tap";
import { nearestWord } from "../../../src/spec/nearest.ts";

const KINDS = ["mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time"];
const ACTIONS = ["SCMP_ACT_KILL", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG"];

t.test("nearestWord finds the word behind a slip of the keyboard", async (t) => {
  t.equal(nearestWord("netwrok", KINDS), "network", "two letters swapped");
  t.equal(nearestWord("usr", KINDS), "user", "one left out");
  t.equal(nearestWord("mounts", KINDS), "mount", "one too many");
  t.equal(nearestWord("cgraup", KINDS), "cgroup", "another one");
  t.equal(nearestWord("Network", KINDS), "network", "another case");
});

t.test("nearestWord suggests nothing where nothing is near", async (t) => {
  t.equal(nearestWord("filesystem", KINDS), undefined);
  t.equal(nearestWord("", KINDS), undefined);
  t.equal(nearestWord("x", KINDS), undefined);
  t.equal(nearestWord("x", []), undefined);
});

t.test("nearestWord looks at what tells the words apart, not at what all begin with", async (t) => {
  t.equal(nearestWord("SCMP_ACT_ALOW", ACTIONS), "SCMP_ACT_ALLOW");
  t.equal(nearestWord("ALLOW", ACTIONS), "SCMP_ACT_ALLOW");
  t.equal(nearestWord("SCMP_ACT_XXXX", ACTIONS), undefined);
});

t.test("nearestWord can be asked about a single word", async (t) => {
  t.equal(nearestWord("cwd", ["cdw"]), "cdw");
  t.equal(nearestWord("cwd", ["terminal"]), undefined);
});

t.test("nearestWord finds a long word with as many slips as it allows", async (t) => {
  const long = "a-rather-long-name-of-a-program";
  t.equal(nearestWord("a-rathre-lnog-nam-of-a-progrram", [long]), long, "four");
  t.equal(nearestWord("a-rathre-lnog-nam-of-a-progrrma", [long]), undefined, "five");
  t.equal(nearestWord("xxa-rather-long-name-of-a-program", [long]), long, "two before it");
  t.equal(nearestWord(long, ["a-rather-long-name-of-a-prog", long]), long, "the nearest of two");
});

t.test("nearestWord agrees with the whole table", async (t) => {
  const words = [...allWords("ab", 5), "program", "porgram", "programs", "prog", "grampro"];
  const wrong: string[] = [];
  for (const word of words) {
    for (const other of words) {
      const most = Math.min(4, Math.max(1, Math.floor(word.length / 3)));
      const expected = wholeTable(word, other) <= most ? other : undefined;
      if (nearestWord(word, [other]) !== expected) wrong.push(`${word}, ${other}`);
    }
  }
  t.strictSame(wrong, []);
});

t.test("nearestWord gives up on many long names that differ only at their end", async (t) => {
  const names = Array.from(
    { length: 20_000 },
    (_, index) => `${"a".repeat(240)}${String(index).padStart(15, "0")}`,
  );
  const begun = performance.now();
  t.equal(nearestWord(`${"a".repeat(240)}${"x".repeat(15)}`, names), undefined);
  const spent = performance.now() - begun;
  t.ok(spent < 5000, `${spent} ms`);
});

/** All words of at most `longest` letters. */
function allWords(letters: string, longest: number): string[] {
  let last = [""];
  const words: string[] = [];
  for (let length = 1; length <= longest; length++) {
    last = last.flatMap((word) => [...letters].map((letter) => word + letter));
    words.push(...last);
  }
  return words;
}

/** The same distance, from its definition. */
function wholeTable(a: string, b: string): number {
  const rows: number[][] = [];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    rows.push(row);
    for (let j = 0; j <= b.length; j++) {
      const exchanged = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : exchanged;
      row.push(i === 0 ? j : j === 0 ? i : Math.min(exchanged, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
