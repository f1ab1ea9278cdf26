// Where a user is at home: passwd(5), from an image that may bring anything under that name. One pass over
// its bytes, up to the user's first entry. Pure. Called by become-user.ts.

import { joinBytes, text } from "../linux/call/words.ts";

/** Where a user without an entry is at home. */
const DEFAULT_HOME = "/";

const NEWLINE = 0x0a;
const COLON = 0x3a;
/** Fields before the user id: name and password. */
const BEFORE_ID = 2;
/** The home comes sixth; what is behind it is not looked at. */
const HOME = 5;
const FIELDS = 6;
/** More than any id. */
const TOO_LARGE = 2 ** 32;

/** Looks for a user's first entry, chunk after chunk. */
export class HomeSearch {
  readonly #uid: number;
  /** What has come of a line that is not complete. */
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
 * The home that the first entry of a user names, in whole lines; `undefined` without one. Byte by byte: a
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

/** Whether the field that begins here is this number, whatever zeros stand before it. */
function isNumber(bytes: Uint8Array, from: number, wanted: number): boolean {
  let number = 0;
  let at = from;
  for (; isDigit(bytes[at]) && number < TOO_LARGE; at++) number = number * 10 + (bytes[at] as number) - 0x30;
  if (at === from || number !== wanted) return false;
  if (bytes[at] === COLON) return true;
  // White space at the end of a line says nothing.
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d) at++;
  return bytes[at] === NEWLINE;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** The home that an entry names. */
function homeOf(line: string): string {
  const home = line.trim().split(":", FIELDS)[HOME] ?? "";
  // A NUL would make the environment impossible.
  return home === "" || home.includes("\0") ? DEFAULT_HOME : home;
}
