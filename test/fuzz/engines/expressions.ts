// Random expressions for programs.ts. Pure.

import type { Random } from "../random.ts";

/** Declared by each program. */
export const SYMBOLS = `const S1 = Symbol("a"), S2 = Symbol.for("length");`;

const VARIABLES = 10;

/** A variable to assign to. */
export function target(random: Random): string {
  return `v${random.below(VARIABLES)}`;
}

/** An expression that is a variable, so mostly an object. */
export function value(random: Random): string {
  return target(random);
}

const NAMES = [
  "a",
  "b",
  "c",
  "x",
  "length",
  "name",
  "constructor",
  "__proto__",
  "toString",
  "size",
  "caller",
];
const KEYS = [
  ...NAMES.map((name) => JSON.stringify(name)),
  ...["0", "1", "2", "3", "7", '"0"', '"1"', '"01"', '"-1"', '"1.5"', '"4294967294"', '"4294967295"'],
  ...['"2147483648"', '"9007199254740992"', '"é"', '"€"', '""', "S1", "S2", "Symbol.toPrimitive"],
];

/** A name of a property as an expression. */
export function key(random: Random): string {
  return random.of(KEYS);
}

/** What stands behind an object to name one of its properties. */
export function member(random: Random): string {
  return random.below(2) === 0 ? `.${random.of(NAMES)}` : `[${key(random)}]`;
}

const NUMBERS = [
  ...[
    "0",
    "-0",
    "1",
    "-1",
    "NaN",
    "Infinity",
    "0.5",
    "2147483647",
    "-2147483648",
    "2147483648",
    "4294967295",
  ],
  ...["4294967296", "9007199254740991", "1e300", "5", "3", "0n", "1n", "-1n", "2n ** 63n", "2n ** 64n - 1n"],
  ...["-(2n ** 63n)", "9223372036854775808n"],
];
const WORDS = [
  ...['""', '"a"', '"b"', '"text"', '"two"', '"0"', '"1"', '"length"', '"é"', '"€uro"', '"\\ud83d"', '"😀"'],
  ...['"te" + "xt"', '"a".repeat(9000)', '"a".repeat(9000) + "b"', '"b" + "€".repeat(9000)'],
  ...[
    '"xtextx".slice(1, 5)',
    "S1.description",
    "S2.description",
    "String(v4)",
    "typeof v0",
    '"A".toLowerCase()',
  ],
  ...['["a"].join()', "Symbol.iterator.description", "Object.keys(v1)[0]", '("te" + v3).slice(2)', "v5.name"],
];
const OTHERS = [
  ...["undefined", "null", "true", "false", "S1", "S2", "Symbol()", "globalThis.Array", "Object.prototype"],
  ...[
    "new Error('x')",
    "new Date(0)",
    "/a(b)?/dg",
    "new Map([[1, 2]])",
    "new Set([1])",
    "Math.max",
    "Promise",
  ],
];

const OBJECTS = [
  "{}",
  "{ a: 1 }",
  "{ a: 1, b: 2, c: 3, x: 4, d: 5, e: 6, f: 7 }",
  '{ 1: "one", a: 2, 0: "zero", "01": 3, "-1": 4 }',
  "{ a: 1, a: 2, get a() { return 3; } }",
  "{ get a() { return 1; }, a: 2 }",
  "{ __proto__: { a: 1, get b() { return this; } }, c: 1 }",
  '{ ["__proto__"]: 1, x() { return super.toString; } }',
  "{ [S1]: 1, [S2]: 2, a: 3 }",
  "{ 4294967294: 1, 4294967295: 2, 2147483648: 3, a: 4 }",
  "Object.create(null)",
  "Object.create({ a: 1, length: 2 }, { a: { value: 2 }, c: { get() { return 4; }, enumerable: true } })",
  "Object.freeze({ a: 1, b: [1] })",
  "Object.freeze([1, 2])",
  "Object.seal({ a: 1 })",
  "Object.preventExtensions([1, , 3])",
  "Object.defineProperty([1, 2], 'length', { writable: false })",
  "Object.defineProperty([1, 2], 1, { get() { return 'got'; } })",
  "[]",
  "[1, , 2, , ]",
  "[...'text', ...v2]",
  "new Array(5)",
  "new Array(3).fill({ a: 1 })",
  "Array.from({ length: 3, 1: 'x' })",
  "Object.assign([1], { a: 1, 5: 2 })",
  "new (class A extends Array { get length2() { return this.length; } })(3)",
  "new (class B { a = 1; #b = 2; get b() { return this.#b; } static c = 3; })()",
  "class C { static a = 1; static get length() { return 'l'; } }",
  "new Uint8Array([1, 2, 300])",
  "new Float64Array(2)",
  "new BigInt64Array(1)",
  "new DataView(new ArrayBuffer(4))",
  "new String('text')",
  "Object.assign(new String('text'), { a: 1, 9: 2 })",
  "Object(Symbol('boxed'))",
  "Object(5n)",
  "(function () { return arguments; })(1, 2)",
  "(function (a) { 'use strict'; return arguments; })(1)",
  "(() => {})",
  "Object.assign(function (a, b) {}, { a: 1 })",
  "(function* () { yield 1; yield { a: 2 }; })()",
  "/(?<a>x)(?<b>y)?/.exec('x')",
  "{ valueOf() { tell('valueOf'); return 41; }, toString() { return 'said'; } }",
  "{ valueOf() { throw new RangeError('no value'); } }",
  "{ [Symbol.toPrimitive](hint) { tell(hint); return 7n; } }",
  "{ *[Symbol.iterator]() { yield* [1, 2]; }, length: 9 }",
  'JSON.parse(\'{"a":1,"b":[{"a":2}],"a":3,"0":4,"__proto__":5}\')',
  "Object.fromEntries([['a', 1], ['0', 2], ['a', 3]])",
];

const TRAPS = [
  "get",
  "set",
  "has",
  "ownKeys",
  "getOwnPropertyDescriptor",
  "defineProperty",
  "getPrototypeOf",
];

/** A proxy that says which of its traps are called. */
function proxy(random: Random): string {
  const traps = TRAPS.filter(() => random.below(2) === 0).map(
    (trap) => `${trap}(...all) { say("${trap} " + show(all[1], 3)); return Reflect.${trap}(...all); }`,
  );
  return `new Proxy(${random.below(2) === 0 ? value(random) : "{ a: 1, 0: 2 }"}, { ${traps.join(", ")} })`;
}

function object(random: Random): string {
  return random.below(12) === 0 ? proxy(random) : `(${random.of(OBJECTS)})`;
}

const COMPARISONS = ["===", "!==", "===", "!==", "==", "<", ">="];
const OPERATORS = ["+", "-", "*", "|", ">>>", "&&", "??"];

/** Each list has one text, or numbers that some operators take for equal, made in different ways. */
const ALIKE = [
  ...["text", "a", "length", "0", "€"].map((word) => [
    JSON.stringify(word),
    `${JSON.stringify(word)}.slice()`,
    `${JSON.stringify(`x${word}x`)}.slice(1, -1)`,
    `["${word}"].join()`,
    `Object.keys({ "${word}": 1 })[0]`,
    `Symbol("${word}").description`,
    `Symbol.for("${word}").description`,
    `JSON.parse('"${word}"')`,
    `(${JSON.stringify(word)} + "b".repeat(9000)).slice(0, ${word.length})`,
    `new String("${word}")`,
    `({ "${word}"() {} })["${word}"].name`,
    `/${word}/.source`,
    `[..."${word}"].reduce((a, b) => a + b)`,
  ]),
  ['"b".repeat(9000)', '"b".repeat(4500) + "b".repeat(4500)', '("b".repeat(9000) + "é").slice(0, 9000)'],
  ["0", "-0", "0n", "false", "0.5 - 0.5", '""', "null", "undefined", "NaN", "0 / 0", "-0n"],
  ["5", "5n", '"5"', "4.5 + 0.5", "true", "[5]", "2n ** 64n", "2 ** 64", "2n ** 64n + 1n"],
  ["S1", "Symbol('a')", "S2", "Symbol.for('length')", "v0", "v1", "({})"],
];

/** Whether one of two things that may be equal is taken for the other. */
export function comparison(random: Random): string {
  const list = random.of(ALIKE);
  return `(${random.of(list)} ${random.of(COMPARISONS)} ${random.of(list)})`;
}

/** Any expression. */
export function expression(random: Random, depth: number): string {
  const part = () => expression(random, depth - 1);
  if (depth <= 0) return random.below(2) === 0 ? value(random) : leaf(random);
  switch (random.below(14)) {
    case 0:
      return comparison(random);
    case 1:
      return `(${part()} ${random.of(COMPARISONS)} ${part()})`;
    case 2:
      return `(${part()} ${random.of(OPERATORS)} ${part()})`;
    case 3:
    case 4:
      return `${value(random)}${member(random)}`;
    case 5:
      return `${part()}.length`;
    case 6:
      return `({ ...${value(random)} })`;
    case 7:
      return `({ a: ${part()}, [${key(random)}]: ${part()}, ...${value(random)}, x: 1 })`;
    case 8:
      return `[${part()}, , ${part()}, ...few(${value(random)})]`;
    case 9:
      return `${part()}${member(random)}`;
    case 10:
      return text(random);
    case 11:
      return `${value(random)}${member(random)}(${part()})`;
    default:
      return random.below(2) === 0 ? object(random) : leaf(random);
  }
}

function leaf(random: Random): string {
  const list = random.of([NUMBERS, WORDS, WORDS, OTHERS]);
  return `(${random.of(list)})`;
}

/** What the methods of texts find. */
function text(random: Random): string {
  const [whole, other] = [random.of(WORDS), random.of(WORDS)];
  const from = random.of(["", "", ", 1", ", -1", ", 3", ", 9000", ", 2 ** 40", ", NaN", ", v4"]);
  const method = random.of(["includes", "includes", "indexOf", "startsWith", "endsWith", "lastIndexOf"]);
  return random.of([
    `(${whole}).${method}(${other}${from})`,
    `(${whole}).${method}(${other}${from})`,
    `(${whole}).replace(${other}, "$&$1$$$<a>$'")`,
    `(${whole}).split(${other})`,
    `(${whole}).replaceAll(${other}, "[$&]")`,
    `(${whole} + ${other})`,
    `(${whole}).match(/(?<a>.)${random.of(["", "+", "?"])}/${random.of(["", "g", "u", "d", "y"])})`,
  ]);
}
