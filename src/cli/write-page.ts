// Writes the page of `explain --html`, and reads the trace that it shows.

import { TsrunError, wrapError } from "../errors.ts";
import { text } from "../linux/call/words.ts";
import { open, readAll, replaceFile } from "../linux/files/files.ts";
import { checkReplaceable } from "../linux/files/replaceable.ts";
import { O_NONBLOCK, O_RDONLY } from "../linux/numbers/fcntl.ts";

/**
 * Writes a file, or replaces one of an earlier call: it is there with all of the page, or as it was before.
 * What is no regular file stays.
 */
export function writePage(path: string, page: string): void {
  checkReplaceable(path, "the page", 'give another name, or "-" for standard output');
  try {
    replaceFile(path, page, { mode: 0o666 });
  } catch (error) {
    throw wrapError("cannot write the page", error);
  }
}

/** A trace of a `create` has some 200 KiB. */
const LARGEST_MIB = 16;

/** The text of a trace. Does not wait for the writer of a FIFO. */
export function readTraceFile(path: string): string {
  using file = open(path, O_RDONLY | O_NONBLOCK);
  const bytes = readAll(file.number, `"${path}"`, LARGEST_MIB << 20);
  if (bytes.length <= LARGEST_MIB << 20) return text(bytes);
  throw new TsrunError("E_CONFIG", `cannot use "${path}": it is larger than ${LARGEST_MIB} MiB`);
}
