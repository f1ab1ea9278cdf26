// The end of `start` for a container with startContainer hooks: the first process takes orders again, runs
// the hooks, and executes its program. Called by start.ts when there are any; see hooks-inside.ts.

import { frozenHindrance } from "../cgroups/frozen.ts";
import { TsrunError } from "../errors.ts";
import { type InsideOutput, runHooksInside } from "../hooks/inside.ts";
import { planProcess } from "../process/plan.ts";
import { execve } from "../proxy/calls/calls.ts";
import type { Operation } from "../proxy/calls/operation.ts";
import { takeUp } from "../proxy/proxy.ts";
import { AGENT_IMPATIENCE, AGENT_PATIENCE_SECONDS } from "../seccomp/agent.ts";
import { readAnnotations } from "../spec/annotations.ts";
import type { Process, Spec } from "../spec/types.ts";
import { askedOf, explainFailure } from "./causes.ts";
import { executeError } from "./execute-error.ts";
import { type FilterRequest, type LastFilter, placeSeccomp, seccompOf, type Watch } from "./filter.ts";
import { stateForHooks } from "./hook-state.ts";
import { connectToFirstProcess } from "./hooks-inside.ts";
import type { GlobalOptions } from "./options.ts";
import type { StartInside, StateRecord } from "./record.ts";
import { isRootless } from "./rootless.ts";
import { openInit } from "./status.ts";
import type { StateDirectory } from "./store.ts";

/** How long the first process may take to exit once its socket is closed, milliseconds. */
const END_TIMEOUT_MS = 10_000;

/**
 * Plans everything that can fail before anything is done. The returned function is to be called when the
 * process has been released.
 */
export function prepareToTell(
  globals: GlobalOptions,
  directory: StateDirectory,
  record: StateRecord,
  watch?: Watch,
): () => void {
  const { startInside } = record;
  const spec = directory.loadConfig();
  const { process } = spec;
  if (startInside === undefined || process === undefined) {
    throw new TsrunError("E_INTERNAL", "the state of the container does not tell how to start it");
  }
  const request = startInside.filtered ? undefined : filterRequest(spec, { globals, process, record });
  const beforeExecute = request === undefined ? [] : placeSeccomp(request, { late: true }).beforeExecute;
  const watched = watch && request && { watch, filter: watchedFilter(request, watch) };
  const args = process.args ?? [];
  return () => tell(directory, record, { globals, spec, startInside, beforeExecute, watched, args });
}

interface Telling {
  readonly globals: GlobalOptions;
  readonly spec: Spec;
  readonly startInside: StartInside;
  readonly beforeExecute: readonly Operation[];
  /** Takes the place of `beforeExecute` for the program itself, which is watched, unlike the hooks. */
  readonly watched: { readonly watch: Watch; readonly filter: LastFilter } | undefined;
  readonly args: readonly string[];
}

function tell(directory: StateDirectory, record: StateRecord, telling: Telling): void {
  const { globals, spec, startInside, beforeExecute, watched, args } = telling;
  const { control, path, environment } = startInside;
  using socket = connectToFirstProcess(directory);
  // Reads the answer to the batch that `create` left: from now on the process takes orders.
  const hindrance = frozenHindrance(record.cgroup);
  const proxy = takeUp(record.init_process_pid, { socket, control, trace: globals.trace, hindrance });
  if (proxy === undefined) throw killed(args);
  try {
    // AS RUNC: `created`, and a hook without an environment of its own gets the container's.
    const state = stateForHooks(record, "created", record.init_process_pid);
    const kind = "startContainer";
    const output = outputInside(spec, startInside);
    runHooksInside(proxy, spec.hooks, { kind, state, environment, beforeExecute, output });
    if (record.notifiesAgent === true) {
      // The container counts as started even if the agent does not answer to execve(2).
      proxy.limitPatience(AGENT_PATIENCE_SECONDS, AGENT_IMPATIENCE);
    }
    if (watched !== undefined) {
      proxy.ask(watched.filter.beforeWaiting);
      watched.filter.handOver({ proxy, pid: proxy.pid, to: watched.watch });
    }
    const last = watched === undefined ? beforeExecute : [];
    const failed = proxy.execute([...last, execve(path, args, environment)]);
    if (failed !== undefined) {
      throw executeError(args[0] ?? "", { call: failed.call, errno: -(failed.result ?? 0) });
    }
  } catch (error) {
    const explained = explainFailure(error, () => askedOf({ record, spec }, record.init_process_pid));
    // The process reads end of file, and exits.
    socket.close();
    waitForEnd(record);
    throw explained;
  }
}

/** For the seccomp filter, of every child that executes a hook and of the first process itself. */
function filterRequest(
  spec: Spec,
  { globals, process, record }: { globals: GlobalOptions; process: Process; record: StateRecord },
): FilterRequest {
  const { id, newKeyring } = record;
  const plan = planProcess({ kind: "init", id, process, linux: spec.linux, newKeyring });
  return { process: plan, seccomp: seccompOf(spec, globals), rootless: isRootless(globals) };
}

function watchedFilter(request: FilterRequest, watch: Watch): LastFilter {
  return placeSeccomp({ ...request, seccomp: watch.filterFor(request.seccomp) });
}

/** Where hooks print to: files that `create` has opened in the host's root. */
function outputInside(spec: Spec, { hookStdout, hookStderr }: StartInside): InsideOutput | undefined {
  const { hookFiles } = readAnnotations(spec);
  return hookFiles && { stdout: hookStdout, stderr: hookStderr, paths: hookFiles };
}

function waitForEnd(record: StateRecord): void {
  using process = openInit(record);
  process?.waitForEnd(END_TIMEOUT_MS);
}

function killed(args: readonly string[]): TsrunError {
  const words = `cannot execute "${args[0] ?? ""}": the container's first process was killed before that`;
  return new TsrunError("E_EXEC", words);
}
