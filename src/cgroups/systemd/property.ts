// A unit's property: its name, D-Bus type and value. Pure.

/** A value of a basic type, or an array or structure of values. */
export type BusValue = string | number | bigint | boolean | readonly BusValue[];

export interface Property {
  readonly name: string;
  /** The D-Bus signature: `t`, `s`, `a(ss)`. */
  readonly type: string;
  readonly value: BusValue;
}

export const UNLIMITED = 18_446_744_073_709_551_615n;

export function property(name: string, type: string, value: BusValue): Property {
  return { name, type, value };
}

/** A 64-bit number; -1 means no limit, as in the specification. */
export function number(name: string, value: number | bigint): Property {
  return { name, type: "t", value: BigInt.asUintN(64, toInteger(value)) };
}

function toInteger(value: number | bigint): bigint {
  if (typeof value === "bigint") return value;
  // The largest 64-bit numbers in JSON arrive rounded up, beyond their range.
  return value >= 2 ** 64 ? UNLIMITED : BigInt(Math.trunc(value));
}

/** Splits a signature after its first type: `a(ss)b` is `a(ss)` and `b`. */
export function splitSignature(signature: string): readonly [string, string] {
  const [first = ""] = signature;
  if (first === "a") {
    const [element, rest] = splitSignature(signature.slice(1));
    return [`a${element}`, rest];
  }
  if (first !== "(" && first !== "{") return [first, signature.slice(1)];
  let depth = 0;
  let end = 0;
  do {
    if ("({".includes(signature[end] ?? "")) depth++;
    if (")}".includes(signature[end] ?? "")) depth--;
    end++;
  } while (depth > 0 && end < signature.length);
  return [signature.slice(0, end), signature.slice(end)];
}

/** The limit of the D-Bus specification. */
const LONGEST_SIGNATURE = 255;

/** Whether it is one complete type that can be written without file descriptors. */
export function isType(signature: string): boolean {
  if (signature === "" || signature.length > LONGEST_SIGNATURE) return false;
  const [first, rest] = splitSignature(signature);
  if (rest !== "") return false;
  if (first.startsWith("a{")) {
    const [key, value] = splitSignature(first.slice(2, -1));
    return first.endsWith("}") && /^[ybnqiuxtdsog]$/.test(key) && isType(value);
  }
  if (first.startsWith("a")) return isType(first.slice(1));
  if (first.startsWith("(")) return /.\)$/.test(first) && first !== "()" && isTypes(first.slice(1, -1));
  return /^[ybnqiuxtdsogv]$/.test(first);
}

/** Whether it is a signature: complete types in a row. */
export function isTypes(signature: string): boolean {
  if (signature.length > LONGEST_SIGNATURE) return false;
  for (let rest = signature; rest !== ""; ) {
    const [first, others] = splitSignature(rest);
    if (!isType(first)) return false;
    rest = others;
  }
  return true;
}
