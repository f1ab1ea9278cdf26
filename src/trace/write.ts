// Writes the trace of a command. Opens the file before the command begins, so that a command whose trace
// cannot be written does nothing, and writes it when the command ends, even if it fails. Called by main.ts.

import { TsrunError, throwIfOutOfMemory, wrapError } from "../errors.ts";
import { mustCall, syscallError, tryCall } from "../linux/call/call.ts";
import { beginTimeline, endTimeline, frameEvents, nextText } from "../linux/call/timeline.ts";
import { type Descriptor, open } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { EAGAIN } from "../linux/numbers/errno.ts";
import { O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } from "../linux/numbers/fcntl.ts";
import { POLLOUT } from "../linux/numbers/sched.ts";
import { beforeExit } from "../linux/process/process.ts";
import { chromeFormat } from "./chrome.ts";
import { isOtlp, otlpFormat } from "./otlp.ts";
import type { Format } from "./template.ts";

export interface TraceRequest {
  readonly path: string;
  /** `tsrun 1.4.0` */
  readonly program: string;
  /** The command's name. */
  readonly name: string;
  /** `TRACEPARENT` of the environment. */
  readonly parent: string | undefined;
  /** Makes an object of the whole environment, which takes as long as writing hundreds of events. */
  env(): Readonly<Record<string, string | undefined>>;
  /** Called at the end if the trace could not be written. */
  readonly failed: (error: TsrunError) => void;
}

/** How long a pipe's reader may take before it reads on, in milliseconds. */
const PATIENCE_MS = 5_000;

/** Begins to trace this command. Returns the descriptor of the trace's file. */
export function traceCommand(request: TraceRequest): number {
  const file = openTrace(request.path);
  const format = isOtlp(request.path, request.parent)
    ? otlpFormat({ env: request.env(), random: randomDigits() })
    : chromeFormat;
  if (!beginTimeline(request.name))
    throw new TsrunError("E_NOMEM", "cannot trace: there is no memory for it");
  beforeExit((status) => {
    try {
      writeTrace(file, request, format, status);
    } catch (error) {
      request.failed(wrapError(`cannot write the trace "${request.path}"`, error));
    }
  });
  return file.number;
}

/** Without O_NONBLOCK the open of a FIFO would wait for a reader; with it, it fails with ENXIO (fifo(7)). */
function openTrace(path: string): Descriptor {
  try {
    return open(path, O_CREAT | O_WRONLY | O_TRUNC | O_NONBLOCK, { mode: 0o644 });
  } catch (error) {
    throwIfOutOfMemory(error);
    const hint = "--trace names a file to write, in a directory that is there; nothing has been done";
    const { message } = wrapError("cannot trace", error);
    throw new TsrunError("E_USAGE", message, { hint, cause: error });
  }
}

/** 20 random bytes, in hexadecimal digits. */
function randomDigits(): string {
  const bytes = new Uint8Array(20);
  mustCall("get random numbers", "getrandom", bytes, bytes.length, 0);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function writeTrace(file: Descriptor, request: TraceRequest, format: Format, status: number): void {
  const { program, name } = request;
  endTimeline(format);
  frameEvents(format.frame({ program, name, status }), program, status);
  for (let text = nextText(); text !== undefined; text = nextText()) writePatiently(file.number, text);
}

function writePatiently(fd: number, bytes: Uint8Array): void {
  for (let rest = bytes; ; ) {
    const written = tryCall("write", fd, rest, rest.length);
    if (written === rest.length) return;
    if (written >= 0) rest = rest.subarray(written);
    else if (written !== -EAGAIN) throw syscallError("write", -written);
    else if (poll([{ fd, events: POLLOUT }], PATIENCE_MS)[0] === 0) {
      throw new TsrunError("E_SYSCALL", "its reader does not read");
    }
  }
}
