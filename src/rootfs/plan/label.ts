// `linux.mountLabel`: the SELinux label of the file systems that are mounted for a container. Pure; called by
// plan.ts when there is one.

import type { MountContext } from "../../spec/annotations.ts";
import type { FilesystemMount, MountPlan } from "./mounts.ts";

/**
 * The labels of these belong to the policy, which tells their files apart (AS RUNC: mountToRootfs). A bind
 * mount shows labels that are there.
 */
const LABELLED_BY_POLICY = ["proc", "sysfs", "cgroup", "cgroup2"];

/** The mount with the label, where it takes one. */
export function withLabel(plan: MountPlan, label: string, option: MountContext = "context"): MountPlan {
  if (plan.kind !== "filesystem") return plan;
  const { lastResort } = plan;
  if (lastResort !== undefined) return { ...plan, lastResort: { ...lastResort, ...labelled(label, option) } };
  if (LABELLED_BY_POLICY.includes(plan.type)) return plan;
  // A queue is labelled by who makes it, below a directory that the container may use.
  return plan.type === "mqueue" ? { ...plan, rootLabel: label } : { ...plan, ...labelled(label, option) };
}

function labelled(label: string, option: MountContext): Pick<FilesystemMount, "context" | "contextOption"> {
  return option === "context" ? { context: label } : { context: label, contextOption: option };
}
