// Where values stand in a JSON text, and where a text stops being JSON.

import t from "tap";
import { childPointer, JsonPositions, pointerKeys } from "../../../src/spec/json-positions.ts";

function scan(text: string, ...pointers: string[]): JsonPositions {
  const scanned = JsonPositions.scan(text, pointers);
  if (!(scanned instanceof JsonPositions)) throw new Error(`not JSON: ${JSON.stringify(scanned)}`);
  return scanned;
}

const POINTERS = ["/a/0", "/a/1/b~1c", "/d~0", "/x"];

t.test("keys and values have lines and columns from 1", async (t) => {
  const positions = scan('{\n  "a": [1,\n    {"b/c": "x"}],\n\t"d~": null}\n', ...POINTERS);
  t.strictSame(positions.value(""), { line: 1, column: 1 });
  t.strictSame(positions.key("/a"), { line: 2, column: 3 });
  t.strictSame(positions.value("/a"), { line: 2, column: 8 });
  t.strictSame(positions.value("/a/0"), { line: 2, column: 9 });
  t.strictSame(positions.key("/a/1"), { line: 3, column: 5 }, "an entry has no key");
  t.strictSame(positions.key("/a/1/b~1c"), { line: 3, column: 6 });
  t.strictSame(positions.key("/d~0"), { line: 4, column: 2 });
  t.equal(positions.value("/x"), undefined);
});

t.test("columns count characters, also those that JavaScript stores in two units", async (t) => {
  t.strictSame(scan('["\u{1f600}", 1]', "/1").value("/1"), { line: 1, column: 7 });
});

t.test("of a key that is there twice the last counts, as in JSON.parse", async (t) => {
  t.strictSame(scan('{"a": 1, "a": 2}', "/a").value("/a"), { line: 1, column: 15 });
});

t.test("source gives a value as it is written", async (t) => {
  const positions = scan('{"n": 18446744073709551615, "list": [1, 2], "s": "\\u0041"}', "/n", "/list", "/s");
  t.equal(positions.source("/n"), "18446744073709551615");
  t.equal(positions.source("/list"), "[1, 2]");
  t.equal(positions.source("/s"), '"\\u0041"');
});

const FAULTS: readonly [text: string, line: number, column: number, expected: string, found: string][] = [
  ["", 1, 1, "a value", "the end of the file"],
  ["  \n ", 2, 2, "a value", "the end of the file"],
  ['{"a": 1,}', 1, 9, "a key in double quotes", '"}"'],
  ["{a: 1}", 1, 2, "a key in double quotes", '"a"'],
  ["{'a': 1}", 1, 2, "a key in double quotes", '"\'"'],
  ['{"a" 1}', 1, 6, '":" after the key "a"', '"1"'],
  ['{"a": 1 "b": 2}', 1, 9, '"," or "}" after the value of "a"', '"\\""'],
  ['{\n"a": 1\n', 3, 1, '"," or "}" after the value of "a"', "the end of the file"],
  ["[1 2]", 1, 4, '"," or "]" in the list', '"2"'],
  ["[1,]", 1, 4, "a value", '"]"'],
  ["[01]", 1, 3, '"," or "]" in the list', '"1"'],
  ["[+1]", 1, 2, "a value", '"+1"'],
  ["[tru]", 1, 2, "a value", '"tru"'],
  ["[NaN]", 1, 2, "a value", '"NaN"'],
  ['["a\tb"]', 1, 4, "a closing double quote", "U+0009"],
  ['["a\n"]', 1, 4, "a closing double quote", "U+000A"],
  ['["a', 1, 4, "a closing double quote", "the end of the file"],
  ['["\\x"]', 1, 3, 'one of the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX', '"\\\\"'],
  ["{} {}", 1, 4, "the end of the file", '"{"'],
  ["// no\n{}", 1, 1, "a value", '"/"'],
  ["\ufeff{}", 1, 1, "a value", "U+FEFF"],
];

t.test("a text that is not JSON says where, what was expected and what is there", async (t) => {
  for (const [text, line, column, expected, found] of FAULTS) {
    t.strictSame(JsonPositions.scan(text, []), { position: { line, column }, expected, found }, text);
  }
});

t.test("the scanner and JSON.parse agree about what is JSON", async (t) => {
  const texts = [...FAULTS.map(([text]) => text), "{}", "[]", "0", "-0.5e+3", '"\\ud800"', "null", "[[[]]]"];
  texts.push('{"": {"": []}}', "-", "1.", ".5", "1e", "--1", "[1", "]", '"\u2028"', '"\u007f"', "\u00a0{}");
  const disagree = texts.filter(
    (text) => isJson(text) !== JsonPositions.scan(text, []) instanceof JsonPositions,
  );
  t.strictSame(disagree, []);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

t.test("a text nested too deep is told so, and does not end the program", async (t) => {
  const scanned = JsonPositions.scan("[".repeat(100_000), []);
  t.match(scanned, { expected: "at most 1000 lists and objects inside each other" });
});

t.test("a value behind many plain ones is found", async (t) => {
  const numbers = Array.from({ length: 1000 }, (_, index) => index).join(",");
  const positions = scan(`{"plain":[${numbers}],\n"list":[${numbers}, "x"]}`, "/list/1000");
  t.equal(positions.source("/list/1000"), '"x"');
  t.match(positions.value("/list/1000"), { line: 2, column: 3900 });
});

t.test("pointers escape slashes and tildes", async (t) => {
  t.equal(childPointer("/a", "b/c~d"), "/a/b~1c~0d");
  t.strictSame(pointerKeys("/a/b~1c~0d/0"), ["a", "b/c~d", "0"]);
  t.strictSame(pointerKeys(""), []);
});

t.test("the last of two keys counts also among hundreds of plain members, and inside them", async (t) => {
  const members = (from: number, count: number): string =>
    Array.from({ length: count }, (_, index) => `"k${from + index}": {"n": [1, "x", {}], "e": null}`).join(
      ",\n",
    );
  const text = `{${members(0, 300)},\n"k7": 1,\n${members(300, 300)},\n"k\\u0038": 2, "end": []}`;
  const positions = scan(text, "/k7", "/k8", "/k9", "/k299/n/1", "/k599/e", "/end");
  t.equal(positions.source("/k7"), "1");
  t.match(positions.key("/k7"), { line: 301, column: 1 });
  t.equal(positions.source("/k8"), "2", "its name is written with an escape");
  t.match(positions.key("/k9"), { line: 10, column: 1 });
  t.equal(positions.source("/k299/n/1"), '"x"');
  t.equal(positions.source("/k599/e"), "null");
  t.equal(positions.source("/end"), "[]");
});

t.test("entries are counted, also where plain ones and others take turns", async (t) => {
  const entry = (index: number): string => (index % 10 === 3 ? `"\\u0041${index}"` : `{"n": [${index}]}`);
  const text = `[${Array.from({ length: 2000 }, (_, index) => entry(index)).join(",\n")}]`;
  const positions = scan(text, "/0/n/0", "/63", "/64/n", "/1000/n/0", "/1999");
  t.equal(positions.source("/0/n/0"), "0");
  t.equal(positions.source("/63"), '"\\u004163"');
  t.equal(positions.source("/64/n"), "[64]");
  t.equal(positions.source("/1000/n/0"), "1000");
  t.match(positions.value("/1999"), { line: 2000, column: 1 });
});

t.test("what is wrong behind many plain values is told where it is", async (t) => {
  const many = Array.from({ length: 200 }, () => '{"a": [1, {}]}').join(",");
  for (const wrong of ["[1,]", '{"a" 1}', "01", '"\t"', '{"a": {"b": [,]}}']) {
    t.equal(isJson(`[${many},${wrong}]`), false);
    t.notOk(JsonPositions.scan(`[${many},${wrong},${many}]`, []) instanceof JsonPositions, wrong);
    const alone = JsonPositions.scan(`[${wrong}]`, []) as { position: { column: number }; expected: string };
    const position = { line: 1, column: alone.position.column + many.length + 1 };
    t.match(JsonPositions.scan(`[${many},${wrong}]`, []), { position, expected: alone.expected }, wrong);
  }
  const deep = (depth: number): string => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
  for (const depth of [998, 999, 1000]) {
    t.ok(JsonPositions.scan(deep(depth).replace("1", "1,1"), []) instanceof JsonPositions, `${depth}`);
  }
  t.match(JsonPositions.scan(`[${deep(999)},${deep(1000)}, 1]`, []), { expected: /at most 1000/ });
});
