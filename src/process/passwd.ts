// Finds a user's home directory in passwd(5), from an image that may have any file under that name. One pass
// over its bytes, up to the user's first entry. Pure. Called by become-user.ts.

import { joinBytes, text } from "../linux/call/words.ts";

/** The home of a user without an entry. */
const DEFAULT_HOME = "/";

const NEWLINE = 0x0a;
const COLON = 0x3a;
/** Fields before the user id: name and password. */
const BEFORE_ID = 2;
/** The home is the sixth field; the fields after it are not read. */
const HOME = 5;
const FIELDS = 6;
/** More than any id. */
const TOO_LARGE = 2 ** 32;

/** Looks for a user's first entry, chunk after chunk. */
export class HomeSearch {
  readonly #uid: number;
  /** The pieces of a line that is not complete yet. */
  #begun: Uint8Array[] = [];
  #home: string | undefined;

  constructor(uid: number) {
    this.#uid = uid;
  }

  /** Takes the next bytes of the file. True when no more are needed. */
  add(bytes: Uint8Array): boolean {
    const newline = bytes.lastIndexOf(NEWLINE);
    if (newline < 0) this.#begun.push(bytes);
    else {
      this.#home = homeIn(joinBytes([...this.#begun, bytes.subarray(0, newline + 1)]), this.#uid);
      this.#begun = [bytes.subarray(newline + 1)];
    }
    return this.#home !== undefined;
  }

  /** The home directory; `/` without an entry. */
  get home(): string {
    return (
      this.#home ?? homeIn(joinBytes([...this.#begun, Uint8Array.of(NEWLINE)]), this.#uid) ?? DEFAULT_HOME
    );
  }
}

/**
 * The home in the first entry of a user, in complete lines; `undefined` without one. It works byte by byte: a
 * call for each of a million short lines would take longer.
 */
function homeIn(lines: Uint8Array, uid: number): string | undefined {
  let start = 0;
  let fields = 0;
  for (let at = 0; at < lines.length; at++) {
    const byte = lines[at];
    if (byte === NEWLINE) {
      start = at + 1;
      fields = 0;
    } else if (byte === COLON) {
      fields += 1;
      if (fields !== BEFORE_ID || !isNumber(lines, at + 1, uid)) continue;
      return homeOf(text(lines.subarray(start, lines.indexOf(NEWLINE, at))));
    }
  }
  return undefined;
}

/** Whether the field that begins here is this number; leading zeros are ignored. */
function isNumber(bytes: Uint8Array, from: number, wanted: number): boolean {
  let number = 0;
  let at = from;
  for (; isDigit(bytes[at]) && number < TOO_LARGE; at++) number = number * 10 + (bytes[at] as number) - 0x30;
  if (at === from || number !== wanted) return false;
  if (bytes[at] === COLON) return true;
  // White space at the end of a line is ignored.
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d) at++;
  return bytes[at] === NEWLINE;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** The home that an entry names. */
function homeOf(line: string): string {
  const home = line.trim().split(":", FIELDS)[HOME] ?? "";
  // An environment cannot contain a NUL.
  return home === "" || home.includes("\0") ? DEFAULT_HOME : home;
}
