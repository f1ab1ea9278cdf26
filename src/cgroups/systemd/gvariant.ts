// Annotations `org.systemd.property.NAME` as properties: their values are GVariant text, such as `uint64
// 10000000`, `true`, `'mixed'`, `['a', 'b']` (runc: initSystemdProps, and godbus' ParseVariant). Pure.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import { type BusValue, type Property, splitSignature } from "./property.ts";

export const SYSTEMD_PROPERTY_PREFIX = "org.systemd.property.";

/** The properties that the annotations ask for, in the annotations' order. */
export function annotationProperties(annotations: Readonly<Record<string, string>> = {}): Property[] {
  const properties: Property[] = [];
  for (const [key, text] of Object.entries(annotations)) {
    if (!key.startsWith(SYSTEMD_PROPERTY_PREFIX)) continue;
    const name = key.slice(SYSTEMD_PROPERTY_PREFIX.length);
    if (!/^[A-Za-z]{3,}$/.test(name)) {
      const why = name.length < 3 ? "too short" : "contains non-alphabetic character";
      throw new TsrunError("E_CONFIG", `annotation ${key} name incorrect: ${why}`);
    }
    properties.push(annotationProperty(name, text, key));
  }
  return properties;
}

function annotationProperty(name: string, text: string, key: string): Property {
  try {
    const { type, value } = parseVariant(text);
    // The bus always uses microseconds: the documentation's `TimeoutStopSec` is `TimeoutStopUSec` there.
    if (!/[a-z]Sec$/.test(name)) return { name, type, value };
    if (typeof value !== "number" && typeof value !== "bigint") throw new Error("not a number");
    const microseconds = typeof value === "bigint" ? value * 1_000_000n : BigInt(Math.floor(value * 1e6));
    return { name: `${name.slice(0, -3)}USec`, type: "t", value: microseconds };
  } catch (error) {
    throwIfOutOfMemory(error);
    const words = error instanceof Error ? error.message : String(error);
    throw new TsrunError("E_CONFIG", `annotation ${key}=${text} value parse error: ${words}`, {
      cause: error,
      hint: "it is GVariant text: uint64 5, true, 'text', ['a', 'b']",
    });
  }
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

const TOKEN = /\s*(?:(@\S+)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|([[\](),])|([^\s[\](),'"]+))/y;

/** Reads one value. Throws an Error that says what is wrong. */
export function parseVariant(text: string): Variant {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let end = 0; text.slice(end).trim() !== ""; end = TOKEN.lastIndex) {
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`unexpected text at "${text.slice(end)}"`);
    tokens.push(match.slice(1).find((token) => token !== undefined) ?? "");
  }
  const reader = new Reader(tokens);
  const variant = reader.read(undefined);
  reader.expectEnd();
  return variant;
}

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  /** @param wanted the type that the enclosing value requires */
  read(wanted: string | undefined): Variant {
    const token = this.#next();
    const named = token.startsWith("@") ? token.slice(1) : TYPE_WORDS[token];
    if (named !== undefined) return this.read(named);
    if (token === "[") return this.#readArray(wanted);
    if (token === "(") return this.#readTuple(wanted);
    if (/^['"]/.test(token)) {
      const type = wanted === "o" || wanted === "g" ? wanted : "s";
      if (wanted !== undefined && wanted !== type) throw new Error(`${token} is not of type ${wanted}`);
      return { type, value: unquote(token) };
    }
    if (token === "true" || token === "false") return { type: "b", value: token === "true" };
    return readNumber(token, wanted);
  }

  expectEnd(): void {
    if (this.#at < this.#tokens.length) throw new Error(`unexpected "${this.#tokens[this.#at]}"`);
  }

  #readArray(wanted: string | undefined): Variant {
    let element = wanted?.startsWith("a") === true ? wanted.slice(1) : undefined;
    const values: BusValue[] = [];
    while (!this.#accept("]")) {
      if (values.length > 0) this.#expect(",");
      const { type, value } = this.read(element);
      if (element !== undefined && element !== type) throw new Error("an array of different types");
      element = type;
      values.push(value);
    }
    if (element === undefined) throw new Error("an empty array needs its type, as in @as []");
    return { type: `a${element}`, value: values };
  }

  #readTuple(wanted: string | undefined): Variant {
    let rest = wanted?.startsWith("(") === true ? wanted.slice(1, -1) : "";
    let types = "";
    const values: BusValue[] = [];
    while (!this.#accept(")")) {
      if (values.length > 0) this.#expect(",");
      const [first, others] = rest === "" ? [undefined, ""] : splitSignature(rest);
      const { type, value } = this.read(first);
      rest = others;
      types += type;
      values.push(value);
    }
    return { type: `(${types})`, value: values };
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

function readNumber(token: string, wanted: string | undefined): Variant {
  const number = Number(token);
  if (Number.isNaN(number) || token === "") throw new Error(`"${token}" is no value`);
  if (wanted === "d" || (wanted === undefined && !Number.isInteger(number)))
    return { type: "d", value: number };
  if (!Number.isInteger(number)) throw new Error(`"${token}" is no whole number`);
  const type = wanted ?? "i";
  if (!"ynqiuxt".includes(type)) throw new Error(`"${token}" is not of type ${type}`);
  return { type, value: /^[+-]?\d+$/.test(token) ? BigInt(token) : BigInt(number) };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

function unquote(token: string): string {
  return token.slice(1, -1).replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);
}
