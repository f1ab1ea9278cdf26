// Where in a JSON text each value stands, and where the text stops being JSON. Slow beside JSON.parse, and
// used only when something is wrong already. Called by load.ts; RFC 8259, JSON pointers as in RFC 6901.

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

class SyntaxFault extends Error {
  readonly offset: number;
  readonly expected: string;

  constructor(offset: number, expected: string) {
    super(expected);
    this.offset = offset;
    this.expected = expected;
  }
}

/**
 * The places of all values of a JSON text. Of a key that is there twice the last counts, as in JSON.parse.
 */
export class JsonPositions {
  readonly #text: string;
  readonly #places: ReadonlyMap<string, Place>;

  private constructor(text: string, places: ReadonlyMap<string, Place>) {
    this.#text = text;
    this.#places = places;
  }

  /** Scans a text; a text that is not JSON yields what is wrong with it. */
  static scan(text: string): JsonPositions | JsonSyntaxError {
    const scanner = new Scanner(text);
    try {
      return new JsonPositions(text, scanner.document());
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      const { offset, expected } = error;
      return { position: positionOf(text, offset), expected, found: foundAt(text, offset) };
    }
  }

  /** Where a value begins; `undefined` when there is no such value. */
  value(pointer: string): Position | undefined {
    const place = this.#places.get(pointer);
    return place === undefined ? undefined : positionOf(this.#text, place.start);
  }

  /** Where the key of a member begins. */
  key(pointer: string): Position | undefined {
    const place = this.#places.get(pointer);
    return place === undefined ? undefined : positionOf(this.#text, place.key);
  }

  /** A value as it is written in the text. */
  source(pointer: string): string | undefined {
    const place = this.#places.get(pointer);
    return place === undefined ? undefined : this.#text.slice(place.start, place.end);
  }
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

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.split("\n").length;
  return { line, column: [...before.slice(lineStart)].length + 1 };
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
  readonly #places = new Map<string, Place>();
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): ReadonlyMap<string, Place> {
    this.#value({ pointer: "", key: 0, depth: 0 });
    this.#blanks();
    if (this.#offset < this.#text.length) throw new SyntaxFault(this.#offset, "the end of the file");
    return this.#places;
  }

  #value({ pointer, key, depth }: { pointer: string; key: number | undefined; depth: number }): void {
    this.#blanks();
    const start = this.#offset;
    const first = this.#text[start];
    if (depth >= MAX_DEPTH && (first === "{" || first === "["))
      throw new SyntaxFault(start, `at most ${MAX_DEPTH} lists and objects inside each other`);
    if (first === "{") this.#object(pointer, depth);
    else if (first === "[") this.#array(pointer, depth);
    else if (first === '"') this.#string();
    else if (!this.#match(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y)) {
      throw new SyntaxFault(start, "a value");
    }
    this.#places.set(pointer, { start, end: this.#offset, key: key ?? start });
  }

  #object(pointer: string, depth: number): void {
    this.#offset++;
    this.#blanks();
    if (this.#skip("}")) return;
    for (;;) {
      this.#blanks();
      const start = this.#offset;
      if (this.#text[start] !== '"') throw new SyntaxFault(start, "a key in double quotes");
      const key = this.#string();
      this.#blanks();
      if (!this.#skip(":")) throw new SyntaxFault(this.#offset, `":" after the key ${JSON.stringify(key)}`);
      this.#value({ pointer: childPointer(pointer, key), key: start, depth: depth + 1 });
      this.#blanks();
      if (this.#skip("}")) return;
      if (!this.#skip(",")) {
        throw new SyntaxFault(this.#offset, `"," or "}" after the value of ${JSON.stringify(key)}`);
      }
    }
  }

  #array(pointer: string, depth: number): void {
    this.#offset++;
    this.#blanks();
    if (this.#skip("]")) return;
    for (let index = 0; ; index++) {
      this.#value({ pointer: childPointer(pointer, index), key: undefined, depth: depth + 1 });
      this.#blanks();
      if (this.#skip("]")) return;
      if (!this.#skip(",")) throw new SyntaxFault(this.#offset, `"," or "]" in the list`);
    }
  }

  #string(): string {
    const start = this.#offset++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#offset);
      if (code === QUOTE) break;
      if (code === BACKSLASH) this.#escape();
      else if (code >= SPACE) this.#offset++;
      // The end of the text, or a control character, which may stand in a string as an escape only.
      else throw new SyntaxFault(this.#offset, "a closing double quote");
    }
    this.#offset++;
    return JSON.parse(this.#text.slice(start, this.#offset)) as string;
  }

  #escape(): void {
    if (this.#match(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y)) return;
    throw new SyntaxFault(this.#offset, 'one of the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX');
  }

  #blanks(): void {
    this.#match(/[ \t\r\n]*/y);
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
