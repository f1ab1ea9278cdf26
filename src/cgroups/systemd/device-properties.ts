// Device rules as DevicePolicy and DeviceAllow, so that what systemd sets again at a daemon-reload is what we
// have set (runc: opencontainers/cgroups' devices/systemd.go). Pure.

import { buildDeviceSet, type DeviceSet } from "../devices/device-set.ts";
import { type DeviceRule, showAccess, WILDCARD } from "../devices/rules.ts";
import type { CgroupDriverName } from "../record.ts";
import { type Property, property } from "./property.ts";

/** An empty list clears what the unit has; further ones add to it. */
const CLEAR = property("DeviceAllow", "a(ss)", []);

/**
 * DIFFERS: to runc every set is "strict". At the next daemon-reload systemd then closes what it cannot be
 * told to allow: all devices of a container that may use all but one, /dev/null included. On v2 our own
 * program decides, and systemd leaves it alone as long as it has no rules itself ("auto"). On v1 "auto"
 * would make systemd open everything, so that there the container is left with too little.
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
    // No access at all would be every access to systemd.
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
 * systemd knows only what is allowed: one device, all of a major number, or all
 * (systemd.resource-control(5)).
 */
function canBeSaid({ defaultAllow, exceptions }: DeviceSet): boolean {
  if (defaultAllow) return false;
  for (const { major, minor } of exceptions.values()) {
    if (major === WILDCARD && minor !== WILDCARD) return false;
  }
  return true;
}
