// The keys that the schemas know, and the unknown keys of a document. Called for --debug, and to word a
// fault.

import { MOST_TOLD, type Warning } from "./faults.ts";
import { KEYS } from "./generated/keys.ts";
import { childPointer, pointerKeys } from "./json-positions.ts";
import { nearestWord } from "./nearest.ts";
import { quoted } from "./shorten.ts";

/** The documents that have a schema. */
export type DocumentType = "Spec" | "Process" | "Resources" | "StateRecord" | "Recording";

/** An object that has not been checked yet. */
type JsonObject = Readonly<Record<string, unknown>>;

export interface UnknownKeys {
  /** Warnings about the first ones; the others are counted. */
  readonly warnings: readonly Warning[];
  readonly untold: number;
}

/**
 * Keys that tsrun does not know. The specification requires that they be ignored, but a misspelt one deserves
 * a line in the debug log.
 */
export function unknownKeys(document: unknown, type: DocumentType = "Spec"): UnknownKeys {
  const found = { path: [], warnings: [], untold: 0 };
  visit(document, type, found);
  return found;
}

/** The keys of the object that a pointer leads to; none for maps, which may have any keys. */
export function keysAt(pointer: string, type: DocumentType): readonly string[] {
  let walk: string = type;
  for (const key of pointerKeys(pointer)) {
    walk = isRepeated(walk) ? walk.slice(0, -2) : (KEYS[walk]?.[key] ?? "");
  }
  return Object.keys(KEYS[walk] ?? {});
}

/** Every key of a document's objects. */
export function keysBelow(type: DocumentType): ReadonlySet<string> {
  const keys = new Set<string>();
  const types = new Set<string>([type]);
  // The iteration of a set includes elements that are added meanwhile.
  for (const one of types) {
    for (const [key, walk] of Object.entries(KEYS[one] ?? {})) {
      keys.add(key);
      types.add(elementOf(walk));
    }
  }
  return keys;
}

/** The type without the marks of a list and a map. */
export function elementOf(walk: string): string {
  return isRepeated(walk) ? elementOf(walk.slice(0, -2)) : walk;
}

/** Pointers are made only for reported keys: there may be a million values. */
interface Found {
  /** The keys that lead to the current value. */
  readonly path: (string | number)[];
  readonly warnings: Warning[];
  untold: number;
}

function visit(value: unknown, walk: string, found: Found): void {
  if (typeof value !== "object" || value === null) return;
  if (isRepeated(walk)) visitEach(value, walk.slice(0, -2), found);
  else if (KEYS[walk] !== undefined && !Array.isArray(value))
    visitMembers(value as JsonObject, KEYS[walk], found);
}

function visitEach(value: object, walk: string, found: Found): void {
  const known = KEYS[walk];
  // Words have no keys.
  if (known === undefined && !isRepeated(walk)) return;
  const isList = Array.isArray(value);
  const last = found.path.push("") - 1;
  const visitOne = (member: unknown, key: string | number): void => {
    if (typeof member !== "object" || member === null) return;
    found.path[last] = key;
    if (known === undefined) visit(member, walk, found);
    else if (!Array.isArray(member)) visitMembers(member as JsonObject, known, found);
  };
  if (isList) value.forEach(visitOne);
  else for (const key of Object.keys(value)) visitOne((value as JsonObject)[key], key);
  found.path.pop();
}

function visitMembers(value: JsonObject, known: Readonly<Record<string, string>>, found: Found): void {
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(known, key)) {
      const member = value[key];
      if (typeof member !== "object") continue;
      found.path.push(key);
      visit(member, known[key] ?? "", found);
      found.path.pop();
    } else if (found.warnings.length < MOST_TOLD) {
      const message = unknownKey(key, Object.keys(known));
      found.warnings.push({ pointer: [...found.path, key].reduce(childPointer, ""), message });
    } else found.untold++;
  }
}

/** A list or a map of something. */
export function isRepeated(walk: string): boolean {
  return walk.endsWith("[]") || walk.endsWith("{}");
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  const hint = near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
  return `unknown key ${quoted(key)}${hint}, ignoring`;
}
