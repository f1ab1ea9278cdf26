// Text in, checked configuration out: config.json, the process file of exec, the resources of update. Pure:
// whoever calls has read the file. Called by the stories before anything is touched, and by the state store.

import { TsrunError } from "../errors.ts";
import {
  configError,
  type Fault,
  type Located,
  locate,
  MOST_TOLD,
  syntaxError,
  syntaxFault,
  type Untold,
  type Warning,
} from "./faults.ts";
import { type DocumentType, unknownKeys } from "./known-keys.ts";
import { restoreExactNumbers, withAbsoluteDestinations, withoutEmptyWords } from "./normalise.ts";
import { checkSchema } from "./schema-check.ts";
import type { Host } from "./semantics/report.ts";
import { checkMounts, checkProcess, checkResources, checkSpec, type Findings } from "./semantics.ts";
import type { Mount, Process, Resources, Spec } from "./types.ts";

export interface LoadedConfig {
  readonly spec: Spec;
  /** What is done without, or otherwise than the file says. */
  readonly warnings: readonly Warning[];
  readonly untold: Untold;
}

const ROOT: Host = { euid: 0 };

/**
 * Reads and checks a config.json; `file` is its name for messages. Throws one E_CONFIG that tells every
 * fault: pointer, line and column, what is wrong, what is allowed.
 */
export function loadConfig(text: string, file: string, host: Host = ROOT): LoadedConfig {
  const { document, warnings, untold } = load<Spec>(text, {
    file,
    type: "Spec",
    check: (spec, faults) => checkSpec(spec, host, faults),
  });
  return { spec: withAbsoluteDestinations(document), warnings, untold };
}

/** Reads a config.json that was checked before, and has been kept as it was; nothing is checked again. */
export function reloadConfig(text: string): Spec {
  const spec = withoutEmptyWords(JSON.parse(text), text) as Spec;
  restoreExactNumbers(spec, text, "Spec");
  return withAbsoluteDestinations(spec);
}

/** What there is to say about a config.json. */
export interface Inspection {
  /** The configuration, when there is no fault in it. */
  readonly spec: Spec | undefined;
  readonly faults: readonly Located[];
  /** What is done without, or otherwise than the file says, and the keys that mean nothing to tsrun. */
  readonly warnings: readonly Located[];
  /** How many more there are of either. */
  readonly untold: Untold;
}

/** As `loadConfig`, but everything that is found is handed back, each with its place. */
export function inspectConfig(text: string, host: Host = ROOT): Inspection {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const syntax = syntaxFault(text);
    if (syntax === undefined) throw error;
    const fault = { ...syntax, reason: `invalid JSON: ${syntax.reason}` };
    return { spec: undefined, faults: [fault], warnings: [], untold: { faults: 0, warnings: 0 } };
  }
  // Before the check, which takes out what says nothing.
  const unknown = unknownKeys(parsed);
  const { document, faults, warnings, untold } = examine<Spec>(parsed, text, {
    type: "Spec",
    check: (spec, schemaFaults) => checkSpec(spec, host, schemaFaults),
  });
  const all = [...warnings, ...unknown.warnings];
  const told = all.slice(0, MOST_TOLD).map(({ pointer, message }) => ({ pointer, reason: message }));
  return {
    spec: faults.length > 0 ? undefined : withAbsoluteDestinations(document),
    faults: locate(faults, text),
    warnings: locate(told, text),
    untold: {
      faults: untold.faults,
      warnings: all.length - told.length + unknown.untold + untold.warnings,
    },
  };
}

/** Reads and checks the process that `exec --process` is given. */
export function loadProcess(text: string, file: string): Process {
  return load<Process>(text, { file, type: "Process", check: checkProcess }).document;
}

/** Reads and checks the resources that `update --resources` is given. */
export function loadResources(text: string, file: string): Resources {
  return load<Resources>(text, { file, type: "Resources", check: checkResources }).document;
}

/**
 * Reads and checks the list that `mounts add` and `remove` are given: what `mounts` of a config.json would
 * be.
 * @param container whose namespaces the rules look at
 */
export function loadMounts(text: string, file: string, container: Spec, host: Host = ROOT): Mount[] {
  const mounts = parse(text, file);
  if (!Array.isArray(mounts)) {
    throw new TsrunError("E_CONFIG", `cannot use "${file}": mounts must be an array`, {
      hint: 'it holds what "mounts" of a config.json would: [{"destination": "/data", "source": …}]',
    });
  }
  const { faults, document, untold } = examine<Spec>({ ociVersion: "1.0.0", mounts }, text, {
    type: "Spec",
    check: ({ mounts = [] }, schemaFaults) => checkMounts({ ...container, mounts }, host, schemaFaults),
  });
  if (faults.length > 0) {
    const own = faults.map(({ pointer, place, ...fault }) => ({
      ...fault,
      pointer: withoutMember(pointer),
      ...(place === undefined ? {} : { place: withoutMember(place) }),
    }));
    throw configError(own, { file, text, untold: untold.faults });
  }
  return [...(withAbsoluteDestinations(document).mounts ?? [])];
}

/** In the document itself the list is not a member. */
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

interface Loaded<Document> {
  readonly document: Document;
  readonly warnings: readonly Warning[];
  readonly untold: Untold;
}

function load<Document>(text: string, { file, ...checking }: Loading<Document>): Loaded<Document> {
  const { faults, ...loaded } = examine(parse(text, file), text, checking);
  if (faults.length > 0) throw configError(faults, { file, text, untold: loaded.untold.faults });
  return loaded;
}

/** Tries everything; the document is only one of its type when there are no faults. */
function examine<Document>(
  parsed: unknown,
  text: string,
  { type, check }: Checking<Document>,
): Loaded<Document> & Pick<Findings, "faults"> {
  const document = withoutEmptyWords(parsed, text);
  const bySchema = checkSchema(document, type);
  const inexact = bySchema.faults.length === 0 ? restoreExactNumbers(document, text, type) : [];
  const schemaFaults = [...bySchema.faults, ...inexact];
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  // The rules look at each fault of the schema for each value: with more faults than are told, none is tried.
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

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's own message differs from engine to engine, and knows no line.
    throw syntaxError({ file, text }) ?? error;
  }
}
