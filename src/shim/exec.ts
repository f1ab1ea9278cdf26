// Processes that are exec'd into a container: added by one request, started by another.

import { text, utf8 } from "../linux/call/words.ts";
import type { ValuesOf } from "../protobuf/protobuf.ts";
import { type Container, DRAIN_MS } from "./container.ts";
import { runExec } from "./exec-story.ts";
import type { Exit } from "./loop/children.ts";
import type { Routine } from "./loop/routine.ts";
import type { TASK_METHODS } from "./messages/task.ts";
import type { ShimContext } from "./shim-context.ts";
import { openStreams } from "./streams/streams.ts";
import { TaskProcess } from "./task-process.ts";
import { RequestError } from "./ttrpc/status.ts";

type ExecRequest = ValuesOf<(typeof TASK_METHODS)["Exec"][0]>;

export function addExec(container: Container, request: ExecRequest): void {
  const { execId = "", stdin = "", stdout = "", stderr = "", terminal = false, spec } = request;
  if (!/^[\w.-]+$/.test(execId)) throw new RequestError("invalid argument", `invalid exec id "${execId}"`);
  if (container.execs.has(execId)) throw new RequestError("already exists", `id ${execId}: already exists`);
  const process = new TaskProcess(execId, { stdin, stdout, stderr, terminal });
  process.document = withTerminal(spec?.value ?? new Uint8Array(0), terminal);
  container.execs.set(execId, process);
}

/**
 * Starts the process. If this fails, it stays as it was, and can be removed.
 * @param ended called when it has ended
 */
export function* startExec(
  context: ShimContext,
  container: Container,
  process: TaskProcess,
  ended: (exit: Exit) => void,
): Routine<void> {
  process.allow("start");
  if (container.init.exited.happened) {
    throw new RequestError("failed precondition", `container ${container.id} init process is not running`);
  }
  process.beginAgain();
  const streams = yield* openStreams(container.streamContext(process), process.stdio);
  process.streams = streams;
  try {
    yield* context.children.holdingBack(function* () {
      process.pid = yield* runExec({ context, container, process, streams });
      process.state = "running";
      context.children.watch(process.pid, ended);
    });
    yield* streams.begin();
  } catch (error) {
    yield* streams.close();
    // The process never existed, so nobody waits for its end.
    if (process.pid === 0) process.exited.happen({ status: 0, signal: 0, at: Date.now() });
    throw error;
  }
}

export function* removeExec(container: Container, process: TaskProcess): Routine<void> {
  if (process.streams !== undefined) {
    yield* process.streams.drain(DRAIN_MS);
    yield* process.streams.close();
  }
  process.state = "deleted";
  container.execs.delete(process.id);
}

/** The request says whether there is a terminal, whatever its document says. */
function withTerminal(document: Uint8Array, terminal: boolean): Uint8Array {
  const process = parseProcess(text(document));
  if ((process.terminal ?? false) === terminal) return document;
  return utf8(JSON.stringify({ ...process, terminal }));
}

function parseProcess(document: string): { terminal?: boolean } {
  try {
    const process: unknown = JSON.parse(document);
    if (typeof process === "object" && process !== null) return process;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new RequestError("invalid argument", "the spec of the process is no JSON object");
}
