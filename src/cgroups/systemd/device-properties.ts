// Device rules as DevicePolicy and DeviceAllow, so that systemd sets our rules again at a daemon-reload
// (runc: opencontainers/cgroups' devices/systemd.go). Pure.

import { buildDeviceSet, type DeviceSet } from "../devices/device-set.ts";
import { type DeviceRule, showAccess, WILDCARD } from "../devices/rules.ts";
import type { CgroupDriverName } from "../record.ts";
import { type Property, property } from "./property.ts";

/** An empty list clears the unit's devices; further lists add to them. */
const CLEAR = property("DeviceAllow", "a(ss)", []);

/**
 * DIFFERS: runc makes every set "strict". At the next daemon-reload systemd then closes every device that its
 * rules cannot express: if a container may use all devices but one, it loses them all, including /dev/null.
 * On v2 our own program decides, and systemd leaves it alone as long as systemd has no rules ("auto"). On v1
 * "auto" would make systemd open everything, so there the container loses devices after a reload.
 */
export function deviceProperties(rules: readonly DeviceRule[], driver: CgroupDriverName): Property[] {
  const set = buildDeviceSet(rules);
  const { defaultAllow, exceptions } = set;
  const allowsAll = defaultAllow && exceptions.size === 0;
  if (allowsAll || (driver === "v2" && !canBeSaid(set))) {
    return [CLEAR, property("DevicePolicy", "s", "auto")];
  }
  const strict = [CLEAR, property("DevicePolicy", "s", "strict")];
  if (defaultAllow) return strict;
  const allowed: [string, string][] = [];
  for (const { type, major, minor, access } of exceptions.values()) {
    const kind = type === "b" ? "block" : "char";
    // systemd would read an empty access as every access.
    if (access === 0 || (major === WILDCARD && minor !== WILDCARD)) continue;
    const path =
      major === WILDCARD
        ? `${kind}-*`
        : minor === WILDCARD
          ? `${kind}-${major}`
          : `/dev/${kind}/${major}:${minor}`;
    allowed.push([path, showAccess(access)]);
  }
  return [...strict, property("DeviceAllow", "a(ss)", allowed)];
}

/**
 * systemd's rules can only allow: one device, all of a major number, or all (systemd.resource-control(5)).
 */
function canBeSaid({ defaultAllow, exceptions }: DeviceSet): boolean {
  if (defaultAllow) return false;
  for (const { major, minor } of exceptions.values()) {
    if (major === WILDCARD && minor !== WILDCARD) return false;
  }
  return true;
}
