// The state that the hooks of start and delete read, from the container's saved state; and the files for
// their output.

import { type HookOutput, openHookOutput } from "../hooks/output.ts";
import type { HookKind, HookState } from "../hooks/plan.ts";
import { readAnnotations } from "../spec/annotations.ts";
import type { Spec } from "../spec/types.ts";
import type { StateRecord } from "./record.ts";

/** The state for the hooks of later commands. */
export function stateForHooks(record: StateRecord, status: HookState["status"], pid: number): HookState {
  const { ociVersion, id, bundle, annotations } = record;
  return { ociVersion, id, status, pid, bundle, annotations };
}

/** Opens the files that annotations name, if there are hooks of these kinds. */
export function outputFor(spec: Spec, ...kinds: readonly HookKind[]): HookOutput | undefined {
  const { hooks } = spec;
  const hasSome = hooks !== undefined && kinds.some((kind) => (hooks[kind]?.length ?? 0) > 0);
  return hasSome ? openHookOutput(readAnnotations(spec).hookFiles) : undefined;
}
