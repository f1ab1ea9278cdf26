// What a bundle asks of the host beyond what the other lines tell. If `create` has a check for it, that
// check is made here too, so that both say the same.

import { readHierarchies } from "../cgroups/host.ts";
import { assertUsable } from "../cgroups/unusable.ts";
import { TsrunError } from "../errors.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import { planGroup } from "../rdt/host.ts";
import type { Mount, Spec } from "../spec/types.ts";
import type { Line } from "./model.ts";

export function bundleLines({ linux = {}, mounts = [] }: Spec): Line[] {
  const { resources = {}, intelRdt } = linux;
  const { layout } = readHierarchies();
  const version = { id: "cgroups.version", topic: "cgroups", what: "limits" } as const;
  const resctrl = { id: "files.resctrl", topic: "files", what: "resctrl" } as const;
  return [
    ...refusal(version, () => {
      const driver = layout === "v2" ? "v2" : "v1";
      if (layout !== "none") assertUsable(resources, { driver, at: "/linux/resources" });
    }),
    // Only looks: nothing is made before the group's `make` is called.
    ...(intelRdt === undefined ? [] : refusal(resctrl, () => planGroup(intelRdt, "check"))),
    ...filesystemLines(mounts),
  ];
}

/** The line about what a check of `create` refuses; none if it refuses nothing. */
function refusal(line: Pick<Line, "id" | "topic" | "what">, check: () => void): Line[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    const { message: found, hint: mend = "leave it out" } = error;
    return [{ ...line, health: "lacking", found, costs: "create refuses the bundle", mend }];
  }
}

/** What a mount has in place of the name of a file system; cgroup stands for either version. */
const NO_TYPES = new Set(["", "bind", "rbind", "none", "cgroup"]);

/** One line for each kind of file system that the kernel does not have now. A module may bring it. */
function filesystemLines(mounts: readonly Mount[]): Line[] {
  const known = new Set((readTextIfThere("/proc/filesystems") ?? "").split(/\s+/));
  const types = mounts
    .filter(({ options = [] }) => !options.some((option) => /^(r?bind|remount)$/.test(option)))
    .map(({ type = "" }) => type.replace(/\..*/, ""));
  return [...new Set(types)]
    .filter((type) => !NO_TYPES.has(type) && !known.has(type))
    .map((type) => ({
      id: `files.type-${type}`,
      topic: "files",
      what: `file system ${JSON.stringify(type)}`,
      health: "lesser",
      found: "the kernel does not have it now",
      costs: "its mount fails, unless the kernel finds a module for it",
      mend: `load its module: modprobe ${type}; or correct the type in mounts`,
    }));
}
