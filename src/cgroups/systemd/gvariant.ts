// Annotations `org.systemd.property.NAME` as properties: their values are GVariant text, such as `uint64
// 10000000`, `true`, `'mixed'`, `['a', 'b']` (runc: initSystemdProps, and godbus' ParseVariant). A value that
// the bus cannot carry is an error; it is never cut to fit. Pure.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import { quoted, shorten } from "../../spec/shorten.ts";
import { type BusValue, isType, isTypes, type Property, splitSignature, UNLIMITED } from "./property.ts";

export const SYSTEMD_PROPERTY_PREFIX = "org.systemd.property.";

/** How many characters of an annotation's key, and of its value, an error shows. */
const LONGEST_SHOWN = 200;

/** The properties that the annotations ask for, in the annotations' order. */
export function annotationProperties(annotations: Readonly<Record<string, string>> = {}): Property[] {
  return propertyAnnotations(annotations).map(([key, text]) => annotationProperty(key, text));
}

/** The annotations that are properties. */
export function propertyAnnotations(annotations: Readonly<Record<string, string>> = {}): [string, string][] {
  return Object.entries(annotations).filter(([key]) => key.startsWith(SYSTEMD_PROPERTY_PREFIX));
}

/** The property that one annotation asks for. Throws E_CONFIG if the bus cannot carry it. */
export function annotationProperty(key: string, text: string): Property {
  const name = key.slice(SYSTEMD_PROPERTY_PREFIX.length);
  const shown = shorten(key, LONGEST_SHOWN);
  if (!/^[A-Za-z]{3,}$/.test(name)) {
    const why = name.length < 3 ? "too short" : "contains non-alphabetic character";
    throw new TsrunError("E_CONFIG", `annotation ${shown} name incorrect: ${why}`);
  }
  try {
    const { type, value } = parseVariant(text);
    // The bus always uses microseconds: the documentation's `TimeoutStopSec` is `TimeoutStopUSec` there.
    if (!/[a-z]Sec$/.test(name)) return { name, type, value };
    return { name: `${name.slice(0, -3)}USec`, type: "t", value: microseconds(value) };
  } catch (error) {
    throwIfOutOfMemory(error);
    const words = error instanceof Error ? error.message : String(error);
    const given = `${shown}=${shorten(text, LONGEST_SHOWN)}`;
    throw new TsrunError("E_CONFIG", `annotation ${given} value parse error: ${words}`, {
      cause: error,
      hint: "it is GVariant text: uint64 5, true, 'text', ['a', 'b']",
    });
  }
}

function microseconds(value: BusValue): bigint {
  if (typeof value !== "number" && typeof value !== "bigint") throw new Error("not a number");
  const found = typeof value === "bigint" ? value * 1_000_000n : BigInt(Math.floor(value * 1e6));
  if (found >= 0n && found <= UNLIMITED) return found;
  throw new Error(`must be from 0 to ${UNLIMITED / 1_000_000n} seconds, is ${value}`);
}

interface Variant {
  readonly type: string;
  readonly value: BusValue;
}

/** The type words that may precede a value. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  boolean: "b",
  byte: "y",
  int16: "n",
  uint16: "q",
  int32: "i",
  uint32: "u",
  int64: "x",
  uint64: "t",
  double: "d",
  string: "s",
  objectpath: "o",
  signature: "g",
};

/** The types of whole numbers: name, least value, greatest value. */
const WHOLE: ReadonlyMap<string, readonly [string, bigint, bigint]> = new Map([
  ["y", ["byte", 0n, 255n]],
  ["n", ["int16", -32_768n, 32_767n]],
  ["q", ["uint16", 0n, 65_535n]],
  ["i", ["int32", -2_147_483_648n, 2_147_483_647n]],
  ["u", ["uint32", 0n, 4_294_967_295n]],
  ["x", ["int64", -9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n]],
  ["t", ["uint64", 0n, UNLIMITED]],
]);

/** How many lists and structures may be inside each other: the bus allows 32 of each. */
const DEEPEST = 32;

const TOKEN =
  /\s*(?:(@\S+)|('[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")|([[\](),])|([^\s[\](),'"]+))/sy;

/** Reads one value. Throws an Error that says what is wrong. */
export function parseVariant(text: string): Variant {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`unexpected text at ${quoted(text.slice(at))}`);
    tokens.push(match.slice(1).find((token) => token !== undefined) ?? "");
  }
  const reader = new Reader(tokens);
  const variant = reader.read(undefined);
  reader.expectEnd();
  if (!isType(variant.type)) throw new Error("its type is longer than the bus allows");
  return variant;
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  /** @param wanted the type that the enclosing value requires */
  read(wanted: string | undefined): Variant {
    const token = this.#next();
    const named = token.startsWith("@") ? token.slice(1) : TYPE_WORDS[token];
    if (named === undefined) return this.#readValue(token, wanted);
    if (!isType(named)) throw new Error(`${quoted(named)} is no type of the bus`);
    if (wanted !== undefined && named !== wanted) throw mismatch(token, wanted);
    const value = this.#next();
    if (value.startsWith("@") || TYPE_WORDS[value] !== undefined) {
      throw new Error(`unexpected second type ${quoted(value)}`);
    }
    return this.#readValue(value, named);
  }

  expectEnd(): void {
    const token = this.#tokens[this.#at];
    if (token !== undefined) throw new Error(`unexpected ${quoted(token)}`);
  }

  #readValue(token: string, wanted: string | undefined): Variant {
    const found = this.#readAs(token, wanted);
    if (wanted !== undefined && found.type !== wanted) throw mismatch(token, wanted);
    return found;
  }

  #readAs(token: string, wanted: string | undefined): Variant {
    if (token === "[") return this.#within(() => this.#readArray(wanted));
    if (token === "(") return this.#within(() => this.#readTuple(wanted));
    if (/^['"]/.test(token)) return readText(token, wanted);
    if (token === "true" || token === "false") return { type: "b", value: token === "true" };
    return readNumber(token, wanted);
  }

  #within(read: () => Variant): Variant {
    this.#depth++;
    if (this.#depth > DEEPEST) throw new Error(`more than ${DEEPEST} values are inside each other`);
    const found = read();
    this.#depth--;
    return found;
  }

  #readArray(wanted: string | undefined): Variant {
    let element = wanted?.startsWith("a") === true ? wanted.slice(1) : undefined;
    const values: BusValue[] = [];
    while (!this.#accept("]")) {
      if (values.length > 0) this.#expect(",");
      const { type, value } = this.read(element);
      element = type;
      values.push(value);
    }
    if (element === undefined) throw new Error("an empty array needs its type, as in @as []");
    return { type: `a${element}`, value: values };
  }

  #readTuple(wanted: string | undefined): Variant {
    let rest = wanted?.startsWith("(") === true ? wanted.slice(1, -1) : "";
    const types: string[] = [];
    const values: BusValue[] = [];
    while (!this.#accept(")")) {
      if (values.length > 0) this.#expect(",");
      const [first, others] = rest === "" ? [undefined, ""] : splitSignature(rest);
      const { type, value } = this.read(first);
      rest = others;
      types.push(type);
      values.push(value);
    }
    return { type: `(${types.join("")})`, value: values };
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error("a value is missing");
    return token;
  }

  #accept(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#accept(token)) throw new Error(`"${token}" is missing`);
  }
}

function mismatch(token: string, wanted: string): Error {
  return new Error(`${shorten(token, LONGEST_SHOWN)} is not of type ${wanted}`);
}

/** An octal number begins with 0, as in C. */
const INTEGER = /^([+-]?)(?:0x([0-9A-Fa-f]+)|0([0-7]+)|(0|[1-9][0-9]*))$/;
const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

function readNumber(token: string, wanted: string | undefined): Variant {
  const [, sign, hex, octal, decimal] = INTEGER.exec(token) ?? [];
  const isWhole = sign !== undefined;
  const isNumber = isWhole || (DECIMAL.test(token) && (wanted === "d" || /[.eE]/.test(token)));
  if (!isNumber) throw new Error(`${quoted(token)} is no value`);
  const type = wanted ?? (isWhole ? "i" : "d");
  if (type === "d") return { type, value: readDouble(token) };
  const range = WHOLE.get(type);
  if (range === undefined) throw new Error(`${quoted(token)} is not of type ${type}`);
  if (!isWhole) throw new Error(`${quoted(token)} is no whole number`);
  const [word, least, greatest] = range;
  const [prefix, digits = ""] = hex ? ["0x", hex] : octal ? ["0o", octal] : ["", decimal];
  const size = sizeOf(prefix, digits);
  const value = sign === "-" ? -size : size;
  if (value < least || value > greatest) {
    throw new Error(`${word} must be from ${least} to ${greatest}, is ${shorten(token, LONGEST_SHOWN)}`);
  }
  return { type, value };
}

/** No type has more digits, and a number with a million of them would take seconds to convert. */
const MOST_DIGITS = 30;

function sizeOf(prefix: string, digits: string): bigint {
  const significant = digits.replace(/^0+(?=.)/, "");
  return significant.length > MOST_DIGITS ? 10n ** BigInt(MOST_DIGITS) : BigInt(`${prefix}${significant}`);
}

function readDouble(token: string): number {
  if (!DECIMAL.test(token)) throw new Error(`${quoted(token)} is no decimal number`);
  const value = Number(token);
  if (!Number.isFinite(value)) throw new Error(`${quoted(token)} is too large for a double`);
  return value;
}

function readText(token: string, wanted: string | undefined): Variant {
  const value = unquote(token);
  if (wanted === "o" && !/^\/(?:\w+(?:\/\w+)*)?$/.test(value))
    throw new Error(`${quoted(value)} is no object path`);
  if (wanted === "g" && !isTypes(value)) throw new Error(`${quoted(value)} is no signature`);
  if (value.includes("\0")) throw new Error("a text of the bus cannot contain a NUL character");
  if (!value.isWellFormed()) throw new Error("a text of the bus must be UTF-8");
  return { type: wanted === "o" || wanted === "g" ? wanted : "s", value };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  // A backslash at the end of a line: the text continues in the next one.
  "\n": "",
};

function unquote(token: string): string {
  return token
    .slice(1, -1)
    .replace(
      /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/gs,
      (_, short: string | undefined, long: string | undefined, letter: string) => {
        const code = short ?? long;
        if (code !== undefined) return character(code);
        if (letter === "u" || letter === "U") throw new Error("\\u needs 4 hexadecimal digits, and \\U 8");
        return ESCAPES[letter] ?? letter;
      },
    );
}

function character(code: string): string {
  const point = Number.parseInt(code, 16);
  const isSurrogate = point >= 0xd800 && point <= 0xdfff;
  if (point > 0x10ffff || isSurrogate) throw new Error(`U+${code} is no character`);
  return String.fromCodePoint(point);
}
