// Checks a document against its schema and words the validators' findings. Called by load.ts.

import { TsrunError } from "../errors.ts";
import { type Fault, MOST_TOLD } from "./faults.ts";
import * as acceptors from "./generated/acceptors.ts";
import * as validators from "./generated/validators.ts";
import { childPointer, pointerKeys } from "./json-positions.ts";
import { type DocumentType, keysAt } from "./known-keys.ts";
import { nearestWord } from "./nearest.ts";
import { quoted } from "./shorten.ts";

/** A finding of an ajv validator. */
interface ValidationError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: {
    readonly type?: string;
    readonly missingProperty?: string;
    readonly allowedValues?: readonly string[];
    readonly limit?: number;
    readonly pattern?: string;
  };
}

type Validator = (document: unknown) => boolean;

/** A validator's findings, up to twice as many as are counted. */
const findings = validators.findings as unknown as (
  validate: Validator,
  document: unknown,
) => { readonly errors: readonly ValidationError[] };

/** Tell whether a document is valid. */
const ACCEPTORS = {
  Spec: acceptors.acceptSpec,
  Process: acceptors.acceptProcess,
  Resources: acceptors.acceptResources,
  StateRecord: acceptors.acceptStateRecord,
  Recording: acceptors.acceptRecording,
} as unknown as Readonly<Record<DocumentType, (document: unknown) => boolean>>;

/** Find the faults: slower, and only called for an invalid document. */
const VALIDATORS = {
  Spec: validators.validateSpec,
  Process: validators.validateProcess,
  Resources: validators.validateResources,
  StateRecord: validators.validateStateRecord,
  Recording: validators.validateRecording,
} as unknown as Readonly<Record<DocumentType, Validator>>;

/** What the schemas' patterns require, in words. */
export const PATTERN_WORDS: Readonly<Record<string, string>> = {
  "^[0-9, -]*$": 'a list such as "0-3,7"',
  "^[1-9][0-9]*[KMG]B$": 'a size such as "2MB" or "1GB"',
  "^MB:[^\\n]*$": 'one line that begins with "MB:"',
  "^CAP_[A-Z_]+$": 'a name such as "CAP_KILL"',
};

/** AS RUNC: runc's error texts for missing members, which callers know. */
const RUNC_WORDS: Readonly<Record<string, string>> = {
  "Spec/process/cwd": "Cwd property must not be empty",
  "Process/cwd": "Cwd property must not be empty",
  "Spec/linux/memoryPolicy/mode": 'invalid memory policy mode "": missing, and required',
};

/** AS RUNC: runc's name for an invalid value; callers match it. */
const RUNC_NAMES: readonly (readonly [place: RegExp, name: string])[] = [
  [/^\/linux\/memoryPolicy\/mode$/, "memory policy mode"],
  [/^\/linux\/memoryPolicy\/flags\/\d+$/, "memory policy flag"],
  [/^\/linux\/memoryPolicy\/nodes$/, "memory policy nodes"],
];

/** How many allowed words are listed after a suggestion; without one, all are. */
const LISTED = 12;

export interface SchemaFindings {
  readonly faults: Fault[];
  /** How many more there are. */
  readonly untold: number;
}

/** The faults of a document that its schema can name. */
export function checkSchema(document: unknown, type: DocumentType): SchemaFindings {
  if (ACCEPTORS[type](document)) return { faults: [], untold: 0 };
  const { errors } = findings(VALIDATORS[type], document);
  if (errors.length === 0) throw new TsrunError("E_INTERNAL", `the two checks of a ${type} disagree`);
  // A value of the wrong type is never in the list of words, so do not report that too.
  const mistyped = new Set(errors.filter(isTypeError).map(({ instancePath }) => instancePath));
  const found = errors.filter((error) => isTypeError(error) || !mistyped.has(error.instancePath));
  const told = found.slice(0, MOST_TOLD);
  return {
    faults: told.map((error) => toFault(error, { document, type })),
    untold: found.length - told.length,
  };
}

function isTypeError({ keyword }: ValidationError): boolean {
  return keyword === "type";
}

interface Context {
  readonly document: unknown;
  readonly type: DocumentType;
}

function toFault({ keyword, instancePath, params }: ValidationError, context: Context): Fault {
  const value = valueAt(context.document, instancePath);
  if (keyword === "required") return missing(instancePath, params.missingProperty ?? "", context);
  const name = RUNC_NAMES.find(([place]) => place.test(instancePath))?.[1];
  const invalid = name === undefined ? undefined : `invalid ${name} ${quoted(String(value))}`;
  if (keyword === "enum") {
    const { reason, hint } = unknownWord(String(value), params.allowedValues);
    return { pointer: instancePath, reason: invalid ?? reason, ...(hint === undefined ? {} : { hint }) };
  }
  const reason = reasonFor(keyword, params, value);
  const said = keyword === "pattern" && invalid !== undefined ? `${invalid}: ${reason}` : reason;
  return { pointer: instancePath, reason: said };
}

function reasonFor(keyword: string, params: ValidationError["params"], value: unknown): string {
  const { type = "", limit = 0, pattern = "" } = params;
  switch (keyword) {
    case "type":
      return `must be ${TYPE_WORDS[type] ?? type}, is ${describe(value)}`;
    case "minimum":
      return `must be at least ${exact(limit)}, is ${describe(value)}`;
    case "maximum":
      return `must be at most ${exact(limit)}, is ${describe(value)}`;
    case "pattern":
      return `must be ${PATTERN_WORDS[pattern] ?? `like ${pattern}`}, is ${describe(value)}`;
    case "minItems":
      return `must have at least ${limit} ${limit === 1 ? "entry" : "entries"}`;
    default:
      return `breaks the rule "${keyword}"`;
  }
}

/** The fault of a word that is not in the list. */
function unknownWord(word: string, allowed: readonly string[] = []): Pick<Fault, "reason" | "hint"> {
  const near = nearestWord(word, allowed);
  const all = `allowed: ${allowed.map((entry) => JSON.stringify(entry)).join(", ")}`;
  const reason = `unknown word ${quoted(word)}`;
  if (near === undefined) return { reason, hint: all };
  const few = allowed.length <= LISTED ? all : `one of ${allowed.length} that are allowed`;
  return { reason, hint: `did you mean ${JSON.stringify(near)}? (${few})` };
}

function missing(parent: string, key: string, { document, type }: Context): Fault {
  const pointer = childPointer(parent, key);
  const known = keysAt(parent, type);
  const given = Object.keys(valueAt(document, parent) as object).filter((name) => !known.includes(name));
  const misspelt = nearestWord(key, given);
  if (misspelt !== undefined) {
    const unknown = quoted(misspelt);
    const [reason, hint] = [`missing, and ${unknown} is unknown`, `did you mean ${JSON.stringify(key)}?`];
    return { pointer, reason, hint, place: childPointer(parent, misspelt) };
  }
  const reason = RUNC_WORDS[`${type}${pointer}`] ?? "missing, and required";
  return { pointer, reason, place: parent };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

/** A value in a few words. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") {
    return `the string ${quoted(value)}`;
  }
  return typeof value === "number" ? exact(value) : String(value);
}

/** A number as people write it; JavaScript cannot hold the largest ones exactly. */
function exact(value: number): string {
  if (value === 2 ** 64) return "18446744073709551615";
  if (value === 2 ** 63) return "9223372036854775807";
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? BigInt(value).toString() : String(value);
}

function valueAt(document: unknown, pointer: string): unknown {
  let value = document;
  for (const key of pointerKeys(pointer)) value = (value as Readonly<Record<string, unknown>>)[key];
  return value;
}
