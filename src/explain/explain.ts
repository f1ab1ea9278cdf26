// `explain`: describes what tsrun will do with a bundle, or did for a container, from the plan that `create`
// carries out. It changes nothing and needs no privileges.

import { readHierarchies } from "../cgroups/host.ts";
import { missingFiles } from "../cgroups/missing-files.ts";
import type { CgroupPlan } from "../cgroups/planned.ts";
import { checkRootfs, enterBundle, readConfig } from "../container/bundle.ts";
import { planExisting } from "../container/existing.ts";
import { filterOf, profileOf } from "../container/filter.ts";
import { isId } from "../container/id.ts";
import type { CreateOptions, GlobalOptions } from "../container/options.ts";
import { planWithoutFilter, type UnfilteredPlan, unseenIfPossible } from "../container/plan.ts";
import type { StateRecord } from "../container/record.ts";
import { isRootless } from "../container/rootless.ts";
import { statusOf } from "../container/status.ts";
import { findStateDirectory, getStateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { mayUse, W_OK } from "../linux/files/access.ts";
import { status } from "../linux/files/files.ts";
import { effectiveIds } from "../linux/process/process.ts";
import { parentOf } from "../rootfs/plan/paths.ts";
import { planFilter } from "../seccomp/plan.ts";
import { isEmptyProfile } from "../seccomp/profile.ts";
import { exampleSpec } from "../spec/defaults.ts";
import type { Warning } from "../spec/faults.ts";
import { unknownKeys } from "../spec/known-keys.ts";
import { type LoadedConfig, loadConfig } from "../spec/load.ts";
import { normalise } from "../spec/normalise.ts";
import { shorten } from "../spec/shorten.ts";
import type { Resources, Spec } from "../spec/types.ts";
import { RESOURCES } from "./limit-pointers.ts";
import type { Explanation, Section } from "./model.ts";
import { type Rehearsed, rehearse } from "./rehearsal/story.ts";
import { describePlan } from "./sections.ts";
import { withSources } from "./sources.ts";

/** A placeholder for the container's id. */
const ANY_ID = "<container-id>";

export interface ExplainOptions extends Pick<CreateOptions, "noPivot" | "noNewKeyring" | "preserveFds"> {
  /** Whether to show the system calls. */
  readonly syscalls: boolean;
  /**
   * Whether to say where the configuration asks for each thing, and what differs from the usual
   * configuration.
   */
  readonly sources: boolean;
}

/**
 * Whether a word names a container and not the bundle at `path`. If there is neither, the error names both.
 */
export function isContainer({ root }: GlobalOptions, id: string, path: string): boolean {
  using directory = findContainer(root, id);
  if (directory !== undefined) return true;
  if (status(path) !== undefined) return false;
  throw new TsrunError("E_NOT_FOUND", `cannot explain "${id}": no container and no directory has that name`, {
    hint: `containers are looked up under "${root}", see --root; "list" shows the existing ones`,
  });
}

/** `undefined` also for a word that is not a valid id. */
function findContainer(root: string, id: string): ReturnType<typeof findStateDirectory> {
  return isId(id) ? findStateDirectory(root, id) : undefined;
}

/** Explains what would be done with a bundle. */
export function explainBundle(globals: GlobalOptions, given: string, options: ExplainOptions): Explanation {
  const path = enterBundle(given);
  const text = readConfig(path);
  const file = `${path}/config.json`;
  const { loaded, asRoot } = load(text, file);
  const { spec, warnings, untold, oddKeys } = loaded;
  const unknown = unknownKeys(JSON.parse(loaded.text));
  const caller: GlobalOptions = asRoot ? { ...globals, rootless: "false" } : globals;
  const plan = planWithoutFilter({
    bundle: { path, spec, oddKeys, warnings, text, rootfs: checkRootfs(path, spec) },
    options: { ...options, id: ANY_ID, bundle: path },
    globals: caller,
    existing: (planned) => (isRootless(caller) ? permitted(planned) : planned),
  });
  const told = explained(plan, options, [
    ...(asRoot ? ["an ordinary user cannot run this; it is explained as for root"] : []),
    ...oddKeys,
    ...warningLines(warnings, untold.warnings),
    ...warningLines(unknown.warnings, unknown.untold),
  ]);
  const explanation: Explanation = { subject: "bundle", id: ANY_ID, ...told };
  if (!options.sources) return explanation;
  return withSources(explanation, usualSections(globals), { file, source: loaded.source });
}

/** Explains the usual configuration: the one that `spec` writes, for root. */
function usualSections(globals: GlobalOptions): Section[] {
  const spec = normalise(exampleSpec({ cgroupV2: readHierarchies().layout === "v2" }));
  const plan = planWithoutFilter({
    bundle: { path: "/", spec, oddKeys: [], warnings: [], text: "", rootfs: "/rootfs" },
    options: { id: ANY_ID, bundle: "/", noPivot: false, noNewKeyring: false, preserveFds: 0 },
    globals: { ...globals, rootless: "false", systemdCgroup: false, cgroupsDisabled: false },
  });
  return describePlan({ ...plan, filter: undefined });
}

/**
 * Loads a configuration as for the caller. If an ordinary user cannot run it, loads it as for root, since
 * root may be the one who will run it.
 */
function load(text: string, file: string): { loaded: LoadedConfig; asRoot: boolean } {
  const caller = effectiveIds();
  try {
    return { loaded: loadConfig(text, file, caller), asRoot: false };
  } catch (error) {
    if (caller.euid === 0) throw error;
    return { loaded: loadConfig(text, file, { euid: 0 }), asRoot: true };
  }
}

/** Leaves out the control groups that an ordinary user may not create. */
function permitted(planned: CgroupPlan): CgroupPlan {
  if (planned.explicit || planned.unit !== undefined) return planned;
  const directories = planned.directories.filter(({ path }) => mayMake(path));
  return { ...planned, directories, driver: directories.length === 0 ? "none" : planned.driver };
}

/** Whether the caller may make a directory in the nearest existing directory above the path. */
function mayMake(path: string): boolean {
  let above = path;
  do above = parentOf(above);
  while (status(above) === undefined);
  return mayUse(above, W_OK);
}

const LONGEST_WARNING = 500;

/** Explains what was done for a container, from the saved configuration and state. */
export function explainContainer(globals: GlobalOptions, id: string, options: ExplainOptions): Explanation {
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  const text = directory.configText();
  const plan = planExisting(globals, directory, record, options);
  const state = statusOf(record, directory);
  const pid = state === "stopped" ? 0 : record.init_process_pid;
  const told = explained(plan, options, []);
  const sections = state === "stopped" ? told.sections : withLiveMounts(told.sections, record);
  const explanation: Explanation = { subject: "container", id, status: state, pid, ...told, sections };
  if (!options.sources) return explanation;
  return withSources(explanation, usualSections(globals), {
    file: `${directory.path}/config.json`,
    source: { text },
    isChanged: (pointer) => record.resources !== undefined && isOfUpdate(pointer, text, record.resources),
  });
}

/** Whether `update` has set this setting. It always keeps the device rules, even if they did not change. */
function isOfUpdate(pointer: string, text: string, { devices }: Resources): boolean {
  if (!pointer.startsWith(`${RESOURCES}/devices`)) return pointer.startsWith(`${RESOURCES}/`);
  const { linux } = JSON.parse(text) as Spec;
  return JSON.stringify(devices) !== JSON.stringify(linux?.resources?.devices);
}

/** Adds a note about the mounts of `mounts add`. */
function withLiveMounts(sections: readonly Section[], { liveMounts = [] }: StateRecord): readonly Section[] {
  if (liveMounts.length === 0) return sections;
  const added = liveMounts.map(({ destination }) => JSON.stringify(destination)).join(", ");
  const note = `Since the container was created, "mounts add" has mounted on ${added}.`;
  return sections.map((section) =>
    section.topic === "mounts" ? { ...section, notes: [...(section.notes ?? []), note] } : section,
  );
}

type Told = Pick<Explanation, "bundle" | "rootfs" | "command" | "sections" | "warnings">;

function explained(plan: UnfilteredPlan, { syscalls }: ExplainOptions, warnings: readonly string[]): Told {
  const { spec } = plan.bundle;
  const profile = profileOf(spec);
  const filter = profile === undefined || isEmptyProfile(profile) ? undefined : planFilter(profile);
  const missing = missingFiles(plan.cgroup);
  const sections = describePlan({ ...plan, filter, missingFiles: missing });
  const about = {
    bundle: plan.bundle.path,
    rootfs: plan.rootfs.rootfs,
    command: plan.process.args,
    sections,
    warnings: [...plan.process.warnings, ...warnings],
  };
  if (!syscalls) return about;
  const seccomp = filterOf(spec, { cacheDirectory: undefined });
  const { calls, stopped } = rehearse(unseenIfPossible({ ...plan, seccomp }), missing);
  return {
    ...about,
    sections: withCalls(sections, calls),
    warnings: [...about.warnings, ...(stopped === undefined ? [] : [`create would fail here: ${stopped}`])],
  };
}

function withCalls(sections: readonly Section[], calls: Rehearsed["calls"]): Section[] {
  return sections.map((section) => {
    const syscalls = calls.get(section.topic);
    return syscalls === undefined ? section : { ...section, syscalls };
  });
}

function warningLines(warnings: readonly Warning[], untold: number): string[] {
  const lines = warnings.map(({ pointer, message }) => shorten(`${pointer}: ${message}`, LONGEST_WARNING));
  return untold === 0 ? lines : [...lines, `${untold} more like these`];
}
