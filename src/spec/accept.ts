// The check of a configuration that is right, as nearly all are: yes or no. What is wrong with one that is
// not, load.ts tells, which is loaded only then: its validators and words are two thirds of the check. Pure;
// called by the stories.

import { TsrunError } from "../errors.ts";
import { acceptProcess as processIsRight, acceptSpec as specIsRight } from "./generated/acceptors.ts";
import type { DocumentType } from "./known-keys.ts";
import type { LoadedConfig } from "./load.ts";
import { restoreExactNumbers, withAbsoluteDestinations, withoutEmptyWords } from "./normalise.ts";
import type { Host } from "./semantics/report.ts";
import { checkProcess, checkSpec, type Findings } from "./semantics.ts";
import type { Process, Spec } from "./types.ts";

/** A refusal whose reasons are still to be put into words; the entry does so before it reports. */
export class Refused extends TsrunError {
  readonly explain: () => Promise<unknown>;

  constructor(file: string, explain: () => Promise<unknown>) {
    super("E_CONFIG", `cannot use "${file}"`);
    this.explain = explain;
  }
}

/** As `loadConfig`, but the error is a `Refused`. */
export function acceptConfig(text: string, file: string, host: Host): LoadedConfig {
  const found = accept<Spec>(text, "Spec", { isRight: specIsRight, check: (spec) => checkSpec(spec, host) });
  if (found !== undefined) {
    return { spec: withAbsoluteDestinations(found.document), warnings: found.warnings };
  }
  throw new Refused(file, () => reasons((load) => load.loadConfig(text, file, host)));
}

/** As `loadProcess`, but the error is a `Refused`. */
export function acceptProcess(text: string, file: string): Process {
  const found = accept<Process>(text, "Process", { isRight: processIsRight, check: checkProcess });
  if (found !== undefined) return found.document;
  throw new Refused(file, () => reasons((load) => load.loadProcess(text, file)));
}

interface Checks<Document> {
  readonly isRight: (document: unknown) => boolean;
  readonly check: (document: Document) => Findings;
}

interface Accepted<Document> {
  readonly document: Document;
  readonly warnings: Findings["warnings"];
}

function accept<Document>(
  text: string,
  type: DocumentType,
  { isRight, check }: Checks<Document>,
): Accepted<Document> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const document = withoutEmptyWords(parsed, text);
  if (!isRight(document) || restoreExactNumbers(document, text, type).length > 0) return undefined;
  const { faults, warnings } = check(document as Document);
  return faults.length > 0 ? undefined : { document: document as Document, warnings };
}

/** What the full check throws. */
async function reasons(check: (load: typeof import("./load.ts")) => unknown): Promise<unknown> {
  const load = await import("./load.ts");
  try {
    check(load);
  } catch (error) {
    return error;
  }
  return new TsrunError("E_INTERNAL", "the two checks of a configuration disagree");
}
