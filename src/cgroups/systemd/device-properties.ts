// Device rules as DevicePolicy and DeviceAllow, so that what systemd sets again at a daemon-reload is what we
// have set (runc: opencontainers/cgroups' devices/systemd.go). What it cannot say, we set after it. Pure.

import { buildDeviceSet } from "../devices/device-set.ts";
import { type DeviceRule, showAccess, WILDCARD } from "../devices/rules.ts";
import { type Property, property } from "./property.ts";

/** An empty list clears what the unit has; further ones add to it. */
const CLEAR = property("DeviceAllow", "a(ss)", []);

export function deviceProperties(rules: readonly DeviceRule[]): Property[] {
  const { defaultAllow, exceptions } = buildDeviceSet(rules);
  if (defaultAllow && exceptions.size === 0) return [CLEAR, property("DevicePolicy", "s", "auto")];
  const strict = [CLEAR, property("DevicePolicy", "s", "strict")];
  // systemd knows only what is allowed: until our own rules come, nothing is.
  if (defaultAllow) return strict;
  const allowed: [string, string][] = [];
  for (const { type, major, minor, access } of exceptions.values()) {
    const kind = type === "b" ? "block" : "char";
    if (major === WILDCARD && minor !== WILDCARD) continue;
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
