// Reads which cgroup hierarchies the host has, once per command that needs them (create, run, restore).

import { readText } from "../linux/files.ts";
import { type Hierarchies, parseHierarchies } from "./hierarchies.ts";

/** The cgroup hierarchies as this process sees them. */
export function readHierarchies(): Hierarchies {
  return parseHierarchies(readText("/proc/self/mountinfo"), readText("/proc/self/cgroup"));
}
