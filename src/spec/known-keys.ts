// The keys the schemas know, and those of a document they do not. Called for --debug, and for the words of a
// fault.

import type { Warning } from "./faults.ts";
import { KEYS } from "./generated/keys.ts";
import { childPointer, pointerKeys } from "./json-positions.ts";
import { nearestWord } from "./nearest.ts";

/** A document that is checked on its own. */
export type DocumentType = "Spec" | "Process" | "Resources";

/** A value of which nothing is known yet. */
type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Keys that mean nothing to tsrun: the specification wants them ignored, but a misspelt one is worth a line
 * in a debug log.
 */
export function unknownKeys(document: unknown, type: DocumentType = "Spec"): Warning[] {
  const warnings: Warning[] = [];
  visit({ value: document, walk: type, pointer: "" }, warnings);
  return warnings;
}

/** The keys of the object that a pointer leads to; none for maps, whose keys are free. */
export function keysAt(pointer: string, type: DocumentType): readonly string[] {
  let walk: string = type;
  for (const key of pointerKeys(pointer)) {
    walk = /\[\]$|\{\}$/.test(walk) ? walk.slice(0, -2) : (KEYS[walk]?.[key] ?? "");
  }
  return Object.keys(KEYS[walk] ?? {});
}

interface Visit {
  readonly value: unknown;
  readonly walk: string;
  readonly pointer: string;
}

function visit({ value, walk, pointer }: Visit, warnings: Warning[]): void {
  if (typeof value !== "object" || value === null) return;
  if (/\[\]$|\{\}$/.test(walk)) {
    for (const [key, entry] of Object.entries(value)) {
      visit({ value: entry, walk: walk.slice(0, -2), pointer: childPointer(pointer, key) }, warnings);
    }
    return;
  }
  const keys = KEYS[walk];
  if (keys === undefined || Array.isArray(value)) return;
  for (const [key, member] of Object.entries(value as JsonObject)) {
    const at = childPointer(pointer, key);
    if (Object.hasOwn(keys, key)) visit({ value: member, walk: keys[key] ?? "", pointer: at }, warnings);
    else warnings.push({ pointer: at, message: unknownKey(key, Object.keys(keys)) });
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  const hint = near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
  return `unknown key ${JSON.stringify(key)}${hint}, ignoring`;
}
