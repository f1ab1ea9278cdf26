// A property of a unit as a value: its D-Bus type, and what it is. Pure.

/** Of a basic type; arrays and structures hold others. */
export type BusValue = string | number | bigint | boolean | readonly BusValue[];

export interface Property {
  readonly name: string;
  /** The signature of D-Bus: `t`, `s`, `a(ss)`. */
  readonly type: string;
  readonly value: BusValue;
}

export const UNLIMITED = 18_446_744_073_709_551_615n;

export function property(name: string, type: string, value: BusValue): Property {
  return { name, type, value };
}

/** A 64-bit number; -1, as the specification has it, is no limit. */
export function number(name: string, value: number | bigint): Property {
  return { name, type: "t", value: BigInt.asUintN(64, toInteger(value)) };
}

function toInteger(value: number | bigint): bigint {
  if (typeof value === "bigint") return value;
  // The largest 64-bit numbers of JSON arrive rounded up, past the end.
  return value >= 2 ** 64 ? UNLIMITED : BigInt(Math.trunc(value));
}

/** The first type of a signature, and what follows it: `a(ss)b` is `a(ss)` and `b`. */
export function splitSignature(signature: string): readonly [string, string] {
  const [first = ""] = signature;
  if (first === "a") {
    const [element, rest] = splitSignature(signature.slice(1));
    return [`a${element}`, rest];
  }
  if (first !== "(") return [first, signature.slice(1)];
  let depth = 0;
  let end = 0;
  do {
    if (signature[end] === "(") depth++;
    if (signature[end] === ")") depth--;
    end++;
  } while (depth > 0 && end < signature.length);
  return [signature.slice(0, end), signature.slice(end)];
}
