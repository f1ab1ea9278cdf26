// Finds the positions of values in a JSON text, and where the text stops being JSON. Slower than JSON.parse,
// and used only when there is something to report. Called by load.ts; RFC 8259, JSON pointers as in RFC 6901.

import { once } from "../once.ts";
import { quoted } from "./shorten.ts";
import { type Position, TextLines } from "./text-lines.ts";

export type { Position } from "./text-lines.ts";

export interface JsonSyntaxError {
  readonly position: Position;
  readonly expected: string;
  readonly found: string;
}

/** A JSON text, with the original file if the text was rewritten. */
export interface JsonText {
  readonly text: string;
  readonly file?: OtherFile | undefined;
}

export interface OtherFile {
  readonly text: string;
  /** The offset in the original file for an offset in the JSON text. */
  readonly offset: (at: number) => number;
}

/** A part of a file. */
export interface Extent {
  readonly from: Position;
  /** Behind its last character. */
  readonly to: Position;
  readonly text: string;
}

interface Span {
  /** Offsets of the value's beginning and end. */
  readonly start: number;
  readonly end: number;
  /** Offset of the member's key; for an entry of a list, that of the value. */
  readonly key: number;
}

/**
 * The deepest nesting of lists and objects: more than any configuration needs, and little enough for the
 * stack. The engine's JSON.parse has the same limit (scripts/engine/strict-json.ts).
 */
export const MAX_DEPTH = 1000;

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const BLANKS = /[ \t\r\n]*/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a string may not contain them
const PLAIN_TEXT = /[^"\\\x00-\x1f]+/y;
/** Up to 64 at a time: a pattern without a bound would need memory for backtracking. */
const ESCAPES = /(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})){1,64}/y;

/**
 * Plain values are skipped many at a time, in an eighth of the time: those without an escape, and with at
 * most `PLAIN_DEPTH` nested lists and objects. All repetitions are bounded, as above, so that little is read
 * twice if another value follows.
 */
const PLAIN_DEPTH = 2;
const RUN = 64;

/** Compiled only when there is something to report, so that other commands need not wait for it. */
const plainPatterns = once((): { entries: RegExp; run: RegExp; members: RegExp } => {
  const blank = String.raw`[ \t\r\n]{0,200}`;
  const text = String.raw`"[^"\\\x00-\x1f]*"`;
  const flat = `${text}|${SCALAR.source}`;
  const listOf = (one: string): string => `(?:${one}(?:,${blank}${one}){0,15})?`;
  const around = (inner: string): string => {
    const entries = listOf(`(?:${inner})${blank}`);
    const members = listOf(`${text}${blank}:${blank}(?:${inner})${blank}`);
    return `${flat}|\\[${blank}${entries}\\]|\\{${blank}${members}\\}`;
  };
  const value = around(around(flat));
  const entry = `(?:(?:${value})${blank},${blank})`;
  const member = `(?:${text}${blank}:${blank}(?:${value})${blank},${blank})`;
  return {
    entries: new RegExp(`${entry}{1,${RUN}}`, "y"),
    run: new RegExp(`${entry}{${RUN}}`, "y"),
    members: new RegExp(`${member}{1,${RUN}}`, "y"),
  };
});

class SyntaxFault extends Error {
  readonly offset: number;
  readonly expected: string;

  constructor(offset: number, expected: string) {
    super(expected);
    this.offset = offset;
    this.expected = expected;
  }
}

/** A value whose position is wanted, or one that encloses it. */
interface Wanted {
  readonly members: Map<string, Wanted>;
  /** The members' keys with quotes, as in a text without escapes. */
  readonly quoted: string[];
  span: Span | undefined;
}

/**
 * The positions of some values of a JSON text: recording all takes far longer than parsing. If a key is
 * repeated, the last one counts, as in JSON.parse.
 */
export class JsonPositions {
  readonly #source: JsonText;
  readonly #lines: TextLines;
  readonly #root: Wanted;

  private constructor(source: JsonText, root: Wanted) {
    this.#source = source;
    this.#lines = new TextLines(source.file?.text ?? source.text);
    this.#root = root;
  }

  /**
   * Scans a text for the values that `pointers` lead to, and the values that enclose them. For a text that is
   * not JSON it returns the fault. Positions are those in `file`, if it is given.
   */
  static scan(text: string, pointers: readonly string[], file?: OtherFile): JsonPositions | JsonSyntaxError {
    const root: Wanted = { members: new Map(), quoted: [], span: undefined };
    for (const pointer of pointers) want(root, pointer);
    try {
      new Scanner(text).document(root);
      return new JsonPositions({ text, file }, root);
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      const { offset, expected } = error;
      return { position: new TextLines(text).position(offset), expected, found: foundAt(text, offset) };
    }
  }

  /** Where a value begins; `undefined` if there is no such value, or it was not scanned for. */
  value(pointer: string): Position | undefined {
    const span = this.#span(pointer);
    return span === undefined ? undefined : this.#position(span.start);
  }

  /** Where the key of a member begins. */
  key(pointer: string): Position | undefined {
    const span = this.#span(pointer);
    return span === undefined ? undefined : this.#position(span.key);
  }

  /** A value's source text. */
  source(pointer: string): string | undefined {
    const span = this.#span(pointer);
    return span === undefined ? undefined : this.#source.text.slice(span.start, span.end);
  }

  /** A member with its key, or an entry of a list, as it is written in the file. */
  extent(pointer: string): Extent | undefined {
    const span = this.#span(pointer);
    if (span === undefined) return undefined;
    const [start, end] = [this.#inFile(span.key), this.#inFile(span.end - 1) + 1];
    const text = (this.#source.file?.text ?? this.#source.text).slice(start, end);
    return { from: this.#lines.position(start), to: this.#lines.position(end), text };
  }

  #position(offset: number): Position {
    return this.#lines.position(this.#inFile(offset));
  }

  #inFile(offset: number): number {
    return this.#source.file?.offset(offset) ?? offset;
  }

  #span(pointer: string): Span | undefined {
    let at: Wanted | undefined = this.#root;
    for (const key of pointerKeys(pointer)) at = at?.members.get(key);
    return at?.span;
  }
}

function want(root: Wanted, pointer: string): void {
  let at = root;
  for (const key of pointerKeys(pointer)) {
    let member = at.members.get(key);
    if (member === undefined) {
      member = { members: new Map(), quoted: [], span: undefined };
      at.members.set(key, member);
      at.quoted.push(`"${key}"`);
    }
    at = member;
  }
}

/** The indices of the wanted entries, in ascending order. */
function indicesOf({ members }: Wanted): number[] {
  const indices = [...members.keys()].filter((key) => /^(?:0|[1-9][0-9]*)$/.test(key)).map(Number);
  return indices.sort((a, b) => a - b);
}

/** The pointer of a member of the value at `parent`. */
export function childPointer(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The keys in a pointer. */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function foundAt(text: string, offset: number): string {
  if (offset >= text.length) return "the end of the file";
  const rest = text.slice(offset, offset + 40);
  const word = /^[\p{L}\p{N}_.+-]+/u.exec(rest)?.[0];
  if (word !== undefined) return JSON.stringify(word);
  const code = rest.codePointAt(0) ?? 0;
  const sign = String.fromCodePoint(code);
  // An invisible character is named by its number.
  return /[\p{P}\p{S}]/u.test(sign)
    ? JSON.stringify(sign)
    : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

class Scanner {
  readonly #text: string;
  readonly #plain = plainPatterns();
  #offset = 0;
  /** Up to here values are read one by one: they are known to contain a wanted one. */
  #stepwiseUntil = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(root: Wanted): void {
    this.#value(root, undefined, 0);
    this.#blanks();
    if (this.#offset < this.#text.length) throw new SyntaxFault(this.#offset, "the end of the file");
  }

  #value(wanted: Wanted | undefined, key: number | undefined, depth: number): void {
    this.#blanks();
    const start = this.#offset;
    const first = this.#text[start];
    if (depth >= MAX_DEPTH && (first === "{" || first === "["))
      throw new SyntaxFault(start, `at most ${MAX_DEPTH} lists and objects inside each other`);
    if (first === "{") this.#object(wanted, depth);
    else if (first === "[") this.#array(wanted, depth);
    else if (first === '"') this.#string();
    else if (!this.#match(SCALAR)) throw new SyntaxFault(start, "a value");
    if (wanted !== undefined) wanted.span = { start, end: this.#offset, key: key ?? start };
  }

  #object(wanted: Wanted | undefined, depth: number): void {
    this.#offset++;
    this.#blanks();
    if (this.#skip("}")) return;
    for (;;) {
      this.#blanks();
      this.#plainMembers(wanted, depth);
      const start = this.#offset;
      if (this.#text[start] !== '"') throw new SyntaxFault(start, "a key in double quotes");
      this.#string();
      const end = this.#offset;
      this.#blanks();
      if (!this.#skip(":")) throw new SyntaxFault(this.#offset, `":" after the key ${this.#key(start, end)}`);
      const member = wanted === undefined ? undefined : this.#member(wanted, start, end);
      this.#value(member, start, depth + 1);
      this.#blanks();
      if (this.#skip("}")) return;
      if (!this.#skip(",")) {
        throw new SyntaxFault(this.#offset, `"," or "}" after the value of ${this.#key(start, end)}`);
      }
    }
  }

  #array(wanted: Wanted | undefined, depth: number): void {
    this.#offset++;
    this.#blanks();
    if (this.#skip("]")) return;
    const indices = wanted === undefined ? [] : indicesOf(wanted);
    let next = 0;
    for (let index = 0; ; index++) {
      index += this.#plainEntries(indices[next], index, depth);
      const entry = index === indices[next] ? wanted?.members.get(String(index)) : undefined;
      if (entry !== undefined) next++;
      this.#value(entry, undefined, depth + 1);
      this.#blanks();
      if (this.#skip("]")) return;
      if (!this.#skip(",")) throw new SyntaxFault(this.#offset, `"," or "]" in the list`);
      this.#blanks();
    }
  }

  /** Skips entries that are not wanted, and returns how many, if a later one is wanted. */
  #plainEntries(next: number | undefined, index: number, depth: number): number {
    if (depth + PLAIN_DEPTH >= MAX_DEPTH || this.#offset < this.#stepwiseUntil) return 0;
    if (next === undefined) {
      while (this.#match(this.#plain.entries)) {}
      return 0;
    }
    let moved = 0;
    while (index + moved + RUN <= next) {
      if (!this.#match(this.#plain.run)) {
        const start = this.#offset;
        this.#match(this.#plain.entries);
        this.#stepwiseUntil = this.#offset;
        this.#offset = start;
        break;
      }
      moved += RUN;
    }
    return moved;
  }

  /** Skips members that are not wanted. */
  #plainMembers(wanted: Wanted | undefined, depth: number): void {
    if (depth + PLAIN_DEPTH >= MAX_DEPTH || this.#offset < this.#stepwiseUntil) return;
    // To look for many keys takes longer than to read all.
    if (wanted !== undefined && wanted.quoted.length > RUN) return;
    for (;;) {
      const start = this.#offset;
      if (!this.#match(this.#plain.members)) return;
      if (wanted === undefined || wanted.quoted.length === 0) continue;
      const members = this.#text.slice(start, this.#offset);
      if (!wanted.quoted.some((key) => members.includes(key))) continue;
      this.#stepwiseUntil = this.#offset;
      this.#offset = start;
      return;
    }
  }

  /** The wanted value below a key, if any. */
  #member(wanted: Wanted, start: number, end: number): Wanted | undefined {
    if (wanted.members.size === 0) return undefined;
    return wanted.members.get(JSON.parse(this.#text.slice(start, end)) as string);
  }

  /** A key, quoted for messages. */
  #key(start: number, end: number): string {
    return quoted(JSON.parse(this.#text.slice(start, end)) as string);
  }

  #string(): void {
    this.#offset++;
    for (;;) {
      this.#match(PLAIN_TEXT);
      const code = this.#text.charCodeAt(this.#offset);
      if (code === QUOTE) break;
      if (code === BACKSLASH) this.#escape();
      // The end of the text, or a control character, which a string may contain only as an escape.
      else throw new SyntaxFault(this.#offset, "a closing double quote");
    }
    this.#offset++;
  }

  #escape(): void {
    if (this.#match(ESCAPES)) return;
    throw new SyntaxFault(this.#offset, 'one of the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX');
  }

  #blanks(): void {
    // There is usually no blank here, and checking one character is cheaper than a pattern.
    if (this.#text.charCodeAt(this.#offset) <= SPACE) this.#match(BLANKS);
  }

  #skip(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false;
    this.#offset++;
    return true;
  }

  /** Skips what the sticky pattern matches here. */
  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#offset;
    if (!pattern.test(this.#text)) return false;
    this.#offset = pattern.lastIndex;
    return true;
  }
}
