// Text in, checked configuration out: config.json, the process file of exec, the resources of update. Pure:
// whoever calls has read the file. Called by the stories before anything is touched.

import { configError, type Fault, syntaxError, type Warning } from "./faults.ts";
import type { DocumentType } from "./known-keys.ts";
import { restoreExactNumbers, withAbsoluteDestinations, withoutEmptyWords } from "./normalise.ts";
import { checkSchema } from "./schema-check.ts";
import type { Host } from "./semantics/report.ts";
import { checkProcess, checkResources, checkSpec, type Findings } from "./semantics.ts";
import type { Process, Resources, Spec } from "./types.ts";

export interface LoadedConfig {
  readonly spec: Spec;
  /** What is done without, or otherwise than the file says. */
  readonly warnings: readonly Warning[];
}

const ROOT: Host = { euid: 0 };

/**
 * Reads and checks a config.json; `file` is its name for messages. Throws one E_CONFIG that tells every
 * fault: pointer, line and column, what is wrong, what is allowed.
 */
export function loadConfig(text: string, file: string, host: Host = ROOT): LoadedConfig {
  const { document, warnings } = load<Spec>(text, {
    file,
    type: "Spec",
    check: (spec, faults) => checkSpec(spec, host, faults),
  });
  return { spec: withAbsoluteDestinations(document), warnings };
}

/** Reads and checks the process that `exec --process` is given. */
export function loadProcess(text: string, file: string): Process {
  return load<Process>(text, { file, type: "Process", check: checkProcess }).document;
}

/** Reads and checks the resources that `update --resources` is given. */
export function loadResources(text: string, file: string): Resources {
  return load<Resources>(text, { file, type: "Resources", check: checkResources }).document;
}

interface Loading<Document> {
  readonly file: string;
  readonly type: DocumentType;
  readonly check: (document: Document, schemaFaults: readonly Fault[]) => Findings;
}

function load<Document>(
  text: string,
  { file, type, check }: Loading<Document>,
): { document: Document; warnings: readonly Warning[] } {
  const document = withoutEmptyWords(parse(text, file), text);
  const schemaFaults = checkSchema(document, type);
  if (schemaFaults.length === 0) schemaFaults.push(...restoreExactNumbers(document, text, type));
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  const { faults, warnings } = isObject
    ? check(document as Document, schemaFaults)
    : { faults: [], warnings: [] };
  const all = [...schemaFaults, ...faults];
  if (all.length > 0) throw configError(all, { file, text });
  return { document: document as Document, warnings };
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's own message differs from engine to engine, and knows no line.
    throw syntaxError({ file, text }) ?? error;
  }
}
