// Faults of a configuration, and the error that reports them: all faults in one line, each with its pointer
// and its place in the file. Called by load.ts.

import { TsrunError } from "../errors.ts";
import { JsonPositions, type JsonText, type Position } from "./json-positions.ts";
import { shorten } from "./shorten.ts";

export interface Fault {
  /** JSON pointer of the value; for a missing member, the pointer that it would have. */
  readonly pointer: string;
  /** What is wrong and what is allowed, lower case, no full stop. */
  readonly reason: string;
  /** What may have been meant; follows the reason after a comma. */
  readonly hint?: string;
  /**
   * Pointer of the place to show, if it is not `pointer`: the enclosing object, the misspelt key.
   */
  readonly place?: string;
}

export interface Warning {
  readonly pointer: string;
  readonly message: string;
}

/** A fault or a warning with its place in the text; without a place if the text is not JSON up to there. */
export interface Located {
  readonly pointer: string;
  readonly line?: number;
  readonly column?: number;
  readonly reason: string;
  readonly hint?: string;
}

/**
 * How many faults, and how many warnings, are reported one by one: nobody reads more, and callers read a
 * line. The others are only counted.
 */
export const MOST_TOLD = 20;

/** The schema and the rules stop after this many faults; the number reported is then a lower bound. */
export const MOST_COUNTED = 10_000;

/** How many faults and warnings are counted but not reported. */
export interface Untold {
  readonly faults: number;
  readonly warnings: number;
}

/** Faults in the order of the file. */
export function locate(faults: readonly Fault[], source: JsonText): Located[] {
  if (faults.length === 0) return [];
  const wanted = faults.map(({ pointer, place }) => place ?? pointer);
  const positions = JsonPositions.scan(source.text, wanted, source.file);
  const located = faults.map((fault) => {
    const position = positions instanceof JsonPositions ? positionOf(fault, positions) : undefined;
    return { fault, position };
  });
  located.sort((a, b) => compare(a.position, b.position));
  return located.map(({ fault: { pointer, reason, hint }, position }) => ({
    pointer,
    ...position,
    reason: shorten(reason, LONGEST_REASON),
    ...(hint === undefined ? {} : { hint: shorten(hint, LONGEST_REASON) }),
  }));
}

/** Longer than any path of keys in the schemas. */
const LONGEST_POINTER = 300;
const LONGEST_REASON = 1500;

/** A pointer, shortened for people; programs get the full one. */
export function shownPointer(pointer: string): string {
  return shorten(pointer, LONGEST_POINTER);
}

/** The one error for all faults; `untold` is the number of further faults. */
export function configError(
  faults: readonly Fault[],
  { file, source, untold }: { file: string; source: JsonText; untold: number },
): TsrunError {
  const told = locate(faults, source).map(({ pointer, line, column, reason, hint }) => {
    const where = pointer === "" ? "the document" : shownPointer(pointer);
    const place = line === undefined ? "" : ` (line ${line} column ${column})`;
    return `${where}${place}: ${reason}${hint === undefined ? "" : `, ${hint}`}`;
  });
  const all = faults.length + untold;
  const least = all >= MOST_COUNTED ? "at least " : "";
  const count = all === 1 ? "" : `${least}${all} faults: `;
  if (untold > 0) told.push(`and ${least}${untold} more`);
  return new TsrunError("E_CONFIG", `cannot use "${file}": ${count}${told.join("; ")}`);
}

/** Where and why a text is not JSON; `undefined` if it is. */
export function syntaxFault(text: string): (Located & Position) | undefined {
  const scanned = JsonPositions.scan(text, []);
  if (scanned instanceof JsonPositions) return undefined;
  const { position, expected, found } = scanned;
  const hint = syntaxHint(text, found);
  const reason = `expected ${expected}, found ${found}`;
  return { pointer: "", ...position, reason, ...(hint === undefined ? {} : { hint }) };
}

/** The error for a text that is not JSON; `undefined` if it is. */
export function syntaxError({ file, text }: { file: string; text: string }): TsrunError | undefined {
  const fault = syntaxFault(text);
  if (fault === undefined) return undefined;
  const { line, column, reason, hint } = fault;
  const message = `cannot use "${file}": invalid JSON at line ${line} column ${column}: ${reason}`;
  return new TsrunError("E_CONFIG", message, { hint });
}

function syntaxHint(text: string, found: string): string | undefined {
  if (text.trim() === "") return "the file is empty";
  if (found === "U+FEFF") return "JSON has no byte order mark";
  if (found === '"/"' || found === '"#"') return "JSON has no comments";
  if (found === '"\'"') return "JSON has double quotes only";
  if (found === '"}"' || found === '"]"') return "JSON has no comma after the last entry";
  return undefined;
}

/**
 * A member's fault is shown at its key, an entry's at the entry, a missing member's at the object that lacks
 * it.
 */
function positionOf({ pointer, place }: Fault, positions: JsonPositions): Position | undefined {
  for (let at = place ?? pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
    const position = positions.key(at);
    if (position !== undefined || at === "") return position;
  }
}

function compare(a: Position | undefined, b: Position | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return a.line - b.line || a.column - b.column;
}
