// `start`: release the first process of a created container, and find out whether it could execute.
//
// The process blocks reading the FIFO, which it has open in both directions, close-on-exec. `start` opens an
// end to read from, writes a byte, and waits until no writer is left: the process became the user's program,
// or died. What is left in the FIFO tells which: nothing if it became the program; the last batch, with the
// errno of the call that failed; or the byte, which nobody took.
//
// With startContainer hooks the released process does not execute at once, but takes orders from `start`: see
// start-told.ts.

import { type Frozen, frozenAround, frozenError } from "../cgroups/frozen.ts";
import { oomKillsOfOthers } from "../cgroups/oom-kills.ts";
import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";
import { type Beside, type HookPlace, runHooks } from "../hooks/run.ts";
import { hasErrno } from "../linux/call/call.ts";
import { type Descriptor, readAll, writeAll } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { O_NONBLOCK, O_RDONLY, O_WRONLY } from "../linux/numbers/fcntl.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { syscallName } from "../linux/numbers/syscalls.ts";
import { isHeld, neverExecuted, stateBeforeExecuting } from "../linux/process/process.ts";
import { heldError } from "../proxy/proxy.ts";
import { failureInReport } from "../proxy/report.ts";
import { AGENT_PATIENCE_SECONDS } from "../seccomp/agent.ts";
import { begin, end, phase } from "../spans.ts";
import type { Spec } from "../spec/types.ts";
import { askedOf, explainFailure, explainKill } from "./causes.ts";
import { rememberingFailure } from "./endings.ts";
import { executeError } from "./execute-error.ts";
import type { Watch } from "./filter.ts";
import { outputFor, stateForHooks } from "./hook-state.ts";
import { proxyNotifications } from "./notify-socket.ts";
import type { GlobalOptions, StartOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { prepareToTell } from "./start-told.ts";
import { openInit, statusOf } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

const GO = "0";
const NOTHING = new Uint8Array(0);
/** How long to wait for an answer before checking the process that is to give it. */
const PATIENCE_MS = AGENT_PATIENCE_SECONDS * 1000;

/** Starts a created container. Throws when it is in another state, or when its program cannot be executed. */
export function startContainer(
  globals: GlobalOptions,
  id: string,
  { notifySocket }: StartOptions = {},
): void {
  phase("read the state");
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  const status = statusOf(record, directory);
  switch (status) {
    case "created":
      break;
    case "running":
      throw new TsrunError("E_STATE", "cannot start an already running container");
    case "stopped":
      throw new TsrunError("E_STATE", "cannot start a container that has stopped");
    default:
      throw new TsrunError("E_STATE", `cannot start a container in the ${status} state`);
  }
  using notify = proxyNotifications(globals, directory, notifySocket);
  release(globals, directory, record);
  notify?.waitUntilReady(record);
}

/** Who is told of a container's system calls, and answers while hooks run beside it. */
export type Watcher = Watch & Beside;

/** Releases the first process, and waits until it has executed its program or failed to. */
export function release(
  globals: GlobalOptions,
  directory: StateDirectory,
  record: StateRecord,
  watch?: Watcher,
): void {
  phase("release the first process");
  const tell = record.startInside && prepareToTell(globals, directory, record, watch);
  const spec = record.hooksAfter ? directory.loadConfig() : undefined;
  using output = spec && outputFor(spec, "poststart");
  const readEnd = directory.openFifo(O_RDONLY | O_NONBLOCK);
  const writeEnd = directory.openFifo(O_WRONLY | O_NONBLOCK);
  if (readEnd === undefined || writeEnd === undefined) {
    throw new TsrunError("E_STATE", "cannot start an already running container");
  }
  using answers = readEnd;
  const killsBefore = oomKillsOfOthers(record.cgroup);
  writeAll(writeEnd.number, GO, "to the FIFO of the container");
  // The container starts now, even if tsrun itself fails: running out of memory is no failure to start it.
  useReserve();
  writeEnd.close();
  directory.removeFifo();
  // Nobody can start the container again, so others need not wait while hooks run: "delete --force" must be
  // able to end a hook that hangs.
  directory.unlock();
  const { id, created } = record;
  rememberingFailure({ root: globals.root, id, created, by: "start" }, () => {
    tell?.();
    phase("wait until it has executed");
    const reply = waitForAnswer(answers, record);
    if (reply !== undefined && (reply.length > 0 || diedAsProxy(record))) {
      throw notExecuted(directory, record, { reply, killsBefore });
    }
    phase("run the hooks");
    if (spec !== undefined) runPoststart(spec, record, { output, beside: watch });
  });
}

/**
 * Waits until the first process has closed the FIFO: it has executed its program, or has ended. Returns what
 * it left there; `undefined` if an agent still decides about its execve(2). If somebody else keeps the FIFO
 * open, or holds or freezes the process, the state of the process decides.
 */
function waitForAnswer(answers: Descriptor, record: StateRecord): Uint8Array | undefined {
  const { init_process_pid: pid, init_process_start: startTime } = record;
  let frozen: Frozen | undefined;
  for (let held = 0; held < 2; held = frozen !== undefined || isHeld(pid) ? held + 1 : 0) {
    // poll(2) reports the end of the last writer (POLLHUP) even if asked for no event.
    const since = begin();
    const [ended = 0] = poll([{ fd: answers.number, events: 0 }], PATIENCE_MS);
    end(since, "wait", "wait for execve of the first process");
    if (ended !== 0) return readAll(answers.number, "the answer of the first process");
    // AS RUNC: the container counts as started, whatever the agent will answer to its execve(2).
    if (record.notifiesAgent === true) return undefined;
    const state = stateBeforeExecuting(pid, startTime);
    if (state === undefined || state === "Z") return NOTHING;
    [frozen] = frozenAround(record.cgroup);
  }
  if (frozen === undefined) throw heldError("start the container");
  throw frozenError("start the container", frozen, "; its program runs as soon as that is thawed");
}

function notExecuted(
  directory: StateDirectory,
  record: StateRecord,
  { reply, killsBefore }: { reply: Uint8Array; killsBefore: number },
): unknown {
  const spec = configUnlessDeleted(directory);
  if (spec === undefined)
    return new TsrunError("E_STATE", "cannot start the container: it was deleted meanwhile");
  const program = spec.process?.args?.[0] ?? "";
  const failure = failureInReport(reply);
  if (failure !== undefined) {
    const error = executeError(program, { call: syscallName(failure.number), errno: failure.errno });
    return explainFailure(error, () => askedOf({ record, spec }));
  }
  const words = `cannot execute "${program}": the container's first process was killed before that`;
  const error = new TsrunError("E_EXEC", words, {
    hint: "a seccomp profile that denies what execve(2) needs may do that, or a low memory limit",
  });
  return explainKill(error, { seccomp: spec.linux?.seccomp, cgroup: record.cgroup, killsBefore });
}

/** A `delete --force` that has ended the first process may have removed the configuration by now. */
function configUnlessDeleted(directory: StateDirectory): Spec | undefined {
  try {
    return directory.loadConfig();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * AS RUNC: a hook that fails ends the container. DIFFERS: by now it is running, as the specification has it;
 * `runc create` runs these hooks itself, before there is a process of the user's.
 */
function runPoststart({ hooks }: Spec, record: StateRecord, place: HookPlace): void {
  // Opened before the hooks: after them the pid may be another process'.
  using init = openInit(record);
  try {
    runHooks(hooks, "poststart", stateForHooks(record, "running", record.init_process_pid), place);
  } catch (error) {
    init?.signal(SIGKILL);
    throw error;
  }
}

/** Whether it ended, or is about to, before it executed its program. */
function diedAsProxy({ init_process_pid: pid, init_process_start: startTime }: StateRecord): boolean {
  return neverExecuted(pid, startTime);
}
