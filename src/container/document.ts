// Reads the callers' documents: config.json, the process file of `exec`, the resources of `update`. Their
// size is limited: an endless file must not fill the memory, and the faults of a document must be reported
// within a second.

import { TsrunError } from "../errors.ts";
import { text } from "../linux/call/words.ts";
import { open, readAll } from "../linux/files/files.ts";
import { O_RDONLY } from "../linux/numbers/fcntl.ts";

/** Twice the default limit of a program's arguments and variables, execve(2). */
const LARGEST_MIB = 4;
const LARGEST = LARGEST_MIB * 1024 * 1024;

/** The text of a document; `-` is standard input. */
export function readDocument(path: string): string {
  if (path === "-") return checked(readAll(0, "standard input", LARGEST), "standard input");
  using file = open(path, O_RDONLY);
  return checked(readAll(file.number, `"${path}"`, LARGEST), `"${path}"`);
}

function checked(bytes: Uint8Array, name: string): string {
  if (bytes.length <= LARGEST) return text(bytes);
  throw new TsrunError("E_CONFIG", `cannot use ${name}: it is larger than ${LARGEST_MIB} MiB`, {
    hint: `${LARGEST_MIB} MiB hold 10,000 variables of the environment and 10,000 mounts`,
  });
}
