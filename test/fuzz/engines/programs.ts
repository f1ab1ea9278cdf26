// Random programs that use what scripts/engine/speed.ts changes: fields, definitions, comparisons, lengths,
// increments, spread, growth. Each statement stands alone, so that a program that shows a difference can be
// made shorter. Pure.

import type { Random } from "../random.ts";
import { comparison, expression, key, member, SYMBOLS, target, value } from "./expressions.ts";
import { PRELUDE } from "./prelude.ts";

export interface Program {
  readonly isStrict: boolean;
  readonly statements: readonly string[];
}

type Maker = (random: Random) => string;

const FLAGS = ["writable", "enumerable", "configurable"];

function descriptor(random: Random): string {
  const flags = FLAGS.filter(() => random.below(2) === 0).map((flag) => `${flag}: ${random.below(2) === 0}`);
  const what = random.of([
    `value: ${expression(random, 1)}`,
    "get() { return 7; }",
    "get() { throw 8; }, set(x) { tell(x); }",
    "set(x) { this.hidden = x; }",
  ]);
  const isAccessor = !what.startsWith("value");
  return `{ ${[what, ...flags.filter((flag) => !(isAccessor && flag.startsWith("writable")))].join(", ")} }`;
}

/** Statements that only change objects. */
const CHANGES: readonly Maker[] = [
  (random) => `${target(random)} = ${expression(random, 2)};`,
  (random) => `${target(random)} = ${expression(random, 2)};`,
  (random) => `${value(random)}${member(random)} = ${expression(random, 1)};`,
  (random) => `${value(random)}${member(random)} = ${expression(random, 1)};`,
  (random) => `tell(delete ${value(random)}${member(random)});`,
  (random) => `Object.defineProperty(${value(random)}, ${key(random)}, ${descriptor(random)});`,
  (random) => `tell(Reflect.defineProperty(${value(random)}, ${key(random)}, ${descriptor(random)}));`,
  (random) =>
    `Object.setPrototypeOf(${value(random)}, ${random.of([value(random), "null", "Array.prototype"])});`,
  (random) => `Object.${random.of(["freeze", "seal", "preventExtensions", "freeze"])}(${value(random)});`,
  (random) => `Object.assign(${value(random)}, ${value(random)}, ${value(random)});`,
  (random) => `${value(random)}.length = ${random.of(["0", "1", "3", "2 ** 31", "-1", "'2'", "5"])};`,
  (random) => `tell(${value(random)}${member(random)}${random.of(["++", "--"])});`,
  (random) => `tell(${random.of(["++", "--"])}${value(random)}${member(random)});`,
  (random) => `${target(random)}${random.of(["++", "--"])};`,
  (random) => `tell(${target(random)}${random.of(["++", "--"])});`,
  (random) => `tell(${value(random)}.push(${expression(random, 1)}, ${value(random)}));`,
  (random) => `tell(few(${value(random)}).${random.of(["pop", "shift", "reverse", "sort"])}());`,
  (random) => `tell(few(${value(random)}).splice(${random.below(4)}, ${random.below(3)}, ${value(random)}));`,
  (random) => `tell(few(${value(random)}).unshift(${value(random)}));`,
];

/** Changes to what all objects have: rare, since little works after some of them. */
const WIDE_CHANGES: readonly Maker[] = [
  (random) => `Object.prototype${member(random)} = ${expression(random, 1)};`,
  (random) => `Object.defineProperty(Object.prototype, ${key(random)}, ${descriptor(random)});`,
  (random) => `Array.prototype[${random.below(3)}] = ${value(random)};`,
  (random) => `Object.defineProperty(Array.prototype, ${random.below(3)}, ${descriptor(random)});`,
  (random) => `Object.setPrototypeOf(Array.prototype, ${value(random)});`,
  () => "Array.prototype[Symbol.iterator] = function* () { yield 1; yield this.length; };",
  (random) => `Object.freeze(${random.of(["Array", "Object"])}.prototype);`,
];

function pattern(random: Random): string {
  const names = Array.from({ length: random.below(3) }, (_, index) => {
    const name = key(random);
    return `${name.startsWith("S") ? `[${name}]` : name}: p${index}`;
  });
  return `{ ${[...names, "...rest"].join(", ")} }`;
}

function choice(random: Random): string {
  const [of, one, two] = [expression(random, 1), expression(random, 1), value(random)];
  return `switch (${of}) { case ${one}: tell(1); break; case ${two}: tell(2); break; default: tell(3); }`;
}

const STEPS = ["++", "--"];

/** At the limits of 32 bits. */
function steps(random: Random): string {
  const from = random.of(["2147483645", "-2147483646", "0", "4294967294", "0.5", "2n ** 63n"]);
  return `{ let i = ${from}; for (let n = 0; n < 4; n++) tell(i${random.of(STEPS)}); tell(i); }`;
}

function growth(random: Random): string {
  const [count, name] = [random.of([4, 9, 30]), random.of(["n", "n % 7", "n * n"])];
  const loop = `for (let n = 0; n < ${count}; n++) made["f" + (${name})] = n;`;
  return `{ const made = ${value(random)}; ${loop} tell(made); }`;
}

/** Arguments that are variables, too, in sloppy mode. */
function mapped(random: Random): string {
  const body = `a++; arguments[0]${random.of(["++", " = b", "--"])};`;
  const result = "[a, arguments.length, { ...arguments }]";
  return `tell(function (a, b) { ${body} return ${result}; }(${value(random)}, ${value(random)}));`;
}

function statics(random: Random): string {
  const name = random.of(["a", "0", "length", "[S1]", "x"]);
  return `tell(class { static ${name} = ${value(random)}; #p = 1; static { tell(this.name); } });`;
}

function fields(random: Random): string {
  const [above, name] = [
    random.of(["Array", "Object", "Map", "Error", "Function"]),
    random.of(["length", "b", "0"]),
  ];
  return `tell(new (class extends ${above} { a = ${value(random)}; ${name} = 1; })());`;
}

/** Statements that say what they find. */
const LOOKS: readonly Maker[] = [
  (random) => `tell([${comparison(random)}, ${comparison(random)}, ${comparison(random)}]);`,
  (random) => `tell([${comparison(random)}, ${comparison(random)}, ${comparison(random)}]);`,
  (random) => `tell(${expression(random, 3)});`,
  (random) => `tell(${expression(random, 3)});`,
  (random) => `tell(${value(random)});`,
  (random) =>
    `tell([${value(random)} === ${expression(random, 1)}, ${expression(random, 1)} !== ${value(random)}]);`,
  (random) => `tell({ ...${value(random)} });`,
  (random) => `tell({ a: 1, ...${value(random)}, b: 2, ...${value(random)} });`,
  (random) => `tell([...few(${value(random)})]);`,
  (random) => `{ let p0, p1, rest; (${pattern(random)} = ${value(random)}); tell([p0, p1, rest]); }`,
  choice,
  (random) => `for (const name in ${value(random)}) tell(name);`,
  steps,
  growth,
  (random) =>
    `{ let i = 0; const f = () => i++; f(); f(); tell([f(), i--, i]); i = ${value(random)}; tell(f()); }`,
  mapped,
  (random) => `tell(JSON.parse(JSON.stringify(few(${value(random)}))));`,
  (random) => `tell(Object.entries(${value(random)}));`,
  (random) => `tell(Array.from(few(${value(random)}), (x) => x));`,
  statics,
  fields,
  (random) => `tell(${value(random)}?.${random.of(["a", "b", "length", "x"])}?.(${value(random)}));`,
];

export function makeProgram(random: Random): Program {
  const statements = Array.from({ length: 5 + random.below(25) }, () => {
    const which = random.below(60);
    return random.of(which === 0 ? WIDE_CHANGES : which < 35 ? CHANGES : LOOKS)(random);
  });
  return { isStrict: random.below(2) === 0, statements };
}

const FIRST = `
let v0 = {}, v1 = { a: 1, b: "two" }, v2 = [1, 2, 3], v3 = "text", v4 = 5;
let v5 = function f(a) { return this; }, v6 = [, 1, , 2], v7 = Object.create(v1);
let v8 = { get a() { return 1; }, set a(x) {}, c: undefined }, v9 = 0;
${SYMBOLS}
`;

/** The text of a program. */
export function textOf({ isStrict, statements }: Program): string {
  const tried = statements.map((statement) => `try { ${statement} } catch (error) { fault(error); }\n`);
  return `${PRELUDE}(function () { ${isStrict ? '"use strict";' : ""}${FIRST}${tried.join("")}
  tell([v0, v1, v2, v3, v4, v5, v6, v7, v8, v9]); })();`;
}
