// Code that few processes need, loaded for those alone. Called by create, run, exec and restore.

import { hasLabels } from "../process/labels.ts";
import type { ProcessPlan } from "../process/plan.ts";
import type { ConsoleRequest } from "./console.ts";

export type LabelModule = typeof import("../process/label-files.ts");
export type ConsoleModule = typeof import("./console.ts");

/** For a process that AppArmor or SELinux is to confine. */
export async function loadLabels(process: ProcessPlan): Promise<LabelModule | undefined> {
  return hasLabels(process) ? await import("../process/label-files.ts") : undefined;
}

/** For a process with a terminal, and for a caller who is mistaken about that. */
export async function loadConsole({ terminal, socket }: ConsoleRequest): Promise<ConsoleModule | undefined> {
  return terminal || socket !== undefined ? await import("./console.ts") : undefined;
}
