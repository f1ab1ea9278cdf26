// Reads which cgroup hierarchies the host has, once per command that needs them (create, run, restore).

import { type Descriptor, readText, readTextIfThere } from "../linux/files/files.ts";
import { type Hierarchies, parseHierarchies, unifiedPathIn } from "./hierarchies.ts";
import { connectSystemd } from "./systemd/bus.ts";
import type { SystemdHost } from "./systemd/unit.ts";

/** The cgroup hierarchies as this process sees them. */
export function readHierarchies(): Hierarchies {
  return parseHierarchies(readText("/proc/self/mountinfo"), readText("/proc/self/cgroup"));
}

/**
 * The directory of the unified hierarchy that a process is in; `undefined` when it has ended.
 * @param process its directory of /proc
 */
export function unifiedCgroupOf(process: Descriptor): string | undefined {
  const path = unifiedPathIn(readTextIfThere("cgroup", { at: process.number }) ?? "");
  const unified = readHierarchies().mounts.find(({ controllers }) => controllers[0] === "");
  return path === undefined || unified === undefined ? undefined : `${unified.mountpoint}${path}`;
}

/** Asks the systemd that will make the unit, for `--systemd-cgroup`: the user's own if `user` is set. */
export function readSystemd({ user }: { readonly user: boolean }): SystemdHost {
  const systemd = connectSystemd({ user });
  return {
    user,
    version: systemd.version(),
    // The system's manager makes units below the root of the hierarchy, a user's manager below its own
    // cgroup.
    controlGroup: user ? systemd.managerProperty("ControlGroup") : "",
  };
}
