// Turns a text into a checked document: config.json, the process file of exec, the resources of update. Pure:
// the caller has read the file. Called by the stories before anything is touched; saved.ts reads what was
// checked before.

import { TsrunError } from "../errors.ts";
import {
  configError,
  type Fault,
  type Located,
  locate,
  MOST_TOLD,
  shownPointer,
  syntaxError,
  syntaxFault,
  type Untold,
  type Warning,
} from "./faults.ts";
import type { JsonText } from "./json-positions.ts";
import { type DocumentType, unknownKeys } from "./known-keys.ts";
import { giveOwnIds, nameReceiver, normalise, restoreExactNumbers, withoutEmptyWords } from "./normalise.ts";
import { type ReadJson, type ReadType, readJson } from "./read-json.ts";
import { checkSchema } from "./schema-check.ts";
import type { Caller } from "./semantics/report.ts";
import { checkMounts, checkProcess, checkResources, checkSpec, type Findings } from "./semantics.ts";
import type { Mount, Process, Recording, Resources, Spec } from "./types.ts";

/** A checked document, with a warning for each key that is not spelt as in the specification. */
export interface Checked<Document> {
  readonly document: Document;
  readonly oddKeys: readonly string[];
}

export interface LoadedConfig {
  readonly spec: Spec;
  /** The document's text, with the keys as in the specification. */
  readonly text: string;
  /** The same, and what the places in the file are. */
  readonly source: JsonText;
  readonly oddKeys: readonly string[];
  /** Settings that tsrun ignores or changes. */
  readonly warnings: readonly Warning[];
  readonly untold: Untold;
}

const ROOT: Caller = { euid: 0 };

/**
 * Reads and checks a config.json; `file` is its name for messages. Throws one E_CONFIG that reports every
 * fault: pointer, line and column, what is wrong, what is allowed.
 */
export function loadConfig(text: string, file: string, caller: Caller = ROOT): LoadedConfig {
  const { document, oddKeys, read, warnings, untold } = load<Spec>(text, {
    file,
    type: "Spec",
    check: (spec, faults) => checkConfig(spec, caller, faults),
  });
  const { source } = read;
  return { spec: normalise(document), text: source.text, source, oddKeys, warnings, untold };
}

/** Tries the rules on the configuration with defaults filled in. */
function checkConfig(spec: Spec, caller: Caller, schemaFaults: readonly Fault[]): Findings {
  if (schemaFaults.length === 0) {
    giveOwnIds(spec, caller);
    nameReceiver(spec);
  }
  return checkSpec(spec, caller, schemaFaults);
}

/** All findings about a config.json. */
export interface Inspection {
  /** The configuration, if it has no fault. */
  readonly spec: Spec | undefined;
  /** The text, for the places of later findings. */
  readonly source: JsonText;
  readonly faults: readonly Located[];
  /** Settings that tsrun ignores or changes, and unknown keys. */
  readonly warnings: readonly Located[];
  /** How many more there are of either. */
  readonly untold: Untold;
}

/** Like `loadConfig`, but returns all findings, each with its place. */
export function inspectConfig(text: string, caller: Caller = ROOT): Inspection {
  let read: ReadJson;
  try {
    read = readJson(text, "Spec");
  } catch (error) {
    const syntax = syntaxFault(text);
    if (syntax === undefined) throw error;
    const fault = { ...syntax, reason: `invalid JSON: ${syntax.reason}` };
    const untold = { faults: 0, warnings: 0 };
    return { spec: undefined, source: { text }, faults: [fault], warnings: [], untold };
  }
  // Before the check, which removes empty members.
  const unknown = unknownKeys(read.value);
  const { document, faults, warnings, untold } = examine<Spec>(read, {
    type: "Spec",
    check: (spec, schemaFaults) => checkConfig(spec, caller, schemaFaults),
  });
  const { source } = read;
  const all = [...read.warnings, ...warnings, ...unknown.warnings];
  const told = all.slice(0, MOST_TOLD).map(({ pointer, message }) => ({ pointer, reason: message }));
  return {
    spec: faults.length > 0 ? undefined : normalise(document),
    source,
    faults: locate(faults, source),
    warnings: locate(told, source),
    untold: {
      faults: untold.faults,
      warnings: all.length - told.length + read.untold + unknown.untold + untold.warnings,
    },
  };
}

/** Reads and checks the process file of `exec --process`. */
export function loadProcess(text: string, file: string): Checked<Process> {
  return load<Process>(text, { file, type: "Process", check: checkProcess });
}

/** Reads and checks the resources file of `update --resources`. */
export function loadResources(text: string, file: string): Checked<Resources> {
  return load<Resources>(text, { file, type: "Resources", check: checkResources });
}

/** Reads and checks a document of `record`. */
export function loadRecording(text: string, file: string): Recording {
  const check = () => ({ faults: [], warnings: [], untold: { faults: 0, warnings: 0 } });
  return load<Recording>(text, { file, type: "Recording", check }).document;
}

/**
 * Reads and checks the list for `mounts add` and `remove`, which has the form of `mounts` in a config.json.
 * @param container the configuration whose namespaces the rules check
 */
export function loadMounts(
  text: string,
  file: string,
  container: Spec,
  caller: Caller = ROOT,
): Checked<readonly Mount[]> {
  const read = parse(text, { file, type: "Mount[]" });
  const mounts = read.value;
  if (!Array.isArray(mounts)) {
    throw new TsrunError("E_CONFIG", `cannot use "${file}": mounts must be an array`, {
      hint: 'it holds what "mounts" of a config.json would: [{"destination": "/data", "source": …}]',
    });
  }
  const inSpec = { ...read, value: { ociVersion: "1.0.0", mounts } };
  const { faults, document, untold } = examine<Spec>(inSpec, {
    type: "Spec",
    check: ({ mounts = [] }, schemaFaults) => checkMounts({ ...container, mounts }, caller, schemaFaults),
  });
  if (faults.length > 0) {
    const own = faults.map(({ pointer, place, ...fault }) => ({
      ...fault,
      pointer: withoutMember(pointer),
      ...(place === undefined ? {} : { place: withoutMember(place) }),
    }));
    throw configError(own, { file, source: read.source, untold: untold.faults });
  }
  return { document: normalise(document).mounts ?? [], oddKeys: tellOddKeys(read) };
}

/** Removes "/mounts": in the document itself the list is not a member. */
function withoutMember(pointer: string): string {
  return pointer.replace(/^\/mounts/, "");
}

interface Checking<Document> {
  readonly type: DocumentType;
  readonly check: (document: Document, schemaFaults: readonly Fault[]) => Findings;
}

interface Loading<Document> extends Checking<Document> {
  readonly file: string;
}

interface Examined<Document> {
  readonly document: Document;
  readonly warnings: readonly Warning[];
  readonly untold: Untold;
}

interface Loaded<Document> extends Checked<Document>, Examined<Document> {
  readonly read: ReadJson;
}

function load<Document>(text: string, { file, ...checking }: Loading<Document>): Loaded<Document> {
  const read = parse(text, { file, type: checking.type });
  const { faults, ...examined } = examine(read, checking);
  if (faults.length > 0) {
    throw configError(faults, { file, source: read.source, untold: examined.untold.faults });
  }
  return { ...examined, read, oddKeys: tellOddKeys(read) };
}

function tellOddKeys({ warnings, untold }: ReadJson): string[] {
  if (warnings.length === 0) return [];
  const told = warnings.map(({ pointer, message }) => `${shownPointer(pointer)}: ${message}`);
  if (untold > 0) told.push(`${untold} more fields are written in another case, or given more than once`);
  return told;
}

/** Makes all checks; the document has its type only if there are no faults. */
function examine<Document>(
  { value, source: { text }, faults: ofKeys }: ReadJson,
  { type, check }: Checking<Document>,
): Examined<Document> & Pick<Findings, "faults"> {
  const document = withoutEmptyWords(value, text);
  const bySchema = checkSchema(document, type);
  const inexact = bySchema.faults.length === 0 ? restoreExactNumbers(document, text, type) : [];
  const schemaFaults = [...ofKeys, ...bySchema.faults, ...inexact];
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  // The rules compare each value with each fault of the schema: if there are more faults than are reported,
  // skip them.
  const byRules =
    isObject && schemaFaults.length <= MOST_TOLD && bySchema.untold === 0
      ? check(document as Document, schemaFaults)
      : { faults: [], warnings: [], untold: { faults: 0, warnings: 0 } };
  const faults = [...schemaFaults, ...byRules.faults];
  const told = faults.slice(0, MOST_TOLD);
  return {
    document: document as Document,
    faults: told,
    warnings: byRules.warnings,
    untold: {
      faults: faults.length - told.length + bySchema.untold + byRules.untold.faults,
      warnings: byRules.untold.warnings,
    },
  };
}

function parse(text: string, { file, type }: { file: string; type: ReadType }): ReadJson {
  try {
    return readJson(text, type);
  } catch (error) {
    // Engines word this error differently, and without a line number.
    throw syntaxError({ file, text }) ?? error;
  }
}
