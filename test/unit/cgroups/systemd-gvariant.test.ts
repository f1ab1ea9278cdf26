// Annotations as properties of systemd's unit: GVariant text, and what the bus can carry.

import t from "tap";
import { annotationProperties, parseVariant } from "../../../src/cgroups/systemd/gvariant.ts";

const MAX = 2n ** 64n - 1n;

t.test("GVariant: every type word, and what is not of its type", (test) => {
  const types = { byte: "y", int16: "n", uint16: "q", int32: "i", uint32: "u", int64: "x", uint64: "t" };
  for (const [word, type] of Object.entries(types)) {
    test.strictSame(parseVariant(`${word} 5`), { type, value: 5n }, word);
  }
  const cases: Readonly<Record<string, readonly [string, unknown]>> = {
    "double 5": ["d", 5],
    "boolean true": ["b", true],
    false: ["b", false],
    "string 'x'": ["s", "x"],
    "objectpath '/a'": ["o", "/a"],
    "signature 'as'": ["g", "as"],
    "0x10": ["i", 16n],
    "+5": ["i", 5n],
    "uint64 18446744073709551615": ["t", MAX],
    "@(su) ('a', 5)": ["(su)", ["a", 5n]],
    "('a', 5)": ["(si)", ["a", 5n]],
    "[('a', 1), ('b', 2)]": [
      "a(si)",
      [
        ["a", 1n],
        ["b", 2n],
      ],
    ],
    "'\\n\\t\\r\\a\\b\\f\\v\\x'": ["s", "\n\t\r\x07\b\f\vx"],
  };
  for (const [text, [type, value]] of Object.entries(cases)) {
    test.strictSame(parseVariant(text), { type, value }, text);
  }
  const wrong = {
    "string 5": /"5" is not of type s/,
    "uint64 'x'": /'x' is not of type t/,
    "uint64 1.5": /"1.5" is no whole number/,
    "[1, true]": /true is not of type i/,
    "[1, 'a']": /'a' is not of type i/,
    "[true, 1]": /"1" is not of type b/,
    "[1 2]": /"," is missing/,
    "('a' 'b')": /"," is missing/,
    "[]": /an empty array needs its type/,
    "1 2": /unexpected "2"/,
    "": /a value is missing/,
    "[1": /a value is missing|"," is missing/,
    "'x": /unexpected text at "'x"/,
    nonsense: /"nonsense" is no value/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    test.throws(() => parseVariant(text), { message }, text);
  }
  test.end();
});

t.test("GVariant: numbers at the ends of their types, and beyond them", (test) => {
  const ends: Readonly<Record<string, readonly [bigint, bigint]>> = {
    byte: [0n, 255n],
    int16: [-32768n, 32767n],
    uint16: [0n, 65535n],
    int32: [-2147483648n, 2147483647n],
    uint32: [0n, 4294967295n],
    int64: [-(2n ** 63n), 2n ** 63n - 1n],
    uint64: [0n, MAX],
  };
  for (const [word, [least, greatest]] of Object.entries(ends)) {
    for (const value of [least, greatest])
      test.equal(parseVariant(`${word} ${value}`).value, value, `${word} ${value}`);
    for (const value of [least - 1n, greatest + 1n, 10n ** 40n]) {
      const message = `${word} must be from ${least} to ${greatest}, is ${value}`;
      test.throws(() => parseVariant(`${word} ${value}`), { message }, message);
    }
  }
  const range = "from -2147483648 to 2147483647";
  test.throws(() => parseVariant("3000000000"), { message: `int32 must be ${range}, is 3000000000` });
  test.throws(() => parseVariant("@ay [1, 256]"), { message: "byte must be from 0 to 255, is 256" });
  const huge = parseVariant.bind(undefined, `uint64 ${"9".repeat(1_000_000)}`);
  test.throws(huge, { message: /^uint64 must be from 0 to \d+, is 9{149}…9{50}$/ });
  test.throws(() => parseVariant("1e400"), { message: '"1e400" is too large for a double' });
  const written: Readonly<Record<string, readonly [string, unknown]>> = {
    "010": ["i", 8n],
    "-0x10": ["i", -16n],
    "-0": ["i", 0n],
    "1e3": ["d", 1000],
    "-.5": ["d", -0.5],
    "int64 -9007199254740993": ["x", -9007199254740993n],
  };
  for (const [text, [type, value]] of Object.entries(written)) {
    test.strictSame(parseVariant(text), { type, value }, text);
  }
  for (const text of ["08", "0b1", "Infinity", "1_000", "uint64 1e3", "0x", "double 0x10"])
    test.throws(
      () => parseVariant(text),
      { message: /^"[^"]*" is no (value|whole number|decimal number)$/ },
      text,
    );
  test.end();
});

t.test("GVariant: nothing becomes another value than it was written as", (test) => {
  test.strictSame(parseVariant("'\\u00e9\\U0001f600\\\n.'").value, "\u00e9\u{1f600}.");
  test.strictSame(parseVariant("@a{sv} []"), { type: "a{sv}", value: [] });
  const wrong: Readonly<Record<string, RegExp>> = {
    "string true": /true is not of type s/,
    "uint64 ['a']": /\[ is not of type t/,
    "@(su) ('a', uint64 5)": /uint64 is not of type u/,
    "@(su) ('a')": /\( is not of type \(su\)/,
    "@(su) ('a', 5, 6)": /\( is not of type \(su\)/,
    "uint32 uint64 5": /unexpected second type "uint64"/,
    "@z 5": /"z" is no type of the bus/,
    "@uu 5": /"uu" is no type of the bus/,
    "@a{vs} []": /"a\{vs\}" is no type of the bus/,
    "@() ()": /"\(\)" is no type of the bus/,
    "objectpath 'a'": /"a" is no object path/,
    "objectpath '/a/'": /"\/a\/" is no object path/,
    "signature 'a'": /"a" is no signature/,
    "'\\u12'": /\\u needs 4 hexadecimal digits, and \\U 8/,
    "'\\ud800'": /U\+d800 is no character/,
    "'\\U00110000'": /U\+00110000 is no character/,
    "'\\u0000'": /cannot contain a NUL character/,
    "'a\0b'": /cannot contain a NUL character/,
    "'\udcff'": /must be UTF-8/,
  };
  for (const [text, message] of Object.entries(wrong))
    test.throws(() => parseVariant(text), { message }, text);
  const nested = (depth: number) => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
  test.equal(parseVariant(nested(32)).type, `${"a".repeat(32)}i`);
  test.throws(() => parseVariant(nested(33)), { message: "more than 32 values are inside each other" });
  test.throws(() => parseVariant("[".repeat(1_000_000)), { message: /inside each other/ });
  const wide = `(${Array.from({ length: 300 }, () => "1").join(",")})`;
  test.throws(() => parseVariant(wide), { message: "its type is longer than the bus allows" });
  test.end();
});

t.test("GVariant: a long text takes no long time", (test) => {
  const begun = performance.now();
  test.equal((parseVariant(`[${"1, ".repeat(100_000)}1]`).value as readonly unknown[]).length, 100_001);
  test.equal((parseVariant(`'${"\\n".repeat(500_000)}'`).value as string).length, 500_000);
  test.throws(() => parseVariant(`'${"x".repeat(1_000_000)}`), { message: /^unexpected text at "'x{59}…"$/ });
  test.ok(performance.now() - begun < 60_000, "it took hours when each word copied the rest");
  test.end();
});

t.test("annotations: names of three letters or more, seconds as microseconds", (test) => {
  const properties = (name: string, text: string) =>
    annotationProperties({ [`org.systemd.property.${name}`]: text });
  test.strictSame(properties("abc", "1"), [{ name: "abc", type: "i", value: 1n }]);
  test.strictSame(properties("TimeoutStopSec", "1.5"), [
    { name: "TimeoutStopUSec", type: "t", value: 1_500_000n },
  ]);
  test.strictSame(properties("RuntimeMaxUSec", "5"), [{ name: "RuntimeMaxUSec", type: "i", value: 5n }]);
  test.throws(() => properties("ab", "1"), {
    code: "E_CONFIG",
    message: "annotation org.systemd.property.ab name incorrect: too short",
  });
  test.throws(() => properties("a-bc", "1"), {
    message: "annotation org.systemd.property.a-bc name incorrect: contains non-alphabetic character",
  });
  test.throws(() => properties("TimeoutStopSec", "true"), {
    code: "E_CONFIG",
    message: "annotation org.systemd.property.TimeoutStopSec=true value parse error: not a number",
  });
  test.throws(() => properties("TimeoutStopSec", "-1"), {
    message:
      "annotation org.systemd.property.TimeoutStopSec=-1 value parse error: " +
      "must be from 0 to 18446744073709 seconds, is -1",
  });
  test.throws(() => properties("TimeoutStopSec", `uint64 ${MAX}`), { message: /must be from 0 to 184467/ });
  test.throws(() => properties("TimeoutStopSec", "1e300"), { message: /seconds, is 1e\+300$/ });
  test.throws(() => properties("CPUWeight", "uint64 -1"), {
    code: "E_CONFIG",
    message:
      /^annotation org.systemd.property.CPUWeight=uint64 -1 value parse error: uint64 must be from 0 to/,
  });
  test.throws(() => properties("abc", "x".repeat(1_000_000)), { message: /^.{1,600}$/ });
  test.strictSame(annotationProperties(undefined), []);
  test.end();
});
