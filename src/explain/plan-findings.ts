// Makes the checks of `create`'s planning one by one, so that all failures are reported and not only the
// first. Pure; called by validate.ts, for a configuration that has passed the schema and the rules.

import { deviceRule } from "../cgroups/devices/rules.ts";
import type { Hierarchies } from "../cgroups/hierarchies.ts";
import { planLimitsV1, planLimitsV2 } from "../cgroups/limits.ts";
import { checkDivisible, planCgroup } from "../cgroups/plan.ts";
import { annotationProperty, propertyAnnotations } from "../cgroups/systemd/gvariant.ts";
import { expandSlice, resolveUnit } from "../cgroups/systemd/unit.ts";
import { TsrunError } from "../errors.ts";
import { planNamespaces } from "../namespaces/plan.ts";
import { planProcess } from "../process/plan.ts";
import { planDevices } from "../rootfs/plan/devices.ts";
import { planMountEntry, planRootfs } from "../rootfs/plan/plan.ts";
import { validateListener } from "../seccomp/notify.ts";
import { planFilter } from "../seccomp/plan.ts";
import { isEmptyProfile } from "../seccomp/profile.ts";
import { KEYS, readAnnotations } from "../spec/annotations.ts";
import { type Fault, MOST_COUNTED, MOST_TOLD } from "../spec/faults.ts";
import { childPointer } from "../spec/json-positions.ts";
import type { Spec } from "../spec/types.ts";

export interface PlanRequest {
  readonly spec: Spec;
  /** Absolute path of the bundle directory. */
  readonly bundle: string;
  readonly hierarchies: Hierarchies;
  /** `--systemd-cgroup` */
  readonly systemdCgroup: boolean;
}

/** A container's id comes from the command line; none of the checks depends on it. */
const ANY_ID = "any";

type Check = readonly [pointer: string, check: () => unknown];

export interface PlanFindings {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/** The faults that planning a container with this configuration would find. */
export function planFindings(request: PlanRequest): PlanFindings {
  const faults: Fault[] = [];
  const warnings = doubts(request);
  const process: Check = [
    "/process",
    () => {
      for (const reason of processPlan(request.spec)?.warnings ?? []) {
        warnings.push({ pointer: "/process/capabilities", reason });
      }
    },
  ];
  for (const checks of [checksOf(request), [process], cgroupChecks(request)]) {
    for (const [pointer, check] of checks) {
      const fault = faultOf(pointer, check);
      if (fault !== undefined) faults.push(fault);
      if (faults.length >= MOST_COUNTED) return { faults, warnings };
    }
  }
  return { faults, warnings };
}

function checksOf({ spec, bundle }: PlanRequest): Check[] {
  const linux = spec.linux ?? {};
  const cgroups = { v2: true, hierarchies: [], cgroupNamespace: false };
  const bare = { ...spec, mounts: [], linux: { ...linux, devices: [] } };
  return [
    ["/linux/namespaces", () => planNamespaces(spec)],
    ["/linux", () => planRootfs({ spec: bare, bundle, noPivot: false, cgroups, userNamespace: false })],
    ...(spec.mounts ?? []).map((_, index): Check => {
      return [`/mounts/${index}`, () => planMountEntry({ spec, bundle, cgroups }, "/", index)];
    }),
    ...(linux.devices ?? []).map((device, index): Check => {
      return [`/linux/devices/${index}`, () => planDevices([device])];
    }),
    ["/linux/seccomp", () => checkSeccomp(spec)],
  ];
}

function cgroupChecks({ spec, hierarchies, systemdCgroup }: PlanRequest): Check[] {
  const { resources = {}, cgroupsPath } = spec.linux ?? {};
  const limits = hierarchies.layout === "v2" ? planLimitsV2 : planLimitsV1;
  const { devices = [], ...others } = resources;
  const withoutRules = { ...spec, linux: { ...spec.linux, resources: others } };
  const { subgroup, delegate } = readAnnotations(spec);
  return [
    ...devices.map((rule, index): Check => {
      return [`/linux/resources/devices/${index}`, () => deviceRule(rule, index)];
    }),
    [
      "/linux/cgroupsPath",
      () => systemdCgroup && expandSlice(resolveUnit(cgroupsPath, ANY_ID, SYSTEMD).slice),
    ],
    ...(systemdCgroup ? propertyChecks(spec) : []),
    [`/annotations/${KEYS.delegate}`, () => checkDivisible({ delegate }, hierarchies)],
    [`/annotations/${KEYS.subgroup}`, () => systemdCgroup && checkDivisible({ subgroup }, hierarchies)],
    [
      "/linux/resources",
      () => planCgroup({ spec: withoutRules, id: ANY_ID, systemd: undefined, hierarchies }),
    ],
    ["/linux/resources", () => limits(others)],
  ];
}

/** Properties of systemd's unit that annotations ask for. */
function propertyChecks({ annotations }: Spec): Check[] {
  return propertyAnnotations(annotations).map(([key, text]): Check => {
    return [childPointer("/annotations", key), () => annotationProperty(key, text)];
  });
}

/** Warns of what is allowed but was probably not meant. */
function doubts({ spec, systemdCgroup }: PlanRequest): Fault[] {
  return systemdCgroup ? [] : [...doubtedPath(spec), ...doubtedProperties(spec)];
}

function doubtedPath({ linux }: Spec): Fault[] {
  const { cgroupsPath = "" } = linux ?? {};
  if (!/^[^/:]*:[^/:]*:[^/:]+$/.test(cgroupsPath)) return [];
  const reason = `"${cgroupsPath}" is taken for the name of a cgroup, since --systemd-cgroup is not given`;
  const hint = "give --systemd-cgroup for a scope of systemd, or write a path that begins with a slash";
  return [{ pointer: "/linux/cgroupsPath", reason, hint }];
}

/** Nobody reads such properties without systemd, so their faults are only warnings then. */
function doubtedProperties(spec: Spec): Fault[] {
  const found: Fault[] = [];
  for (const [pointer, check] of propertyChecks(spec)) {
    const fault = faultOf(pointer, check);
    if (fault !== undefined) {
      found.push({ ...fault, reason: `is refused if --systemd-cgroup is given: ${fault.reason}` });
    }
    if (found.length >= MOST_TOLD) break;
  }
  return found;
}

/** A stand-in for systemd; it is only used to check names of units. */
const SYSTEMD = { user: false, version: 0, controlGroup: "" };

function processPlan({ process, linux }: Spec): ReturnType<typeof planProcess> | undefined {
  if (process === undefined) return undefined;
  return planProcess({ kind: "init", id: ANY_ID, process, linux, newKeyring: true });
}

function checkSeccomp(spec: Spec): void {
  const profile = readAnnotations(spec).seccompProgram === undefined ? spec.linux?.seccomp : undefined;
  if (profile === undefined || isEmptyProfile(profile)) return;
  validateListener(profile);
  planFilter(profile);
}

/** Turns the error that a check throws into a fault. */
export function faultOf(pointer: string, check: () => unknown): Fault | undefined {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    const { message: reason, hint } = error;
    return hint === undefined ? { pointer, reason } : { pointer, reason, hint };
  }
  return undefined;
}
