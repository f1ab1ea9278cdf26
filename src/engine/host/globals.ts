// Globals that the language leaves to its host, as far as tsrun uses them and they are the same in every
// process: UTF-8, disposal, a clock. The engine itself has nothing but the language. process.ts has what
// differs between processes. Imported before everything else.

import {
  callInt,
  checksum,
  decodeRaw,
  encode,
  encodeRaw,
  readProtobuf,
  readResults,
  writeAscii,
  writeOperations,
  writeProtobuf,
} from "native";
import { CLOCK_GETTIME } from "./constants.ts";
import { locateBytes, readText } from "./memory.ts";

class Utf8Encoder {
  /** Half a surrogate pair becomes U+FFFD, as everywhere else. */
  encode(text: string): Uint8Array {
    return new Uint8Array(encode(text.isWellFormed() ? text : text.toWellFormed()));
  }

  /** As raw-text.ts does, in a hundredth of the time. */
  encodeRaw(text: string): Uint8Array {
    return new Uint8Array(encodeRaw(text));
  }
}

class Utf8Decoder {
  decode(bytes: Uint8Array): string {
    return readText(locateBytes(bytes), bytes.length);
  }

  decodeRaw({ buffer, byteOffset, length }: Uint8Array): string {
    return decodeRaw(buffer, byteOffset, length);
  }
}

const CLOCK_MONOTONIC = 1;
/** `struct timespec`, which each call fills anew: a loop asks for the time whenever it waits. */
const TIME = new Uint32Array(4);
const TIME_BYTES = new Uint8Array(TIME.buffer);

/** Milliseconds since some point in time, by the clock that nobody can set. */
function now(): number {
  callInt(CLOCK_GETTIME, CLOCK_MONOTONIC, locateBytes(TIME_BYTES));
  return (TIME[0] as number) * 1000 + (TIME[2] as number) / 1e6;
}

// The method that `using` calls. The bundler turns the declarations into code that this engine understands;
// that code stands before this and takes the registered symbol where there is no other.
Object.defineProperty(Symbol, "dispose", { value: Symbol.for("Symbol.dispose") });

// Additions to the standard classes, like the methods for raw text; src/linux/call/words.ts does without them
// in other hosts.
Object.assign(Utf8Encoder.prototype, { writeAscii });
Object.assign(Utf8Decoder.prototype, { decodeBetween: decodeRaw });

Object.assign(globalThis, {
  queueMicrotask: (job: () => void) => void Promise.resolve().then(job),
  TextEncoder: Utf8Encoder,
  TextDecoder: Utf8Decoder,
  performance: { now },
  // For src/proxy, src/protobuf and src/seccomp, which do without them in other hosts.
  writeOperations,
  readResults,
  writeProtobuf,
  readProtobuf,
  checksum,
});
