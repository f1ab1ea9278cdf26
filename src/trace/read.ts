// Reads a trace and sums it up. Called by `explain --times`.

import { TsrunError } from "../errors.ts";
import { text } from "../linux/call/words.ts";
import { open, readAll } from "../linux/files/files.ts";
import { O_NONBLOCK, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { type Times, timesOf } from "./times.ts";

/** No trace that tsrun writes is longer. */
const LARGEST_MIB = 64;
const LARGEST = LARGEST_MIB * 1024 * 1024;

export function readTimes(path: string): Times {
  using file = open(path, O_RDONLY | O_NONBLOCK);
  const bytes = readAll(file.number, `"${path}"`, LARGEST);
  if (bytes.length > LARGEST) {
    throw new TsrunError("E_CONFIG", `cannot use "${path}": it is larger than ${LARGEST_MIB} MiB`);
  }
  return timesOf(text(bytes), path);
}
