// `validate`: makes only the checks of `create`. It changes nothing and needs no privileges.

import { whyNotJoined } from "../cause/namespaces.ts";
import { readHierarchies } from "../cgroups/host.ts";
import { checkRootfs, enterBundle, readConfig } from "../container/bundle.ts";
import { readDocument } from "../container/document.ts";
import { profileOf } from "../container/filter.ts";
import { effectiveIds } from "../linux/process/process.ts";
import { ownNamespaceFaults } from "../namespaces/own-namespaces.ts";
import { excessOf } from "../record/excess.ts";
import { readRecording } from "../record/read.ts";
import { ownCalls, unknownNames } from "../seccomp/names.ts";
import { type Fault, type Located, locate, MOST_TOLD, type Untold } from "../spec/faults.ts";
import { inspectConfig } from "../spec/load.ts";
import { quoted } from "../spec/shorten.ts";
import type { Spec } from "../spec/types.ts";
import { faultOf, planFindings } from "./plan-findings.ts";

export interface ValidateRequest {
  /** Absolute path of the bundle, which relative paths of the configuration refer to. */
  readonly bundle: string;
  /** A configuration outside a bundle: its absolute path, or "-" for standard input. */
  readonly config: string | undefined;
  readonly systemdCgroup: boolean;
  /** Absolute path of a recording, to compare the configuration with. */
  readonly recording: string | undefined;
}

export interface Verdict {
  /** The name of the input in messages. */
  readonly file: string;
  readonly faults: readonly Located[];
  readonly warnings: readonly Located[];
  /** How many more findings there are; a file may have a fault in every line. */
  readonly untold: Untold;
}

/** Reads a configuration and returns all findings. */
export function validate(given: ValidateRequest): Verdict {
  const request = given.config === undefined ? { ...given, bundle: enterBundle(given.bundle) } : given;
  const { file, text } = read(request);
  const { spec, source, faults, warnings, untold } = inspectConfig(text, effectiveIds());
  if (spec === undefined) return { file, faults, warnings, untold };
  const planned = planFindings({ ...request, spec, hierarchies: readHierarchies() });
  const further = [...rootfsFaults(request, spec), ...ownNamespaceFaults(spec), ...planned.faults];
  const told = further.slice(0, MOST_TOLD);
  const doubts = [...seccompWarnings(spec), ...namespaceWarnings(spec)];
  return {
    file,
    faults: locate(told, source),
    warnings: [...warnings, ...locate([...planned.warnings, ...doubts, ...beyond(request, spec)], source)],
    untold: { faults: further.length - told.length, warnings: untold.warnings },
  };
}

function read({ bundle, config }: ValidateRequest): { file: string; text: string } {
  if (config === undefined) return { file: `${bundle}/config.json`, text: readConfig(bundle) };
  return { file: config === "-" ? "standard input" : config, text: readDocument(config) };
}

/**
 * Warns of names that the filter leaves out. AS RUNC: unknown names are skipped, since a profile is for
 * many kernels.
 */
function seccompWarnings({ linux }: Spec): Fault[] {
  if (linux?.seccomp === undefined) return [];
  return unknownNames(linux.seccomp, MOST_TOLD).map(({ pointer, name, meant }) => ({
    pointer: `/linux/seccomp${pointer}`,
    reason: `${quoted(name)} is no system call that libseccomp knows, ignoring`,
    ...(meant === undefined ? {} : { hint: `did you mean "${meant}"?` }),
  }));
}

/** A namespace that does not exist now may be created before the container, so this is only a warning. */
function namespaceWarnings({ linux }: Spec): Fault[] {
  return (linux?.namespaces ?? []).flatMap(({ type: kind, path = "" }, index) => {
    const cause = path === "" ? undefined : whyNotJoined({ kind, path }, "");
    if (cause === undefined) return [];
    return [
      {
        pointer: `/linux/namespaces/${index}/path`,
        reason: cause.words,
        ...(cause.next === undefined ? {} : { hint: cause.next }),
      },
    ];
  });
}

/** What the configuration allows beyond what a recording shows. */
function beyond({ recording }: ValidateRequest, spec: Spec): Fault[] {
  if (recording === undefined) return [];
  const profile = profileOf(spec);
  return excessOf({ spec, recording: readRecording(recording), profile, known: ownCalls().names });
}

/** Faults of the root file system. A configuration outside a bundle has no root file system yet. */
function rootfsFaults({ bundle, config }: ValidateRequest, spec: Spec): Fault[] {
  if (config !== undefined) return [];
  const fault = faultOf("/root/path", () => checkRootfs(bundle, spec));
  return fault === undefined ? [] : [fault];
}
