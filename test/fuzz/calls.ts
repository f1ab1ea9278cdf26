// Arguments of system calls, of every type: the engine reads them by itself (src/engine/native/calls.c). Here
// the call is not made, and its words are noted instead.

import { Script } from "./script.ts";

/** In C: as in tsrun, but the seven words go to `noted`. */
declare const syscall: (...args: readonly unknown[]) => number;
declare const locate: (buffer: ArrayBufferLike) => number;
declare const noted: ArrayBuffer;
/** Before a call: how many bytes of each word's text are to be noted, with the NUL; and after it, these. */
declare const textSizes: ArrayBuffer;
declare const texts: ArrayBuffer;

const COUNT = 7;
const EINTR = 4;
/** As in program.c. */
const TEXT_SIZE = 16;

const NUMBERS = [
  ...[0, -0, 1, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 40)],
  ...[2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, -(2 ** 53), 2 ** 63, 2 ** 64, 1e300, 5e-324, 4294967295.5],
];
const BIGINTS = [0n, -1n, 2n ** 31n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 63n)];
const LARGE = [-(2n ** 63n) - 1n, 2n ** 65n, -(2n ** 64n), 2n ** 200n, 5n, -(2n ** 31n)];
const buffer = new ArrayBuffer(64);
const ARRAYS = [
  ...[new Uint8Array(buffer), new Uint8Array(buffer, 3, 9), new Uint8Array(0), new Uint8Array(buffer, 64)],
  ...[new Int32Array(buffer, 4, 2), new Float64Array(buffer, 8), new BigInt64Array(1)],
];
/** Those that are C strings as they are, and others, of which the caller makes bytes. */
const TEXTS = ["", "5", "/proc/self/fd/3", "\u0101b".slice(1), `a${"b".repeat(9)}\u007f`];
const OTHER_TEXTS = ["\0", "a\0b", "\u0080", "\u00e9", "a\u0101", "\ud800", "\udc80", "\u{1f600}", "end\0"];
const never = () => {
  throw new Error("an argument was asked for its value");
};
const OTHERS: readonly unknown[] = [
  ...[null, true, false, Symbol("x"), {}, [], [1], buffer, new DataView(buffer), never],
  ...[{ valueOf: never, toString: never, [Symbol.toPrimitive]: never }, Object(5n), Object(5), new Date(0)],
  new Proxy(new Uint8Array(buffer), {}),
  { __proto__: Uint8Array.prototype, length: 4 },
];

/** What the kernel would get; for a text, the bytes; `undefined` if there is no such call. */
function wordOf(argument: unknown): bigint | string | undefined {
  if (argument === undefined) return 0n;
  if (typeof argument === "number") return Number.isSafeInteger(argument) ? BigInt(argument) : undefined;
  if (typeof argument === "string") return `${argument}\0`;
  if (typeof argument === "bigint") {
    return argument >= -(2n ** 63n) && argument < 2n ** 64n ? BigInt.asIntN(64, argument) : undefined;
  }
  const array = ARRAYS.find((one) => one === argument);
  if (array === undefined) return undefined;
  return array.length === 0 ? 0n : BigInt(locate(array.buffer) + array.byteOffset);
}

/** Why there is no call: nothing, text of which the caller makes bytes, or an argument that is a bug. */
function refusalOf(args: readonly unknown[]): "none" | "text" | "bug" {
  for (let index = 0; index < COUNT; index++) {
    const argument = args[index];
    if (typeof argument === "string" && index > 0) {
      if (!TEXTS.includes(argument)) return "text";
    } else if (typeof argument === "string" || wordOf(argument) === undefined) return "bug";
  }
  return "none";
}

function argumentOf(script: Script): unknown {
  switch (script.next(9)) {
    case 0:
      return undefined;
    case 1:
    case 2:
      return script.of(NUMBERS);
    case 3:
      return script.of(BIGINTS);
    case 4:
      return script.of(LARGE) >> BigInt(script.next(3));
    case 5:
      return script.of(ARRAYS);
    case 6:
      return script.of(script.next(3) > 0 ? TEXTS : OTHER_TEXTS);
    case 7:
      return script.next(4) > 0 ? script.next(2 ** 16) - 2 ** 15 : script.of(OTHERS);
    default:
      return script.of(NUMBERS) * script.of(NUMBERS);
  }
}

/** Whether the kernel would have got this for the argument `index`. */
function isWord(index: number, wanted: bigint | string | undefined): boolean {
  if (typeof wanted !== "string") return new BigInt64Array(noted)[index] === wanted;
  const bytes = new Uint8Array(texts, index * TEXT_SIZE, wanted.length);
  return bytes.every((byte, at) => byte === wanted.charCodeAt(at));
}

/** Makes calls. Returns the fault, if any. */
export function readCalls(text: string): string | undefined {
  const script = new Script(text);
  for (let calls = 0; !script.isOver && calls < 200; calls++) {
    const args = Array.from({ length: script.next(COUNT + 2) }, () => argumentOf(script));
    const wanted = Array.from({ length: COUNT }, (_, index) => wordOf(args[index]));
    const expected = refusalOf(args);
    new Uint8Array(textSizes).set(
      wanted.map((word) => (expected === "none" && typeof word === "string" ? word.length : 0)),
    );
    const words = new BigInt64Array(noted);
    words.fill(77n);
    let result: number | undefined;
    let refusal: unknown;
    try {
      result = syscall(...args);
    } catch (error) {
      refusal = error;
    }
    const shown = args
      .map((one) => (typeof one === "object" ? "object" : JSON.stringify(String(one))))
      .join();
    if (expected !== "none" && words.some((word) => word !== 77n)) return `refused, and made: ${shown}`;
    if (expected === "bug") {
      if (!(refusal instanceof RangeError || refusal instanceof TypeError)) return `not refused: ${shown}`;
    } else if (refusal !== undefined) return `refused: ${shown}: ${String(refusal)}`;
    else if (expected === "text") {
      if (result !== -EINTR) return `taken as it is: ${shown}`;
    } else if (!wanted.every((word, index) => isWord(index, word)))
      return `${shown} became ${words.join(", ")}`;
  }
  return undefined;
}
