// What the language leaves to its host, as far as tsrun uses it: text as UTF-8, the process. The engine
// itself has no more than the language.

import { callInt, callLong, encode } from "native";
import { CLOCK_GETTIME, ENVIRON, GETCWD, GETPID } from "./constants.ts";
import { locateBytes, readAddress, readCString, readText } from "./memory.ts";

class Utf8Encoder {
  /** Half a surrogate pair becomes U+FFFD, as everywhere else. */
  encode(text: string): Uint8Array {
    return new Uint8Array(encode(text.isWellFormed() ? text : text.toWellFormed()));
  }
}

class Utf8Decoder {
  decode(bytes: Uint8Array): string {
    return readText(locateBytes(bytes), bytes.length);
  }
}

/** environ(7), read once and only when it is asked for. The first of two variables of one name counts. */
function readEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  const list = readAddress(ENVIRON);
  for (let at = list; ; at += 8) {
    const address = list === 0 ? 0 : readAddress(at);
    if (address === 0) return environment;
    const entry = readCString(address);
    const equals = entry.indexOf("=");
    const name = entry.slice(0, equals);
    if (equals > 0 && !Object.hasOwn(environment, name)) environment[name] = entry.slice(equals + 1);
  }
}

/** PATH_MAX, <linux/limits.h> */
const LONGEST_PATH = 4096;

function workingDirectory(): string {
  const path = new Uint8Array(LONGEST_PATH);
  const address = callLong(GETCWD, locateBytes(path), path.length);
  if (address === 0) throw new Error("the working directory is gone");
  return readCString(address);
}

const CLOCK_MONOTONIC = 1;

/** Milliseconds since some time, by the clock that nobody sets. */
function now(): number {
  const time = new Uint32Array(4);
  callInt(CLOCK_GETTIME, CLOCK_MONOTONIC, locateBytes(new Uint8Array(time.buffer)));
  const [seconds = 0, , nanoseconds = 0] = time;
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Sets what the language has no part in. */
export function makeGlobals(): void {
  // The method that `using` calls; the bundler turns the declarations into code that this engine
  // understands.
  Object.defineProperty(Symbol, "dispose", { value: Symbol("Symbol.dispose") });
  Object.assign(globalThis, {
    queueMicrotask: (job: () => void) => void Promise.resolve().then(job),
    TextEncoder: Utf8Encoder,
    TextDecoder: Utf8Decoder,
    performance: { now },
  });
}

/**
 * Sets what is of one process, so not before there is one: a source that wants it at its module level cannot
 * be built.
 * @param argv whole
 */
export function makeProcess([argv0 = "", ...words]: readonly string[]): void {
  let environment: Record<string, string> | undefined;
  Object.assign(globalThis, {
    process: {
      argv0,
      argv: [argv0, "", ...words],
      get env() {
        environment ??= readEnvironment();
        return environment;
      },
      get pid() {
        return callInt(GETPID);
      },
      cwd: workingDirectory,
    },
  });
}
