// Where in a JSON text each value stands, and where the text stops being JSON. Slow beside JSON.parse, and
// used only when something is wrong already. Called by load.ts; RFC 8259, JSON pointers as in RFC 6901.

import { once } from "../once.ts";
import { quoted } from "./shorten.ts";

/** Line and column, both from 1; the column counts characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface JsonSyntaxError {
  readonly position: Position;
  readonly expected: string;
  readonly found: string;
}

/** A JSON text, with the file that it stands for where that is another. */
export interface JsonText {
  readonly text: string;
  readonly file?: OtherFile | undefined;
}

export interface OtherFile {
  readonly text: string;
  /** Where in it stands what the JSON text has here. */
  readonly offset: (at: number) => number;
}

interface Place {
  /** Offset of the value, and of what follows it. */
  readonly start: number;
  readonly end: number;
  /** Offset of the member's key; for entries of a list, of the value. */
  readonly key: number;
}

/**
 * Lists and objects inside each other: more than any configuration needs, and few enough for the stack. The
 * engine's JSON.parse is held to it as well (scripts/engine/strict-json.ts).
 */
export const MAX_DEPTH = 1000;

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const BLANKS = /[ \t\r\n]*/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they end what a string may hold
const PLAIN_TEXT = /[^"\\\x00-\x1f]+/y;
/** Up to 64 at a time: a pattern that may repeat for ever keeps what it would need to go back. */
const ESCAPES = /(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})){1,64}/y;

/**
 * Plain values are moved over many at a time, which takes an eighth of what the steps take: those without an
 * escape, and with no more than `PLAIN_DEPTH` lists and objects inside each other. All numbers are bounded,
 * as above, so that little has to be read again where something else follows.
 */
const PLAIN_DEPTH = 2;
const RUN = 64;

/** Made when something is wrong: no other command waits for that. */
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

/** A value that is looked for, or one on the way to it. */
interface Wanted {
  readonly members: Map<string, Wanted>;
  /** The keys of the members as a text without escapes has them. */
  readonly quoted: string[];
  place: Place | undefined;
}

/**
 * The places of some values of a JSON text: noting all of them takes far longer than the reading. Of a key
 * that is there twice the last counts, as in JSON.parse.
 */
export class JsonPositions {
  readonly #source: JsonText;
  readonly #lines: Lines;
  readonly #root: Wanted;

  private constructor(source: JsonText, root: Wanted) {
    this.#source = source;
    this.#lines = new Lines(source.file?.text ?? source.text);
    this.#root = root;
  }

  /**
   * Scans a text for the values that `pointers` lead to, and those around them; a text that is not JSON
   * yields what is wrong with it. Positions are those in `file`, when there is one.
   */
  static scan(text: string, pointers: readonly string[], file?: OtherFile): JsonPositions | JsonSyntaxError {
    const root: Wanted = { members: new Map(), quoted: [], place: undefined };
    for (const pointer of pointers) want(root, pointer);
    try {
      new Scanner(text).document(root);
      return new JsonPositions({ text, file }, root);
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      const { offset, expected } = error;
      return { position: new Lines(text).position(offset), expected, found: foundAt(text, offset) };
    }
  }

  /** Where a value begins; `undefined` when there is no such value, or nobody asked for it. */
  value(pointer: string): Position | undefined {
    const place = this.#place(pointer);
    return place === undefined ? undefined : this.#position(place.start);
  }

  /** Where the key of a member begins. */
  key(pointer: string): Position | undefined {
    const place = this.#place(pointer);
    return place === undefined ? undefined : this.#position(place.key);
  }

  /** A value as it is written in the text. */
  source(pointer: string): string | undefined {
    const place = this.#place(pointer);
    return place === undefined ? undefined : this.#source.text.slice(place.start, place.end);
  }

  #position(offset: number): Position {
    const { file } = this.#source;
    return this.#lines.position(file === undefined ? offset : file.offset(offset));
  }

  #place(pointer: string): Place | undefined {
    let at: Wanted | undefined = this.#root;
    for (const key of pointerKeys(pointer)) at = at?.members.get(key);
    return at?.place;
  }
}

function want(root: Wanted, pointer: string): void {
  let at = root;
  for (const key of pointerKeys(pointer)) {
    let member = at.members.get(key);
    if (member === undefined) {
      member = { members: new Map(), quoted: [], place: undefined };
      at.members.set(key, member);
      at.quoted.push(`"${key}"`);
    }
    at = member;
  }
}

/** The numbers of the entries that are looked for, the lowest first. */
function indicesOf({ members }: Wanted): number[] {
  const indices = [...members.keys()].filter((key) => /^(?:0|[1-9][0-9]*)$/.test(key)).map(Number);
  return indices.sort((a, b) => a - b);
}

/** The pointer of a member of the value at `parent`. */
export function childPointer(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The keys a pointer leads through. */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Where the lines of a text begin, found once, when the first position is asked for. */
class Lines {
  readonly #text: string;
  #starts: number[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  position(offset: number): Position {
    this.#starts ??= lineStarts(this.#text);
    const starts = this.#starts;
    let [line, after] = [0, starts.length];
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if ((starts[middle] ?? 0) <= offset) line = middle;
      else after = middle;
    }
    const before = this.#text.slice(starts[line], offset);
    const pairs = before.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0;
    return { line: line + 1, column: before.length - pairs + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return starts;
}

function foundAt(text: string, offset: number): string {
  if (offset >= text.length) return "the end of the file";
  const rest = text.slice(offset, offset + 40);
  const word = /^[\p{L}\p{N}_.+-]+/u.exec(rest)?.[0];
  if (word !== undefined) return JSON.stringify(word);
  const code = rest.codePointAt(0) ?? 0;
  const sign = String.fromCodePoint(code);
  // What cannot be seen is told by its number.
  return /[\p{P}\p{S}]/u.test(sign)
    ? JSON.stringify(sign)
    : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

class Scanner {
  readonly #text: string;
  readonly #plain = plainPatterns();
  #offset = 0;
  /** What has been found to hold something that is looked for is not moved over again. */
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
    if (wanted !== undefined) wanted.place = { start, end: this.#offset, key: key ?? start };
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

  /** Moves over entries of which none is looked for, and returns how many where one after them is. */
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

  /** Moves over members of which none is looked for. */
  #plainMembers(wanted: Wanted | undefined, depth: number): void {
    if (depth + PLAIN_DEPTH >= MAX_DEPTH || this.#offset < this.#stepwiseUntil) return;
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

  /** The value that is looked for below a key, if any. */
  #member(wanted: Wanted, start: number, end: number): Wanted | undefined {
    if (wanted.members.size === 0) return undefined;
    return wanted.members.get(JSON.parse(this.#text.slice(start, end)) as string);
  }

  /** A key as messages quote it. */
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
      // The end of the text, or a control character, which may stand in a string as an escape only.
      else throw new SyntaxFault(this.#offset, "a closing double quote");
    }
    this.#offset++;
  }

  #escape(): void {
    if (this.#match(ESCAPES)) return;
    throw new SyntaxFault(this.#offset, 'one of the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX');
  }

  #blanks(): void {
    // Most of what can stand here is no blank, and asking for one is cheaper than a pattern.
    if (this.#text.charCodeAt(this.#offset) <= SPACE) this.#match(BLANKS);
  }

  #skip(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false;
    this.#offset++;
    return true;
  }

  /** Moves over what the sticky pattern finds here. */
  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#offset;
    if (!pattern.test(this.#text)) return false;
    this.#offset = pattern.lastIndex;
    return true;
  }
}
