// Plans how an update changes a container's device rules. Pure; called by the update story.

import type { DeviceRule as DeviceRuleSpec } from "../../spec/types.ts";
import { buildDeviceSet, sameDeviceSet } from "./device-set.ts";
import { type DeviceRule, deviceRules } from "./rules.ts";

/** The present rules and the new ones, each with a container's default rules. */
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
 * As in a new container, the requested rules replace all others except the defaults. DIFFERS: runc ignores
 * device rules of an update. Rules that are equivalent to the present ones change nothing: containerd sends
 * all resources with every update, and would otherwise remove what others have added to the cgroup (a GPU's
 * devices).
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
 * Whether on v1 there is a moment in which all devices are refused, or none: a change from or to a set that
 * allows by default goes through an empty one.
 */
export function isBuiltAnew({ before, after }: DeviceChange): boolean {
  return buildDeviceSet(before).defaultAllow || buildDeviceSet(after).defaultAllow;
}
