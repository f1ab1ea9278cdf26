// What labels of security modules need, which few processes have. Called by create, exec and restore.

import { hasLabels } from "../process/labels.ts";
import type { ProcessPlan } from "../process/plan.ts";

export type LabelModule = typeof import("../process/label-files.ts");

/** Loads it for a process that AppArmor or SELinux is to confine. */
export async function loadLabels(process: ProcessPlan): Promise<LabelModule | undefined> {
  return hasLabels(process) ? await import("../process/label-files.ts") : undefined;
}
