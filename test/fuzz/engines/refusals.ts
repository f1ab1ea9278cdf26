// Short programs that use what scripts/engine/speed.ts and end-of-memory.ts change, and what tsrun uses most,
// to be run with each of their allocations refused in turn. Not random ones: the engine itself does not stand
// all refusals, for instance none while it compiles, which tsrun does not. Pure.

const FIRST = `
let o = { a: 1, b: "two", c: [3], d: { e: 4 } }, list = [1, o, "x"], made;
const word = "te" + "xt", long = "a".repeat(9000);
const many = {}; for (let n = 0; n < 20; n++) many["f" + n] = { n };
class Fields { a = {}; b = []; c = o; d = 1; e = 2; f = 3; g = 4; }
class Fault extends Error {
  constructor(code, message, more) { super(message, { cause: more }); this.code = code; }
}
const f = (a, ...rest) => [a, rest], map = new Map([["a", 1]]), bytes = new Uint8Array([1, 2, 3, 200]);
`;

const CHANGED: readonly string[] = [
  "made = { a: {}, b: [], c: o, d: 1, e: 2, f: 3, g: 4, h: 5, i: 6 };",
  "made = { [word]: {}, a: o, [word + 1]: 2 };",
  "made = { ...many };",
  "made = { a: 1, ...many, b: 2, ...o };",
  "made = { ...o }; made.x = {}; made.y = {}; made.z = {};",
  "made = [o, {}, [], 4];",
  "made = [...list, ...list, {}];",
  `made = [${"{}, ".repeat(40)}];`,
  "made = new Fields();",
  "for (let n = 0; n < 20; n++) list.push({});",
  "made = {}; for (let n = 0; n < 20; n++) made['f' + n] = {};",
  "for (let n = 0; n < 20; n++) Object.defineProperty(many, 'g' + n, { value: {} });",
  "Object.assign(o, many);",
  "made = Object.entries(o);",
  "made = list.map((x) => ({ x }));",
  "made = list.concat(list, [{}]);",
  "made = Object.fromEntries([['a', {}], ['b', {}]]);",
  "made = long + word; made = made === long + word;",
  "made = (long + word).length;",
  "made = (long + word).includes('text');",
  "made = 2n ** 64n; made++; made--; made = made++;",
  "made = (o.b + list.length).trim() === 'two3';",
  `made = JSON.parse('{"a":[1,{"b":2},"x"],"c":{"d":{}},"a":{}}');`,
  "made = Symbol('x' + word).description === 'x';",
  "made = /(?<a>x)/.exec('x');",
];

const USED: readonly string[] = [
  "made = list.filter((x) => x).flatMap((x) => [x, {}]);",
  "made = list.slice(1); list.splice(1, 1, {}, {});",
  "made = [5, 3, 9].sort((a, b) => a - b); made = list.toReversed();",
  "made = (word + ',b').split(',').join('-');",
  "made = 'a,b'.split(/,/);",
  "made = 'axbx'.replaceAll('x', 'yy').replace(/x/g, (m) => m + m).padStart(20, 'ab');",
  "made = [...'axbx'.matchAll(/x/g)];",
  "map.set('b', {}); map.set({}, 1); made = [...map.entries()].map(([a, b]) => [a, b]);",
  "made = new Set(list); made.add({}); made = new Map(map);",
  "made = f.bind(null, 1); made = made(2);",
  "made = f(...list); made = ((a) => () => a++)(1)();",
  "made = (function* () { yield 1; yield {}; })(); made.next();",
  "made = [...(function* () { yield 1; yield {}; })()];",
  "made = (async () => { await 1; return {}; })();",
  "made = Promise.resolve(1).then((x) => ({ x }));",
  "throw new Fault('E', 'message', new Error('x'));",
  "null.x;",
  "undefined();",
  "o.nothing();",
  "JSON.parse('{bad');",
  "try { throw new Fault('E', 'm'); } catch (error) { made = error.stack; } finally { list.push({}); }",
  "made = JSON.stringify(o, null, 2);",
  "made = new Uint8Array(100); made.set(bytes, 3); made = bytes.slice(1).subarray(1, 2);",
  "made = BigInt('18446744073709551615').toString(16); made = BigInt(5) << 70n;",
  "const { a, ...rest } = o; made = rest; const [p, ...q] = list; made = q;",
  "made = Array.from({ length: 5 }, (_, i) => ({ i })); made = new Array(5).fill(0);",
  "made = o?.x?.y ?? {}; for (const [k, v] of Object.entries(many)) made[k] = v;",
  "made = (long + 'b' + long).split('b');",
];

/** The texts of the programs. */
export function refusalPrograms(): string[] {
  return [...CHANGED, ...USED].map(
    (statement) => `(function () { ${FIRST}
    lackMemory(); try { ${statement} } catch {} enough();
    say(JSON.stringify([o, list, many, typeof made])); })();`,
  );
}
