// What each random program begins with: the names that it may use, and `show`, which says everything about a
// value that a program could find out.

/** Plain JavaScript, which runs before the random part and must not depend on what that changes. */
export const PRELUDE = `
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, isExtensible } = Reflect;
const { is, prototype: { toString: kind } } = Object;
const { call } = Function.prototype;
const kindOf = call.bind(kind);
const TEXT = String, QUOTE = JSON.stringify, MAP = Map;
const has = call.bind(MAP.prototype.has), get = call.bind(MAP.prototype.get);
const set = call.bind(MAP.prototype.set);
const part = call.bind(String.prototype.slice), words = call.bind(Symbol.prototype.toString);
const seen = new MAP();
let count = 0;
function show(value, depth) {
  if (typeof value === "symbol") return words(value);
  if (typeof value === "string") return QUOTE(value.length < 200 ? value : part(value, 0, 90) + value.length);
  if (typeof value === "bigint") return value + "n";
  if (typeof value !== "object" && typeof value !== "function" || value === null)
    return is(value, -0) ? "-0" : TEXT(value);
  if (has(seen, value)) return "#" + get(seen, value);
  set(seen, value, ++count);
  let said = "#" + count + typeof value;
  if (depth > 3) return said;
  try {
    said += kindOf(value) + (isExtensible(value) ? "" : "!") + "{";
    const keys = ownKeys(value);
    for (let index = 0; index < keys.length && index < 40; index++) {
      const key = keys[index], of = getOwnPropertyDescriptor(value, key);
      said += (typeof key === "symbol" ? words(key) : key) + "=";
      if (of === undefined) { said += "?,"; continue; }
      said += (of.writable ? "w" : "") + (of.enumerable ? "e" : "") + (of.configurable ? "c" : "");
      said += ("get" in of ? "<" + typeof of.get + typeof of.set + ">" : show(of.value, depth + 1)) + ",";
    }
    const above = getPrototypeOf(value);
    said += "}";
    if (above !== null && depth < 2) said += "^" + show(above, depth + 2);
  } catch (error) {
    said += "!" + (typeof error === "object" && error !== null ? TEXT(error.message) : typeof error);
  }
  return said;
}
function few(list) { return list?.length > 1000 ? [] : list; }
function tell(value) { say(show(value, 0)); }
function fault(error) {
  say("! " + (error instanceof Error ? error.name + ": " + error.message : show(error, 2)));
}
function known(value) { if (!has(seen, value)) { set(seen, value, ++count); } }
for (const name of ownKeys(globalThis)) {
  const value = globalThis[name];
  if (typeof value !== "object" && typeof value !== "function" || value === null) continue;
  known(value);
  if (typeof value === "function" && value.prototype) known(value.prototype);
}
`;
