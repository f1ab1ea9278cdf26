// Plans everything for a container before anything is done: turns the configuration into values. Called by
// create.

import type { Hierarchies } from "../cgroups/hierarchies.ts";
import { readHierarchies, readSystemd } from "../cgroups/host.ts";
import {
  type CgroupRequest,
  checkDivisible,
  planCgroup,
  plannedRecord,
  WITHOUT_CGROUP,
} from "../cgroups/plan.ts";
import type { CgroupPlan } from "../cgroups/planned.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";
import { inInitialUserNamespace } from "../namespaces/id-maps.ts";
import { checkOwnNamespaces } from "../namespaces/own-namespaces.ts";
import { isIsolated, type NamespacePlan, planNamespaces } from "../namespaces/plan.ts";
import { checkHostLabels, hasSelinux } from "../process/host-side.ts";
import { type ProcessPlan, planProcess } from "../process/plan.ts";
import type { CgroupLayout } from "../rootfs/plan/cgroup.ts";
import { planRootfs, type RootfsPlan } from "../rootfs/plan/plan.ts";
import type { CompiledFilter } from "../seccomp/compile.ts";
import { type Annotations, readAnnotations } from "../spec/annotations.ts";
import type { Process, Spec } from "../spec/types.ts";
import type { Bundle } from "./bundle.ts";
import { seccompOf } from "./filter.ts";
import type { CreateOptions, GlobalOptions } from "./options.ts";
import { isRootless } from "./rootless.ts";
import { mayBeUnseen, mountsProcUnseen, withProcOfChildren } from "./unseen.ts";

export interface ContainerPlan {
  readonly bundle: Bundle;
  readonly options: CreateOptions;
  readonly annotations: Annotations;
  /** Whether actions that only the host's root may do are silently left out. */
  readonly rootless: boolean;
  readonly namespaces: NamespacePlan;
  readonly cgroup: CgroupPlan;
  readonly rootfs: RootfsPlan;
  readonly process: ProcessPlan;
  readonly seccomp: CompiledFilter | undefined;
  /** Whether nobody in the pid namespace that the container joins sees how it is prepared. */
  readonly isUnseen: boolean;
}

export type UnfilteredPlan = Omit<ContainerPlan, "seccomp">;

export interface PlanRequest {
  readonly bundle: Bundle;
  readonly options: CreateOptions;
  readonly globals: GlobalOptions;
  /** Replaces the planned cgroup by the one that an existing container has. */
  readonly existing?: (planned: CgroupPlan) => CgroupPlan;
}

/** Plans the container. Reads the host's cgroups and ids, and changes only the cache of seccomp filters. */
export function planContainer(request: PlanRequest): ContainerPlan {
  checkOwnNamespaces(request.bundle.spec);
  const plan = planWithoutFilter({ ...request, bundle: withoutIdleLabel(request) });
  checkHostLabels(plan.process);
  return unseenIfPossible({ ...plan, seccomp: seccompOf(request.bundle.spec, request.globals) });
}

/** The plan with the container prepared unseen, if that is possible: see `mayBeUnseen`. */
export function unseenIfPossible(plan: ContainerPlan): ContainerPlan {
  const { namespaces, rootless, bundle, rootfs } = plan;
  if (!mayBeUnseen({ spec: bundle.spec, namespaces, rootless }) || !mountsProcUnseen()) return plan;
  return { ...plan, isUnseen: true, rootfs: withProcOfChildren(rootfs) };
}

/**
 * Without SELinux a mount label has no effect, so it is ignored, as in crun and as the OCI validation suite
 * requires; runc has done both. A process label, which would confine the process, is refused.
 */
function withoutIdleLabel({ bundle, globals }: PlanRequest): Bundle {
  const { linux } = bundle.spec;
  if ((linux?.mountLabel ?? "") === "" || hasSelinux()) return bundle;
  globals.log.warning("cannot label mounts: this host runs without SELinux, ignoring linux.mountLabel");
  return { ...bundle, spec: { ...bundle.spec, linux: { ...linux, mountLabel: "" } } };
}

/** Everything but the compiled filter, which `explain` does not need. */
export function planWithoutFilter({ bundle, options, globals, existing }: PlanRequest): UnfilteredPlan {
  const { spec } = bundle;
  const inUserNamespace = !inInitialUserNamespace();
  const annotations = readAnnotations(spec);
  const namespaces = planNamespaces(spec, annotations);
  const hierarchies = readHierarchies();
  const planned = planOwnCgroup(globals, { spec, id: options.id, hierarchies, annotations });
  const cgroup = existing === undefined ? planned : existing(planned);
  return {
    bundle,
    options,
    annotations,
    rootless: isRootless(globals),
    namespaces,
    cgroup,
    isUnseen: false,
    rootfs: planRootfs({
      spec,
      bundle: bundle.path,
      noPivot: options.noPivot,
      mountContext: annotations.mountContext,
      cgroups: cgroupLayout(hierarchies, plannedRecord(cgroup).paths, namespaces),
      userNamespace: inUserNamespace || isIsolated(namespaces, "user"),
    }),
    process: planProcess({
      kind: "init",
      id: options.id,
      process: requireProcess(spec),
      linux: spec.linux,
      newKeyring: !options.noNewKeyring,
      keepsGroups: annotations.keepsGroups,
    }),
  };
}

function planOwnCgroup(globals: GlobalOptions, request: Omit<CgroupRequest, "systemd">): CgroupPlan {
  if (!globals.cgroupsDisabled) {
    const systemd = globals.systemdCgroup ? readSystemd({ user: isRootless(globals) }) : undefined;
    return planCgroup({ ...request, systemd });
  }
  checkDivisible({ delegate: request.annotations?.delegate }, { layout: "none", mounts: [] });
  const { devices: _, ...limits } = request.spec.linux?.resources ?? {};
  if (Object.keys(limits).length > 0) {
    const names = Object.keys(limits).join(", ");
    globals.log.warning(`without a cgroup nothing is limited, ignoring linux.resources: ${names}`);
  }
  return WITHOUT_CGROUP;
}

/** The spec allows a container without a process until `start`; runc and tsrun do not. */
function requireProcess({ process }: Spec): Process {
  if (process !== undefined) return process;
  throw new TsrunError("E_CONFIG", "process property must not be empty");
}

/**
 * The host's hierarchies for a mount of type cgroup.
 * @param paths the container's cgroup in each of them
 */
export function cgroupLayout(
  hierarchies: Hierarchies,
  paths: CgroupRecord["paths"],
  namespaces: NamespacePlan,
): CgroupLayout {
  const unified = hierarchies.mounts.find(({ controllers }) => controllers[0] === "");
  return {
    v2: hierarchies.layout === "v2",
    unifiedMount: unified?.mountpoint,
    unifiedPath: paths[""],
    hierarchies: hierarchies.mounts
      .filter((mount) => mount !== unified)
      .map(({ controllers, mountpoint, own }) => ({
        controllers: controllers.join(","),
        mountpoint,
        containerPath: paths[controllers[0] ?? ""] ?? own,
        ownPath: own,
      })),
    cgroupNamespace: isIsolated(namespaces, "cgroup"),
  };
}
