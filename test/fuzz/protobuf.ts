// Messages of Protocol Buffers, written and read by the engine's own functions and by TypeScript: what the
// engine does not leave to TypeScript must be the same.

import { TsrunError } from "../../src/errors.ts";
import { decode, encode } from "../../src/protobuf/codec.ts";
import type { Message, ValuesOf } from "../../src/protobuf/message.ts";
import { readProtobuf, tableOf, writeProtobuf } from "../../src/protobuf/shortcuts.ts";
import { Script } from "./script.ts";

const INNER = {
  words: { number: 1, type: "string" },
  content: { number: 2, type: "bytes" },
} as const satisfies Message;

const SAMPLE = {
  words: { number: 1, type: "string" },
  number: { number: 2, type: "int" },
  isSo: { number: 3, type: "bool" },
  content: { number: 4, type: "bytes" },
  inner: { number: 5, type: INNER },
  deep: { number: 6, type: { inner: { number: 1, type: INNER }, number: { number: 2, type: "int" } } },
  far: { number: 2000, type: "string" },
  list: { number: 8, type: "string", repeated: true },
  large: { number: 9, type: "long" },
} as const satisfies Message;

type Sample = ValuesOf<typeof SAMPLE>;

const LARGE = [0n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 4096n, 2n ** 64n - 1n];
const NUMBERS = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, -1, -(2 ** 31), 2 ** 53 - 1];

/** Any message, or what is none. Returns the fault, if any. */
export function readAnyMessage(input: string): string | undefined {
  return readBoth(Uint8Array.from(input, (letter) => letter.charCodeAt(0))) ?? writeBoth(makeSample(input));
}

function readBoth(bytes: Uint8Array): string | undefined {
  const { buffer, byteOffset, length } = bytes;
  const found = readProtobuf?.(tableOf(SAMPLE), buffer, byteOffset, length);
  if (found === undefined) return undefined;
  try {
    const wanted = shown(decode(SAMPLE, bytes));
    return shown(found) === wanted ? undefined : `${shown(found)} is read, not ${wanted}`;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return `${shown(found)} is read, not "${error.message}"`;
  }
}

function writeBoth(sample: Sample): string | undefined {
  const wanted = encode(SAMPLE, sample);
  if (shown(decode(SAMPLE, wanted)) !== shown(sample))
    return `${shown(sample)} is not read again, but ${shown(decode(SAMPLE, wanted))}`;
  const bytes = writeProtobuf?.(tableOf(SAMPLE), sample);
  if (bytes === undefined) return isUsual(sample) ? `${shown(sample)} is left` : undefined;
  const found = new Uint8Array(bytes);
  return found.join() === wanted.join()
    ? readBoth(found)
    : `${shown(sample)} is written as ${found.join()}, not ${wanted.join()}`;
}

/** Nothing of this may be left to TypeScript. */
function isUsual({ words = "", list, large }: Sample): boolean {
  return list === undefined && large === undefined && words.length < 1000 && words.isWellFormed();
}

function makeSample(input: string): Sample {
  const script = new Script(input);
  const words = script.take(script.next(40));
  const inner = { words, content: new Uint8Array(script.next(200)).fill(7) };
  const number = NUMBERS[script.next(NUMBERS.length)];
  const flags = script.next(256);
  return {
    ...((flags & 1) === 0 ? {} : { words: words.repeat(script.next(200)) }),
    ...((flags & 2) === 0 ? {} : { number }),
    ...((flags & 4) === 0 ? {} : { isSo: script.next(2) === 0 }),
    ...((flags & 8) === 0 ? {} : { content: inner.content }),
    ...((flags & 16) === 0 ? {} : { inner }),
    ...((flags & 32) === 0 ? {} : { deep: { inner, number } }),
    ...((flags & 64) === 0 ? {} : { far: "x" }),
    ...((flags & 128) === 0 ? {} : { list: ["a"], large: LARGE[script.next(LARGE.length)] ?? 0n }),
  };
}

function shown(values: object): string {
  return JSON.stringify(values, (_, value: unknown) => {
    if (value instanceof Uint8Array) return [...value];
    return typeof value === "bigint" ? `${value}` : value;
  });
}
