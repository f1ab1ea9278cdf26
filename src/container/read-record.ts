// Reads the text of state.json. Called by store.ts, and by glance.ts for hundreds of them.

import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { syntaxFault } from "../spec/faults.ts";
import { acceptStateRecord } from "../spec/generated/acceptors.ts";
import { restoreExactNumbers } from "../spec/normalise.ts";
import { checkSchema } from "../spec/schema-check.ts";
import type { StateRecord } from "./record.ts";

/** Parses an ordinary state.json. Returns `undefined` in every other case; `load` reports what is wrong. */
export function readRecord(json: string): StateRecord | undefined {
  try {
    const document = JSON.parse(json);
    // The resources of `update` have numbers that JSON.parse cannot hold.
    return acceptStateRecord(document) && document.resources === undefined ? document : undefined;
  } catch (error) {
    throwIfOutOfMemory(error);
    return undefined;
  }
}

/** The record, or its fault: the file may be damaged, and commands act on its content. */
export function parseRecord(json: string): StateRecord | string {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    const fault = syntaxFault(json);
    if (fault === undefined) throw error;
    return `invalid JSON at line ${fault.line} column ${fault.column}: ${fault.reason}`;
  }
  // The usual case; one call less saves microseconds.
  if (acceptStateRecord(document)) {
    const record = document as unknown as StateRecord;
    if (record.resources !== undefined) restoreExactNumbers(record, json, "StateRecord");
    return record;
  }
  const [fault] = checkSchema(document, "StateRecord").faults;
  if (fault === undefined) throw new TsrunError("E_INTERNAL", "the two checks of a state disagree");
  return fault.pointer === "" ? fault.reason : `${fault.pointer}: ${fault.reason}`;
}
