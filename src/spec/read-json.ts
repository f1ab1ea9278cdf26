// Parses the text of a document. If its keys are not spelt as in the specification, the value comes from a
// rewritten text. Called by load.ts. Pure.

import type { Fault, Warning } from "./faults.ts";
import { readAsGo } from "./go-json.ts";
import type { JsonText } from "./json-positions.ts";
import type { DocumentType } from "./known-keys.ts";

export interface ReadJson {
  readonly value: unknown;
  readonly source: JsonText;
  /** About keys in another case, and repeated keys. */
  readonly warnings: readonly Warning[];
  readonly untold: number;
  readonly faults: readonly Fault[];
}

/** The types of text: a document, or the list of `mounts add`. */
export type ReadType = DocumentType | "Mount[]";

/** Throws the error of JSON.parse. */
export function readJson(text: string, type: ReadType): ReadJson {
  const value: unknown = JSON.parse(text);
  const read = { value, source: { text }, warnings: [], untold: 0, faults: [] };
  if (!mayHaveOddKeys()) return read;
  const asGo = readAsGo(text, type);
  if (asGo === undefined) return read;
  if (!("source" in asGo)) return { ...read, faults: [asGo] };
  return { ...asGo, value: JSON.parse(asGo.source.text), faults: [] };
}

/** The engine has noticed meanwhile (src/engine/native/json-keys.c); others do not say. */
function mayHaveOddKeys(): boolean {
  const { jsonNotes } = globalThis as { readonly jsonNotes?: () => number };
  return jsonNotes === undefined || jsonNotes() !== 0;
}
