// The plan of a container that exists: what `create` planned, with the cgroup that was made and with what
// `update` has changed since. Called by explain and diff.

import { WITHOUT_CGROUP } from "../cgroups/plan.ts";
import type { CgroupPlan } from "../cgroups/planned.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import type { Spec } from "../spec/types.ts";
import { NOTIFY, withHandedDown } from "./handed-down.ts";
import type { CreateOptions, GlobalOptions } from "./options.ts";
import { planWithoutFilter, type UnfilteredPlan } from "./plan.ts";
import type { StateRecord } from "./record.ts";
import type { StateDirectory } from "./store.ts";

export interface ExistingOptions extends Pick<CreateOptions, "noPivot" | "preserveFds"> {
  /** With the mount of a service manager's socket, which is in no configuration. */
  readonly handedDown?: boolean;
}

/** Plans the container again, from the saved configuration and state. */
export function planExisting(
  globals: GlobalOptions,
  directory: StateDirectory,
  record: StateRecord,
  { handedDown = false, ...options }: ExistingOptions,
): UnfilteredPlan {
  const { id, bundle: path, rootfs, newKeyring } = record;
  const notifySocket = handedDown && directory.has(NOTIFY) ? "" : undefined;
  const asked = withHandedDown(directory.loadConfig(), { preserveFds: 0, notifySocket }, directory.path);
  return planWithoutFilter({
    bundle: { path, spec: inForce(asked, record), oddKeys: [], warnings: [], text: "", rootfs },
    options: { ...options, id, bundle: path, noNewKeyring: !newKeyring },
    // The record has its unit, if there is one.
    globals: { ...globals, systemdCgroup: false, cgroupsDisabled: false },
    existing: (planned) => recorded(planned, record.cgroup),
  });
}

/** The configuration with the changes of `update`. */
function inForce(spec: Spec, { resources }: StateRecord): Spec {
  return resources === undefined ? spec : { ...spec, linux: { ...spec.linux, resources } };
}

/** The recorded cgroup: the caller may now be in another cgroup than the one that created the container. */
function recorded(planned: CgroupPlan, { driver, paths, unit, isDisabled }: CgroupRecord): CgroupPlan {
  if (isDisabled === true) return WITHOUT_CGROUP;
  const controllers = new Map<string, string[]>();
  for (const [name, path] of Object.entries(paths)) {
    controllers.set(path, [...(controllers.get(path) ?? []), name]);
  }
  return {
    ...planned,
    driver,
    directories: [...controllers].map(([path, names]) => ({ controllers: names, mountpoint: "", path })),
    unit: unit === undefined ? undefined : { ...unit, properties: [] },
  };
}
