// `validate`: the check of `create`, alone. Nothing is made, and no privileges are needed.

import { readHierarchies } from "../cgroups/host.ts";
import { checkRootfs, readConfig } from "../container/bundle.ts";
import { readAll, readText } from "../linux/files.ts";
import { effectiveUid } from "../linux/process.ts";
import { text as decode } from "../linux/words.ts";
import { type Fault, type Located, locate } from "../spec/faults.ts";
import { inspectConfig } from "../spec/load.ts";
import type { Spec } from "../spec/types.ts";
import { faultOf, type PlanFindings, planFindings } from "./plan-findings.ts";

export interface ValidateRequest {
  /** Absolute path of the bundle; relative paths of a configuration begin there. */
  readonly bundle: string;
  /** A configuration that is no bundle's: its absolute path, or "-" for standard input. */
  readonly config: string | undefined;
  readonly systemdCgroup: boolean;
}

export interface Verdict {
  /** What was read, as messages call it. */
  readonly file: string;
  readonly faults: readonly Located[];
  readonly warnings: readonly Located[];
}

/** Reads a configuration and says everything that there is to say about it. */
export function validate(request: ValidateRequest): Verdict {
  const { file, text } = read(request);
  const { spec, faults, warnings } = inspectConfig(text, { euid: effectiveUid() });
  if (spec === undefined) return { file, faults, warnings };
  const planned = planFindings({ ...request, spec, hierarchies: readHierarchies() });
  const further = { ...planned, faults: [...rootfsFaults(request, spec), ...planned.faults] };
  return { file, ...located(further, text), warnings: [...warnings, ...located(planned, text).warnings] };
}

function read({ bundle, config }: ValidateRequest): { file: string; text: string } {
  if (config === undefined) return { file: `${bundle}/config.json`, text: readConfig(bundle) };
  if (config !== "-") return { file: config, text: readText(config) };
  return { file: "standard input", text: decode(readAll(0, "standard input")) };
}

/** Of a bundle alone: a configuration without one has no root file system yet. */
function rootfsFaults({ bundle, config }: ValidateRequest, spec: Spec): Fault[] {
  if (config !== undefined) return [];
  const fault = faultOf("/root/path", () => checkRootfs(bundle, spec));
  return fault === undefined ? [] : [fault];
}

function located({ faults, warnings }: PlanFindings, text: string): Pick<Verdict, "faults" | "warnings"> {
  return { faults: locate(faults, text), warnings: locate(warnings, text) };
}
