// Whether Ubuntu keeps an ordinary user's user namespace from doing anything: from 24.04 on, AppArmor lets it
// be made, and confines what is in it by a profile that allows no capability. Pure.

import type { Cause } from "./cause.ts";

const PROFILE = "unprivileged_userns";

/** @param label that of the process, as in /proc/PID/attr/current: `unprivileged_userns (enforce)` */
export function whyConfined(label: string | undefined, errno: string): Cause | undefined {
  if (errno !== "EACCES" && errno !== "EPERM") return undefined;
  // A stack of profiles is `unprivileged_userns//&another (enforce)`.
  if (label === undefined || label.split(/[ /]/, 1)[0] !== PROFILE) return undefined;
  return {
    words:
      `AppArmor confines it by the profile "${PROFILE}", since the sysctl ` +
      "kernel.apparmor_restrict_unprivileged_userns is 1",
    next:
      "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0, " +
      "or give tsrun an AppArmor profile with userns",
  };
}
