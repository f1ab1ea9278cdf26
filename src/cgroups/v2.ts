// The v2 driver: one directory, entered by CLONE_INTO_CGROUP.

import { TsrunError } from "../errors.ts";
import type { ApplyContext, CgroupPlan, CgroupRecord } from "./record.ts";
import type { Resources } from "./resources.ts";

export function createV2(_plan: CgroupPlan, _rootless: boolean, _made: string[]): CgroupRecord["paths"] {
  throw new TsrunError("E_UNSUPPORTED", "cgroup v2 is not built in yet");
}

export function applyV2(_record: CgroupRecord, _resources: Resources, _context: ApplyContext): void {
  throw new TsrunError("E_UNSUPPORTED", "cgroup v2 is not built in yet");
}
