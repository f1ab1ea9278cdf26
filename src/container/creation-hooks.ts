// The hooks of a container that is being made, on the host. Called by create and restore.

import type { HookOutput } from "../hooks/output.ts";
import type { HookState } from "../hooks/plan.ts";
import { runHooks } from "../hooks/run.ts";
import type { ContainerPlan } from "./plan.ts";
import type { StateDirectory } from "./store.ts";
import type { Undo } from "./undo.ts";

/** The state that hooks get while the container is made. */
export function hookState(
  { bundle, options }: ContainerPlan,
  status: HookState["status"],
  pid: number,
): HookState {
  const { ociVersion, annotations } = bundle.spec;
  return { ociVersion, id: options.id, status, pid, bundle: bundle.path, annotations };
}

/** Runs the hooks on the host, when the container's namespaces exist. Returns the state that they get. */
export function runHostHooks(plan: ContainerPlan, pid: number, output: HookOutput | undefined): HookState {
  const { hooks } = plan.bundle.spec;
  const creating = hookState(plan, "creating", pid);
  // DIFFERS: to runc all three are "creating". The deprecated kind once belonged to "start"; crun tells its
  // hooks "created", and the OCI validation suite asks for that.
  runHooks(hooks, "prestart", { ...creating, status: "created" }, { output });
  runHooks(hooks, "createRuntime", creating, { output });
  return creating;
}

/**
 * AS RUNC: if `create` fails after hooks may have set something up, poststop hooks run when everything else
 * has been undone.
 */
export function endWithHooks(
  undo: Undo,
  plan: ContainerPlan,
  { directory, output }: { readonly directory: StateDirectory; readonly output: HookOutput | undefined },
): void {
  undo.addLast(() => {
    // Nobody need wait for hooks: there is no container any more.
    directory.unlock();
    runHooks(plan.bundle.spec.hooks, "poststop", hookState(plan, "stopped", 0), { output });
  });
}
