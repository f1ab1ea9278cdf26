// `linux.mountLabel`: adds the SELinux label to the file systems that are mounted for a container. Pure;
// called by plan.ts if there is a label.

import type { MountContext } from "../../spec/annotations.ts";
import type { FilesystemMount, MountPlan } from "./mounts.ts";

/**
 * The policy itself labels the files of these (AS RUNC: mountToRootfs). A bind mount shows the existing
 * labels.
 */
const LABELLED_BY_POLICY = ["proc", "sysfs", "cgroup", "cgroup2"];

/** The mount with the label, if it takes one. */
export function withLabel(plan: MountPlan, label: string, option: MountContext = "context"): MountPlan {
  if (plan.kind !== "filesystem") return plan;
  const { lastResort } = plan;
  if (lastResort !== undefined) return { ...plan, lastResort: { ...lastResort, ...labelled(label, option) } };
  if (LABELLED_BY_POLICY.includes(plan.type)) return plan;
  // A queue gets the label of the process that makes it; only the directory needs the container's label.
  return plan.type === "mqueue" ? { ...plan, rootLabel: label } : { ...plan, ...labelled(label, option) };
}

function labelled(label: string, option: MountContext): Pick<FilesystemMount, "context" | "contextOption"> {
  return option === "context" ? { context: label } : { context: label, contextOption: option };
}
