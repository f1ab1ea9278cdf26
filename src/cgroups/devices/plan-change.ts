// What an update does to the device rules of a container. Pure; called by the update story.

import type { DeviceRule as DeviceRuleSpec } from "../../spec/types.ts";
import { buildDeviceSet, sameDeviceSet } from "./device-set.ts";
import { type DeviceRule, deviceRules } from "./rules.ts";

/** The rules that hold and those that are to, each with the defaults of a container. */
export interface DeviceChange {
  readonly before: readonly DeviceRule[];
  readonly after: readonly DeviceRule[];
}

export interface AskedDevices {
  readonly asked: readonly DeviceRuleSpec[] | undefined;
  readonly inForce: readonly DeviceRuleSpec[] | undefined;
  /** `linux.devices` of the configuration. */
  readonly devices: readonly { readonly path: string }[] | undefined;
}

/**
 * As of a new container, the rules that are asked for are all that it has, besides the defaults. DIFFERS:
 * runc looks at none. Rules that come to what holds already ask for nothing: containerd sends all resources
 * with every update, and would take away what others have added to the cgroup meanwhile (a GPU's devices).
 */
export function planDeviceChange({
  asked,
  inForce = [],
  devices = [],
}: AskedDevices): DeviceChange | undefined {
  if (asked === undefined) return undefined;
  const change = { before: deviceRules(inForce, devices), after: deviceRules(asked, devices) };
  const after = buildDeviceSet(change.after);
  return sameDeviceSet(buildDeviceSet(change.before), after) ? undefined : change;
}

/**
 * Whether on v1 there is a moment in which all devices are refused, or none: a set that allows by default can
 * only be left, and come to, by way of an empty one.
 */
export function isBuiltAnew({ before, after }: DeviceChange): boolean {
  return buildDeviceSet(before).defaultAllow || buildDeviceSet(after).defaultAllow;
}
