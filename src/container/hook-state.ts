// What the hooks of start and delete are told, from what is kept of the container.

import type { HookState } from "../hooks/plan.ts";
import type { StateRecord } from "./record.ts";

/** What the hooks of later commands are told. */
export function stateForHooks(record: StateRecord, status: HookState["status"], pid: number): HookState {
  const { ociVersion, id, bundle, annotations } = record;
  return { ociVersion, id, status, pid, bundle, annotations };
}
