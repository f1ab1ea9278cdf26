// `explain`: what tsrun will do with a bundle, or did for a container, in the words of the plan that `create`
// carries out. Nothing is made, and no privileges are needed.

import { checkRootfs, readConfig } from "../container/bundle.ts";
import type { CreateOptions, GlobalOptions } from "../container/options.ts";
import { planWithoutFilter } from "../container/plan.ts";
import type { StateRecord } from "../container/record.ts";
import { statusOf } from "../container/status.ts";
import { findStateDirectory, getStateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { status } from "../linux/files.ts";
import { effectiveUid } from "../linux/process.ts";
import { isEmptyProfile, planFilter } from "../seccomp/plan.ts";
import type { Warning } from "../spec/faults.ts";
import { unknownKeys } from "../spec/known-keys.ts";
import { type LoadedConfig, loadConfig } from "../spec/load.ts";
import type { Spec } from "../spec/types.ts";
import type { ExplainedPlan, Explanation } from "./model.ts";
import { describePlan } from "./sections.ts";

/** Stands for the id that a container will be given. */
const ANY_ID = "<container-id>";

export type ExplainOptions = Pick<CreateOptions, "noPivot" | "noNewKeyring" | "preserveFds">;

/**
 * Whether a word names a container rather than the bundle at `path`. Where there is neither, both are named
 * in the error.
 */
export function isContainer({ root }: GlobalOptions, id: string, path: string): boolean {
  using directory = findContainer(root, id);
  if (directory !== undefined) return true;
  if (status(path) !== undefined) return false;
  throw new TsrunError("E_NOT_FOUND", `cannot explain "${id}": no container and no directory has that name`, {
    hint: `containers are looked for under "${root}", which --root changes; "list" shows those that are`,
  });
}

/** What is no id at all is no container's. */
function findContainer(root: string, id: string): ReturnType<typeof findStateDirectory> {
  try {
    return findStateDirectory(root, id);
  } catch (error) {
    if (error instanceof TsrunError && error.code === "E_BAD_ID") return undefined;
    throw error;
  }
}

/** What would be done with a bundle. */
export function explainBundle(globals: GlobalOptions, path: string, options: ExplainOptions): Explanation {
  const text = readConfig(path);
  const { loaded, asRoot } = load(text, `${path}/config.json`);
  const { spec, warnings } = loaded;
  const rootfs = checkRootfs(path, spec);
  const bundle = { path, spec, warnings, text, rootfs };
  const plan = planWithoutFilter({
    bundle,
    options: { ...options, id: ANY_ID, bundle: path },
    globals: asRoot ? { ...globals, rootless: "false" } : globals,
  });
  return {
    subject: "bundle",
    id: ANY_ID,
    ...explained(plan, spec),
    warnings: [
      ...(asRoot ? ["an ordinary user cannot run this; it is explained as root's"] : []),
      ...warningsOf(plan, [...warnings, ...unknownKeys(JSON.parse(text))]),
    ],
  };
}

/** Who asks need not be who runs it: what an ordinary user may not have is explained as root's. */
function load(text: string, file: string): { loaded: LoadedConfig; asRoot: boolean } {
  const euid = effectiveUid();
  try {
    return { loaded: loadConfig(text, file, { euid }), asRoot: false };
  } catch (error) {
    if (euid === 0) throw error;
    return { loaded: loadConfig(text, file, { euid: 0 }), asRoot: true };
  }
}

/** What was done for a container, from the configuration that was kept and the record of what was made. */
export function explainContainer(globals: GlobalOptions, id: string, options: ExplainOptions): Explanation {
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  const spec = inForce(directory.loadConfig(), record);
  const { bundle: path, rootfs } = record;
  const made = planWithoutFilter({
    bundle: { path, spec, warnings: [], text: "", rootfs },
    options: { ...options, id, bundle: path, noNewKeyring: !record.newKeyring },
    globals: { ...globals, systemdCgroup: false },
  });
  const plan = { ...made, cgroup: recorded(made, record) };
  const state = statusOf(record, directory);
  return {
    subject: "container",
    id,
    status: state,
    pid: state === "stopped" ? 0 : record.init_process_pid,
    ...explained(plan, spec),
    warnings: warningsOf(plan, []),
  };
}

/** With what `update` has changed. */
function inForce(spec: Spec, { resources }: StateRecord): Spec {
  if (resources === undefined) return spec;
  const devices = spec.linux?.resources?.devices;
  return {
    ...spec,
    linux: { ...spec.linux, resources: { ...resources, ...(devices === undefined ? {} : { devices }) } },
  };
}

/** Where the cgroup really is: whoever asks now may be in another one than whoever created it. */
function recorded(
  { cgroup }: Omit<ExplainedPlan, "filter">,
  { cgroup: made }: StateRecord,
): ExplainedPlan["cgroup"] {
  const controllers = new Map<string, string[]>();
  for (const [name, path] of Object.entries(made.paths)) {
    controllers.set(path, [...(controllers.get(path) ?? []), name]);
  }
  return {
    ...cgroup,
    driver: made.driver,
    directories: [...controllers].map(([path, names]) => ({ controllers: names, mountpoint: "", path })),
    unit: made.unit === undefined ? undefined : { ...made.unit, properties: [] },
  };
}

function explained(
  plan: Omit<ExplainedPlan, "filter">,
  { linux }: Spec,
): Pick<Explanation, "bundle" | "rootfs" | "command" | "sections"> {
  const profile = linux?.seccomp;
  const filter = profile === undefined || isEmptyProfile(profile) ? undefined : planFilter(profile);
  return {
    bundle: plan.bundle.path,
    rootfs: plan.rootfs.rootfs,
    command: plan.process.args,
    sections: describePlan({ ...plan, filter }),
  };
}

function warningsOf({ process }: Omit<ExplainedPlan, "filter">, warnings: readonly Warning[]): string[] {
  return [...process.warnings, ...warnings.map(({ pointer, message }) => `${pointer}: ${message}`)];
}
