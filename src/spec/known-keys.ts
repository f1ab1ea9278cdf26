// The keys the schemas know, and those of a document they do not. Called for --debug, and for the words of a
// fault.

import { MOST_TOLD, type Warning } from "./faults.ts";
import { KEYS } from "./generated/keys.ts";
import { childPointer, pointerKeys } from "./json-positions.ts";
import { nearestWord } from "./nearest.ts";
import { quoted } from "./shorten.ts";

/** A document that is checked on its own. */
export type DocumentType = "Spec" | "Process" | "Resources" | "StateRecord";

/** A value of which nothing is known yet. */
type JsonObject = Readonly<Record<string, unknown>>;

export interface UnknownKeys {
  /** Of the first; the others are counted. */
  readonly warnings: readonly Warning[];
  readonly untold: number;
}

/**
 * Keys that mean nothing to tsrun: the specification wants them ignored, but a misspelt one is worth a line
 * in a debug log.
 */
export function unknownKeys(document: unknown, type: DocumentType = "Spec"): UnknownKeys {
  const found = { warnings: [], untold: 0 };
  visit({ value: document, walk: type, pointer: "" }, found);
  return found;
}

/** The keys of the object that a pointer leads to; none for maps, whose keys are free. */
export function keysAt(pointer: string, type: DocumentType): readonly string[] {
  let walk: string = type;
  for (const key of pointerKeys(pointer)) {
    walk = isRepeated(walk) ? walk.slice(0, -2) : (KEYS[walk]?.[key] ?? "");
  }
  return Object.keys(KEYS[walk] ?? {});
}

interface Visit {
  readonly value: unknown;
  readonly walk: string;
  readonly pointer: string;
}

interface Found {
  readonly warnings: Warning[];
  untold: number;
}

function visit({ value, walk, pointer }: Visit, found: Found): void {
  if (typeof value !== "object" || value === null) return;
  if (isRepeated(walk)) {
    const entry = walk.slice(0, -2);
    // Of words there is nothing to know.
    if (KEYS[entry] === undefined && !isRepeated(entry)) return;
    for (const [key, member] of Object.entries(value)) {
      visit({ value: member, walk: entry, pointer: childPointer(pointer, key) }, found);
    }
    return;
  }
  const keys = KEYS[walk];
  if (keys === undefined || Array.isArray(value)) return;
  for (const [key, member] of Object.entries(value as JsonObject)) {
    if (Object.hasOwn(keys, key)) {
      if (typeof member === "object") {
        visit({ value: member, walk: keys[key] ?? "", pointer: childPointer(pointer, key) }, found);
      }
    } else if (found.warnings.length < MOST_TOLD) {
      found.warnings.push({
        pointer: childPointer(pointer, key),
        message: unknownKey(key, Object.keys(keys)),
      });
    } else found.untold++;
  }
}

/** A list or a map of something. */
function isRepeated(walk: string): boolean {
  return walk.endsWith("[]") || walk.endsWith("{}");
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  const hint = near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
  return `unknown key ${quoted(key)}${hint}, ignoring`;
}
