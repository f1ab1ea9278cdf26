// The global `process`: the arguments, the environment, the working directory. Made in `start` (src/boot.ts):
// there is none while the snapshot is made, so a source that wants it at its module level cannot be built.

import { callInt, callLong } from "native";
import { ENVIRON, GETCWD, GETPID } from "./constants.ts";
import { locateBytes, readAddress, readCString } from "./memory.ts";

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

/** @param argv whole */
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
