// The global `process`: the arguments, the environment, the working directory. Made in `start` (src/boot.ts).
// It does not exist while the snapshot is made, so a source that uses it at module level fails the build.

import { callInt, callLong, variable, variables } from "native";
import { GETCWD, GETPID } from "./constants.ts";
import { locateBytes } from "./memory.ts";
import { decodeRaw } from "./raw-text.ts";

export { variable };

/** environ(7) by name. Of two variables with the same name, the first one counts. */
function byName(entries: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {};
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as string;
    const equals = entry.indexOf("=");
    const name = entry.slice(0, equals);
    if (equals > 0 && !Object.hasOwn(environment, name)) environment[name] = entry.slice(equals + 1);
  }
  return environment;
}

let all: Record<string, string> | undefined;

/** All variables as an object. Each takes some 4,000 instructions, so it is made only to list them. */
function everything(): Record<string, string> {
  all ??= byName(variables());
  return all;
}

/** Looks a variable up when it is asked for. */
const environment = new Proxy<Record<string, string | undefined>>(
  {},
  {
    get: (_, name) => (typeof name === "string" ? variable(name) : undefined),
    has: (_, name) => typeof name === "string" && variable(name) !== undefined,
    ownKeys: () => Object.keys(everything()),
    getOwnPropertyDescriptor: (_, name) => Object.getOwnPropertyDescriptor(everything(), name),
  },
);

/** PATH_MAX, <linux/limits.h> */
const LONGEST_PATH = 4096;

function workingDirectory(): string {
  const path = new Uint8Array(LONGEST_PATH);
  if (callLong(GETCWD, locateBytes(path), path.length) === 0)
    throw new Error("the working directory is gone");
  return decodeRaw(path.subarray(0, path.indexOf(0)));
}

/** @param argv all of it, the program's name included */
export function makeProcess([argv0 = "", ...words]: readonly string[]): void {
  Object.assign(globalThis, {
    process: {
      argv0,
      argv: [argv0, "", ...words],
      env: environment,
      get pid() {
        return callInt(GETPID);
      },
      cwd: workingDirectory,
    },
  });
}
