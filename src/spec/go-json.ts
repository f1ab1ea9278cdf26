// Reads a JSON text as Go's encoding/json, and so runc, reads it into the structures of the specification:
// keys match in any case (fold.go), and a key that is repeated adds to the earlier value (that package's
// Unmarshal). The result is an equivalent text with the schemas' keys, each of them once. Called by
// read-json.ts, with a text that is JSON. Pure.

import { type Fault, MOST_TOLD, type Warning } from "./faults.ts";
import { KEYS } from "./generated/keys.ts";
import { childPointer, type JsonText } from "./json-positions.ts";
import { elementOf, isRepeated } from "./known-keys.ts";
import { quoted } from "./shorten.ts";

/** A value that is copied unchanged. */
interface Leaf {
  readonly kind: "leaf";
  readonly start: number;
  readonly end: number;
}

interface List {
  readonly kind: "list";
  readonly start: number;
  readonly end: number;
  readonly entries: readonly Value[];
}

interface Members {
  /** A structure has keys that the schemas name; a map has any keys. */
  readonly kind: "structure" | "map";
  readonly start: number;
  readonly end: number;
  readonly members: ReadonlyMap<string, Member>;
}

interface Member {
  /** Offset of the key. */
  readonly key: number;
  /** The key with its quotes. */
  readonly written: string;
  /** Whether the schemas know the key. If not, the last value counts. */
  readonly known: boolean;
  readonly value: Value;
}

type Value = Leaf | List | Members;

export interface Reading {
  readonly source: JsonText;
  readonly warnings: readonly Warning[];
  /** How many more there are. */
  readonly untold: number;
}

/** This many keys and entries take a third of a second; 10,000 mounts have half as many. */
const MOST_READ = 100_000;
const TOO_MANY: Fault = {
  pointer: "",
  reason: `has more than ${MOST_READ} keys, of which none may be there twice or in another case then`,
};

/** `undefined` if all keys are right and none is repeated; a fault if reading takes too long. */
export function readAsGo(text: string, type: string): Reading | Fault | undefined {
  const reader = new Reader(text);
  try {
    const value = reader.read(type);
    return reader.warnings.length === 0 ? undefined : { ...reader, source: rewritten(text, value) };
  } catch (error) {
    if (error === TOO_MANY) return TOO_MANY;
    throw error;
  }
}

function rewritten(text: string, value: Value): JsonText {
  const writer = new Writer(text);
  writer.write(value);
  return writer.result();
}

/** Maps keys that Go considers equal to the same text; all keys of the schemas are ASCII. */
export function fold(key: string): string {
  // U+017F and U+212A are the only other characters that Unicode folds to ASCII letters.
  return key.replace(/[A-Z\u017f\u212a]/g, (letter) => FOLDED[letter] ?? letter.toLowerCase());
}

const FOLDED: Readonly<Record<string, string>> = { "\u017f": "s", "\u212a": "k" };

/** For each type its keys by their folded form; filled when first needed. */
const foldedKeys = new Map<string, ReadonlyMap<string, string>>();

/** The type's key that matches this one. */
function keyOf(written: string, type: string): string | undefined {
  const known = KEYS[type] ?? {};
  if (Object.hasOwn(known, written)) return written;
  let folded = foldedKeys.get(type);
  if (folded === undefined) {
    folded = new Map(Object.keys(known).map((key) => [fold(key), key]));
    foldedKeys.set(type, folded);
  }
  return folded.get(fold(written));
}

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANKS = /[ \t\r\n]+/y;
const SCALAR = /[^ \t\r\n,\]}]+/y;
/** Bounded, as in json-positions.ts. */
const PLAIN_TEXT = /[^"\\]+/y;
const ESCAPES = /(?:\\.){1,64}/y;
const INSIDE = /[^"[\]{}]+/y;

class Reader {
  readonly warnings: Warning[] = [];
  untold = 0;
  readonly #text: string;
  /** The keys that lead to the current value. */
  readonly #path: (string | number)[] = [];
  #offset = 0;
  #read = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads the value that begins here, of a type named in `KEYS`. */
  read(type: string): Value {
    this.#blanks();
    const start = this.#offset;
    const first = this.#text[start];
    if (first === "{" && KEYS[type] !== undefined) return this.#members(start, "structure", type);
    if (first === "{" && type.endsWith("{}")) return this.#members(start, "map", type.slice(0, -2));
    // A list of words replaces an earlier one, as a word does.
    if (first === "[" && type.endsWith("[]") && isTyped(type)) return this.#list(start, type.slice(0, -2));
    this.#skip();
    return { kind: "leaf", start, end: this.#offset };
  }

  #list(start: number, type: string): List {
    const entries: Value[] = [];
    this.#offset++;
    while (!this.#isAtEnd("]")) {
      this.#count();
      this.#path.push(entries.length);
      entries.push(this.read(type));
      this.#path.pop();
    }
    return { kind: "list", start, end: this.#offset, entries };
  }

  /** @param type of the structure, or of each member of the map */
  #members(start: number, kind: Members["kind"], type: string): Members {
    const members = new Map<string, Member>();
    this.#offset++;
    while (!this.#isAtEnd("}")) {
      this.#count();
      const key = this.#offset;
      this.#string();
      const written = this.#text.slice(key, this.#offset);
      const said = written.includes("\\") ? (JSON.parse(written) as string) : written.slice(1, -1);
      const name = kind === "map" ? undefined : keyOf(said, type);
      this.#blanks();
      this.#offset++;
      this.#path.push(name ?? said);
      if (name !== undefined && name !== said) {
        this.#warn(`field "${name}" is written ${quoted(said)}; runc takes it too, others may ignore it`);
      }
      const value = this.read(kind === "map" ? type : (KEYS[type]?.[name ?? ""] ?? ""));
      const before = name === undefined ? undefined : members.get(name);
      const merged = before === undefined ? value : this.#again(before.value, value);
      members.set(name ?? said, { key, written, known: name !== undefined, value: merged });
      this.#path.pop();
    }
    return { kind, start, end: this.#offset, members };
  }

  #again(before: Value, after: Value): Value {
    const what =
      before.kind === "leaf" || before.kind !== after.kind
        ? "the last counts"
        : "what its parts say is merged";
    this.#warn(`field "${this.#path.at(-1)}" is given more than once; ${what}`);
    return merge(before, after);
  }

  #warn(message: string): void {
    if (this.warnings.length === MOST_TOLD) this.untold++;
    else this.warnings.push({ pointer: this.#path.reduce<string>(childPointer, ""), message });
  }

  #count(): void {
    this.#read++;
    if (this.#read > MOST_READ) throw TOO_MANY;
  }

  /** Skips blanks and a comma, and this sign if it is next. */
  #isAtEnd(sign: "}" | "]"): boolean {
    this.#blanks();
    if (this.#text[this.#offset] === ",") {
      this.#offset++;
      this.#blanks();
    }
    if (this.#text[this.#offset] !== sign) return false;
    this.#offset++;
    return true;
  }

  /** Skips a value. */
  #skip(): void {
    let depth = 0;
    do {
      const first = this.#text[this.#offset];
      if (first === '"') this.#string();
      else if (first === "{" || first === "[") {
        depth++;
        this.#offset++;
      } else if (first === "}" || first === "]") {
        depth--;
        this.#offset++;
      } else this.#match(depth === 0 ? SCALAR : INSIDE);
    } while (depth > 0);
  }

  #string(): void {
    // Nearly all strings have no escape, and a search is cheaper than a pattern.
    const end = this.#text.indexOf('"', this.#offset + 1);
    if (this.#text.charCodeAt(end - 1) !== BACKSLASH) {
      this.#offset = end + 1;
      return;
    }
    this.#offset++;
    for (let code = 0; code !== QUOTE; ) {
      this.#match(code === BACKSLASH ? ESCAPES : PLAIN_TEXT);
      code = this.#text.charCodeAt(this.#offset);
    }
    this.#offset++;
  }

  #blanks(): void {
    if (this.#text.charCodeAt(this.#offset) <= SPACE) this.#match(BLANKS);
  }

  #match(pattern: RegExp): void {
    pattern.lastIndex = this.#offset;
    if (pattern.test(this.#text)) this.#offset = pattern.lastIndex;
  }
}

function isTyped(type: string): boolean {
  return KEYS[elementOf(type)] !== undefined && isRepeated(type);
}

/**
 * What Go makes of a value that is read over an earlier one: objects get the members of both, lists are
 * merged entry by entry, any other value is replaced. The later list decides the number of entries.
 */
function merge(before: Value, after: Value): Value {
  if (before.kind === "list" && after.kind === "list") {
    const entries = after.entries.map((entry, index) => {
      const old = before.entries[index];
      return old === undefined ? entry : merge(old, entry);
    });
    return { ...after, entries };
  }
  if (before.kind === "leaf" || before.kind !== after.kind) return after;
  const members = new Map((before as Members).members);
  for (const [name, member] of (after as Members).members) {
    const old = members.get(name);
    const value = old !== undefined && member.known ? merge(old.value, member.value) : member.value;
    members.set(name, { ...member, value });
  }
  return { ...(after as Members), members };
}

/** Builds the text, and records for each piece where it comes from. */
class Writer {
  readonly #file: string;
  readonly #pieces: string[] = [];
  readonly #starts: number[] = [];
  readonly #origins: number[] = [];
  #length = 0;

  constructor(file: string) {
    this.#file = file;
  }

  write(value: Value): void {
    if (value.kind === "leaf") this.#add(this.#file.slice(value.start, value.end), value.start);
    else if (value.kind === "list") this.#list(value);
    else this.#members(value);
  }

  #list({ start, end, entries }: List): void {
    this.#add("[", start);
    entries.forEach((entry, index) => {
      if (index > 0) this.#add(",", entry.start);
      this.write(entry);
    });
    this.#add("]", end - 1);
  }

  #members({ start, end, members }: Members): void {
    this.#add("{", start);
    let isFirst = true;
    for (const [name, { key, written, known, value }] of members) {
      if (!isFirst) this.#add(",", key);
      isFirst = false;
      this.#add(known ? `"${name}"` : written, key);
      this.#add(":", value.start);
      this.write(value);
    }
    this.#add("}", end - 1);
  }

  result(): JsonText {
    const [starts, origins] = [this.#starts, this.#origins];
    const offset = (at: number): number => {
      let [low, high] = [0, starts.length];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((starts[middle] ?? 0) <= at) low = middle;
        else high = middle;
      }
      return (origins[low] ?? 0) + at - (starts[low] ?? 0);
    };
    return { text: this.#pieces.join(""), file: { text: this.#file, offset } };
  }

  #add(piece: string, origin: number): void {
    this.#pieces.push(piece);
    this.#starts.push(this.#length);
    this.#origins.push(origin);
    this.#length += piece.length;
  }
}
