// `binary://PATH?KEY=VALUE`: a program of the caller that takes the container's output. Its descriptors 3 and
// 4 are stdout and stderr; it closes 5 when it is ready (containerd, core/runtime/v2/README.md).

import { type Descriptor, pipe } from "../../linux/files/files.ts";
import { ESRCH } from "../../linux/numbers/errno.ts";
import { SIGKILL, SIGTERM } from "../../linux/numbers/sched.ts";
import { setOpenFilesLimits } from "../../linux/process/limits.ts";
import { processStatus } from "../../linux/process/process.ts";
import { openProcess } from "../../linux/process/process-handle.ts";
import { spawn } from "../../linux/process/spawn.ts";
import type { Children } from "../loop/children.ts";
import { EPOLLIN, type Loop } from "../loop/loop.ts";
import { either, Once, type Routine } from "../loop/routine.ts";
import { RequestError } from "../ttrpc/status.ts";
import type { LoggerProgram } from "./uri.ts";

/**
 * How long the program may take until it is ready: as long as a reader of a FIFO may take to come. Under
 * containerd's own shim it may take for ever.
 */
const READY_MS = 30_000;
/** How long the program may take to end after SIGTERM, in milliseconds. */
const PATIENCE_MS = 12_000;

export interface LoggerOptions extends LoggerProgram {
  readonly id: string;
  readonly namespace: string;
}

export class Logger {
  readonly stdout: Descriptor;
  readonly stderr: Descriptor;
  readonly #loop: Loop;
  readonly #pid: number;
  readonly #ended: Once<void>;

  private constructor(
    loop: Loop,
    pid: number,
    ended: Once<void>,
    writers: readonly [Descriptor, Descriptor],
  ) {
    this.#loop = loop;
    this.#pid = pid;
    this.#ended = ended;
    [this.stdout, this.stderr] = writers;
  }

  /** Starts the program, and waits until it says that it is ready, or ends. */
  static *start(loop: Loop, children: Children, options: LoggerOptions): Routine<Logger> {
    const [[stdout, toStdout], [stderr, toStderr], [ready, isReady]] = threePipes();
    const pid = spawnLogger(options, [stdout, stderr, isReady], [toStdout, toStderr, ready]);
    setOpenFilesLimits(children.limits, pid);
    const ended: Once<void> = new Once();
    children.watch(pid, () => ended.happen(undefined));
    const told: Once<void> = new Once();
    const late: Once<void> = new Once();
    const watch = loop.watch(ready.number, EPOLLIN, () => told.happen(undefined));
    const timer = loop.after(READY_MS, () => late.happen(undefined));
    yield* either(told, late);
    watch.stop();
    timer.cancel();
    ready.close();
    const logger = new Logger(loop, pid, ended, [toStdout, toStderr]);
    if (told.happened) return logger;
    signalIfRunning(pid, SIGKILL);
    yield* logger.stop();
    throw new RequestError(
      "deadline exceeded",
      `"${options.path}" has not said within 30 s that it is ready`,
    );
  }

  /** Closes our ends of the pipes, so that the program reads end of file when the container has ended. */
  closeWriters(): void {
    this.stdout.close();
    this.stderr.close();
  }

  /** Asks the program to end, and kills it if it does not. */
  *stop(): Routine<void> {
    this.closeWriters();
    if (this.#ended.happened) return;
    signalIfRunning(this.#pid, SIGTERM);
    const timer = this.#loop.after(PATIENCE_MS, () => signalIfRunning(this.#pid, SIGKILL));
    yield* this.#ended.wait();
    timer.cancel();
  }
}

type Pipe = readonly [Descriptor, Descriptor];

/** If one cannot be made, the others are closed. */
function threePipes(): readonly [Pipe, Pipe, Pipe] {
  const made: Pipe[] = [];
  const another = (): Pipe => {
    const ends = pipe();
    made.push(ends);
    return ends;
  };
  try {
    return [another(), another(), another()];
  } catch (error) {
    for (const end of made.flat()) end.close();
    throw error;
  }
}

/** Closes the ends of the pipes that are given to the program, and if it cannot be started, ours as well. */
function spawnLogger(
  { path, args, id, namespace }: LoggerOptions,
  given: readonly Descriptor[],
  ours: readonly Descriptor[],
): number {
  try {
    return spawn({
      path,
      args: [path, ...args],
      environment: [`CONTAINER_ID=${id}`, `CONTAINER_NAMESPACE=${namespace}`],
      descriptors: given.map(({ number }, index) => ({ from: number, to: 3 + index })),
    });
  } catch (error) {
    for (const descriptor of ours) descriptor.close();
    throw error;
  } finally {
    for (const descriptor of given) descriptor.close();
  }
}

/** ESRCH if it has ended. Until a child has been waited for, no other process can have its pid. */
export function signalIfRunning(pid: number, signal: number): number {
  const status = processStatus(pid);
  const handle = status === undefined ? undefined : openProcess(pid, status.startTime);
  if (handle === undefined) return -ESRCH;
  using process = handle;
  return process.signal(signal);
}
