// What the language leaves to its host, as far as tsrun uses it: text as UTF-8, the process. The engine
// itself has no more than the language.

import { callInt, callLong, encode } from "native";
import { ENVIRON, GETCWD, GETPID } from "./constants.ts";
import { locateBytes, readAddress, readCString, readText } from "./memory.ts";

/** `argv`, whole. */
declare const scriptArgs: readonly string[];

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

let environment: Record<string, string> | undefined;

/** PATH_MAX, <linux/limits.h> */
const LONGEST_PATH = 4096;

function workingDirectory(): string {
  const path = new Uint8Array(LONGEST_PATH);
  const address = callLong(GETCWD, locateBytes(path), path.length);
  if (address === 0) throw new Error("the working directory is gone");
  return readCString(address);
}

/** Sets them; returns the words of the command line. */
export function makeGlobals(): readonly string[] {
  const [argv0 = "", ...words] = scriptArgs;
  // The method that `using` calls; the bundler turns the declarations into code that this engine
  // understands.
  Object.defineProperty(Symbol, "dispose", { value: Symbol("Symbol.dispose") });
  Object.assign(globalThis, {
    queueMicrotask: (job: () => void) => void Promise.resolve().then(job),
    TextEncoder: Utf8Encoder,
    TextDecoder: Utf8Decoder,
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
  return words;
}
